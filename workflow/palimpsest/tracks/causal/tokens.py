"""Predictions of a causal model for each counted token: one forward pass of a text, from which all
metrics of single tokens follow."""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.metrics.tokens import TokenScores
from palimpsest.tracks.causal.compared import ROWS, Compared
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.likelihood import counted_logits


@torch.inference_mode()
def token_scores(
    model: torch.nn.Module,
    examples: LanguageModellingExamples,
    batch_size: int,
    against: Compared | None = None,
) -> TokenScores:
    """Scores of the counted tokens of n texts, in the order of ``examples``; the model is left in
    evaluation mode.

    Batches hold texts of similar length, either all or none of them compared ``against`` a
    reference. The most memory is taken by the logits of a batch, (N, V) of its N counted tokens;
    twice as much where they are compared.
    """
    model.eval()
    offsets = np.append(0, np.cumsum(examples.counted))
    kinds = {"logp": np.float32, "correct": bool, "mean": np.float32, "deviation": np.float32}
    scores = {name: np.empty(offsets[-1], dtype=kind) for name, kind in kinds.items()}
    compared = against.asked if against else np.zeros(len(examples.lengths), dtype=bool)
    for indices in [
        *_batches(examples, compared, batch_size),
        *_batches(examples, ~compared, batch_size),
    ]:
        batch = {key: value.to(model.device) for key, value in examples.batch(indices).items()}
        logits, tokens = counted_logits(model, batch)
        if against and compared[indices[0]]:
            against.show(indices, batch, logits)
        parts = [
            score_tokens(*part) for part in zip(logits.split(ROWS), tokens.split(ROWS), strict=True)
        ]
        places = np.concatenate(
            [np.arange(offsets[index], offsets[index + 1]) for index in indices]
        )
        for name, values in zip(scores, zip(*parts, strict=True), strict=True):
            scores[name][places] = torch.cat(values).cpu().numpy()
    return TokenScores(offsets, **scores)


def _batches(
    examples: LanguageModellingExamples, chosen: np.ndarray, size: int
) -> list[np.ndarray]:
    """Positions of the examples ``chosen`` (n,) bool, by length."""
    order = np.argsort(examples.lengths, kind="stable")
    order = order[chosen[order]]
    return [order[start : start + size] for start in range(0, len(order), size)]


def score_tokens(
    logits: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """logits (N, V), tokens (N,) int -> logp, correct, mean, deviation, each (N,), in float32 and
    nats; see ``TokenScores``.

    mean and deviation are those of log p(v) for v ~ p (Zhang et al. 2025, Min-K%++). The deviation
    is taken around the mean: of a nearly certain or a nearly uniform prediction the difference of
    the moments would be rounding alone.
    """
    log_probabilities = torch.log_softmax(logits.float(), dim=-1)
    logp = log_probabilities.gather(1, tokens[:, None])[:, 0]
    correct = logits.argmax(dim=-1) == tokens  # the first of equal ones
    probabilities = log_probabilities.exp()
    # 0 log 0 = 0
    log_probabilities = log_probabilities.masked_fill(log_probabilities == -torch.inf, 0)
    mean = (probabilities * log_probabilities).sum(dim=-1)
    variance = (probabilities * (log_probabilities - mean[:, None]).square()).sum(dim=-1)
    return logp, correct, mean, variance.sqrt()
