"""llmu: ascent on harmful answers, other answers instead, and normal text as before (Yao et al.
2023).

    L = - forget_weight * mean over (x, y) of D_f of nll(y | x)
        + mismatch_weight * mean over x of D_f and the other answers y' of nll(y' | x)
        + retain_weight * mean over D_r of KL(A_D || theta)

nll(y | x) is the mean over the tokens of an answer. A record's ``answers`` other answers are those
of retained records, drawn at random for each time that it is read; those of one update are shared
by its records in the authors' code. D_r stands for their normal data, which should have the same
form as D_f.

It stops once nll(D_f), the mean over all that counts, is at least ``enough``, which is looked at
after each epoch; an epoch is a number of ``updates``, whatever the size of D_f, so that there are
never more than epochs * updates.

Departures from the released code, whose tokens and stop are off: there the loss on other answers
covers the prompt, too; that on harmful ones leaves out their first and last tokens; the term on
normal text counts padding, and is a cross-entropy, whose gradient is that of KL; the loss that is
to stop it is negated, so that it never does; and the number of updates is looked at between passes
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Factor, Norm, Rate, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.training.examples import Examples


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """From the authors' script for OPT-1.3B: AdamW at 2e-6 with decay, no clipping, two records an
    update, at most 1,000 updates, five other answers, a loss of 100 to stop at, and the weights
    (epsilon 1 to 3)."""

    learning_rate: Rate = 2e-6
    weight_decay: Weight = 0.01
    clip_norm: Norm | None = None
    batch_size: Count | None = 2
    epochs: Count = 20
    updates: Count = 50
    answers: Count = 5
    enough: Factor = 100.0
    forget_weight: Weight = 0.5
    mismatch_weight: Weight = 1.0
    retain: Literal["nll", "kl"] = "kl"


def answer_loss_sum(losses: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """losses (B,): summed negative log-likelihoods of each answer; counted (B,): of how many tokens
    -> (): sum over answers of the mean over their tokens."""
    return (losses / counted).sum()


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import retain_part

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return answer_loss_sum(run.losses(model, batch), batch["counted"].sum(dim=1))

    def watched(model: torch.nn.Module, earlier: list[dict]) -> dict[str, float]:
        return {"forget_loss": run.mean(run.likelihood, model, "forget")}

    def refresh(epoch: int) -> dict[str, Examples]:
        return examples(run, settings, epoch)

    first = refresh(0)
    parts = {
        "forget": Part(first["forget"], loss, per="example"),
        "mismatch": Part(first["mismatch"], loss, per="example", times=settings.answers),
        "retain": retain_part(run, settings),
    }
    weights = {
        "forget": -settings.forget_weight,
        "mismatch": settings.mismatch_weight,
        "retain": settings.retain_weight,
    }
    return Objective(
        parts,
        weights,
        refresh=refresh,
        watched=watched,
        stops=lambda watched: watched[-1]["forget_loss"] >= settings.enough,
    )


def examples(run: Run, settings: Settings, epoch: int) -> dict[str, Examples]:
    """Of an epoch: the records of so many updates, D_f in random order again and again, and for
    each of them other answers to its prompt."""
    import numpy as np

    from palimpsest.methods.answers import answered, mismatched
    from palimpsest.randomness import numpy_generator

    count = len(run.records["forget"])
    order = numpy_generator(*run.names, "records", epoch).permutation(count)
    places = np.resize(order, (settings.batch_size or count) * settings.updates)
    asked = np.repeat(places, settings.answers)
    others = mismatched(run, asked, *run.names, "mismatch", epoch)
    return {
        "forget": run.track.subset(run.sets["forget"], places),
        "mismatch": answered(run, others, asked),
    }


METHOD = Method(Settings, objective)
