"""Whether a causal study proves anything: errors that end it, and warnings of its summary."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from typing import TYPE_CHECKING

from palimpsest.errors import Problem, UserError
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.report.cells import number
from palimpsest.report.tables import ALL_SEEDS

if TYPE_CHECKING:
    import pandas as pd

# numbers of the oracle, compared with itself
ITSELF = {"forget_quality": 1.0, "lpd": 0.0} | dict.fromkeys(DIVERGENCES, 0.0)
USEFUL = 0.01  # model utility below which a model knows nothing of the test questions
LEARNT = 0.8  # probability of a text that a model knows by heart
NOT_LEARNT = (
    "WARNING: this proves nothing: the base gives forgotten answers a probability of {} alone. "
    f"Below {LEARNT} it has not learnt them by heart, and there is nothing to forget. Train "
    "longer, or a larger model."
)
DISTINCT = 0.05  # p-value above which base and oracle cannot be distinguished
ALIKE = (
    "WARNING: base and oracle cannot be told apart by their truth ratios (p = {}): forget quality "
    "tells nothing of a method. Ask for more records."
)
# most by which the oracle's probability of forgotten answers may exceed that of unseen ones
ALIKE_TO_UNSEEN = 0.05
ORACLE_KNOWS = (
    "WARNING: this proves nothing: the oracle gives forgotten answers a probability of {}, and "
    f"unseen ones less by more than {ALIKE_TO_UNSEEN}. What it never saw stands elsewhere in its "
    "data, too, or is easier than what is unseen."
)
UNCHECKED = (
    "Whether the oracle knows the forgotten no better than unseen text was not checked: there is "
    "none. Keep records in split holdout."
)
USELESS = (
    "Model utility says nothing here: even the base answers next to none of the test questions, "
    "and has {}. What is retained tells the price of forgetting."
)


def check(settings: dict, rows: list[dict]) -> None:
    """A UserError for a study that proves nothing: the oracle must be like itself, and the base
    must have learnt what it is to forget."""
    where = f"method {settings['method']}, state {settings['state']}"
    numbers = {(one["set"], one["metric"]): one for one in rows}
    for one in rows:
        if settings["method"] != "oracle" or one["metric"] not in ITSELF:
            continue
        right = ITSELF[one["metric"]]
        if not abs(one["value"] - right) < 1e-6:  # one model read twice may differ in its last bits
            said = f"{one['metric']} {one['value']:.3g} of set {one['set']}"
            remedy = "its scores were changed: remove them and run again"
            raise UserError(
                Problem("the oracle is not like itself", where, said, f"{right:.0f}", remedy)
            )
    quality, probability = (
        numbers.get(("forget", metric)) for metric in ("forget_quality", "probability")
    )
    if settings["method"] != "base" or not quality:
        return
    # The test may fail to distinguish even a base that knows the texts by heart from the oracle.
    # That is no defect but a property of the data: both rank the false answers alike, or there are
    # too few items: n against n give a p-value of 2 / C(2n, n) at least. The summary warns of it.
    if (
        quality["value"] > DISTINCT >= 2 / comb(2 * quality["n"], quality["n"])
        and probability["value"] < LEARNT
    ):
        said = f"forget quality {quality['value']:.3g}, probability {probability['value']:.2f}"
        what = (
            "what was to be forgotten was never learnt: the base cannot be told from the oracle by "
            "its truth ratios"
        )
        raise UserError(
            Problem(
                what,
                where,
                said,
                f"at most {DISTINCT}, or at least {LEARNT}",
                "train longer, or ask for more records",
            )
        )


def doubts(now: pd.DataFrame) -> Iterator[str]:
    """Why the study, or a number of it, may prove nothing: a base that has not learnt, or an oracle
    that knows, what is to be forgotten, in any seed. now: rows of the newest state, of each
    seed."""
    now = now[(now["seed"] != ALL_SEEDS) & (now["group"] == "")]
    if not (now["set"] == "forget").any():
        return

    def by_seed(method: str, set_: str, metric: str) -> pd.Series:
        return now[
            (now["method"] == method) & (now["set"] == set_) & (now["metric"] == metric)
        ].set_index("seed")["value"]

    base, oracle = (by_seed(method, "forget", "probability") for method in ("base", "oracle"))
    unseen = next(
        (
            probabilities
            for split in ("holdout", "valid")
            if len(probabilities := by_seed("oracle", split, "probability"))
        ),
        None,
    )
    if unseen is None and len(oracle):
        yield UNCHECKED
    quality = by_seed("base", "forget", "forget_quality")
    utility = by_seed("base", "test", "model_utility")
    for doubt, values in (
        (ALIKE, quality[quality > DISTINCT]),
        (NOT_LEARNT, base[base < LEARNT]),
        (
            ORACLE_KNOWS,
            oracle[:0]
            if unseen is None
            else oracle[oracle > unseen.reindex(oracle.index) + ALIKE_TO_UNSEEN],
        ),
        (USELESS, utility[utility < USEFUL]),
    ):
        if len(values):
            yield doubt.format(
                ", ".join(f"{number(value)} (seed {seed})" for seed, value in values.items())
            )
