"""gradient_ascent (Jang et al. 2023): the loss on the forget set is maximised, and nothing else.

    L = - nll(D_f),  nll the mean over all predictions that count in D_f

Each update takes the whole forget set (the authors' code refuses anything else), so that epochs are updates. Adam with betas (0.9, 0.98),
constant rate, no weight decay, no clipping, no dropout. It stops as soon as the model before this update knew the forget set no better
than unseen text of the same kind, D_n: by memorization accuracy and extraction likelihood of a causal model, as the paper has it, by the
log-likelihood of the true label of a classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods.settings import Training
from palimpsest.training.objective import Objective, Part

if TYPE_CHECKING:
    from palimpsest.methods.unlearning import Run


@dataclass(frozen=True)
class Settings(Training):
    """Of the authors' code: lr 5e-5 for GPT-Neo, at most 20 updates."""

    learning_rate: float = 5e-5
    epochs: int = 20
    batch_size: int | None = None
    clip_norm: float | None = None
    schedule: str = "constant"
    betas: tuple[float, float] = (0.9, 0.98)
    dropout: bool = False


EXTRACTED = ("forget", "extra")  # sets of which it watches what can be extracted, too


def stops(settings: Settings, known: tuple[str, ...], watched: list[dict]) -> bool:
    """Whether every number of memory is lower on the forget set than on unseen text (strictly, as the authors' code has it)."""
    now = watched[-1]
    return all(now[f"forget_{name}"] < now[f"extra_{name}"] for name in known)


def objective(run: Run, settings: Settings) -> Objective:
    return Objective({"forget": Part(run.sets["forget"], run.likelihood)}, {"forget": -1.0})
