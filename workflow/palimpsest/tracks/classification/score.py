"""Predictions of a classifier for each record: one log-probability for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.tracks.classification.examples import ClassificationExamples

if TYPE_CHECKING:
    import pandas as pd

KEPT = ()


@torch.inference_mode()
def log_probabilities(
    model: torch.nn.Module, examples: ClassificationExamples, batch_size: int
) -> np.ndarray:
    """-> (n, C) float32: log softmax of the logits, in nats, rows in the order of ``examples``."""
    model.eval()
    order = np.argsort(examples.lengths, kind="stable")
    rows = np.empty((len(order), model.config.num_labels), dtype=np.float32)
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        batch = {
            key: value.to(model.device)
            for key, value in examples.batch(indices).items()
            if key != "labels"
        }
        rows[indices] = torch.log_softmax(model(**batch).logits.float(), dim=-1).cpu().numpy()
    return rows


def texts(records: pd.DataFrame, candidates: None) -> pd.DataFrame:
    """The records; there are no other texts."""
    return records


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: ClassificationExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: None = None,
) -> dict[str, np.ndarray]:
    """Columns of a score file: logp_0 .. logp_{C-1} (n,), in nats."""
    rows = log_probabilities(model, examples, settings["batch_size"])
    return {f"logp_{label}": rows[:, label] for label in range(rows.shape[1])}
