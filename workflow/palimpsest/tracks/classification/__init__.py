"""classification: a text has one label, and one prediction counts."""

from palimpsest.tracks import Track

TRACK = Track(
    fields=("text", "label"),
    metrics=(
        "accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "auroc", "tpr", "fpr",
        "positive_rate", "group_accuracy", "equalized_odds_max", "equalized_odds_mean",
        "equalized_odds_ratio", "equal_opportunity", "equal_opportunity_ratio",
        "demographic_parity", "demographic_parity_ratio", "worst_group_accuracy", "agreement",
        "jensen_shannon", "jensen_shannon_reversed", "kl", "fit_cost", "cost_by_chance",
        "gap_by_chance", "random_share", "patterns_per_record", "membership_auroc",
    ),
    measured=("decisions", "rules", "oracle/decisions"),
    measuring=("families", "classes", "cost_fp", "cost_fn"),
    head=("classes",),
    around=("membership",),
)  # fmt: skip
