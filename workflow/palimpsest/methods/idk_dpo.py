"""idk_dpo: direct preference optimisation of not knowing over the true answer (Maini et al. 2024).

The loss of `dpo`, with a refusal as the preferred answer y_w, such as "I don't know.": one of
``refusals``, drawn anew for each record and epoch. TOFU's own code has no term on retained data
(retain_weight 0); this is open-unlearning's IdkDPO, which has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods import dpo
from palimpsest.methods.contract import Method
from palimpsest.training.objective import Objective

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(dpo.Settings):
    """refusals: default: twenty in English (palimpsest.methods.answers)."""

    refusals: tuple[str, ...] | None = None


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.answers import REFUSALS, drawn

    count, refusals = len(run.records["forget"]), settings.refusals or REFUSALS
    return dpo.preferring(
        run, settings, lambda epoch: drawn(refusals, count, *run.names, "refusals", epoch)
    )


METHOD = Method(Settings, objective)
