"""Which methods are evaluated in which state, and what a method is given."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from palimpsest.attacks.registry import AFTER
from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.errors import Problem, UserError
from palimpsest.methods.contract import Auxiliary
from palimpsest.methods.registry import method_of, without_variant
from palimpsest.methods.settings import at_once, both_orders, chosen, same_at_first
from palimpsest.methods.trials import is_trial, on_part, tried
from palimpsest.study import paths
from palimpsest.study.plan import Checkpoint
from palimpsest.study.study import Study

# --- in which state -------------------------------------------------------------------------------


@cache
def methods_in(study: Study, state: str, purged: str | None = None) -> list[str]:
    """Methods that are evaluated in a state, of a study that is purged up to ``purged`` (default:
    as it is now). Before any request the oracle is the base; `latest` keeps neither; a purge leaves
    neither the base nor what was made from it."""
    purged = study.plan.purged if purged is None else purged
    needs = {"teachers"}
    if study.compares:
        needs |= {"base"} if purged == START else set()
        needs |= {"oracle"} if state != START else set()
        needs |= {"model"} if state != START and purged == START else set()
    names = study.config["methods"]
    evaluated = [name for name in names if method_of(name).needs in needs]
    first = study.plan.order[state] == 1 and not study.tuning  # what is tuned is no longer alike
    return [name for name in evaluated if not (first and same_at_first(name, names, study.options))]


@cache
def numbers_in(study: Study, state: str, purged: str | None = None) -> list[str]:
    """Names of the files of numbers about a state, below metrics/, of a study that is purged up to
    ``purged``."""
    purged = study.plan.purged if purged is None else purged
    age = study.plan.order[state] - study.plan.order[purged]
    # What a model has memorized of the forgotten cannot be measured any more once their text is
    # purged.
    measurable = age >= 0 and (not study.track.needs_forgotten or purged == START or age > 0)
    methods = methods_in(study, state, purged)
    names = [f"{method}/{state}" for method in methods] if measurable else []
    if study.compares and age > 0:
        kinds = (*study.track.around, "cost")
        shardings = sorted({SINGLE, *study.served})
        names += [f"{kind}-{sharding}/{state}" for kind in kinds for sharding in shardings]
        trained = [method for method in methods if method_of(method).trains]
        names += [f"{kind}-{method}/{state}" for kind in kinds for method in trained]
        names += [
            f"{model}{AFTER}{attack}/{state}" for model, attack in attacked(study, state, purged)
        ]
    return names


@cache
def compared_across(study: Study, state: str, purged: str | None = None) -> list[str]:
    """Methods whose models of all seeds are compared with the oracles of all seeds. ``purged`` as
    in ``methods_in``."""
    purged = study.plan.purged if purged is None else purged
    later = study.plan.order[state] > study.plan.order[purged]
    if not (study.track.across and study.compares and later and len(study.plan.seeds) > 1):
        return []
    names = methods_in(study, state, purged)
    return [name for name in names if method_of(name).needs in ("base", "model")]


@cache
def frozen(study: Study) -> frozenset[str]:
    """Files of numbers of purged states. They cannot be computed again, so no rule makes them, and
    those that exist are kept."""
    if not study.is_purged:
        return frozenset()
    states = study.plan.names

    def named(purged: str | None) -> set[str]:
        kinds = (numbers_in, tuning_numbers_in)
        return {name for state in states for of in kinds for name in of(study, state, purged)}

    return frozenset(named(START) - named(None))


def before(study: Study, state: str) -> str:
    """The state before a request."""
    return study.plan.names[study.plan.order[state] - 1]


# --- models that methods make ---------------------------------------------------------------------


def method_folder(method: str, state: str) -> str:
    """Folder, within that of the seed, of the model that a method made for a state."""
    return paths.METHOD_NAME.format(method=method, state=state)


def started_from(study: Study, method: str, state: str) -> str:
    """The state of the model that a method starts from: that before the request, or r0 (the base)
    where it forgets all requests at once."""
    return START if at_once(method, study.options) else before(study, state)


def unlearned(study: Study) -> list[tuple[str, str]]:
    """(method, state) of each model that a method makes: to be evaluated, or to start from at the
    next request."""
    names = [name for name in methods_in(study, study.plan.latest) if method_of(name).trains]
    return [
        (name, state)
        for state in study.plan.states
        if state != START
        for name in names
        if name in methods_in(study, state) or not at_once(name, study.options)
    ]


def served_both_ways(study: Study) -> dict[str, str]:
    """`order` of the methods that the study has in both orders."""
    trained = [name for name in study.config["methods"] if method_of(name).trains]
    return both_orders(trained, study.options)


# --- trials ---------------------------------------------------------------------------------------


def trials_of(study: Study, method: str) -> list[str]:
    return [name for name in study.options if is_trial(name) and tried(name) == method]


def part_of(study: Study) -> dict:
    """By what the records are drawn that settings are chosen by."""
    return {"study": study.seed_name, "share": study.tuning["part"]}


def tuned_in(study: Study, state: str, purged: str | None = None) -> list[str]:
    """Methods whose settings are chosen for a state, each request anew. ``purged`` as in
    ``methods_in``."""
    ranges = study.tuning["ranges"] if study.tuning else {}
    return [name for name in methods_in(study, state, purged) if name in ranges]


def tuning_numbers_in(study: Study, state: str, purged: str | None = None) -> list[str]:
    """Names of the files of numbers by which settings are chosen for a state: of trials, and of
    what they are compared with. Those of the first seed alone."""
    tuned = tuned_in(study, state, purged)
    names = [on_part(name) for name in chosen_beside(study)] if tuned else []
    names += [trial for method in tuned for trial in trials_of(study, method)]
    return [f"{name}/{state}" for name in names]


def chosen_beside(study: Study) -> list[str]:
    """What trials are compared with: an oracle only where the study has one."""
    return [name for name in ("base", "oracle") if name in study.config["methods"]]


def tuning_seed(study: Study) -> int:
    """The seed whose trials decide for all."""
    return study.plan.seeds[0]


def choice_files(study: Study, state: str) -> list[str]:
    seed = tuning_seed(study)
    names = tuned_in(study, state)
    return [study.path(paths.CHOICE, seed=seed, method=name, state=state) for name in names]


# --- attacks --------------------------------------------------------------------------------------

ATTACKED = ("model", "base", "oracle")  # `needs` of methods whose models are attacked


def attack_folder(attack: str, model: str, state: str) -> str:
    """Folder, within that of the seed, of what an attack left of a model."""
    return paths.ATTACK_NAME.format(attack=attack, attacked=model, state=state)


def model_folder(model: str, state: str) -> str:
    """Folder, within that of the seed, of the model by which a method is evaluated in a state."""
    if model == "base":
        return paths.BASE_NAME
    if model == "oracle":
        return paths.ORACLE_NAME.format(state=state)
    return method_folder(model, state)


@cache
def attacked(study: Study, state: str, purged: str | None = None) -> list[tuple[str, str]]:
    """(model, attack) of every model that is attacked in a state: where a request is to be
    forgotten whose text is still there. ``purged`` as in ``methods_in``."""
    purged = study.plan.purged if purged is None else purged
    if not study.compares or study.plan.order[state] <= study.plan.order[purged]:
        return []
    return [
        (name, attack)
        for attack in study.config["attacks"]
        for name in methods_in(study, state, purged)
        if method_of(name).needs in ATTACKED
    ]


def with_text(study: Study, state: str) -> list[str]:
    """Requests up to a state whose text is still there."""
    order = study.plan.order
    return study.plan.names[order[study.plan.purged] + 1 : order[state] + 1]


# --- what a method is given -----------------------------------------------------------------------


def forgets(study: Study, method: str, state: str, template: str = paths.FORGET) -> list[str]:
    """The sets that a method's model of a state is trained to forget, or (FORGET_DIGEST) their
    digests."""
    all_of_them = study.plan.names[1 : study.plan.order[state] + 1]
    names = all_of_them if at_once(method, study.options) else [state]
    return [study.path(template, request=name) for name in names]


def forgotten_before(study: Study, method: str, state: str) -> list[str]:
    """Sets of earlier requests: their text is not retained any more, but the teachers learnt it."""
    if not method_of(method).teachers:
        return []
    names = study.plan.names[1 : study.plan.order[state]]
    to_forget = forgets(study, method, state)
    return [
        path for name in names if (path := study.path(paths.FORGET, request=name)) not in to_forget
    ]


def teachers_sharding(study: Study, method: str) -> str:
    """The sharding whose teachers a method is given: the one that its settings name, or the first
    of several shards; '' for none."""
    if not method_of(method).teachers:
        return ""
    several = [name for name in study.config["sharding"] if parse_sharding(name)[0] > 1]
    return chosen(method, study.options).sharding or next(iter(several), "")


def first_teachers(study: Study, method: str, seed: int) -> list[Checkpoint]:
    """The teachers that a method is given: as they were before any request."""
    sharding = teachers_sharding(study, method)
    if not sharding:
        return []
    shards, slices = parse_sharding(sharding)
    numbers = range(1, shards + 1)
    return [study.plan.checkpoint(seed, sharding, shard, slices, START) for shard in numbers]


def teachers_for(study: Study, method: str, seed: int) -> list[str]:
    return [study.weights(seed, one.name) for one in first_teachers(study, method, seed)]


# --- further models -------------------------------------------------------------------------------


class Asked(NamedTuple):
    """An auxiliary as a method of a study asks for it. node: its name in the graph."""

    node: str
    auxiliary: Auxiliary
    method: str


def auxiliaries_of(study: Study, method: str) -> dict[str, Asked]:
    """The auxiliaries of a method, by its names for them. A variant shares those of its method,
    unless they would learn other data; a trial has those of its method."""
    auxiliaries, method = {}, tried(method)
    for role, auxiliary in method_of(method).auxiliaries.items():
        plain = without_variant(method)
        alike = auxiliary.start != "previous" and (
            _learnt(study, method, auxiliary) == _learnt(study, plain, auxiliary)
        )
        variant = "" if alike or method == plain else f"-{method.removeprefix(f'{plain}-')}"
        auxiliaries[role] = Asked(auxiliary.name + variant, auxiliary, method)
    return auxiliaries


def _learnt(study: Study, method: str, auxiliary: Auxiliary) -> tuple[float, bool]:
    """What decides what an auxiliary of a method learns: its share of the retained data, and
    whether of all requests at once."""
    share = chosen(method, study.options).sample if auxiliary.sampled else 0.0
    return share, at_once(method, study.options)


@cache
def auxiliary(study: Study, node: str) -> Asked:
    """The auxiliary of this name, for the first method of the study that asks for it. A UserError
    where another one would have it learn otherwise."""
    by_method = [auxiliaries_of(study, method) for method in study.config["methods"]]
    asked = [one for some in by_method for one in some.values() if one.node == node]
    if not asked:
        raise KeyError(node)
    others = [one.method for one in asked if _made(study, one) != _made(study, asked[0])]
    if others:
        found = f"{asked[0].method} and {', '.join(others)}"
        remedy = "give the auxiliary another name in one of them, or make them ask for the same"
        what = "methods mean different models by one name"
        raise UserError(Problem(what, f"auxiliary {node}", found, remedy=remedy))
    return asked[0]


def _made(study: Study, asked: Asked) -> tuple:
    """All that decides what an auxiliary becomes."""
    before = asked.method if asked.auxiliary.start == "previous" else ""
    return asked.auxiliary, before, *_learnt(study, asked.method, asked.auxiliary)


def further_models(study: Study, method: str, state: str) -> dict[str, str]:
    """Name -> folder, within that of the seed, of the further models that a method is given: its
    auxiliaries, or the models of the other methods."""
    if method_of(method).others:
        names = [name for name in methods_in(study, state) if method_of(name).trains]
        others = [name for name in names if not method_of(name).others]
        return {name: method_folder(name, state) for name in others}
    return {
        role: auxiliary_folder(asked.node, state)
        for role, asked in auxiliaries_of(study, method).items()
    }


def auxiliary_folder(node: str, state: str) -> str:
    return paths.AUXILIARY_NAME.format(auxiliary=node, state=state)


def auxiliary_sets(study: Study, node: str, state: str, digests: bool = False) -> list[str]:
    """The set that an auxiliary learns, and the sample of retained records that it learns with it;
    or their digests."""
    _, made, method = auxiliary(study, node)
    share, _ = _learnt(study, method, made)
    if made.learns == "forget":
        template = paths.FORGET_DIGEST if digests else paths.FORGET
        learnt = forgets(study, method, state, template)
    else:
        template = paths.EXTRA_DIGEST if digests else paths.EXTRA
        learnt = [study.path(template, state=state)]
    template = paths.SAMPLE_DIGEST if digests else paths.SAMPLE
    return [*learnt, *([study.path(template, share=f"{share:g}", state=state)] if share else [])]


def method_digests(study: Study, method: str, state: str) -> list[str]:
    """Digests of the sets that a method's models of a state are made of, besides the retained
    slices."""
    learnt = forgets(study, method, state, paths.FORGET_DIGEST)
    nodes = [asked.node for asked in auxiliaries_of(study, method).values()]
    sets = [auxiliary_sets(study, node, state, digests=True) for node in nodes]
    extra = study.path(paths.EXTRA_DIGEST, state=state)
    return [*learnt, extra, *(path for some in sets for path in some)]
