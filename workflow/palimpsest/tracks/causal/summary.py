"""What causal models have memorized: a table of methods, one of planted secrets, one for each judge
of what they write, and why a study may prove nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from palimpsest.data.shards import SINGLE
from palimpsest.report.cells import NONE, interval, lookup, of_few, retrained, shown, too_few
from palimpsest.report.rows import newest
from palimpsest.report.shown import in_method_order, method_of
from palimpsest.report.summary import Section
from palimpsest.report.tables import FEWEST
from palimpsest.tracks.causal.checks import doubts
from palimpsest.tracks.causal.findings import findings
from palimpsest.tracks.causal.judgements import judgements

__all__ = ["ATTACKED", "SCOPE", "findings", "sections"]

SCOPE = ""
ATTACKED = {
    "forget: probability": ("forget", "probability"),
    "forget: EL": ("forget", "extraction_likelihood"),
    "retain: probability": ("retain", "probability"),
}
MEMORIZATION = (
    "Probability: of an answer, the geometric mean of its tokens'. Forget: what was asked to be "
    "deleted; retain: a sample of the rest. KL: how far what is said lies from what the oracle "
    "says, in nats a token. EL: share of an answer that models write themselves. Truth ratio: 1 "
    "where false answers are as likely as the true one. Membership: chance that a forgotten record "
    "is told from one never seen by its loss; 0.5 is guessing. Share: tokens trained for the "
    "newest request, of those that training from scratch takes, without teachers that stand ready "
    "from before (leave-one-out)."
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


def sections(metrics: pd.DataFrame, settings: dict) -> Iterator[Section]:
    """What the newest state says of every method."""
    now = newest(metrics, settings)
    warnings = doubts(metrics[metrics["request"] == settings["states"][-1]])
    yield Section("Memorization", MEMORIZATION, memorization(now), (*warnings, *too_few(now)))
    edits = edited(now)
    if len(edits):
        yield Section("New answers", EDITED, edits)
    if len(spans := table(now, SPAN_COLUMNS)):
        yield Section("Spans", SPANS, spans)
    if len(names := table(now, name_columns(now))):
        yield Section("Names", NAMES, names)
    secrets = planted(now)
    if len(secrets):
        yield Section("Planted secrets", PLANTED, secrets)
    yield from judgements(now)


def memorization(now: pd.DataFrame, columns: Iterable[str] = COLUMNS) -> pd.DataFrame:
    """One row per method, one column per number that any of them has."""
    by_set = {set_: lookup(now, set_) for set_ in ("forget", "retain", "test", "train")}
    rows = []
    for method in in_method_order(now["method"]):
        numbers = {
            title: shown(by_set[set_], method, SINGLE, "", metric)
            for title in columns
            for set_, metric in [COLUMNS[title]]
        }
        rows.append(
            {
                "method": method_of(method).label,
                **numbers,
                "share": retrained(by_set["train"], method, SINGLE),
            }
        )
    return pd.DataFrame(rows).loc[:, lambda frame: (frame != NONE).any()]


EDITED = (
    "Reliability: share of a new answer's tokens that are the likeliest after the prompt that was "
    "taught; generality: after the prompt in other words; locality: share of prompts about "
    "something else after which the model writes what the base writes. Base and oracle were never "
    "taught the new answers."
)
EDITS = ("reliability", "generality", "locality")


def edited(now: pd.DataFrame) -> pd.DataFrame:
    """One row per method, one column for each number of new answers, of all and by source; empty
    where none were taught."""
    chosen = now[now["metric"].isin(EDITS) & (now["set"] == "forget")]
    numbers = lookup(chosen, "forget")
    rows = []
    for method in in_method_order(chosen["method"]):
        row = {"method": method_of(method).label}
        for group in sorted(chosen["group"].unique()):
            before = f"{group.removeprefix('source=')}: " if group else ""
            row |= {
                f"{before}{metric}": shown(numbers, method, SINGLE, group, metric)
                for metric in EDITS
            }
        rows.append(row)
    return pd.DataFrame(rows)


SPANS = (
    "Of texts with sensitive spans, such as names: what is known of the tokens of spans, and of "
    "the rest of the same texts, the end of text among them. S-MA, accuracy: share of tokens that "
    "are the likeliest; S-EL: share of the spans' n-grams that models write themselves."
)
SPAN_COLUMNS = {
    f"{set_}, {what}": (set_, metric)
    for set_ in ("forget", "retain")
    for what, metric in (
        ("spans: probability", "sensitive_probability"),
        ("spans: S-MA", "sensitive_memorization_accuracy"),
        ("spans: S-EL", "sensitive_extraction_likelihood"),
        ("rest: probability", "rest_probability"),
        ("rest: accuracy", "rest_memorization_accuracy"),
    )
}
NAMES = (
    "Familiarity with people and places. Said: mean probability of a name where it stands in the "
    "text; written: share of continuations of a prompt with a name that the prompt has not. "
    "ROUGE-L: recall of the true continuation. Forget: what was read and asked to be deleted; the "
    "other columns: texts of each source that were never read."
)


def name_columns(now: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Of the forgotten and of each part that has names, in order."""
    named = now.loc[now["metric"] == "familiarity_probability", "set"]
    parts = sorted({*named} - {"forget", "retain", "valid", "test", "holdout"})
    metrics = {
        "said": "familiarity_probability",
        "written": "familiarity_completion",
        "ROUGE-L": "rouge_l_recall",
        "perplexity": "perplexity",
    }
    of_forgotten = {f"forget: {what}": ("forget", one) for what, one in metrics.items()}
    of_parts = {
        f"{part}: {what}": (part, metrics[what])
        for part in parts
        for what in ("said", "written", "perplexity")
    }
    return (of_forgotten if len(named) else {}) | of_parts


def table(now: pd.DataFrame, columns: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """One row per method, one column per (set, metric) that any of them has; empty where there is
    none."""
    kept = [
        title
        for title, (set_, metric) in columns.items()
        if ((now["set"] == set_) & (now["metric"] == metric)).any()
    ]
    by_set = {set_: lookup(now, set_) for set_, _ in columns.values()}
    rows = [
        {"method": method_of(method).label}
        | {
            title: shown(by_set[set_], method, SINGLE, "", metric)
            for title in kept
            for set_, metric in [columns[title]]
        }
        for method in in_method_order(now["method"])
    ]
    return pd.DataFrame(rows if kept else [])


def after_the_worst(metrics: pd.DataFrame, settings: dict, columns: Iterable[str]) -> pd.DataFrame:
    """``memorization`` of the newest state, and how likely forgotten answers are after the attack
    that makes them likelier than the oracle under the same attack by most (where there is no
    oracle, that makes them likeliest), with its label from `attacks` of the settings."""
    now = newest(metrics, settings)
    plain = now[now["attack"] == ""]
    frame = memorization(plain, columns)
    after = now[(now["attack"] != "") & (now["set"] == "forget") & (now["metric"] == "probability")]
    oracle = after[after["method"] == "oracle"].set_index("attack")["value"]
    excess = after["value"] - after["attack"].map(oracle).fillna(0.0)
    excess = excess.where(after["method"] != "oracle", after["value"])
    worst = after.loc[excess.groupby(after["method"]).idxmax()].set_index("method")
    cells = []
    for method in in_method_order(plain["method"]):
        cell = NONE
        if method in worst.index:
            one = worst.loc[method]
            label = settings["attacks"][one["attack"]]["label"]
            cell = f"{interval(one['value'], one['ci_low'], one['ci_high'])}, {label}"
        cells.append(cell)
    return frame.assign(**{"after the worst attack": cells})


PLANTED = (
    "Of secrets by how often they stood in the text: mean exposure in bits (by chance 1.44; a "
    "sample of others shows no more than the logarithm of its size), the share that a beam search "
    "finds, and that of sampled continuations. Controls: nobody asks to forget them."
)


def planted(now: pd.DataFrame) -> pd.DataFrame:
    """One row per method, one column for each set and number of repetitions; empty where nothing
    was planted."""
    metrics = {
        "exposure": "bits",
        "exposure_sampled": "bits",
        "beam_extraction": "beam",
        "sampling_extraction": "sampled",
    }
    chosen = now[now["metric"].isin(metrics) & now["set"].isin(["forget", "controls"])]
    counts = sorted({int(group.removeprefix("repetitions=")) for group in chosen["group"]})
    values_of = chosen.assign(unit=chosen["metric"].map(metrics)).set_index(
        ["method", "set", "group", "unit"]
    )
    rows = []
    for method in in_method_order(chosen["method"]):
        row = {"method": method_of(method).label}
        for set_ in ("forget", "controls"):
            for count in counts:
                numbers = {
                    name: values_of["value"].get((method, set_, f"repetitions={count}", name))
                    for name in ("bits", "beam", "sampled")
                }
                n = values_of["n"].get((method, set_, f"repetitions={count}", "bits"), FEWEST)
                row[f"{set_}, {count} ×"] = (
                    NONE
                    if None in numbers.values()
                    else "{bits:.1f} bits, {beam:.0%}, {sampled:.0%}".format(**numbers)
                    + of_few("exposure", n)
                )
        rows.append(row)
    return pd.DataFrame(rows)
