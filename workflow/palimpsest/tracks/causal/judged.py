"""What judges say of the texts that a causal model writes: greedily, and sampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from palimpsest.models.generation import sample
from palimpsest.randomness import torch_generator
from palimpsest.tracks.causal.stored import JUDGED, JUDGED_MOST

Judge = Callable[[Sequence[str]], np.ndarray]


def judged(
    model: torch.nn.Module,
    tokenizer,
    prompts: Sequence[Sequence[int]],
    lengths: Sequence[int],
    said: Sequence[str],
    judges: Mapping[str, Judge],
    samples: int,
) -> dict[str, np.ndarray]:
    """Of each prompt and judge the probability of label 1 of what was ``said`` greedily, and the
    largest of ``samples`` continuations of as many tokens as ``lengths`` says, up to an end of
    text. NaN of what is blank.

    Sampled at temperature 1 from the whole distribution; the same uniform numbers for every model.
    """
    columns = {f"{JUDGED}{name}": judge(said) for name, judge in judges.items()}
    if samples:
        drawn = [
            text
            for prompt, length in zip(prompts, lengths, strict=True)
            for text in sampled(model, tokenizer, prompt, length, samples)
        ]
        for name, judge in judges.items():
            columns[f"{JUDGED_MOST}{name}"] = largest(judge(drawn).reshape(-1, samples))
    return columns


def sampled(
    model: torch.nn.Module, tokenizer, prompt: Sequence[int], length: int, samples: int
) -> list[str]:
    """Continuations of a prompt; its tokens name the draw."""
    end = tokenizer.eos_token_id
    found = sample(model, prompt, length, samples, torch_generator("judged", *prompt))
    found = [ids[: ids.index(end)] if end in ids else ids for ids in found]
    return [tokenizer.decode(ids, skip_special_tokens=True) for ids in found]


def largest(values: np.ndarray) -> np.ndarray:
    """(n, samples) -> (n,) the largest of each row that is defined; NaN where none is."""
    most = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    return np.where(np.isinf(most), np.nan, most)
