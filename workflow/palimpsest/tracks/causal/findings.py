"""What the newest state of causal models says, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE
from palimpsest.report.findings import (
    Numbers,
    apart,
    cost,
    difference,
    found,
    leading,
    nearest,
    share,
    spanned,
)
from palimpsest.report.rows import newest
from palimpsest.report.shown import is_method, method_of

ORACLE = ("oracle", SINGLE)
BASE = ("base", SINGLE)
ALIKE = 0.05  # level of the test behind forget quality


def findings(metrics: pd.DataFrame, settings: dict) -> Iterator[str]:
    now, state = newest(metrics, settings), settings["states"][-1]
    forgotten, retained = (found(now, set_, "probability") for set_ in ("forget", "retain"))
    if state == START:
        return
    yield from reference(forgotten)
    yield from closest(forgotten, retained)
    yield from by_other_measures(now)
    yield from utility(retained)
    yield from edits(now)
    yield from after_attacks(now, forgotten, settings["attacks"])
    yield from cost(now, state)


def of_methods(numbers: Numbers) -> Numbers:
    """Without base and oracle."""
    return {
        key: one for key, one in numbers.items() if is_method(key[0]) and method_of(key[0]).trains
    }


def reference(forgotten: Numbers) -> Iterator[str]:
    """What there was to forget."""
    base, oracle = forgotten.get(BASE), forgotten.get(ORACLE)
    if base and oracle:
        told = "" if apart(oracle, base) else ". So nothing can be seen to be forgotten here"
        yield (
            f"Probability of a forgotten answer: {base} for the base, which learnt it, and "
            f"{oracle} for the oracle, which never saw it: {difference(oracle, base)}{told}."
        )
    elif base:
        yield f"Probability of a forgotten answer: {base} for the base, which learnt it."


def closest(forgotten: Numbers, retained: Numbers) -> Iterator[str]:
    """The method that comes closest to the oracle on forgotten answers, and its price."""
    methods, oracle = of_methods(forgotten), forgotten.get(ORACLE)
    if not methods:
        return
    if oracle is None:
        yield f"There is no oracle to compare with. Methods reach: {spanned(methods.values())}."
        return
    alike = [one for one in methods.values() if not apart(one, oracle)]
    yield (
        f"Not told from the oracle by that: {share(alike, methods.values(), 'method')}. Closest to "
        f"it: {leading(methods.values(), oracle.value)}."
    )
    goal = retained.get(ORACLE)
    for key, one in methods.items():
        if one in nearest(methods.values(), oracle.value) and key in retained and goal:
            kept = retained[key]
            yield (
                f"What that costs: a retained answer has a probability of {kept} with {one.name} "
                f"and of {goal} with the oracle: {difference(kept, goal)}."
            )


def by_other_measures(now: pd.DataFrame) -> Iterator[str]:
    """Which methods pass for the oracle by what else is measured on the forgotten: one that does by
    one measure may fail by another."""
    divergence = of_methods(found(now, "forget", "kl"))
    if divergence:
        yield (
            "By all that they say of the forgotten (KL to the oracle, in nats a token) the closest "
            f"is: {leading(divergence.values(), 0.0)}."
        )
    quality = of_methods(found(now, "forget", "forget_quality"))
    if quality:
        good = [one for one in quality.values() if one.value > ALIKE]
        yield (
            f"Forget quality is above {ALIKE}, so that truth ratios do not tell the model from the "
            f"oracle, under {share(good, quality.values(), 'method')}."
        )
    membership = found(now, "forget", "membership_auroc")
    methods, oracle = of_methods(membership), membership.get(ORACLE)
    if methods and oracle:
        alike = [one for one in methods.values() if not apart(one, oracle)]
        under = share(alike, methods.values(), "method")
        yield (
            f"Membership of the {oracle.n} forgotten, guessed from the loss (0.5 is guessing "
            f"blindly): {oracle} with the oracle; not told from it: {under}."
        )


def utility(retained: Numbers) -> Iterator[str]:
    """How much of the rest is lost."""
    methods, oracle = of_methods(retained), retained.get(ORACLE)
    if methods and oracle:
        lost = [one for one in methods.values() if one.high < oracle.low]
        yield (
            f"Retained answers are less likely than the oracle's ({oracle}) under "
            f"{share(lost, methods.values(), 'method')}: {spanned(methods.values())}."
        )


def edits(now: pd.DataFrame) -> Iterator[str]:
    """Which methods say the new answers that were taught, and leave everything else as it was."""
    said = {
        metric: of_methods(found(now, "forget", metric))
        for metric in ("reliability", "generality", "locality")
    }
    if all(said.values()):
        best = {metric: leading(numbers.values(), 1.0) for metric, numbers in said.items()}
        yield (
            f"New answers are said most after the prompts that were taught under: "
            f"{best['reliability']}. In other words: {best['generality']}. What is said about "
            f"something else stays most as it was under: {best['locality']}."
        )


def after_attacks(now: pd.DataFrame, before: Numbers, attacks: dict[str, dict]) -> Iterator[str]:
    """Whether attacks bring the forgotten back, which the oracle never knew."""
    for attack, facts in attacks.items():
        attacked = now[now["attack"] == attack].assign(attack="")
        after = found(attacked, "forget", "probability")
        methods = [key for key in of_methods(after) if key in before]
        if not methods:
            continue
        back = [after[key] for key in methods if after[key].low > before[key].high]
        told = ""
        if ORACLE in after:
            above = [one for one in back if one.low > after[ORACLE].high]
            told = f". The oracle has {after[ORACLE]} after it"
            if back:
                told += "; above that, so that they hid more than they deleted, of these: "
                told += share(above, back, "method")
        yield (
            f"After the attack {facts['label']} the probability of a forgotten answer is higher, "
            "told apart from before, under "
            f"{share(back, (after[key] for key in methods), 'method')}{told}."
        )
