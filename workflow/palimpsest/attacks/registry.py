"""Attacks on models after unlearning, to test how deep the forgetting is.

An attack is a module of this folder with one ATTACK, and one line below. In the graph it follows
each method's model, the base and the oracle; the attacked model is scored and measured as they are,
or they are themselves, on other prompts. Adding an attack runs it alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Attack:
    """What the graph must know of an attack. on: the weights of models, or the prompts that they
    are given. beside_oracle: whether the oracle reads the texts that the attacked model is scored
    on, token by token."""

    module: str
    label: str
    tracks: tuple[str, ...]
    on: Literal["weights", "prompts"] = "weights"
    beside_oracle: bool = True


# Between the names of a model and of the attack on it: the name of the attacked model.
AFTER = "+"
CAUSAL = ("causal",)
ATTACKS = {
    "relearn": Attack("palimpsest.attacks.relearn", "relearning", CAUSAL),
    "quantize": Attack("palimpsest.attacks.quantize", "rounded weights", CAUSAL),
    "soft_prompt": Attack(
        "palimpsest.attacks.soft_prompt", "a learnt prompt", CAUSAL, beside_oracle=False
    ),
    "paraphrase": Attack("palimpsest.attacks.paraphrase", "other prompts", CAUSAL, on="prompts"),
    "prefix": Attack("palimpsest.attacks.prefix", "the answer begun", CAUSAL, on="prompts"),
}


def name_pattern() -> str:
    """What the name of an attack, or of a variant of one, looks like."""
    return rf"(?:{'|'.join(ATTACKS)})(?:-[a-z0-9_]+)?"


def is_attack(name: str) -> bool:
    return re.fullmatch(name_pattern(), name) is not None


def attack_of(name: str) -> Attack:
    """The attack of this name; of a variant its attack, with the label of the variant. KeyError for
    another name."""
    attack, _, variant = name.partition("-")
    plain = ATTACKS[attack]
    label = f"{plain.label}, {variant.replace('_', ' ')}"
    return replace(plain, label=label) if variant else plain


def facts(names: Iterable[str]) -> dict[str, dict]:
    """What tables and figures need to know of a study's attacks."""
    return {name: {"label": attack_of(name).label} for name in names}


def split(name: str) -> tuple[str, str]:
    """'npo+relearn' -> ('npo', 'relearn'); '' for no attack."""
    model, _, attack = name.partition(AFTER)
    return model, attack
