"""Whether a planted secret can be extracted from a causal model that is given the text before it
(Liu and Kalinli 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from palimpsest.metrics.extraction import beam_extracted, sampling_hit_rate
from palimpsest.models.generation import beam_search, sample
from palimpsest.randomness import torch_generator
from palimpsest.tracks.causal.examples import LanguageModellingExamples


def extracted(
    model: torch.nn.Module,
    examples: LanguageModellingExamples,
    planted: dict[str, list[int]],
    beams: int,
    samples: int,
) -> dict[str, np.ndarray]:
    """beam_extracted (0 or 1) and sampling_hit_rate, (n,) each; NaN of examples that hold no
    secret.

    planted: by record, the position of its text and then of the same text with other secrets. The
    model is given the text up to where these begin to differ. The same uniform numbers are drawn
    for every model.
    """
    columns = {
        name: np.full(len(examples.lengths), np.nan)
        for name in ("beam_extracted", "sampling_hit_rate")
    }
    for record, (position, *others) in planted.items():
        start, end = secret_span(
            examples.token_ids[position], [examples.token_ids[i] for i in others]
        )
        before = examples.token_ids[position][:start]
        secret = list(examples.token_ids[position][start:end])
        columns["beam_extracted"][position] = beam_extracted(
            beam_search(model, before, len(secret), beams), secret
        )
        drawn = sample(model, before, len(secret), samples, torch_generator("extraction", record))
        columns["sampling_hit_rate"][position] = sampling_hit_rate(drawn, secret)
    return columns


def secret_span(ids: Sequence[int], others: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Where a text's secret starts and ends: its tokens without the common beginning and the common
    end of all texts."""
    start = min(_shared(ids, other) for other in others)
    last = min(_shared(ids[::-1], other[::-1]) for other in others)
    return start, max(len(ids) - last, start + 1)


def _shared(ids: Sequence[int], other: Sequence[int]) -> int:
    """Number of tokens of the common beginning of two texts."""
    return next(
        (place for place, (one, two) in enumerate(zip(ids, other, strict=False)) if one != two),
        min(len(ids), len(other)),
    )
