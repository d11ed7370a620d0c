"""How far the predictions of two causal models lie apart, token by token of the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import torch

from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.likelihood import counted_logits
from palimpsest.training.losses import kl_terms

# rows of logits that are reduced together, so that softmax and moments need little more memory
ROWS = 256


class Compared:
    """Compares logits of batches with those of a reference model on the same batches: a model is
    like itself to the bit.

    divergences: DIVERGENCES, (n,) each: the mean over an example's counted tokens; NaN of examples
    that are not ``asked``.
    """

    def __init__(
        self, reference: torch.nn.Module, examples: LanguageModellingExamples, asked: Sequence[int]
    ):
        self.reference, self.examples = reference.eval(), examples
        self.asked = np.isin(np.arange(len(examples.lengths)), asked)
        self.divergences = {name: np.full(len(examples.lengths), np.nan) for name in DIVERGENCES}

    def show(
        self, indices: np.ndarray, batch: dict[str, torch.Tensor], logits: torch.Tensor
    ) -> None:
        """logits (N, V) of the N counted tokens of a batch, which holds the examples
        ``indices``."""
        expected, _ = counted_logits(self.reference, batch)
        parts = [
            divergences(*part)
            for part in zip(expected.split(ROWS), logits.split(ROWS), strict=True)
        ]
        rows = np.repeat(np.arange(len(indices)), self.examples.counted[indices])
        for name, values in zip(DIVERGENCES, zip(*parts, strict=True), strict=True):
            sums = np.bincount(
                rows, weights=torch.cat(values).cpu().double().numpy(), minlength=len(indices)
            )
            self.divergences[name][indices] = sums / self.examples.counted[indices]


def divergences(
    reference: torch.Tensor, model: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits (N, V) of both -> KL(reference || model), the Jensen-Shannon divergence and KGA's
    reversed one, (N,) each, in nats.

    As in metrics.divergence and metrics.agreement, but from log-probabilities, so that none becomes
    0.
    """
    p, q = (torch.log_softmax(logits.float(), dim=-1) for logits in (reference, model))
    middle = torch.logaddexp(p, q) - log(2)

    def kl(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return kl_terms(one, other).sum(dim=-1).clamp(min=0)  # rounding alone is negative

    return kl(p, q), (kl(p, middle) + kl(q, middle)) / 2, (kl(middle, p) + kl(middle, q)) / 2
