"""Settings of methods that train: each has its own frozen dataclass, checked while the graph is
built. No torch."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from palimpsest.errors import Problem, UserError
from palimpsest.methods.contract import Forgetting, Sampling, Taught
from palimpsest.methods.registry import method_of, without_variant
from palimpsest.training.fields import field_problems
from palimpsest.training.settings import OfStudy, settings_of


def kind_of(name: str) -> type[Forgetting]:
    """The dataclass of settings of a method. A UserError where it lacks what the graph must ask of
    a method of its entry in the registry."""
    method = method_of(name)
    kind = importlib.import_module(method.module).METHOD.Settings
    where = f"method {without_variant(name)}"
    auxiliaries = method.auxiliaries.items()
    problems = [
        Problem(
            f"settings of a method {what} must inherit from {base.__name__}",
            f"{where}, {kind.__module__}.{kind.__qualname__}",
            ", ".join(one.__name__ for one in kind.__bases__),
            remedy="add it (palimpsest/methods/contract.py), or change the method's registry entry",
        )
        for base, what, needed in (
            (Forgetting, "that makes a model", True),
            (Taught, "with `teachers`", method.teachers),
            (Sampling, "with `sampled` auxiliaries", any(one.sampled for _, one in auxiliaries)),
        )
        if needed and not issubclass(kind, base)
    ]
    for role, one in auxiliaries:
        problems += field_problems(OfStudy, one.settings, f"{where}, auxiliary {role}")
    if problems:
        raise UserError(problems)
    return kind


def options_of(name: str, given: dict[str, dict]) -> dict:
    """The settings that a study gives a method or an attack, or a variant of one: those of a
    variant add to, or replace, those of its method."""
    return {**given.get(without_variant(name), {}), **given.get(name, {})}


def chosen(name: str, given: dict[str, dict]) -> Forgetting:
    """All settings of a method or a variant: the study's values, else the method's defaults."""
    return settings_of(kind_of(name), options_of(name, given))


def judges_asked(name: str, given: dict[str, dict]) -> list[str]:
    """The judges that a method or a variant asks for."""
    return importlib.import_module(method_of(name).module).METHOD.judges(chosen(name, given))


def read_besides(name: str, given: dict[str, dict]) -> int:
    """Tokens that a method or a variant reads beside the data, as far as its settings tell."""
    return importlib.import_module(method_of(name).module).METHOD.reads(chosen(name, given))


def at_once(name: str, given: dict[str, dict]) -> bool:
    """Whether a method forgets all requests together, from the base, and not one after another."""
    return chosen(name, given).order == "batch"


def both_orders(methods: list[str], given: dict[str, dict]) -> dict[str, str]:
    """`order` of each of ``methods`` that a study has in both orders, as the method or as variants
    of it."""
    order = {name: chosen(name, given).order for name in methods}
    of_method = {
        name: {order[other] for other in methods if without_variant(other) == without_variant(name)}
        for name in methods
    }
    return {name: order[name] for name in methods if len(of_method[name]) > 1}


def same_at_first(name: str, methods: list[str], given: dict[str, dict]) -> bool:
    """Whether a variant differs only in `order` from its method, which the study has too: at the
    first request the two are the same."""
    method = without_variant(name)
    rest, others = ({**options_of(one, given), "order": None} for one in (name, method))
    return (
        name != method
        and method in methods
        and at_once(name, given) != at_once(method, given)
        and rest == others
    )


def option_problems(name: str, given: dict, where: str) -> Iterator[Problem]:
    """What is wrong with the settings that a study gives a method."""
    return field_problems(kind_of(name), given, where)
