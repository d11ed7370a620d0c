"""Scores -> numbers. One file a family; this table says what each number in
``tables/metrics.parquet`` means.

Letters: n records, B bootstrap replicates, C classes, G groups. Every metric over records takes
``weights``: None, (n,) or (B, n), and returns a scalar or (B,), with a group axis last where it is
said. A bootstrap is a matrix of weights.

    classification   how often the decisions are right
    fairness         how far groups are treated differently
    agreement        how often two models decide alike (a method and the oracle)
    membership       what the loss and related scores reveal of which texts were trained on
    tokens           a causal model's scores of the tokens of texts, which memorization and
                     membership start from
    memorization     how much of a text a causal model knows by heart
    truth            whether it prefers a true answer to false ones; forget quality and model
                     utility
    exposure         how far a planted secret stands out among those that could stand in its place
    editing          whether a causal model says the new answers that it was taught, and nothing
                     else anew
    sensitive        what it knows by heart of the sensitive spans of a text, and of the rest
    familiarity      whether it knows the people and places of a text's source
    extraction       what a causal model gives away in the text that it generates
    fluency          how natural that text is
    margins          how far apart those of a text lie under models of several seeds
    divergence       how far apart the outputs of two models are
    pseudo           how likely texts are to a masked model
    stereotypes      which of two or three texts a model finds likelier: social bias
    cost             what retraining is expected to take
    bootstrap        the weights, and intervals from the replicates
    student          quantiles of Student's t, for the spread over seeds
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, log
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric of the tidy table."""

    name: str
    # better is higher, lower, or as close to the oracle's as possible
    direction: Literal["up", "down", "match"]
    low: float  # the closed range of values; inf where there is no bound
    high: float
    source: str  # the paper that defines it
    summary: str  # one line for people, with the unit
    # on which seeds are averaged: p-values differ by orders of magnitude
    scale: Literal["linear", "log"] = "linear"


# Membership attacks besides the loss: source and score.
_ATTACKS = {
    "zlib": ("Carlini et al. 2021", "loss by compressed byte"),
    "min_k": ("Shi et al. 2024", "loss of the least likely tokens"),
    "min_k_plus_plus": ("Zhang et al. 2025", "standardised loss of the least likely tokens"),
    "reference": ("Shi et al. 2024; after Carlini et al. 2021", "loss, less a reference model's,"),
}

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "up", 0, 1, "Sokolova and Lapalme 2009",
               "share of records decided rightly"),
        Metric("balanced_accuracy", "up", 0, 1, "Brodersen et al. 2010",
               "mean over classes of the recall"),
        Metric("macro_f1", "up", 0, 1, "Sokolova and Lapalme 2009; Opitz and Burst 2019",
               "mean over classes of F1"),
        Metric("micro_f1", "up", 0, 1, "Sokolova and Lapalme 2009",
               "F1 of the pooled counts: equals accuracy"),
        Metric("auroc", "up", 0, 1, "Hanley and McNeil 1982",
               "area under the ROC curve, mean of one-vs-rest"),
        Metric("tpr", "up", 0, 1, "Hardt et al. 2016", "true positive rate of a group"),
        Metric("fpr", "down", 0, 1, "Hardt et al. 2016", "false positive rate of a group"),
        Metric("positive_rate", "match", 0, 1, "Dwork et al. 2012",
               "share of a group decided positive"),
        Metric("group_accuracy", "up", 0, 1, "Buolamwini and Gebru 2018",
               "accuracy within a group"),
        Metric("equalized_odds_max", "down", 0, 1, "Hardt et al. 2016",
               "largest TPR or FPR gap between two groups"),
        Metric("equalized_odds_mean", "down", 0, 1,
               "Hardt et al. 2016; the mean over pairs is defined here",
               "mean over pairs of groups of the mean of TPR and FPR gap"),
        Metric("demographic_parity", "down", 0, 1, "Dwork et al. 2012",
               "largest gap in positive rate between groups"),
        Metric("equalized_odds_ratio", "up", 0, 1, "Hardt et al. 2016; as in fairlearn",
               "lower of the quotients of the smallest and the largest TPR and FPR of groups"),
        Metric("equal_opportunity", "down", 0, 1, "Hardt et al. 2016",
               "largest TPR gap between two groups"),
        Metric("equal_opportunity_ratio", "up", 0, 1, "Hardt et al. 2016; as in fairlearn",
               "smallest TPR of a group over the largest"),
        Metric("demographic_parity_ratio", "up", 0, 1, "Feldman et al. 2015",
               "smallest positive rate of a group over the largest"),
        Metric("worst_group_accuracy", "up", 0, 1, "Sagawa et al. 2020",
               "lowest accuracy of a group"),
        Metric("agreement", "up", 0, 1, "Fort et al. 2019",
               "share of records decided as the oracle decides them"),
        Metric("jensen_shannon", "down", 0, log(2), "Lin 1991",
               "mean divergence from the oracle's outputs, in nats"),
        Metric("membership_auroc", "match", 0, 1, "Yeom et al. 2018",
               "chance that a member has a lower loss than a non-member; 0.5 tells nothing, and "
               "too few records have none"),
        *(
            Metric(f"membership_auroc_{attack}", "match", 0, 1, source,
                   f"chance that a member has a lower {score} than a non-member")
            for attack, (source, score) in _ATTACKS.items()
        ),
        Metric("membership_tpr", "match", 0, 1, "Yeom et al. 2018; Carlini et al. 2022",
               "share of members recognised by their loss at 1 % FPR"),
        *(
            Metric(f"membership_tpr_{attack}", "match", 0, 1, f"{source}; Carlini et al. 2022",
                   f"share of members recognised by their {score} at 1 % FPR")
            for attack, (source, score) in _ATTACKS.items()
        ),
        Metric("privleak", "match", -100, inf, "Shi et al. 2025 (MUSE)",
               "1 - AUROC of Min-40% over the oracle's, less 1, in per cent; below 0: remembered"),
        Metric("relative_auroc", "match", -100, inf, "Dorna et al. 2025",
               "AUROC of Min-40% over the oracle's, less 1, in per cent"),
        Metric("perplexity", "match", 1, inf, "Jelinek et al. 1977",
               "exp of the mean negative log-likelihood of all tokens"),
        Metric("probability", "match", 0, 1, "Maini et al. 2024",
               "mean length-normalised probability of a text"),
        Metric("memorization_accuracy", "match", 0, 1, "Jang et al. 2023",
               "mean share of a text's tokens that are the likeliest"),
        Metric("exact_memorization", "match", 0, 1, "Tirumala et al. 2022; Dorna et al. 2025",
               "mean share of a text's tokens that are the likeliest, the end of text left out"),
        Metric("extraction_strength", "match", 0, 1, "Carlini et al. 2021; Dorna et al. 2025",
               "mean share of a text that follows by itself once its start is given"),
        Metric("extraction_likelihood", "match", 0, 1, "Jang et al. 2023",
               "mean share of a text's n-grams that the model writes itself"),
        Metric("sensitive_memorization_accuracy", "match", 0, 1, "Wang et al. 2024",
               "mean share of the tokens of a text's sensitive spans that are the likeliest"),
        Metric("sensitive_extraction_likelihood", "match", 0, 1,
               "Wang et al. 2024; the normalisation is defined here",
               "mean share of the n-grams of sensitive spans that the model writes itself"),
        Metric("reliability", "up", 0, 1, "Yao et al. 2023; Ni et al. 2024",
               "mean share of a new answer's tokens that are the likeliest"),
        Metric("generality", "up", 0, 1, "Yao et al. 2023; Ni et al. 2024",
               "the same where the prompt is in other words"),
        Metric("locality", "up", 0, 1, "Yao et al. 2023; Ni et al. 2024",
               "share of other prompts after which the model writes what the base does"),
        Metric("sensitive_probability", "match", 0, 1, "after Maini et al. 2024",
               "mean length-normalised probability of the tokens of sensitive spans"),
        Metric("rest_probability", "match", 0, 1, "after Maini et al. 2024",
               "mean length-normalised probability of the other tokens of texts with spans"),
        Metric("rest_memorization_accuracy", "match", 0, 1, "after Jang et al. 2023",
               "mean share of the other tokens of texts with spans that are the likeliest"),
        Metric("familiarity_completion", "match", 0, 1, "after Eldan and Russinovich 2023",
               "share of what is written after a prompt that has a new name of its source"),
        Metric("familiarity_probability", "match", 0, 1, "after Eldan and Russinovich 2023",
               "mean probability of the names of the source, where they stand in a text"),
        Metric("rouge_l_recall", "match", 0, 1, "Lin 2004; Maini et al. 2024",
               "mean ROUGE-L recall of what is written after a prompt"),
        Metric("rouge_l_f1", "match", 0, 1, "Lin 2004; Shi et al. 2025 (MUSE)",
               "mean ROUGE-L F1 of what is written after a prompt"),
        Metric("rouge_1_recall", "match", 0, 1, "Lin 2004",
               "mean share of an answer's words in what is written after a prompt"),
        Metric("rouge_1_f1", "match", 0, 1, "Lin 2004",
               "mean ROUGE-1 F1 of what is written after a prompt"),
        Metric("rouge_l_recall_paraphrase", "match", 0, 1, "Lin 2004; Dorna et al. 2025",
               "mean ROUGE-L recall of the answer in other words"),
        Metric("paraphrase_probability", "match", 0, 1, "Maini et al. 2024; Dorna et al. 2025",
               "mean length-normalised probability of the answer in other words"),
        Metric("distinct_1", "match", 0, 1, "after Li et al. 2016",
               "mean share of different tokens in what is written after a prompt"),
        Metric("distinct_2", "match", 0, 1, "after Li et al. 2016",
               "mean share of different pairs of tokens in what is written"),
        Metric("repetition", "match", 0, 1, "Welleck et al. 2020",
               "mean share of 4-grams that what is written says again"),
        Metric("ngram_entropy", "match", 0, inf, "Zhang et al. 2018; Meng et al. 2022",
               "mean entropy of the 2- and 3-grams of what is written, in bits"),
        Metric("judged", "match", 0, 1, "Gehman et al. 2020",
               "probability that a judge gives its label 1, such as toxic, to what is written"),
        Metric("judged_share", "match", 0, 1, "Gehman et al. 2020",
               "share of what is written that a judge gives its label 1"),
        Metric("judged_most", "match", 0, 1, "Gehman et al. 2020",
               "the largest such probability of several samples after a prompt"),
        Metric("judged_any", "match", 0, 1, "Gehman et al. 2020",
               "share of prompts of which a judge gives label 1 to at least one sample"),
        Metric("judge_accuracy", "up", 0, 1, "Sokolova and Lapalme 2009",
               "share of held-out texts whose label a judge tells"),
        Metric("judge_auroc", "up", 0, 1, "Hanley and McNeil 1982",
               "area under the ROC curve of a judge, of held-out texts"),
        Metric("judge_majority", "match", 0, 1, "defined here",
               "share of the more frequent label among a judge's held-out texts"),
        Metric("written_perplexity", "match", 1, inf, "Jelinek et al. 1977",
               "perplexity of what is written to the oracle"),
        Metric("truth_ratio_indifference", "match", 0, 1, "Maini et al. 2024",
               "1 where true and false answers are equally likely"),
        Metric("truth_ratio_preference", "up", 0, 1, "Maini et al. 2024",
               "1 where only the true answer is likely"),
        Metric("truth_ratio_probability", "match", 0, 1, "Dorna et al. 2025",
               "probability of the true answer against a false one"),
        Metric("probability_with_options", "up", 0, 1, "Maini et al. 2024",
               "probability of the true answer among all of an item"),
        Metric("forget_quality", "up", 0, 1, "Maini et al. 2024",
               "p-value that the truth ratios are distributed as the oracle's", scale="log"),
        Metric("truth_ratio_ks", "down", 0, 1, "Maini et al. 2024",
               "Kolmogorov-Smirnov distance of the truth ratios from the oracle's"),
        Metric("model_utility", "up", 0, 1, "Maini et al. 2024",
               "harmonic mean of what the model still does well"),
        Metric("exposure", "match", 0, inf, "Carlini et al. 2019",
               "mean exposure of a canary, exact, in bits; by chance 1.44"),
        Metric("exposure_sampled", "match", 0, inf, "Carlini et al. 2019",
               "mean exposure of a canary among a sample of secrets, in bits"),
        Metric("beam_extraction", "match", 0, 1, "Liu and Kalinli 2023",
               "share of secrets among the likeliest continuations of what precedes"),
        Metric("sampling_extraction", "match", 0, 1, "Liu and Kalinli 2023",
               "share of sampled continuations that are the secret"),
        Metric("kl", "down", 0, inf, "Kullback and Leibler 1951",
               "mean divergence of the oracle's outputs from the model's, in nats"),
        Metric("kl_to_base", "down", 0, inf, "Kullback and Leibler 1951",
               "mean divergence of the base's outputs from a trial's, in nats"),
        Metric("klom", "down", 0, inf, "Georgiev et al. 2024, by mean and deviation over seeds",
               "divergence of the oracles' margins of a text from the models', in nats"),
        Metric("jensen_shannon_reversed", "down", 0, inf, "Wang et al. 2023, as released",
               "mean divergence from the oracle's outputs with its arguments swapped, in nats"),
        Metric("lpd", "down", 0, inf, "Wang et al. 2023",
               "mean relative distance of a text's perplexity from the oracle's"),
        Metric("pdlp", "match", 0, 1, "Wang et al. 2023",
               "share of texts less likely than under the base"),
        Metric("pseudo_perplexity", "match", 1, inf, "Salazar et al. 2020",
               "exp of the mean negative log-likelihood of tokens, each masked alone"),
        Metric("mean_reciprocal_rank", "match", 0, 1, "Wu et al. 2023",
               "mean of 1 / rank of tokens among the vocabulary, each masked alone"),
        Metric("digit_exposure", "match", 0, inf, "Wu et al. 2023",
               "mean exposure of numbers, of the ranks of their digits, in bits"),
        Metric("stereotype_score", "match", 0, 1, "Nadeem et al. 2021",
               "mean over target terms of how often the stereotype is likelier; 0.5 is neither"),
        Metric("language_modeling_score", "up", 0, 1, "Nadeem et al. 2021",
               "mean over target terms of how often what makes sense is likelier"),
        Metric("stereotype_score_change", "match", -1, 1, "after Nadeem et al. 2021",
               "stereotype_score less the base's, of the same terms"),
        Metric("language_modeling_score_change", "up", -1, 1, "after Nadeem et al. 2021",
               "language_modeling_score less the base's, of the same terms"),
        Metric("icat", "up", 0, 1, "Nadeem et al. 2021",
               "language_modeling_score, times how near stereotype_score is to 0.5"),
        Metric("stereotype_score_micro", "match", 0, 1, "Yu et al. 2023, as released",
               "share of items that prefer the stereotype, without ties and rare words"),
        Metric("language_modeling_score_micro", "up", 0, 1, "Yu et al. 2023, as released",
               "share of comparisons that prefer what makes sense, without ties"),
        Metric("icat_micro", "up", 0, 1, "Yu et al. 2023, as released",
               "the same product of these two"),
        Metric("crows_pairs", "match", 0, 1, "Nangia et al. 2020",
               "share of pairs in which the sentence that stereotypes more is likelier"),
        Metric("crows_pairs_single", "match", 0, 1, "Yu et al. 2023, as released",
               "the same of pairs that differ in one token, by that token"),
        Metric("pronoun_gap", "down", 0, 1, "after Rudinger et al. 2018",
               "mean difference of the probabilities of two pronouns"),
        Metric("pronoun_preference", "down", 0, 1, "after Rudinger et al. 2018",
               "the same over their sum: how far one of the two is preferred"),
        Metric("pronoun_correlation", "down", -1, 1, "Rudinger et al. 2018",
               "correlation of which pronoun is likelier with the share of women"),
        Metric("probe_accuracy", "up", 0, 1, "after Alain and Bengio 2016",
               "share of sentences whose label a linear probe reads from the hidden states"),
        Metric("retrained_tokens", "down", 0, inf, "Bourtoule et al. 2021",
               "tokens trained to serve a request"),
        Metric("retrained_share", "down", 0, inf, "Bourtoule et al. 2021",
               "tokens over those of a full retraining"),
        Metric("expected_share", "down", 0, inf, "Bourtoule et al. 2021",
               "expected cost over a full retraining's"),
        Metric("expected_curve", "down", 0, inf, "Bourtoule et al. 2021",
               "expected_share of requests for other numbers of owners"),
        Metric("fit_cost", "down", 0, inf, "Hardt et al. 2016",
               "mean cost of errors, as the post-processor counts it"),
        Metric("cost_by_chance", "down", 0, inf, "defined here",
               "most that fit_cost is by chance, in as many records as are held out"),
        Metric("gap_by_chance", "down", 0, 1, "defined here",
               "most that equalized_odds_max is by chance, in as many"),
        Metric("random_share", "down", 0, 1, "Hardt et al. 2016",
               "share of decisions that a post-processor draws"),
        Metric("records", "match", 0, inf, "defined here",
               "records of a set, or of a group of it, or with a label in it"),
        Metric("cut_texts", "down", 0, 1, "defined here",
               "share of texts longer than the model's context, which are cut"),
        Metric("unknown_pieces", "down", 0, 1, "defined here",
               "share of pieces of texts that the tokenizer does not know"),
        Metric("copied_texts", "down", 0, 1, "defined here",
               "share of records whose text stands in another split, too"),
        Metric("largest_shard", "down", 1, inf, "defined here",
               "training records of the largest shard, over the mean of all"),
        Metric("patterns_per_record", "down", 0, 1,
               "defined here, on the vote patterns of Kadhe et al. 2023",
               "fitted cells per fitted record; near 1 the post-processor memorises"),
    )
}  # fmt: skip

# Of every track; the others each track names itself (palimpsest.tracks).
COST = ("retrained_tokens", "retrained_share", "expected_share", "expected_curve")
TUNING = ("kl_to_base",)  # of trials, in studies that tune
# of the records themselves
DATA = ("records", "cut_texts", "unknown_pieces", "copied_texts", "largest_shard")


def described(names: Iterable[str]) -> dict[str, dict]:
    """Metric -> what the tidy table needs of it. Only for the metrics of a study, so that adding
    one elsewhere changes nothing."""
    kept = ("direction", "source", "low", "high", "scale", "summary")
    return {name: {key: getattr(METRICS[name], key) for key in kept} for name in names}
