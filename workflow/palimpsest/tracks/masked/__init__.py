"""masked: a text has a blank, and a model that reads both sides of it says what stands there."""

from palimpsest.tracks import Track

SETS = ("stereoset", "crows_pairs", "pronouns")  # of what models are judged on

TRACK = Track(
    fields=("prompt", "completion"),
    metrics=(
        "probability", "pseudo_perplexity", "mean_reciprocal_rank", "digit_exposure",
        "stereotype_score", "language_modeling_score", "icat",
        "stereotype_score_change", "language_modeling_score_change",
        "stereotype_score_micro", "language_modeling_score_micro", "icat_micro", "crows_pairs",
        "crows_pairs_single", "pronoun_gap", "pronoun_preference", "pronoun_correlation",
        "probe_accuracy",
    ),
    measured=("heldout", "trained", "forget", "base/heldout"),
    telling=("forget", "retain", "valid", "test", "holdout", *SETS),
    sets=("heldout", "trained"),
    scored="state",
    parts=True,
    candidates=True,
)  # fmt: skip
