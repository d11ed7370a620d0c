"""Every metric over records is listed, stays in its range, and treats weights as repeated
records."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from palimpsest.metrics import COST, DATA, METRICS, TUNING, margins, pseudo, truth
from palimpsest.metrics import agreement as agree
from palimpsest.metrics import classification as cls
from palimpsest.metrics import divergence as div
from palimpsest.metrics import editing as edit
from palimpsest.metrics import fairness as fair
from palimpsest.metrics import fluency as flu
from palimpsest.metrics import membership as mia
from palimpsest.metrics import memorization as mem
from palimpsest.metrics import stereotypes as stereo
from palimpsest.metrics.bootstrap import bootstrap_weights
from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator
from palimpsest.tracks import TRACKS, track_of


@dataclass
class Sample:
    """n records as all metrics see them."""

    labels: np.ndarray
    probabilities: np.ndarray
    decisions: np.ndarray
    others: np.ndarray
    groups: np.ndarray
    losses: np.ndarray
    member: np.ndarray
    tokens: TokenScores
    others_tokens: TokenScores
    wrong: np.ndarray  # losses of two wrong answers
    sizes: np.ndarray

    def take(self, index) -> Sample:
        taken = {
            name: values.take(index) if isinstance(values, TokenScores) else values[index]
            for name, values in vars(self).items()
        }
        return Sample(**taken)


def draw_tokens(rng: np.random.Generator, n: int) -> TokenScores:
    offsets = np.append(0, np.cumsum(rng.integers(2, 9, size=n)))
    logp, correct = -rng.exponential(size=offsets[-1]).round(1), rng.random(offsets[-1]) < 0.7
    return TokenScores(
        offsets,
        logp,
        correct,
        -rng.exponential(size=offsets[-1]),
        rng.exponential(size=offsets[-1]),
    )


def draw(n: int = 240) -> Sample:
    rng = numpy_generator("metrics contract")
    labels = rng.integers(2, size=n)
    # rounded: many ties
    score = np.round(np.clip(0.5 + 0.2 * (2 * labels - 1) + rng.normal(0, 0.3, n), 0, 1), 1)
    probabilities = np.stack([1 - score, score], axis=1)
    decisions = probabilities.copy()  # half of the records are decided by a draw, half not
    decisions[::2] = np.eye(2)[(score[::2] > 0.5).astype(int)]
    return Sample(
        labels=labels,
        probabilities=probabilities,
        decisions=decisions,
        others=rng.dirichlet([1, 1], size=n),
        groups=np.array(["none", "north", "south"])[rng.integers(3, size=n)],
        losses=np.round(rng.exponential(size=n), 1),
        member=np.arange(n) % 3 == 0,
        tokens=draw_tokens(rng, n),
        others_tokens=draw_tokens(rng, n),
        wrong=rng.exponential(size=(n, 2)),
        sizes=rng.integers(20, 60, size=n),
    )


def classification(metric):
    return lambda s, w: metric(s.labels, s.decisions, w)


def fairness(metric):
    return lambda s, w: metric(s.labels, s.decisions[:, 1], s.groups, w)


def rate(field):
    return lambda s, w: getattr(fair.group_rates(s.labels, s.decisions[:, 1], s.groups, w), field)


def membership(measure, score):
    def call(s, w):
        w, values = np.ones(len(s.losses)) if w is None else w, score(s)
        return measure(values[s.member], values[~s.member], w[..., s.member], w[..., ~s.member])

    return call


def tpr(members, others, member_weights, other_weights):
    """At a false positive rate that the few records here can show."""
    return mia.tpr_at_fpr(members, others, 0.1, member_weights, other_weights)


def memorization(metric):
    return lambda s, w: metric(s.tokens, w)


def truth_ratio(aggregate):
    return lambda s, w: aggregate(truth.truth_ratio(s.losses, s.wrong), w)


def perplexities(metric):
    return lambda s, w: metric(
        mem.perplexity_per_text(s.others_tokens), mem.perplexity_per_text(s.tokens), w
    )


def triples(metric, count):
    """Of two or three texts of each item."""
    return lambda s, w: metric(*(s.losses, *s.wrong.round(1).T)[:count], w)


ATTACKS = {
    "": lambda s: s.losses,
    "_zlib": lambda s: mia.zlib_score(s.tokens, s.sizes),
    "_min_k": lambda s: mia.min_k_score(s.tokens),
    "_min_k_plus_plus": lambda s: mia.min_k_plus_plus_score(s.tokens),
    "_reference": lambda s: mia.reference_score(s.tokens, s.others_tokens),
}
CALLS = {
    "accuracy": classification(cls.accuracy),
    "balanced_accuracy": classification(cls.balanced_accuracy),
    "macro_f1": classification(cls.macro_f1),
    "micro_f1": classification(cls.micro_f1),
    "auroc": lambda s, w: cls.macro_auroc(s.labels, s.probabilities, w),
    "tpr": rate("tpr"),
    "fpr": rate("fpr"),
    "positive_rate": rate("positive_rate"),
    "group_accuracy": rate("accuracy"),
    "equalized_odds_max": fairness(fair.equalized_odds_max),
    "equalized_odds_mean": fairness(fair.equalized_odds_mean),
    "equalized_odds_ratio": fairness(fair.equalized_odds_ratio),
    "equal_opportunity": fairness(fair.equal_opportunity),
    "equal_opportunity_ratio": fairness(fair.equal_opportunity_ratio),
    "demographic_parity_ratio": fairness(fair.demographic_parity_ratio),
    "demographic_parity": fairness(fair.demographic_parity),
    "worst_group_accuracy": fairness(fair.worst_group_accuracy),
    "agreement": lambda s, w: agree.agreement(s.decisions, s.others, w),
    "jensen_shannon": lambda s, w: agree.jensen_shannon(s.probabilities, s.others, w),
    **{
        f"membership_auroc{attack}": membership(mia.membership_auroc, score)
        for attack, score in ATTACKS.items()
    },
    **{f"membership_tpr{attack}": membership(tpr, score) for attack, score in ATTACKS.items()},
    "perplexity": memorization(mem.perplexity),
    "probability": memorization(mem.probability),
    "memorization_accuracy": memorization(mem.memorization_accuracy),
    "exact_memorization": memorization(mem.exact_memorization),
    "reliability": memorization(edit.reliability),
    "generality": memorization(edit.generality),
    "locality": lambda s, w: edit.locality(s.labels, s.decisions[:, 1], w),
    "extraction_strength": memorization(mem.extraction_strength),
    "truth_ratio_indifference": truth_ratio(truth.truth_ratio_indifference),
    "truth_ratio_preference": truth_ratio(truth.truth_ratio_preference),
    "truth_ratio_probability": truth_ratio(truth.truth_ratio_probability),
    "probability_with_options": lambda s, w: truth.probability_with_options(s.losses, s.wrong, w),
    "kl": lambda s, w: div.kl(s.others, 0.9 * s.probabilities + 0.05, w),
    "jensen_shannon_reversed": lambda s, w: div.jensen_shannon_reversed(
        s.others, 0.9 * s.probabilities + 0.05, w
    ),
    "paraphrase_probability": memorization(mem.probability),
    "written_perplexity": lambda s, w: flu.written_perplexity(s.losses, w),
    "lpd": perplexities(div.lpd),
    "pdlp": perplexities(div.pdlp),
    "pseudo_perplexity": lambda s, w: pseudo.pseudo_perplexity(-s.losses, s.sizes, w),
    "mean_reciprocal_rank": lambda s, w: pseudo.mean_reciprocal_rank(s.losses, s.sizes, w),
    "digit_exposure": lambda s, w: pseudo.digit_exposure(s.losses, s.sizes, w),
    "stereotype_score": lambda s, w: stereo.stereotype_score(s.probabilities[:, 1], w),
    "language_modeling_score": lambda s, w: stereo.language_modeling_score(s.others[:, 1], w),
    "stereotype_score_change": lambda s, w: stereo.change(s.probabilities[:, 1], s.others[:, 1], w),
    "language_modeling_score_change": lambda s, w: stereo.change(
        s.others[:, 1], s.probabilities[:, 1], w
    ),
    "icat": lambda s, w: stereo.icat(s.probabilities[:, 1], s.others[:, 1], w),
    "stereotype_score_micro": triples(stereo.stereotype_score_micro, 2),
    "language_modeling_score_micro": triples(stereo.language_modeling_score_micro, 3),
    "icat_micro": triples(stereo.icat_micro, 3),
    "crows_pairs": triples(stereo.crows_pairs, 2),
    "crows_pairs_single": triples(stereo.crows_pairs_single, 2),
    "pronoun_gap": lambda s, w: stereo.pronoun_gap(s.probabilities[:, 1], s.others[:, 1], w),
    "pronoun_preference": lambda s, w: stereo.pronoun_preference(s.losses, s.sizes, w),
    "probe_accuracy": lambda s, w: pseudo.probe_accuracy(s.losses, w),
    "pronoun_correlation": lambda s, w: stereo.pronoun_correlation(s.losses, s.sizes, w),
    "klom": lambda s, w: margins.klom(
        np.stack([s.losses, s.losses + 1]), np.stack([s.losses, s.probabilities[:, 1]]), w
    ),
}
NOT_OVER_RECORDS = {
    # A text's own number, whose mean is `weighted_mean`, as probability's is: their hand values are
    # in test_extraction and test_measure_causal.
    *("rouge_l_recall", "rouge_l_f1", "rouge_1_recall", "rouge_1_f1", "rouge_l_recall_paraphrase"),
    *("distinct_1", "distinct_2", "repetition", "ngram_entropy"),
    # test_judges
    *("judged", "judged_share", "judged_most", "judged_any"),
    *("judge_accuracy", "judge_auroc", "judge_majority"),
    *("extraction_likelihood", "beam_extraction", "sampling_extraction"),
    *("sensitive_memorization_accuracy", "sensitive_extraction_likelihood"),  # test_sensitive
    *("sensitive_probability", "rest_memorization_accuracy", "rest_probability"),
    *("familiarity_completion", "familiarity_probability"),  # test_familiarity
    *("forget_quality", "truth_ratio_ks", "model_utility", "exposure", "exposure_sampled"),
    # of two values of membership_auroc
    *("privleak", "relative_auroc"),
    *("retrained_tokens", "retrained_share", "expected_share"),
    "kl_to_base",  # the same as kl, of a trial beside the base
    # of records and their texts: test_described
    *DATA,
    *(
        "expected_curve",
        "fit_cost",
        "cost_by_chance",
        "gap_by_chance",
        "random_share",
        "patterns_per_record",
    ),
}


def test_every_metric_over_records_is_tested_here():
    remedy = "give a new metric a line in CALLS, or name it in NOT_OVER_RECORDS"
    assert set(CALLS) | NOT_OVER_RECORDS == set(METRICS), remedy


def test_every_metric_is_computed_by_a_step():
    of_tracks = {name for track in TRACKS for name in track_of(track).metrics}
    assert of_tracks | set(COST) | set(DATA) | set(TUNING) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_metric_is_described(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.direction in {"up", "down", "match"}
    assert -np.inf < metric.low < metric.high
    assert metric.source and metric.summary


@pytest.mark.parametrize("name", CALLS)
def test_value_lies_in_the_stated_range(name):
    value = np.asarray(CALLS[name](draw(), None))
    assert value.shape == (
        (3,) if name in {"tpr", "fpr", "positive_rate", "group_accuracy"} else ()
    )
    assert (METRICS[name].low <= value).all() and (value <= METRICS[name].high).all()


@pytest.mark.parametrize("name", CALLS)
def test_order_of_records_does_not_matter(name):
    sample = draw()
    shuffled = sample.take(numpy_generator("order").permutation(len(sample.labels)))
    np.testing.assert_allclose(CALLS[name](shuffled, None), CALLS[name](sample, None), rtol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_bootstrap_equals_a_loop_over_resampled_records(name):
    """A row of B weights is the sample with each record repeated as often as it was drawn, measured
    without weights."""
    sample = draw()
    weights = bootstrap_weights(len(sample.labels), 20, numpy_generator("bootstrap"))
    repeated = [sample.take(np.repeat(np.arange(len(row)), row.astype(int))) for row in weights]
    loop = np.stack([CALLS[name](replicate, None) for replicate in repeated])
    assert np.ptp(loop, axis=0).min() > 0
    np.testing.assert_allclose(CALLS[name](sample, weights), loop, rtol=1e-12)
    np.testing.assert_allclose(CALLS[name](sample, weights[3]), loop[3], rtol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_only_ratios_of_weights_matter(name):
    sample = draw()
    weights = numpy_generator("scale").exponential(size=len(sample.labels))
    np.testing.assert_allclose(
        CALLS[name](sample, 7 * weights), CALLS[name](sample, weights), rtol=1e-12
    )


@pytest.mark.parametrize(
    "name", sorted(name for name in CALLS if not name.startswith("membership"))
)
@pytest.mark.parametrize(
    "weights", [np.ones(239), np.ones((2, 2, 240)), -np.ones(240), np.full(240, np.nan)]
)
def test_wrong_weights_are_refused(name, weights):
    with pytest.raises(ValueError, match="weights"):
        CALLS[name](draw(), weights)


def test_the_table_of_metrics_is_light_and_no_metric_imports_torch():
    """The graph is built from METRICS, so reading it must not import numpy; measuring imports numpy
    alone."""
    code = (
        "import sys, palimpsest.metrics; assert 'numpy' not in sys.modules\n"
        "from palimpsest.metrics import agreement, bootstrap, classification, cost, divergence, "
        "exposure, fairness, fluency, margins, membership\n"
        "from palimpsest.metrics import memorization, tokens, truth\n"
        "assert not {'torch', 'pandas', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
