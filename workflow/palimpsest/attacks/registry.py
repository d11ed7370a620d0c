"""What is done to a model after it has forgotten, to see how deep that goes.

An attack is a module of this folder with one ATTACK, and one line below. It is a node of the graph
behind a method's model, behind the base and behind the oracle; the model that it leaves is scored
and measured as theirs are. Adding one runs it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Attack:
    """What the graph must know of an attack on the weights of models."""

    module: str
    label: str
    tracks: tuple[str, ...]


# A model after an attack goes by its own name and, behind this sign, that of the attack.
AFTER = "+"
ATTACKS = {"relearn": Attack("palimpsest.attacks.relearn", "relearning", tracks=("causal",))}


def name_pattern() -> str:
    """What the name of an attack, or of a variant of one, looks like."""
    return rf"(?:{'|'.join(ATTACKS)})(?:-[a-z0-9_]+)?"


def is_attack(name: str) -> bool:
    return re.fullmatch(name_pattern(), name) is not None


def attack_of(name: str) -> Attack:
    """The attack of this name, or what NAME-VARIANT is a variant of, labelled as such. KeyError for
    another name."""
    attack, _, variant = name.partition("-")
    found = ATTACKS[attack]
    label = f"{found.label}, {variant.replace('_', ' ')}"
    return replace(found, label=label) if variant else found


def facts(names: Iterable[str]) -> dict[str, dict]:
    """What tables and figures are told of a study's attacks."""
    return {name: {"label": attack_of(name).label} for name in names}


def split(name: str) -> tuple[str, str]:
    """'npo+relearn' -> ('npo', 'relearn'); '' for no attack."""
    model, _, attack = name.partition(AFTER)
    return model, attack
