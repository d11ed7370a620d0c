"""kga: knowledge gap alignment (Wang et al. 2023).

    L = | KL(A_f || A*) over D_f  -  G | + alpha * KL(A_D || A*) over D_r
    G = KL(A_n || A_D) over D_n

A_D is the model before the request, which A* begins as; A_f learnt D_f, A_n learnt D_n, which A_D
never saw. What A* says of the forgotten is to differ from one who knows them as much as A_D
differs, on unseen data, from one who knows that. All KL are means over the predictions that count.
G is a number: it has no gradient.

Where this departs from the released code: there padding counts, sums are divided by texts for
language models and by texts times labels for classifiers, so that alpha means another thing for
each length; and the stop value is compared with the gap of a single batch. Here all are means over
what counts, and it stops once the gap difference over the whole of D_f and D_n is at most
``portion`` of what it began with (``stop_portion`` of the code, which has no default). It looks
after each pass over D_f and makes at most ``epochs`` of them, where the code looks every 200
updates and makes 5,000 or 12,000: a gap that is still open then is reported. Both terms have the
model that knows the text first, as the code has it of language models; of classifiers it has G =
KL(A_D || A_n), which a model that is to D_f as A_D is to D_n would not reach: ``direction:
released``. As in the code, the absolute value is that of a batch's means, and each update sees
``inner_steps`` batches of D_r. There is no inverse-square-root schedule with 1,000 updates of
warm-up, which the text experiments have; for classifiers the code weighs D_r by 1 - its ratio of
0.1 and takes ten batches of it: alpha 0.9 and inner_steps 10 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Norm, Rate, Share, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Trained):
    """alpha 0.3, lr 5e-5 and two batches of D_r of the authors' README for dialogue; sample: share
    of the retained data that A_f and A_n learn besides their own set, 0.05 there for classifiers;
    direction: of G."""

    learning_rate: Rate = 5e-5
    clip_norm: Norm | None = None
    alpha: Weight = 0.3
    inner_steps: Count = 2
    portion: Share = 0.05
    sample: Share = 0.05
    direction: Literal["alike", "released"] = "alike"


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import distillation

    parts = {
        "forget": Part(run.sets["forget"], distillation(run, run.models["forget"])),
        "extra": Part(run.sets["extra"], _gap(run, settings), constant=True),
        "retain": Part(
            run.sets["retain"], distillation(run, run.reference), times=settings.inner_steps
        ),
    }

    def join(means: dict[str, torch.Tensor]) -> torch.Tensor:
        return (means["forget"] - means["extra"]).abs() + settings.alpha * means["retain"]

    return Objective(
        parts,
        join=join,
        watched=lambda model, earlier: watched(run, settings, model, earlier),
        stops=lambda watched: stops(settings, watched),
    )


def _gap(run: Run, settings: Settings):
    """(any model, batch) -> the sum over predictions of KL between A_n and A_D."""
    from palimpsest.methods.run import distillation

    pair = run.models["extra"], run.reference
    teacher, student = (
        reversed(pair) if settings.direction == "released" and not run.track.GENERATES else pair
    )
    loss = distillation(run, teacher)

    def gap(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with run.arithmetic():  # the loop rounds the model that it trains alone
            return loss(student, batch)

    return gap


def watched(
    run: Run, settings: Settings, model: torch.nn.Module, earlier: list[dict]
) -> dict[str, float]:
    """The gap difference over the whole of D_f and D_n. G is of two frozen models: what ``earlier``
    found is what it is."""
    from palimpsest.methods.run import distillation

    alignment = run.mean(distillation(run, run.models["forget"]), model, "forget")
    gap = earlier[0]["gap"] if earlier else run.mean(_gap(run, settings), model, "extra")
    return {"alignment": alignment, "gap": gap, "gap_difference": abs(alignment - gap)}


def stops(settings: Settings, watched: list[dict]) -> bool:
    return (
        len(watched) > 1
        and watched[-1]["gap_difference"] <= settings.portion * watched[0]["gap_difference"]
    )


METHOD = Method(Settings, objective)
