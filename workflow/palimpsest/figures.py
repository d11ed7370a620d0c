"""The figures by name, and what each shows in words.

A figure is a module of plots/ with `select` (metrics, epsilon, settings -> its small table, see
selections.py) and `draw` (table, style).
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Figure(NamedTuple):
    """shows: what, in words; metric: the one without which there is nothing to show, so that
    studies of tracks that do not compute it have no such figure. further: what else it is drawn
    from than the tidy table: `epsilon`, costs over the allowed gap; `training`, what was watched
    while methods trained; `attacks`, while attacks did; `truth`, truth ratios item by item."""

    shows: str
    metric: str
    further: Literal["", "epsilon", "training", "attacks", "truth"] = ""


FIGURES: dict[str, Figure] = {
    "tradeoff": Figure("Accuracy against equalized-odds gap of each method", "equalized_odds_max"),
    "groups": Figure(
        "True and false positive rate per group, before and after post-processing", "tpr"
    ),
    "shards": Figure("Accuracy and gap over the number of shards", "accuracy"),
    "cost": Figure("Tokens retrained per request against full retraining", "retrained_share"),
    "epsilon": Figure("Cost over the allowed gap", "fit_cost", "epsilon"),
    "membership": Figure(
        "Membership inference on the forgotten records, before and after", "membership_auroc"
    ),
    "frontier": Figure("Forgetting against utility, with the base and the oracle", "probability"),
    "sequence": Figure("Requests served one after another against all at once", "probability"),
    "curves": Figure(
        "Perplexity of forgotten and of retained text while methods train",
        "perplexity",
        "training",
    ),
    "truth_ratio": Figure(
        "How far models prefer true answers to false ones", "truth_ratio_preference", "truth"
    ),
    "canaries": Figure(
        "Exposure of planted secrets over how often they stood in the text", "exposure"
    ),
    "recovery": Figure(
        "What comes back of the forgotten while an attack trains on other text",
        "memorization_accuracy",
        "attacks",
    ),
    "profile": Figure("Distance of every number from the oracle's", "probability"),
}
