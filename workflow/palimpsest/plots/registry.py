"""The figures by name, and what each shows in words.

A figure is a module of this folder with `select`, `draw` and `told`.
``select(metrics, further, settings)`` gives the small table that the figure shows: `metrics` is the
tidy table with its rows of seed 'all', `further` what Figure.further names, `settings` has `states`
(the newest last) and `families` (those that post-processors are fitted on). Numbers are chosen and
set side by side there, and averaged over seeds only where the tidy table has no such mean. Every
row has `seeds`, how many its numbers are means of, and `n`, the records that they are of, the
fewest where these differ.
``draw(table, style)`` draws it, without the rows of fewer records than Figure.least.
``told(table)`` says what it rests on, in a note below it: seeds, n, and what its intervals hold.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Figure(NamedTuple):
    """shows: what, in words; metric: the one that it needs: studies of tracks that do not
    compute it lack the figure. further: what it is drawn from besides the tidy table: `epsilon`,
    costs over the allowed gap; `training`, what was watched while methods trained; `attacks`, while
    attacks did; `attacked`, the tidy table's rows of models after attacks; `truth`, truth ratios
    item by item; `tuning`, trials of methods; `blocks`, which blocks of weights were changed.
    least: numbers of fewer records are left out, and the figure says so: they would look like
    results."""

    shows: str
    metric: str
    further: Literal[
        "", "epsilon", "training", "attacks", "attacked", "truth", "tuning", "blocks"
    ] = ""
    least: int = 10


FIGURES: dict[str, Figure] = {
    "tradeoff": Figure("Accuracy against equalized-odds gap of each method", "equalized_odds_max"),
    "groups": Figure(
        "True and false positive rate per group, before and after post-processing", "tpr"
    ),
    "shards": Figure("Accuracy and gap over the number of shards", "accuracy"),
    # its n are owners, and tokens are counted: nothing is estimated
    "cost": Figure(
        "Tokens retrained per request against full retraining", "retrained_share", least=0
    ),
    "epsilon": Figure("Cost over the allowed gap", "fit_cost", "epsilon"),
    # each record is a rank among others: of 20 an interval is 0.25 wide
    "membership": Figure(
        "Membership inference on the forgotten records, before and after",
        "membership_auroc",
        least=20,
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
        # its n are secrets, each set against thousands that were not planted
        "Exposure of planted secrets over how often they stood in the text",
        "exposure",
        least=3,
    ),
    "edits": Figure("New answers that were taught, and what else changed", "reliability"),
    "recovery": Figure(
        "What comes back of the forgotten while an attack trains on other text",
        "memorization_accuracy",
        "attacks",
    ),
    "depth": Figure(
        "Forgotten answers before and after every attack, beside the oracle",
        "memorization_accuracy",
        "attacked",
    ),
    "tuning": Figure(
        "Trials of each method: what is left of the forgotten, and what they cost of the rest",
        "probability",
        "tuning",
        least=3,  # its n is a part of the records, by which settings are chosen and nothing claimed
    ),
    # of StereoSet, whose n are target terms: an interval draws terms
    "baselines": Figure("Idealized CAT score of all methods, and its two parts", "icat"),
    "bias_utility": Figure(
        "Stereotypes against language modelling, by the share of blocks that are updated",
        "language_modeling_score",
    ),
    "directions": Figure(
        "Lowering one word against raising the other, over epochs", "language_modeling_score"
    ),
    # of a religion there are few: each is a mean of many items
    "domains": Figure("Stereotypes by domain, before and after", "stereotype_score", least=3),
    # its n are blocks, which are counted
    "where": Figure(
        "Layers and tensors that hold the changed blocks", "retrained_share", "blocks", least=0
    ),
    "profile": Figure("Distance of every number from the oracle's", "probability"),
}
