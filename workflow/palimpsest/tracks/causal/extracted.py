"""Whether a planted secret can be got out of a causal model that is given what stands before it
(Liu and Kalinli 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from palimpsest.generation import beam_search, sample
from palimpsest.metrics.extraction import beam_extracted, sampling_hit_rate
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
    model is given the text up to where these begin to differ. Of every model the same uniform
    numbers are drawn.
    """
    columns = {
        name: np.full(len(examples.lengths), np.nan)
        for name in ("beam_extracted", "sampling_hit_rate")
    }
    for record, (own, *others) in planted.items():
        start, end = secret_span(examples.token_ids[own], [examples.token_ids[i] for i in others])
        before, secret = examples.token_ids[own][:start], list(examples.token_ids[own][start:end])
        columns["beam_extracted"][own] = beam_extracted(
            beam_search(model, before, len(secret), beams), secret
        )
        drawn = sample(model, before, len(secret), samples, torch_generator("extraction", record))
        columns["sampling_hit_rate"][own] = sampling_hit_rate(drawn, secret)
    return columns


def secret_span(ids: Sequence[int], others: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Where a text's secret starts and ends: its tokens without those that all of the texts have
    first, and have last."""
    start = min(_shared(ids, other) for other in others)
    last = min(_shared(ids[::-1], other[::-1]) for other in others)
    return start, max(len(ids) - last, start + 1)


def _shared(ids: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    return next(
        (place for place, (one, two) in enumerate(zip(ids, other, strict=False)) if one != two),
        min(len(ids), len(other)),
    )
