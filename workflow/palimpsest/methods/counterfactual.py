"""counterfactual: counterfactual data augmentation (Zhao et al. 2018; for pretrained encoders
Webster et al. 2020).

    L = mean over texts of D_f and both words of their pair of -log p_theta(word | the text around)
        + retain_weight * nll(D_r)

Each forgotten text that names a pair of words is learnt with both of them in its blank, so that
each becomes as likely as the other; -log p of a word of several pieces is the sum over them. Texts
without a pair are left alone. The papers train, or go on training, on all text, of which each
sentence comes twice: there the blank is one of many hidden tokens; here it alone is, as it is what
was asked for. Data that stay are learnt as they are, where ``retain_weight`` is not 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Weight

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """The method itself has none."""

    retain_weight: Weight = 0.0


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.pairs import pair_rows, with_both
    from palimpsest.methods.run import retain_part

    rows = pair_rows(run, "counterfactual")
    parts = {"forget": Part(run.encode(with_both(rows)), run.likelihood, per="example")}
    if settings.retain_weight:
        parts["retain"] = retain_part(run, settings)
    return Objective(parts, {"forget": 1.0, "retain": settings.retain_weight})


METHOD = Method(Settings, objective)
