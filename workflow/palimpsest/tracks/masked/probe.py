"""A linear probe: what a logistic regression reads from a frozen model's hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.data.blanks import FIT, JUDGED, PROBE
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.training.batches import collate

if TYPE_CHECKING:
    import pandas as pd

PENALTY = 1.0  # half of it times the squared weights, as scikit-learn's default C = 1 has it


def probed(
    model: torch.nn.Module, examples: MaskedExamples, texts: pd.DataFrame, batch_size: int
) -> np.ndarray:
    """Of each text of the probe that it is not fitted to, the probability of its label; else NaN.

    A text is the mean of the last hidden states of its tokens, nothing hidden; each dimension is
    scaled by what it is over the texts that the probe is fitted to.
    """
    from scipy.special import expit

    said = np.full(len(texts), np.nan)
    task, term = texts["task"].to_numpy(), texts["term"].to_numpy()
    fit, judged = (np.flatnonzero((task == PROBE) & (term == role)) for role in (FIT, JUDGED))
    if not len(fit) or not len(judged):
        return said
    labels = texts["statistic"].to_numpy()
    labels = np.where(np.isin(np.arange(len(texts)), [*fit, *judged]), labels, "0").astype(int)
    features = {role: means(model, examples, rows, batch_size)
                for role, rows in ((FIT, fit), (JUDGED, judged))}  # fmt: skip
    centre, spread = features[FIT].mean(axis=0), features[FIT].std(axis=0)
    spread[spread == 0] = 1
    weights, bias = fitted((features[FIT] - centre) / spread, labels[fit])
    scores = (features[JUDGED] - centre) / spread @ weights + bias
    said[judged] = expit(np.where(labels[judged] == 1, scores, -scores))
    return said


@torch.inference_mode()
def means(
    model: torch.nn.Module, examples: MaskedExamples, rows: np.ndarray, batch_size: int
) -> np.ndarray:
    """(n, d) means of the last hidden states of the tokens of each text, float64."""
    model.eval()
    lengths = examples.lengths[rows]
    order, found = np.argsort(lengths, kind="stable"), None
    for start in range(0, len(order), batch_size):
        some = order[start : start + batch_size]
        batch = collate([examples.token_ids[rows[place]] for place in some], examples.pad_id)
        batch = {key: value.to(model.device) for key, value in batch.items()}
        states = model.base_model(**batch).last_hidden_state.double()
        mask = batch["attention_mask"][..., None]
        values = ((states * mask).sum(dim=1) / mask.sum(dim=1)).cpu().numpy()
        found = np.empty((len(rows), values.shape[1])) if found is None else found
        found[some] = values
    return found


def fitted(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """features (n, d), labels (n,) 0 or 1 -> (weights (d,), bias) of the logistic regression with
    the least sum of losses + PENALTY / 2 |weights|^2; the bias is not penalised."""
    from scipy.optimize import minimize
    from scipy.special import expit

    signs = np.where(labels == 1, 1.0, -1.0)

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = point[:-1], point[-1]
        margins = signs * (features @ weights + bias)
        slopes = -signs * expit(-margins)
        value = np.logaddexp(0, -margins).sum() + PENALTY / 2 * weights @ weights
        return value, np.append(features.T @ slopes + PENALTY * weights, slopes.sum())

    start = np.zeros(features.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    return found.x[:-1], float(found.x[-1])
