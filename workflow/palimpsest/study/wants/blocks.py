"""Variants of a study by what they do with blocks of weights: what figures and sentences need to
know of them before anything is computed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from palimpsest.data.ledger import START
from palimpsest.methods.registry import without_variant
from palimpsest.methods.settings import chosen
from palimpsest.study.study import Study
from palimpsest.study.wants.methods import method_folder, methods_in

METHOD = "pcgu"
ALONG = ("share", "k", "blocks")  # what partitions differ in
OVER = ("side", "epochs")  # what directions differ in
RATE = "learning_rate"  # what moves a few blocks ruins a model where it moves all
SHOWN = ("blocks", "side")  # what models differ in of which is shown where their changed blocks are
MOST = 4  # models of which is shown where their changed blocks are

Variants = dict[str, dict]


def partitions(study: Study) -> Variants:
    """The variants that differ in how much is updated, by rows or columns, and at most in their
    rate besides; nothing where it is all the same. With `whole`: all blocks, no partition."""
    every = settings_of(study, (*ALONG, "side"))
    whole = {name: one for name, one in every.items() if one["k"] is None and one["share"] == 1}
    parted = {name: one for name, one in every.items() if name not in whole}
    # shares and numbers of blocks have no common order
    some = _alike({name: one | {"by": one["k"] is None} for name, one in parted.items()}, ALONG)
    if not some:
        return {}
    first = every[next(iter(some))]
    rest = {name: one for name, one in whole.items() if _same(one, first, ALONG)}
    found = {
        name: one | {"whole": name in whole} for name, one in _told(some | rest, ALONG).items()
    }
    return found if len(found) > 1 else {}


def directions(study: Study) -> Variants:
    """The variants that differ in the side that is moved and in epochs, and at most in their rate
    besides; nothing where it is one. Of methods whose settings are chosen a budget says how long
    they train."""
    tuned = study.tuning["ranges"] if study.tuning else {}
    every = {name: one for name, one in settings_of(study, ()).items() if name not in tuned}
    found = _told(_alike(every, OVER), OVER)
    return found if len(found) > 1 else {}


def settings_of(study: Study, known: tuple[str, ...]) -> Variants:
    """All settings of each of the study's variants in the newest state, in their order; without
    those of which a ``known`` setting is chosen by trials. What else is chosen so is None, and the
    number of epochs with it: a budget says how long trials train."""
    ranges = study.tuning["ranges"] if study.tuning else {}
    names = methods_in(study, study.plan.latest, START)
    drawn = {name: {*ranges[name], "epochs"} if name in ranges else set() for name in names}
    return {
        name: asdict(chosen(name, study.options)) | dict.fromkeys(drawn[name])
        for name in names
        if without_variant(name) == METHOD and not {*known} & drawn[name]
    }


def changed_files(study: Study) -> list[str]:
    """Reports of the models whose changed blocks are shown: of each aggregation and side the first
    that leaves some alone, else the first of all. A purge removes them with the models: their
    figure then stays as it was drawn."""
    present = methods_in(study, study.plan.latest)
    kinds: dict[tuple, str] = {}
    every = {name: one for name, one in settings_of(study, SHOWN).items() if name in present}
    parted = {name: one for name, one in every.items() if one["k"] or one["share"] != 1}
    for name, one in (parted or every).items():
        kinds.setdefault((one["blocks"], one["side"]), name)
    return [
        study.report(seed, method_folder(name, study.plan.latest))
        for name in list(kinds.values())[:MOST]
        for seed in study.plan.seeds
    ]


def _alike(settings: Variants, but: tuple[str, ...]) -> Variants:
    """The largest set of variants that are the same in all but some settings and the rate; of
    several the first."""
    groups: dict[tuple, Variants] = {}
    for name, one in settings.items():
        rest = tuple((key, str(value)) for key, value in one.items() if key not in (*but, RATE))
        groups.setdefault(rest, {})[name] = one
    return max(groups.values(), key=lambda some: len(_told(some, but)), default={})


def _same(one: dict, other: dict, but: tuple[str, ...]) -> bool:
    return all(one[key] == other[key] for key in one if key not in (*but, RATE))


def _told(settings: Variants, keys: tuple[str, ...]) -> Variants:
    """Their settings of ``keys`` and their rates, None where trials chose it. Of those that differ
    in rate alone, one: of the rate that most have."""
    common = Counter(one[RATE] for one in settings.values())
    found: dict[tuple, str] = {}
    for name in sorted(settings, key=lambda name: -common[settings[name][RATE]]):
        found.setdefault(tuple(settings[name][key] for key in keys), name)
    return {
        name: {key: one[key] for key in (*keys, RATE)}
        for name, one in settings.items()
        if name in found.values()
    }
