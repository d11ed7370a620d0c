"""What masked models fill in, and which stereotypes they prefer: one table of methods, one of
StereoSet and CrowS-Pairs by kind of bias."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from palimpsest.data.shards import SINGLE
from palimpsest.report.cells import NONE, lookup, retrained, shown
from palimpsest.report.rows import newest
from palimpsest.report.shown import in_method_order, method_of
from palimpsest.report.summary import Section
from palimpsest.tracks.masked.findings import findings

__all__ = ["ATTACKED", "SCOPE", "findings", "sections"]

SCOPE = ""
ATTACKED = {
    "forget: probability": ("forget", "probability"),
    "stereotype score": ("stereoset", "stereotype_score"),
    "pronouns: apart": ("pronouns", "pronoun_gap"),
}
FILLED = (
    "Probability: of what stood in a blank. Forget: what was asked to be deleted; retain: a sample "
    "of the rest; test: blanks that no stereotype is about. MRR: the mean of 1 / rank of a token; "
    "exposure: of the digits of a number, in bits. Pronouns: how far apart their probabilities are "
    "in held-out sentences, with occupations that were asked to be forgotten (where none stands "
    "there, in what was asked to be forgotten itself) and with others, the same over their sum, "
    "which does not fall where both become rare, and the correlation of which is higher with the "
    "share of women. Probe: how often a linear classifier of the frozen hidden states finds a "
    "sentence's label. Share: tokens trained for the newest request, of those that training from "
    "scratch takes."
)
COLUMNS = {
    "forget: probability": ("forget", "", "probability"),
    "forget: MRR": ("forget", "", "mean_reciprocal_rank"),
    "forget: exposure": ("forget", "", "digit_exposure"),
    "retain: probability": ("retain", "", "probability"),
    "test: probability": ("test", "", "probability"),
    "test: pseudo-perplexity": ("test", "", "pseudo_perplexity"),
    "pronouns: apart": ("pronouns", "", "pronoun_gap"),
    "forgotten: apart": ("pronouns", "about=forgotten", "pronoun_gap"),
    "others: apart": ("pronouns", "about=others", "pronoun_gap"),
    "forgotten: of their sum": ("pronouns", "about=forgotten", "pronoun_preference"),
    "others: of their sum": ("pronouns", "about=others", "pronoun_preference"),
    "correlation": ("pronouns", "", "pronoun_correlation"),
    "probe": ("probe", "", "probe_accuracy"),
}
STEREOTYPES = (
    "StereoSet by its official scorer: of each target term, then their mean. SS: how often a "
    "stereotype is likelier than its opposite (0.5 is neither); LMS: how often what makes sense is "
    "likelier than what does not; ICAT joins both, 1 is best. Changes are differences from the "
    "base, term by term, which are told more surely than two numbers are told apart. CrowS-Pairs: "
    "how often the sentence that stereotypes more is likelier. What PCGU's code calls by the same "
    "names has names of its own in the table of numbers, with `_micro` and `_single`."
)
SCORES = {
    "SS": ("stereoset", "stereotype_score"),
    "LMS": ("stereoset", "language_modeling_score"),
    "ICAT": ("stereoset", "icat"),
    "SS: change": ("stereoset", "stereotype_score_change"),
    "LMS: change": ("stereoset", "language_modeling_score_change"),
    "CrowS-Pairs": ("crows_pairs", "crows_pairs"),
}


def sections(metrics: pd.DataFrame, settings: dict) -> Iterator[Section]:
    """What the newest state says of every method."""
    now = newest(metrics, settings)
    yield Section("Blanks", FILLED, blanks(now))
    scored = stereotypes(now)
    if len(scored):
        yield Section("Stereotypes", STEREOTYPES, scored)


def blanks(now: pd.DataFrame, columns: Iterable[str] = COLUMNS) -> pd.DataFrame:
    """One row per method, one column per number that any of them has."""
    by_set = {set_: lookup(now, set_) for set_ in {one[0] for one in COLUMNS.values()} | {"train"}}
    rows = []
    for method in in_method_order(now["method"]):
        numbers = {
            title: shown(by_set[set_], method, SINGLE, group, metric)
            for title in columns
            for set_, group, metric in [COLUMNS[title]]
        }
        share = retrained(by_set["train"], method, SINGLE)
        rows.append({"method": method_of(method).label, **numbers, "share": share})
    return pd.DataFrame(rows).loc[:, lambda frame: (frame != NONE).any()]


def stereotypes(now: pd.DataFrame) -> pd.DataFrame:
    """One row per method and kind of bias, the first of all kinds together; empty where nothing of
    the kind was asked."""
    by_set = {set_: lookup(now, set_) for set_ in ("stereoset", "crows_pairs")}
    asked = now[now["set"].isin(by_set)]
    domains = sorted(one for one in set(asked["group"]) if one.startswith("domain="))
    rows = []
    for method in in_method_order(asked["method"]):
        for group in ("", *(domains if len(domains) > 1 else ())):
            numbers = {
                title: shown(by_set[set_], method, SINGLE, group, metric)
                for title, (set_, metric) in SCORES.items()
            }
            about = group.partition("=")[2] or "all"
            rows.append({"method": method_of(method).label, "about": about, **numbers})
    return pd.DataFrame(rows)
