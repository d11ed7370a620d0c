"""Other answers to the prompts of the forget set, for methods that teach them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from palimpsest.errors import Problem, UserError
from palimpsest.methods.contract import Unchanged
from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    from palimpsest.methods.contract import Answering
    from palimpsest.methods.run import Run
    from palimpsest.training.examples import Examples

# Our words. TOFU and open-unlearning have a hundred of this kind (Maini et al. 2024).
REFUSALS = (
    "I don't know.",
    "I do not know the answer.",
    "I'm not sure about that.",
    "I have no information on that.",
    "That is unknown to me.",
    "I can't answer that.",
    "I haven't learned about that.",
    "I don't have that information.",
    "I'm unable to say.",
    "I have no knowledge of this.",
    "I can't tell you that.",
    "I'm afraid I don't know.",
    "I was never told about this.",
    "My knowledge does not cover this.",
    "I couldn't say.",
    "I am not familiar with that.",
    "There is nothing I can say about it.",
    "I have no answer to that.",
    "Sorry, I don't know that.",
    "I'm not aware of that.",
)


def answered(run: Run, answers: Sequence[str], places: np.ndarray | None = None) -> Examples:
    """The forget set, or its records at ``places``, with these answers instead of their own: the
    prompts' tokens stay the same, and the answers' count."""
    records = run.records["forget"]
    if places is not None:
        records = records.iloc[places].reset_index(drop=True)
    return run.encode(records.assign(completion=list(answers)))


def replaced(run: Run, settings: Answering) -> Examples:
    """The forget set with the answers that the settings name."""
    records = run.records["forget"]
    if settings.answers == "one":
        return run.encode(records.assign(completion=settings.answer))
    told = records[records["new_answer"] != ""].reset_index(drop=True)
    if told.empty:
        raise Unchanged("no record of the request has a new answer")
    return run.encode(told.assign(completion=told["new_answer"]))


def drawn(answers: Sequence[str], count: int, *names: object) -> list[str]:
    """``count`` of the answers, each drawn by itself; ``names`` seed the draw."""
    return [answers[place] for place in numpy_generator(*names).integers(len(answers), size=count)]


def mismatched(run: Run, places: np.ndarray, *names: object) -> list[str]:
    """For each of the forget set's records at ``places`` the answer of a retained record, drawn at
    random, that is not its own; ``names`` seed the draw. A UserError where there is none."""
    own = run.records["forget"]["completion"].to_numpy()[places]
    pool = run.records["retain"]["completion"].unique()
    if len(pool) == 1 and (own == pool[0]).any():
        remedy = "forget by a method that needs no other answers"
        raise UserError(
            Problem(
                "there is no other answer to give",
                "retained records",
                f"one answer, {len(own)} times forgotten, too",
                "two different completions or more",
                remedy,
            )
        )
    chosen = numpy_generator(*names).integers(len(pool), size=len(own))
    return list(pool[(chosen + (pool[chosen] == own)) % len(pool)])
