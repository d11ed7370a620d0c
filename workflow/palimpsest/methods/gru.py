"""gru: gradient rectified unlearning (Wang et al. 2025).

    g = g_f - min(0, <g_f, m>) / <m, m> * m
    m = newest * g_r + (1 - newest) * m of the update before

g_f is the gradient of the forget loss, g_r that of nll(D_r): where a step of forgetting would raise
the loss on retained data, to first order, what raises it is taken out of the step. One-sided: the
retained loss is never added, so that it may rise through AdamW, which scales the step of each
weight separately, but is never lowered. Forgetting is by ascent or by NPO.

    loss: ascent    - nll(D_f)
    loss: npo       NPO's, with ``beta``

m is 0 before the first update. It is kept after each epoch, for a run that is killed to go on with:
as much on disk as the weights, each time, until the run ends; with newest 1 nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from palimpsest.methods.contract import Method, Trained
from palimpsest.training.objective import Gradients, Objective, Part
from palimpsest.training.settings import TINY, Bounds, Factor

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Trained):
    """newest (the code's gamma) 0.8, ascent, and beta 0.1 from the authors' code for
    open-unlearning."""

    loss: Literal["ascent", "npo"] = "ascent"
    newest: Annotated[float, Bounds(TINY, 1)] = 0.8
    beta: Factor = 0.1


def rectified(forget: Gradients, retain: Gradients) -> Gradients:
    """The gradient of forgetting, without what raises the retained loss: where their inner product
    is negative, its component normal to the other."""
    from palimpsest.training.directions import combined, gram

    gradients = {"forget": forget, "retain": retain}
    products = gram(gradients)
    if products[0, 1] >= 0:
        return forget
    return combined(gradients, [1.0, -products[0, 1] / products[1, 1]])


@dataclass
class Rectifying:
    """The direction of an update, with the moving average that it takes over from the one
    before."""

    run: Run
    newest: float
    per_epoch: int
    average: Gradients | None = None
    epoch: int = 0
    made: int = 0

    def direction(self, gradients: dict[str, Gradients]) -> Gradients:
        from palimpsest.training.directions import combined

        now = {"now": gradients["retain"]}
        if self.average:
            now["before"] = self.average
        self.average = combined(now, [self.newest, 1 - self.newest][: len(now)])
        self.made += 1
        if self.made == self.per_epoch:  # before the loop saves its state
            self.kept(self.epoch + 1)
        return rectified(gradients["forget"], self.average)

    def begin(self, epoch: int) -> dict:
        """Before an epoch, or after a resume, which is at the start of one. No new examples."""
        self.epoch, self.made = epoch, 0
        if epoch and not self.average:
            self.average = self.kept(epoch)
        return {}

    def pace(self, updates: int) -> None:
        self.per_epoch = updates

    def kept(self, epoch: int) -> Gradients:
        return self.run.kept(f"average before epoch {epoch}", lambda: self.average)


def objective(run: Run, settings: Settings) -> Objective:
    forget = run.sets["forget"]
    parts = {
        "forget": _by_preference(run, settings) if settings.loss == "npo" else _by_ascent(run),
        "retain": Part(run.sets["retain"], run.likelihood),
    }
    size = settings.batch_size or len(forget.lengths)
    per_epoch = Objective(parts).steps_per_epoch(size)
    way = Rectifying(run, settings.newest, per_epoch)
    keeps = settings.newest < 1
    return Objective(
        parts,
        {"forget": 1.0, "retain": 0.0},
        direction=way.direction if keeps else lambda found: rectified(**found),
        refresh=way.begin if keeps else None,
        paced=way.pace,
    )


def _by_ascent(run: Run) -> Part:
    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return -run.likelihood(model, batch)

    return Part(run.sets["forget"], loss)


def _by_preference(run: Run, settings: Settings) -> Part:
    from palimpsest.methods.npo import negative_preference_sum
    from palimpsest.training.examples import WithConstants

    forget = run.sets["forget"]
    reference = run.reference_losses("forget", settings.batch_size or len(forget.lengths))

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return negative_preference_sum(run.losses(model, batch), batch["reference"], settings.beta)

    return Part(WithConstants(forget, {"reference": reference}), loss, per="example")


METHOD = Method(Settings, objective)
