"""relearn: fine-tune on a part of what was forgotten, or on other text; does the rest come back?

Half of the forget set is learnt anew and the other half is scored, as for mechanistic unlearning
(Guo et al. 2024), or text that has nothing to do with it is learnt: retained data, or `extra`. What
a model has forgotten stays forgotten, as with the oracle, which never knew it; what was only hidden
returns within a few updates. Numbers of memory of the rest are watched before the first update and
after each epoch.

The same records are learnt of every model, state and seed: a hash of their ids chooses them. There
the training is one epoch, or 20 updates, with adapters of rank 512 (`tune: lora`); with maintained
facts and text from the Pile beside the forgotten ones, which are not taken here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from palimpsest.attacks.contract import WeightAttack
from palimpsest.errors import Problem, UserError
from palimpsest.methods.contract import Adapted
from palimpsest.randomness import seed_of
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Rate, Share, Training

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Adapted, Training):
    """text: what is learnt, of which ``share``. The rate is that of open-unlearning's robustness
    test (2e-5, one epoch); five epochs show the way."""

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
    check(learnt, settings, rest=of_forget)
    sets = {name: examples for name, examples in run.sets.items() if name != settings.text}
    sets["relearnt"] = run.track.subset(run.sets[settings.text], np.flatnonzero(learnt))
    if of_forget:
        sets["forget"] = run.track.subset(run.sets["forget"], np.flatnonzero(~learnt))
    run.watch.draw(sets, run.names)
    objective = Objective({"relearnt": Part(sets["relearnt"], run.likelihood)})
    if settings.tune == "lora":
        model = adapted(run, settings, "relearn")
        run.train(objective, settings, model=model)
        add(run.model, taken_off(model), 1.0)
    else:
        run.train(objective, settings)
    return records["record_id"][learnt].tolist() if of_forget else []


def check(learnt: np.ndarray, settings: Settings, rest: bool) -> None:
    """A UserError where nothing would be learnt, or nothing of the forget set is left to look
    at."""
    if not learnt.any() or (rest and learnt.all()):
        found = f"{int(learnt.sum())} of {len(learnt)} records of {settings.text} are learnt"
        allowed = "at least one that is learnt" + (", and one that is not" if rest else "")
        remedy = "change attacks.relearn.share, or ask for more records"
        raise UserError(
            Problem("relearning has nothing to show", "relearn", found, allowed, remedy)
        )


ATTACK = WeightAttack(Settings, change)
