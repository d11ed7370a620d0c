"""Scores -> numbers. One file a family; this table says what each number in ``tables/metrics.parquet`` means.

Letters: n records, B bootstrap replicates, C classes, G groups. Every metric over records takes ``weights``: None, (n,)
or (B, n), and returns a scalar or (B,), with a group axis last where it is said. A bootstrap is a matrix of weights.

    classification   how often the decisions are right
    fairness         how far groups are treated differently
    agreement        how far two models decide alike (a method and the oracle)
    membership       what the loss tells about having been trained on
    cost             what retraining is expected to take
    bootstrap        the weights, and intervals from the replicates
    student          quantiles of Student's t, for the spread over seeds
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric of the tidy table."""

    name: str
    direction: Literal["up", "down", "match"]  # better is higher, lower, or as near as can be to the oracle's
    low: float  # the closed range of values; inf where there is no bound
    high: float
    source: str  # the paper that defines it
    summary: str  # one line for people, with the unit


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "up", 0, 1, "Sokolova and Lapalme 2009", "share of records decided rightly"),
        Metric("balanced_accuracy", "up", 0, 1, "Brodersen et al. 2010", "mean over classes of the recall"),
        Metric("macro_f1", "up", 0, 1, "Sokolova and Lapalme 2009; Opitz and Burst 2019", "mean over classes of F1"),
        Metric("micro_f1", "up", 0, 1, "Sokolova and Lapalme 2009", "F1 of the pooled counts: equals accuracy"),
        Metric("auroc", "up", 0, 1, "Hanley and McNeil 1982", "area under the ROC curve, mean of one-vs-rest"),
        Metric("tpr", "up", 0, 1, "Hardt et al. 2016", "true positive rate of a group"),
        Metric("fpr", "down", 0, 1, "Hardt et al. 2016", "false positive rate of a group"),
        Metric("positive_rate", "match", 0, 1, "Dwork et al. 2012", "share of a group decided positive"),
        Metric("group_accuracy", "up", 0, 1, "Buolamwini and Gebru 2018", "accuracy within a group"),
        Metric("equalized_odds_max", "down", 0, 1, "Hardt et al. 2016", "largest TPR or FPR gap between two groups"),
        Metric(
            "equalized_odds_mean",
            "down",
            0,
            1,
            "Hardt et al. 2016; the mean over pairs is defined here",
            "mean over pairs of groups of the mean of TPR and FPR gap",
        ),
        Metric("demographic_parity", "down", 0, 1, "Dwork et al. 2012", "largest gap in positive rate between groups"),
        Metric("worst_group_accuracy", "up", 0, 1, "Sagawa et al. 2020", "lowest accuracy of a group"),
        Metric("agreement", "up", 0, 1, "Fort et al. 2019", "share of records decided as the oracle decides them"),
        Metric("jensen_shannon", "down", 0, log(2), "Lin 1991", "mean divergence from the oracle's outputs, in nats"),
        Metric(
            "membership_auroc",
            "match",
            0,
            1,
            "Yeom et al. 2018",
            "chance that a member has a lower loss than a non-member; 0.5 tells nothing",
        ),
        Metric("retrained_tokens", "down", 0, inf, "Bourtoule et al. 2021", "tokens trained to serve a request"),
        Metric("retrained_seconds", "down", 0, inf, "Bourtoule et al. 2021", "seconds trained to serve a request"),
        Metric("retrained_share", "down", 0, inf, "Bourtoule et al. 2021", "tokens over those of a full retraining"),
        Metric("expected_share", "down", 0, inf, "Bourtoule et al. 2021", "expected cost over a full retraining's"),
        Metric("expected_curve", "down", 0, inf, "Bourtoule et al. 2021", "expected_share of requests for other numbers of owners"),
        Metric("fit_cost", "down", 0, inf, "Hardt et al. 2016", "mean cost of errors, as the post-processor counts it"),
        Metric("cost_by_chance", "down", 0, inf, "defined here", "most that fit_cost is by chance, in as many records as are held out"),
        Metric("gap_by_chance", "down", 0, 1, "defined here", "most that equalized_odds_max is by chance, in as many"),
        Metric("random_share", "down", 0, 1, "Hardt et al. 2016", "share of decisions that a post-processor draws"),
        Metric(
            "patterns_per_record",
            "down",
            0,
            1,
            "defined here, on the vote patterns of Kadhe et al. 2023",
            "fitted cells per fitted record; near 1 the post-processor memorises",
        ),
    )
}
