"""Sequence classifiers; see making.py."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.models.making import load, make

KIND = "AutoModelForSequenceClassification"


def make_classifier(settings: dict, tokenizer, classes: int, *names: object) -> torch.nn.Module:
    """A fresh model by the study's `model` section; every random weight follows from ``names``."""
    return make(KIND, settings, tokenizer, names, num_labels=classes)


def load_classifier(source: str | Path, tokenizer, classes: int) -> torch.nn.Module:
    """A model from a folder, with room for every token of ``tokenizer``."""
    return load(KIND, source, tokenizer, num_labels=classes)
