"""What a model's scores of a text reveal about whether it was trained on that text.

An attack gives each text a score that is like a loss: the lower, the more it looks like a member.
The attack of Yeom et al. 2018 calls a record a member if its loss lies under a threshold. The ROC
curve of an attack runs over all thresholds; the area under it needs none, and its start shows how
many members the attack recognises with hardly any false accusations.

Members and non-members must be of one distribution, or the attack tells the two apart by what they
are about.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from palimpsest.metrics.classification import auroc
from palimpsest.metrics.inputs import ratio, record_weights
from palimpsest.metrics.memorization import nll_per_text
from palimpsest.metrics.tokens import TokenScores


def loss_score(scores: TokenScores) -> np.ndarray:
    """Mean NLL of a text's tokens in nats, (n,); [0, inf). Yeom et al. 2018."""
    return nll_per_text(scores)


def zlib_score(scores: TokenScores, sizes) -> np.ndarray:
    """Mean NLL over the bytes that the text takes compressed, (n,); [0, inf). Carlini et al. 2021.

    sizes (n,): ``zlib_sizes`` of the texts that were scored, without their prompts. A text that is
    easy to guess for everybody compresses well.
    """
    sizes = np.asarray(sizes)
    if sizes.shape != (len(scores),) or not (sizes > 0).all():
        raise ValueError(f"sizes must be {len(scores)} positive numbers")
    return loss_score(scores) / sizes


def zlib_sizes(texts: Iterable[str]) -> np.ndarray:
    """Bytes of each text in UTF-8, compressed by zlib at its default level, (n,) int64."""
    return np.array([len(zlib.compress(text.encode())) for text in texts], dtype=np.int64)


def reference_score(scores: TokenScores, reference: TokenScores) -> np.ndarray:
    """Mean NLL less that of a reference model on the same texts, in nats, (n,). As in Shi et al.
    2024 and mimir (Duan et al. 2024); Carlini et al. 2021, who proposed to compare with another
    model, take the ratio of the two.

    The reference has not seen the members. Its tokenizer may be another one; ValueError where it
    scored another number of texts.
    """
    if len(scores) != len(reference):
        raise ValueError(f"the reference scored {len(reference)} texts, not {len(scores)}")
    return loss_score(scores) - loss_score(reference)


def min_k_score(scores: TokenScores, share: float = 0.2) -> np.ndarray:
    """-mean of the lowest ``share`` of a text's token log-probabilities, in nats, (n,); [0, inf).
    Shi et al. 2024.

    share in (0, 1], rounded down to tokens, but at least one; 0.2 is the paper's choice. The end of
    text is left out. share = 1 is the loss without the end of text.
    """
    scores = scores.without_last()
    return -_mean_of_lowest(scores, scores.logp, share)


def min_k_plus_plus_score(scores: TokenScores, share: float = 0.2) -> np.ndarray:
    """As min_k_score, of (log p - mu) / sigma: how the token compares with the others that could
    stand there, (n,).

    Zhang et al. 2025, who set no bound to sigma. Here it is at least 1e-3 (its square 1e-6, as in
    open-unlearning, Dorna et al. 2025): where one token has all the probability there is nothing to
    compare with.
    """
    scores = scores.without_last()
    logp, mean, deviation = (
        np.asarray(values, dtype=np.float64)
        for values in (scores.logp, scores.mean, scores.deviation)
    )
    return -_mean_of_lowest(scores, (logp - mean) / np.maximum(deviation, 1e-3), share)


def membership_auroc(member_scores, nonmember_scores, member_weights=None, nonmember_weights=None):
    """P(score of a member < score of a non-member) + P(equal) / 2, () or (B,); [0, 1], match. Yeom
    et al. 2018.

    member_scores (n,), nonmember_scores (m,): of any attack. 0.5: nothing is revealed, 1:
    everything. Under 0.5 members have the *higher* score, which betrays them as well: the value to
    reach is the oracle's. Weights: None, (n,) or (B, n) and None, (m,) or (B, m); a bootstrap draws
    each sample apart, with the same B.
    """
    is_member, scores, weights = _joined(
        member_scores, nonmember_scores, member_weights, nonmember_weights
    )
    return auroc(is_member, -scores, weights)


loss_auroc = membership_auroc  # where the score is the loss itself


def privleak(auroc, oracle_auroc):
    """100 ((1 - A) - (1 - A')) / (1 - A'), A the ``membership_auroc`` of a model, A' the oracle's,
    in per cent, () or (B,); [-100, inf), match: 0. MUSE (Shi et al. 2025).

    Below 0 members are recognised more than with the oracle: too little is forgotten; above 0 they
    stand out as unlikely. MUSE's own A counts the forgotten as non-members, hence its 1 - A, and is
    of ``min_k_score`` with a share of 0.4. NaN where A' is 1; open-unlearning adds 1e-10 to what it
    divides by, which then gives thousands of millions.
    """
    auroc, oracle_auroc = np.asarray(auroc), np.asarray(oracle_auroc)
    return 100 * ratio(oracle_auroc - auroc, 1 - oracle_auroc)


def relative_auroc(auroc, oracle_auroc):
    """100 (A - A') / A', in per cent, () or (B,); [-100, inf), match: 0. `rel_diff` of
    open-unlearning (Dorna et al. 2025). NaN where A' is 0."""
    auroc, oracle_auroc = np.asarray(auroc), np.asarray(oracle_auroc)
    return 100 * ratio(auroc - oracle_auroc, oracle_auroc)


def tpr_at_fpr(
    member_scores, nonmember_scores, fpr: float = 0.01, member_weights=None, nonmember_weights=None
):
    """Largest share of members under a threshold that at most ``fpr`` of the non-members lie under,
    () or (B,); [0, 1], match.

    Carlini et al. 2022. Equal scores are called alike: if those of one value would break the bound,
    none of them is called a member, and nothing is interpolated. With fewer than 1 / fpr
    non-members none may lie under the threshold. A model that reveals nothing has ``fpr`` at most.
    Weights as for membership_auroc; NaN where one of the sides has no weight.
    """
    if not 0 <= fpr <= 1:
        raise ValueError(f"fpr must lie in [0, 1], not {fpr}")
    is_member, scores, weights = _joined(
        member_scores, nonmember_scores, member_weights, nonmember_weights
    )
    order = np.argsort(scores, kind="stable")
    scores, is_member, weights = scores[order], is_member[order], weights[..., order]
    # of runs of equal scores: the possible thresholds
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    members, others = (
        np.cumsum(weights * side, axis=-1)[..., ends] for side in (is_member, ~is_member)
    )
    allowed = ratio(others, others[..., -1:]) <= fpr
    recognised = ratio(np.where(allowed, members, 0).max(axis=-1), members[..., -1])
    return np.where(others[..., -1] > 0, recognised, np.nan)[()]


def _joined(
    members, others, member_weights, other_weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of both samples in one: whether it is a member (n + m,), the score (n + m,), the weight (n +
    m,) or (B, n + m)."""
    members, others = np.asarray(members), np.asarray(others)
    weights = [
        record_weights(member_weights, len(members)),
        record_weights(other_weights, len(others)),
    ]
    lead = np.broadcast_shapes(*(w.shape[:-1] for w in weights))
    joined = np.concatenate([np.broadcast_to(w, (*lead, w.shape[-1])) for w in weights], axis=-1)
    scores = np.concatenate([members, others])
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError("scores must have the shapes (n,) and (m,) and hold no NaN")
    return np.arange(len(scores)) < len(members), scores, joined


def _mean_of_lowest(scores: TokenScores, values: np.ndarray, share: float) -> np.ndarray:
    """Mean of the lowest ``share`` of each text's values (N,), (n,) float64."""
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], not {share}")
    lengths = scores.lengths
    # 0.29 * 100 is 28.999...
    counts = np.maximum(1, np.floor(share * lengths + 1e-9)).astype(np.int64)
    text = np.repeat(np.arange(len(scores)), lengths)
    rising = values[np.lexsort((values, text))]  # within each text
    lowest = np.arange(len(values)) - scores.offsets[text] < counts[text]
    return scores.per_text(np.where(lowest, rising, 0)) * lengths / counts
