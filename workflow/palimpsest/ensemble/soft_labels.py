"""What teachers together say of texts that some of them have seen: the soft labels of leave-one-out ensembles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.losses import wide
from palimpsest.tracks.predictions import Predict
from palimpsest.training.objective import Examples, Wrapped


@dataclass(frozen=True)
class Teachers:
    """count: how many; load(number): one of them, on its device, in eval mode; saw (n, count) bool: which have seen each example."""

    count: int
    load: Callable[[int], torch.nn.Module]
    saw: np.ndarray


@dataclass(frozen=True)
class Labelled(Wrapped):
    """Examples with a distribution for each prediction that counts, as log-probabilities (N, K), or, where only the likeliest are kept,
    (N, k + 1) with the rest together in the last column and their ids in ``kept`` (N, k)."""

    labels: torch.Tensor
    kept: torch.Tensor | None = None

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        ends = np.cumsum(self.examples.counted)
        rows = torch.from_numpy(np.concatenate([np.arange(ends[i] - self.examples.counted[i], ends[i]) for i in indices]))
        kept = {} if self.kept is None else {"kept": self.kept[rows]}
        return self.examples.batch(indices) | {"labels_of_teachers": self.labels[rows]} | kept


def soft_labels(
    teachers: Teachers, asked: np.ndarray, predict: Predict, examples: Examples, aggregate: str, keep: int | None, batch_size: int = 16
) -> Labelled:
    """asked (n, count) bool: which teachers answer for each example -> what they say together.

    aggregate `mean` averages probabilities, `geometric` log-probabilities, normalised again. Teachers are loaded one after another; what
    stays in memory is one number for each prediction and class or token, or ``keep`` of them.
    """
    if not asked.any(axis=1).all():
        raise ValueError("every example needs a teacher")
    counted, total = examples.counted, None
    answering = torch.from_numpy(np.repeat(asked, counted, axis=0))
    for number in range(teachers.count):
        model, done = teachers.load(number), []
        for start in range(0, len(counted), batch_size):
            indices = np.arange(start, min(start + batch_size, len(counted)))
            batch = {key: value.to(next(model.parameters()).device) for key, value in examples.batch(indices).items()}
            with torch.inference_mode():
                logp = torch.log_softmax(wide(predict(model, batch).logits), dim=-1)
                done.append((logp if aggregate == "geometric" else logp.exp()).cpu() * 1.0)
        said = torch.cat(done) * answering[:, number, None]
        total = said if total is None else total + said
    mean = total / answering.sum(dim=1, keepdim=True)
    labels = torch.log_softmax(mean, dim=-1) if aggregate == "geometric" else mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
    if keep is None or keep >= labels.shape[1]:
        return Labelled(examples, labels)
    top, kept = labels.topk(keep, dim=-1)
    return Labelled(examples, torch.cat([top, rest_of(top)], dim=-1), kept)


def rest_of(top: torch.Tensor) -> torch.Tensor:
    """top (N, k) log-probabilities -> (N, 1): that of everything else."""
    rest = -torch.expm1(torch.logsumexp(top, dim=-1, keepdim=True))
    return rest.clamp_min(torch.finfo(top.dtype).tiny).log()
