"""paraphrase: the same facts are asked in other words; are they forgotten, or only the question?

TOFU's perturbed files have each question in other words (Maini et al. 2024; the meta-evaluation of
Dorna et al. 2025 asks these). Of the made-up people another phrasing of the topic is taken, which
the model has seen of others. Records without one are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.attacks.contract import Asked, PromptAttack

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Settings:
    """None."""


def people(asked: Asked) -> DataFrame:
    from palimpsest.data.people import people_questions

    return people_questions(**{key: asked.data[key] for key in ("owners", "records", "seed")})


def tofu(asked: Asked) -> DataFrame:
    from palimpsest.data.tofu import read_tofu, tofu_questions

    return tofu_questions(asked.sources, read_tofu(asked.sources, authors=asked.data["authors"]))


OTHERS = {"people": people, "tofu": tofu}  # by reader: record_id, prompt


def reword(records: DataFrame, settings: Settings, asked: Asked) -> DataFrame:
    others = OTHERS[asked.data["reader"]](asked).set_index("record_id")["prompt"]
    kept = records[records["record_id"].isin(others.index)]
    return kept.assign(prompt=kept["record_id"].map(others))


ATTACK = PromptAttack(Settings, reword, readers=tuple(OTHERS))
