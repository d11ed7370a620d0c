"""What a classifier says about each record: one log-probability a class."""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.training.classification import ClassificationExamples


@torch.inference_mode()
def log_probabilities(model: torch.nn.Module, examples: ClassificationExamples, batch_size: int) -> np.ndarray:
    """-> (n, C) float32: log softmax of the logits, in nats, rows in the order of ``examples``."""
    model.eval()
    order = np.argsort(examples.lengths, kind="stable")
    rows = np.empty((len(order), model.config.num_labels), dtype=np.float32)
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        batch = {key: value.to(model.device) for key, value in examples.batch(indices).items() if key != "labels"}
        rows[indices] = torch.log_softmax(model(**batch).logits.float(), dim=-1).cpu().numpy()
    return rows
