"""relearn: fine-tune on a part of what was forgotten, or on other text; does the rest come back?

Half of the forget set is learnt again and the other half is scored, as in mechanistic unlearning
(Guo et al. 2024); or unrelated text is learnt: retained data, or `extra`. What a model has
forgotten stays forgotten, as with the oracle, which never saw it; what was only hidden returns
within a few updates. Memory numbers of the rest are watched before the first update and after each
epoch.

The records to learn are chosen by a hash of their ids, the same for every model, state and seed.
Guo et al. train one epoch, or 20 updates, with adapters of rank 512 (`tune: lora`), also on
maintained facts and text from the Pile, which are left out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from palimpsest.attacks.contract import WeightAttack
from palimpsest.methods.contract import Adapted, Unchanged
from palimpsest.randomness import seed_of
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Rate, Share, Training

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Adapted, Training):
    """text: the set to learn, and ``share``: how much of it. The rate is that of open-unlearning's
    robustness test (2e-5, one epoch); five epochs show the course."""

    learning_rate: Rate = 2e-5
    epochs: Count = 5
    text: Literal["forget", "retain", "extra"] = "forget"
    share: Share = 0.5
    tune: Literal["full", "lora"] = "full"


def chosen(record_ids: list[str], share: float) -> np.ndarray:
    """(n,) bool: which records are learnt, by a hash of their ids."""
    return np.array([seed_of("relearn", name) < share * 2**63 for name in record_ids], dtype=bool)


def change(run: Run, settings: Settings) -> list[str]:
    from palimpsest.methods.tuning import adapted
    from palimpsest.models.adapters import taken_off
    from palimpsest.models.arithmetic import add

    records = run.records[settings.text]
    learnt = chosen(records["record_id"].tolist(), settings.share)
    of_forget = settings.text == "forget"
    check(learnt, rest=of_forget)
    sets = {name: examples for name, examples in run.sets.items() if name != settings.text}
    sets["relearnt"] = run.track.subset(run.sets[settings.text], np.flatnonzero(learnt))
    if of_forget:
        sets["forget"] = run.track.subset(run.sets["forget"], np.flatnonzero(~learnt))
    run.watch.draw(sets, run.names)
    objective = Objective({"relearnt": Part(sets["relearnt"], run.likelihood)})
    if settings.tune == "lora":
        model = adapted(run, settings, "relearn")
        run.train(objective, settings, model=model, goes_on=False)
        add(run.model, taken_off(model), 1.0)
    else:
        run.train(objective, settings, goes_on=False)
    return records["record_id"][learnt].tolist() if of_forget else []


def check(learnt: np.ndarray, rest: bool) -> None:
    """Raise Unchanged where nothing would be learnt, or nothing of the forget set is left to look
    at: small requests have too few records to divide."""
    if not learnt.any() or (rest and learnt.all()):
        asked = "at least one to learn" + (" and one to look at" if rest else "")
        raise Unchanged(f"{int(learnt.sum())} of {len(learnt)} records are learnt, not {asked}")


ATTACK = WeightAttack(Settings, change)
