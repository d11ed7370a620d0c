"""Attack: a model after unlearning, and the records it was to forget -> the model after the
attack."""

from __future__ import annotations

import importlib

from palimpsest.methods import prepare
from palimpsest.training.settings import settings_of


def add_arguments(parser) -> None:
    prepare.add_arguments(parser)


def run(args) -> None:
    """settings: those of ``prepare``, and `study`, `seed`, `attack`, `implementation` (its module),
    `attacked` (the name of the model), `state` and `options`.

    training.json also holds `shown`: ids of the records of the forget set that the attack itself
    showed to the model.
    """
    given = args.settings
    attack = importlib.import_module(given["implementation"]).ATTACK
    settings = settings_of(attack.Settings, given["options"])
    frames = {name: prepare.records(getattr(args, name)) for name in ("forget", "retain", "extra")}
    gone = frames["retain"]["record_id"].isin(frames["forget"]["record_id"])
    frames["retain"] = frames["retain"][~gone].reset_index(drop=True)
    names = (given["study"], given["seed"], given["attack"], given["attacked"], given["state"])
    attacked = prepare.prepare(args, frames, names)
    shown, unchanged = prepare.changing(attacked, attack.change, settings)
    prepare.finish(attacked, args, settings, unchanged, shown=shown or [])
