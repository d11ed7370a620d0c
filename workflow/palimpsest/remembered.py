"""What causal models remember: a table of methods, one of planted secrets, and why a study may
prove nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from palimpsest.cells import NONE, lookup, number, retrained, shown
from palimpsest.methods.shown import in_method_order, method_of
from palimpsest.study.plan import SINGLE
from palimpsest.tables import ALL_SEEDS

REMEMBERED = (
    "Probability: of an answer, the geometric mean of its tokens'. Forget: what was asked to be "
    "deleted; retain: a sample of the rest. KL: how far what is said lies from what the oracle "
    "says, in nats a token. EL: share of an answer that models write themselves. Truth ratio: 1 "
    "where false answers are as likely as the true one. Membership: chance that a forgotten record "
    "is told from one never seen by its loss; 0.5 is guessing. Share: tokens trained for the "
    "newest request, of those that training from scratch takes, without teachers that stand ready "
    "from before (leave-one-out)."
)
USEFUL = 0.01  # model utility below which a model knows nothing of the test questions
LEARNT = 0.8  # probability of a text that a model knows by heart
NOT_LEARNT = (
    "WARNING: this proves nothing: the base gives forgotten answers a probability of {} alone. "
    f"Below {LEARNT} it has not learnt them by heart, and there is nothing to forget. Train "
    "longer, or a larger model."
)
DISTINCT = 0.05  # p-value above which base and oracle cannot be told apart
ALIKE = (
    "WARNING: base and oracle cannot be told apart by their truth ratios (p = {}): forget quality "
    "tells nothing of a method. Ask for more records."
)
# most that the oracle's probability of forgotten answers lies above that of unseen ones
ALIKE_TO_UNSEEN = 0.05
KNOWN_ANYWAY = (
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
COLUMNS = {
    "forget: probability": ("forget", "probability"),
    "forget: perplexity": ("forget", "perplexity"),
    "forget: KL to oracle": ("forget", "kl"),
    "forget: EL": ("forget", "extraction_likelihood"),
    "forget: truth ratio": ("forget", "truth_ratio_indifference"),
    "forget quality": ("forget", "forget_quality"),
    "membership": ("forget", "membership_auroc"),
    "retain: probability": ("retain", "probability"),
    "retain: KL to oracle": ("retain", "kl"),
    "model utility": ("test", "model_utility"),
    "test: perplexity": ("test", "perplexity"),
}


def remembered(now: pd.DataFrame, columns: Iterable[str] = COLUMNS) -> pd.DataFrame:
    """One row a method, one column a number that any of them has."""
    told = {set_: lookup(now, set_) for set_ in ("forget", "retain", "test", "train")}
    rows = []
    for method in in_method_order(now["method"]):
        numbers = {
            title: shown(told[set_], method, SINGLE, "", metric)
            for title in columns
            for set_, metric in [COLUMNS[title]]
        }
        rows.append(
            {
                "method": method_of(method).label,
                **numbers,
                "share": retrained(told["train"], method, SINGLE),
            }
        )
    return pd.DataFrame(rows).loc[:, lambda frame: (frame != NONE).any()]


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
            found
            for split in ("holdout", "valid")
            if len(found := by_seed("oracle", split, "probability"))
        ),
        None,
    )
    if unseen is None and len(oracle):
        yield UNCHECKED
    quality, utility = (
        by_seed("base", "forget", "forget_quality"),
        by_seed("base", "test", "model_utility"),
    )
    for doubt, values in (
        (ALIKE, quality[quality > DISTINCT]),
        (NOT_LEARNT, base[base < LEARNT]),
        (
            KNOWN_ANYWAY,
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


PLANTED = (
    "Of secrets by how often they stood in the text: mean exposure in bits (by chance 1.44; a "
    "sample of others shows no more than the logarithm of its size), the share that a beam search "
    "finds, and that of sampled continuations. Controls: nobody asks to forget them."
)


def planted(now: pd.DataFrame) -> pd.DataFrame:
    """One row a method, a column for each set and number of repetitions; empty where nothing was
    planted."""
    metrics = {
        "exposure": "bits",
        "exposure_sampled": "bits",
        "beam_extraction": "beam",
        "sampling_extraction": "sampled",
    }
    chosen = now[now["metric"].isin(metrics) & now["set"].isin(["forget", "controls"])]
    counts = sorted({int(group.removeprefix("repetitions=")) for group in chosen["group"]})
    values = chosen.assign(told=chosen["metric"].map(metrics)).set_index(
        ["method", "set", "group", "told"]
    )["value"]
    rows = []
    for method in in_method_order(chosen["method"]):
        row = {"method": method_of(method).label}
        for set_ in ("forget", "controls"):
            for count in counts:
                found = {
                    name: values.get((method, set_, f"repetitions={count}", name))
                    for name in ("bits", "beam", "sampled")
                }
                row[f"{set_}, {count} ×"] = (
                    NONE
                    if None in found.values()
                    else "{bits:.1f} bits, {beam:.0%}, {sampled:.0%}".format(**found)
                )
        rows.append(row)
    return pd.DataFrame(rows)
