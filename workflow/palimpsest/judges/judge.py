"""A judge as scores and rewards use it: texts -> probabilities of label 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from palimpsest.files import read_json
from palimpsest.models.folder import check_model
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.tracks.classification import model as classifier
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.tracks.classification.score import log_probabilities

HEAD = {"classes": 2}
BATCH = 128


@dataclass(frozen=True)
class Judge:
    """A classifier of two labels, on its device. Texts are cut at max_length tokens."""

    model: torch.nn.Module
    tokenizer: object
    max_length: int

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) probability of label 1; NaN of a blank text, of which nothing can be said."""
        values = np.full(len(texts), np.nan)
        said = [number for number, text in enumerate(texts) if text.strip()]
        if said:
            ids, _ = classifier.encode_texts(
                self.tokenizer, [texts[number] for number in said], self.max_length
            )
            values[said] = probabilities(self.model, ids, self.tokenizer.pad_token_id)
        return values


def probabilities(model: torch.nn.Module, token_ids: list[list[int]], pad_id: int) -> np.ndarray:
    """(n,) probability of label 1."""
    examples = ClassificationExamples(token_ids, [0] * len(token_ids), pad_id)
    return np.exp(log_probabilities(model, examples, BATCH)[:, 1].astype(np.float64))


def load(folder: Path, device: torch.device) -> Judge:
    """The judge of a folder that steps/judge.py wrote, checked against its report."""
    check_model(folder)
    tokenizer = load_tokenizer(folder)
    model = classifier.load(folder, tokenizer, HEAD).to(device).eval().requires_grad_(False)
    return Judge(model, tokenizer, read_json(folder / "training.json", "max_length")["max_length"])
