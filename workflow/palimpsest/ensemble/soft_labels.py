"""The joint predictions of teachers for texts that some of them have seen: the soft labels of
leave-one-out ensembles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from palimpsest.training.examples import Examples, WithConstants
from palimpsest.training.losses import wide
from palimpsest.training.predictions import Predict

# predictions whose whole distributions are in memory at once, where only the likeliest are kept
ROWS = 1024


@dataclass(frozen=True)
class Teachers:
    """count: how many; load(number): one of them, on its device, in eval mode; saw (n, count) bool:
    which teachers were trained on each example."""

    count: int
    load: Callable[[int], torch.nn.Module]
    saw: np.ndarray


def soft_labels(
    teachers: Teachers,
    asked: np.ndarray,
    predict: Predict,
    examples: Examples,
    aggregate: str,
    keep: int | None,
    batch_size: int = 16,
) -> WithConstants:
    """asked (n, count) bool: which teachers answer for each example -> their joint predictions.

    aggregate `mean` averages probabilities, `geometric` log-probabilities, normalised again. Kept
    in memory are the numbers of all classes or tokens for each prediction, or of the ``keep``
    likeliest; then each teacher is loaded once for every ``ROWS`` predictions.
    """
    if not asked.any(axis=1).all():
        raise ValueError("every example needs a teacher")
    together = partial(_together, teachers, asked, predict, examples, aggregate, batch_size)
    if keep is None:
        return _labelled(examples, together(np.arange(len(asked))))
    ends = np.cumsum(examples.counted)
    chunks = [
        _likeliest(together(chunk), keep)
        for chunk in np.split(np.arange(len(asked)), np.flatnonzero(np.diff(ends // ROWS)) + 1)
    ]
    return _labelled(examples, *(torch.cat(part) for part in zip(*chunks, strict=True)))


def _labelled(
    examples: Examples, labels: torch.Tensor, kept: torch.Tensor | None = None
) -> WithConstants:
    """Examples with a distribution for each prediction that counts, as log-probabilities (N, K),
    or, where only the likeliest are kept, (N, k + 1) with the rest together in the last column and
    their ids in ``kept`` (N, k)."""
    every = {"labels_of_teachers": labels} | ({} if kept is None else {"kept": kept})
    return WithConstants(examples, every=every)


def _together(
    teachers: Teachers,
    asked: np.ndarray,
    predict: Predict,
    examples: Examples,
    aggregate: str,
    batch_size: int,
    chunk: np.ndarray,
) -> torch.Tensor:
    """(N, K) log-probabilities of the predictions that count in the examples ``chunk``. Teachers
    are loaded one after another."""
    counted = examples.counted[chunk]
    answering, total = torch.from_numpy(np.repeat(asked[chunk], counted, axis=0)), None
    for number in range(teachers.count):
        model, row = teachers.load(number), 0
        for indices in np.split(chunk, range(batch_size, len(chunk), batch_size)):
            batch = {
                key: value.to(next(model.parameters()).device)
                for key, value in examples.batch(indices).items()
            }
            with torch.inference_mode():
                said = torch.log_softmax(wide(predict(model, batch).logits), dim=-1)
                said = (said if aggregate == "geometric" else said.exp()).cpu()
            if total is None:
                total = said.new_zeros(len(answering), said.shape[1])
            rows = slice(row, row := row + len(said))
            # not times 0: the log of probability 0 is -inf
            total[rows] += said.masked_fill(~answering[rows, number, None], 0)
    mean = total.div_(answering.sum(dim=1, keepdim=True))
    return torch.log_softmax(mean, dim=-1) if aggregate == "geometric" else mean.log_()


def _likeliest(labels: torch.Tensor, keep: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, K) -> (N, k + 1), the likeliest and the rest as one, and which these are, (N, k)."""
    top, kept = labels.topk(min(keep, labels.shape[1] - 1), dim=-1)
    return torch.cat([top, rest_of(top)], dim=-1), kept


def rest_of(top: torch.Tensor) -> torch.Tensor:
    """top (N, k) log-probabilities -> (N, 1): that of everything else."""
    rest = -torch.expm1(torch.logsumexp(top, dim=-1, keepdim=True))
    return rest.clamp_min(torch.finfo(top.dtype).tiny).log()
