"""loo_ensemble: leave-one-out ensemble (Liu and Kalinli 2023).

    L = (1/|D_f|) sum over x of D_f of the mean over t of KL(p_LOO(. | x_<t) || p_theta(. | x_<t))
        + retain_weight * nll(D_r)
    p_LOO = mean of p_j over the teachers j that have not seen x

The student, A_D, learns from teachers of disjoint owners what models predict that never saw x. The
teacher of the owner's shard is left out, and every other that saw the same text from another owner.
There is no released code: averaging probabilities (not logits), KL with the teachers first, and no
term on retained data follow the paper's abstract and introduction; `aggregate` and `retain_weight`
are there to compare. `teachers` are `others`, as in the paper; `all`, which leaves none out; or
`one`, a single other one.

The teachers are those before any request and still hold what they learnt: only the student is
served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from palimpsest.methods.contract import Method, Retaining, Taught, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Bounds, Rate, Weight

if TYPE_CHECKING:
    import numpy as np
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Taught, Retaining, Trained):
    """keep: how many of the likeliest tokens of the teachers' answers are kept, the rest pooled
    into one, to save memory (default: all). The authors' learning rate is not known."""

    learning_rate: Rate = 1e-4
    teachers: Literal["others", "all", "one"] = "others"
    aggregate: Literal["mean", "geometric"] = "mean"
    retain_weight: Weight = 0.0
    keep: Annotated[int, Bounds(1, 10**9)] | None = None


def asked(saw: np.ndarray, teachers: str, names: tuple) -> np.ndarray:
    """saw (n, M) bool -> which teachers answer for each example, (n, M) bool."""
    import numpy as np

    from palimpsest.randomness import numpy_generator

    if teachers == "all":
        return np.ones_like(saw)
    if teachers == "others":
        return ~saw
    draws = numpy_generator(*names, "one").random(saw.shape)
    chosen = np.where(saw, -1.0, draws).argmax(axis=1)
    return np.eye(saw.shape[1], dtype=bool)[chosen]


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.ensemble.soft_labels import soft_labels
    from palimpsest.methods.run import retain_part

    which = asked(run.teachers.saw, settings.teachers, run.names)
    with run.arithmetic():
        labelled = soft_labels(
            run.teachers, which, run.predict, run.sets["forget"], settings.aggregate, settings.keep
        )
    parts = {"forget": Part(labelled, _loss(run), per="example")}
    if settings.retain_weight:
        parts["retain"] = retain_part(run, settings)
    return Objective(parts, {"forget": 1.0, "retain": settings.retain_weight})


def _loss(run: Run):
    """The sum over examples of the mean over their predictions of KL(teachers || student)."""
    import torch

    from palimpsest.ensemble.soft_labels import rest_of
    from palimpsest.training.losses import kl_terms, per_example, wide

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        said = run.predict(model, batch)
        student, teacher = torch.log_softmax(wide(said.logits), dim=-1), batch["labels_of_teachers"]
        if "kept" in batch:
            top = student.gather(1, batch["kept"])
            student = torch.cat([top, rest_of(top)], dim=-1)
        each = kl_terms(teacher, student).sum(dim=-1)
        count = torch.bincount(said.rows, minlength=len(batch["input_ids"]))
        return (per_example(each, said.rows, len(count)) / count).sum()

    return loss


METHOD = Method(Settings, objective, asks_teachers=lambda settings: settings.teachers != "all")
