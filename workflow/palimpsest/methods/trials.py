"""Trials of a method: the method itself under settings that are drawn from ranges.

A trial is a variant with a name of its own, npo-trial3, or npo-batch_trial3 of a variant; its
settings are known while the graph is built. No torch, and no scipy but where points are drawn.
"""

from __future__ import annotations

import itertools
import math
import re

from palimpsest.engine.memory import MEMORY
from palimpsest.randomness import seed_of

DESIGNS = ("sobol", "halton", "grid")
NAME = re.compile(r"(?P<method>[a-z0-9_]+-[a-z0-9_]+(?=_trial\d)|[a-z0-9_]+(?=-trial\d)).trial\d+")
PART = "tuning"  # a variant's name that stands for a model measured on what the choice is made by
DIGITS = 6  # of a drawn number: the last bits of a logarithm differ between machines


def trial_name(method: str, number: int) -> str:
    return f"{method}{'_' if '-' in method else '-'}trial{number}"


def is_trial(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def tried(name: str) -> str:
    """The method whose trial this is; of another name itself."""
    found = NAME.fullmatch(name)
    return found["method"] if found else name


def on_part(name: str) -> str:
    """The name of a model, such as the base, measured on what the choice is made by."""
    return f"{name}-{PART}"


def off_part(name: str) -> str:
    return name.removesuffix(f"-{PART}")


def is_reserved(name: str) -> bool:
    """Whether no variant of a study that tunes may be called so."""
    return is_trial(name) or name.endswith(f"-{PART}")


def settings_of_trials(method: str, tuning: dict, study: str) -> list[dict]:
    """The settings that each trial of a method gets from its ranges, by the section `tuning` of a
    study. The first trials stay the same where there are more of them."""
    ranges = dict(sorted(tuning["ranges"][method].items()))
    if tuning["design"] == "grid":
        points = itertools.product(*ranges.values())
        return [dict(zip(ranges, point, strict=True)) for point in points]
    places = low_discrepancy(
        tuning["design"], len(ranges), tuning["trials"], seed_of(study, "tuning", method)
    )
    return [
        {name: drawn(one, place) for (name, one), place in zip(ranges.items(), point, strict=True)}
        for point in places
    ]


def low_discrepancy(design: str, dimensions: int, count: int, seed: int) -> list[list[float]]:
    """The first ``count`` points of a scrambled sequence in the unit cube; those of an earlier run
    are remembered, since scipy takes long to import."""

    def find() -> list[list[float]]:
        from scipy.stats import qmc

        if design == "halton":
            return qmc.Halton(dimensions, rng=seed).random(count).tolist()
        power = max(count - 1, 1).bit_length()
        return qmc.Sobol(dimensions, rng=seed).random_base2(power)[:count].tolist()

    return MEMORY.recall("points", (design, str(dimensions), str(count), str(seed)), find)


def drawn(given: list | dict, place: float):
    """The value of a range, or of a list, at a place in [0, 1). Between two whole numbers it is
    one, each as likely as the others."""
    if isinstance(given, list):
        return given[int(place * len(given))]
    low, high = given["low"], given["high"]
    whole = isinstance(low, int) and isinstance(high, int)
    top = high + 1 if whole else high
    value = low * (top / low) ** place if given.get("log") else low + (top - low) * place
    return min(math.floor(value), high) if whole else float(f"{value:.{DIGITS}g}")


def at_edges(settings: dict, ranges: dict) -> dict[str, str]:
    """Which settings of a trial lie at an end of their range -> which: of a list of three or more
    its first or last number, of an interval the outer tenth of it. Better settings may lie
    beyond."""
    found = {}
    for name, one in ranges.items():
        if isinstance(one, list):
            numbers = sorted(value for value in one if isinstance(value, (int, float)))
            ordered = len(numbers) == len(one) > 2 and not any(isinstance(v, bool) for v in one)
            place = numbers.index(settings[name]) / (len(numbers) - 1) if ordered else 0.5
        else:
            ends = [one["low"], one["high"], settings[name]]
            low, high, value = map(math.log, ends) if one.get("log") else ends
            place = (value - low) / (high - low)
        if place <= EDGE or place >= 1 - EDGE:
            found[name] = "lowest" if place < 0.5 else "highest"
    return found


EDGE = 0.1
