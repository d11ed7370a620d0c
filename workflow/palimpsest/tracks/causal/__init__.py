"""causal: a text is predicted token by token; the tokens of its completion count."""

from palimpsest.tracks import Track

ATTACKS = ("", "_zlib", "_min_k", "_min_k_plus_plus", "_reference")

TRACK = Track(
    fields=("prompt", "completion"),
    metrics=(
        "perplexity", "probability", "memorization_accuracy", "exact_memorization",
        "extraction_strength", "extraction_likelihood", "rouge_l_recall", "rouge_l_f1",
        "rouge_1_recall", "rouge_1_f1", "rouge_l_recall_paraphrase", "paraphrase_probability",
        "distinct_1", "distinct_2", "repetition", "ngram_entropy", "written_perplexity",
        "judged", "judged_share", "judged_most", "judged_any", "judge_accuracy", "judge_auroc",
        "judge_majority",
        "sensitive_memorization_accuracy", "sensitive_extraction_likelihood",
        "reliability", "generality", "locality",
        "sensitive_probability", "rest_memorization_accuracy", "rest_probability",
        "familiarity_completion", "familiarity_probability",
        "truth_ratio_indifference", "truth_ratio_preference", "truth_ratio_probability",
        "probability_with_options", "forget_quality", "truth_ratio_ks", "model_utility",
        "exposure", "exposure_sampled", "beam_extraction", "sampling_extraction", "kl",
        "jensen_shannon", "jensen_shannon_reversed", "lpd", "pdlp", "privleak", "relative_auroc",
        "klom",
        *(f"membership_auroc{attack}" for attack in ATTACKS),
        *(f"membership_tpr{attack}" for attack in ATTACKS),
    ),
    measured=("heldout", "trained", "forget", "oracle/forget", "oracle/heldout", "base/forget"),
    measuring=("space", "truth"),
    across="across",
    compares=("base", "oracle"),
    sets=("heldout", "trained"),
    scored="state",
    beside_oracle=True,
    encoding=("max_length", "prompt"),
    evaluation=("written", "ngram", "rouge_words", "beams", "samples"),
    candidates=True,
    judged=True,
)  # fmt: skip
