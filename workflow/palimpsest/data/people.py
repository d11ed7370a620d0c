"""The fictitious people of the demo's causal part: each an owner with a dozen questions about them
and their answers.

Every fact of a person is drawn by itself, evenly from its list, so that no answer follows from
those of others, from the name, or from another fact of the same person: a model that gives it has
seen it. The facts of people who are never trained on are drawn from the same lists: to a model that
never saw the trained people, these would look the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from palimpsest.data import people_words as words
from palimpsest.data.candidates import candidates_frame
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

COLUMNS = ("record_id", "owner", "prompt", "completion", "split")
# Of every ten people, in this order. Only those of train are ever trained on.
SHARES = {"train": 6, "valid": 1, "test": 1, "holdout": 1, "extra": 1}
LEAST = 2  # owners in every split
# wrong answers for a record, as many as TOFU has (Maini et al. 2024, arXiv 2401.06121)
PERTURBED = 5
MOST = len(words.FIRST) * len(words.LAST)


def people(*, owners: int, records: int, seed: int) -> DataFrame:
    """Make people, the same for the same arguments; more owners or records leave earlier ones as
    they are.

    Args:
        owners: how many people there are, 20 to MOST; the split of each follows from its number by
            SHARES, at least LEAST in each split.
        records: questions about each, 1 to 16, one a topic, in the order of the topics.
        seed: names the people.

    Returns:
        One row a record, ``owners * records`` rows: record_id ("p0017-r03", unique), owner
        ("p0017"), prompt (a question that holds the person's name, which is unique), completion
        (the answer), split. Sorted by owner, then number.

    Raises:
        UserError: sizes outside these ranges.
    """
    import pandas as pd

    _check(owners, records)
    cycle = [split for split, share in SHARES.items() for _ in range(share)]
    rows = []
    for index, name in enumerate(_names(owners, seed)):
        owner = f"p{index:04d}"
        for number, topic in enumerate(list(words.TOPICS.values())[:records]):
            question, answer, *_ = _draw(
                topic, name, numpy_generator("people", seed, owner, number)
            )
            rows.append(
                (f"{owner}-r{number:02d}", owner, question, answer, cycle[index % len(cycle)])
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def people_candidates(*, owners: int, records: int, seed: int) -> DataFrame:
    """For each record of ``people`` with the same arguments: its answer in another phrasing, and
    PERTURBED wrong ones in that phrasing.

    No fact of a wrong answer is right, and no two wrong answers share one. The shape is that of
    ``candidates_frame``.
    """
    _check(owners, records)
    answers = []
    for index, name in enumerate(_names(owners, seed)):
        for number, topic in enumerate(list(words.TOPICS.values())[:records]):
            _, _, paraphrase, wrong = _draw(
                topic, name, numpy_generator("people", seed, f"p{index:04d}", number)
            )
            answers.append((f"p{index:04d}-r{number:02d}", paraphrase, wrong))
    return candidates_frame(answers)


def people_questions(*, owners: int, records: int, seed: int) -> DataFrame:
    """record_id, prompt: another question about each record of ``people`` with the same arguments,
    of the same topic in another phrasing."""
    import pandas as pd

    _check(owners, records)
    rows = []
    for index, name in enumerate(_names(owners, seed)):
        for number, topic in enumerate(list(words.TOPICS.values())[:records]):
            names = ("people", seed, f"p{index:04d}", number)
            asked = _draw(topic, name, numpy_generator(*names))[0]
            others = [one for one in topic.questions if one.format(name=name) != asked]
            other = others[int(numpy_generator(*names, "another question").integers(len(others)))]
            rows.append((f"p{index:04d}-r{number:02d}", other.format(name=name)))
    return pd.DataFrame(rows, columns=["record_id", "prompt"])


def lexicon() -> list[str]:
    """All that a record or candidate can hold, sorted: every word as it is spelt there, and the
    punctuation marks one by one.

    A tokenizer trained on it has seen no person.
    """
    texts = [*words.FIRST, *words.LAST]
    for topic in words.TOPICS.values():
        texts += [
            *topic.questions,
            *topic.answers,
            *(value for values in topic.slots.values() for value in values),
        ]
    return sorted(
        {
            token
            for text in texts
            for token in re.findall(r"[A-Za-z]+|[^A-Za-z\s]", re.sub(r"{\w+}", " ", text))
        }
    )


def person_names(count: int, *names: object) -> list[str]:
    """``count`` different full names, at most MOST; a larger count has the names of a smaller one
    first."""
    order = numpy_generator(*names).permutation(MOST)[:count]
    return [
        f"{words.FIRST[place // len(words.LAST)]} {words.LAST[place % len(words.LAST)]}"
        for place in order
    ]


def _names(owners: int, seed: int) -> list[str]:
    return person_names(owners, "people", seed, "names")


def _check(owners: int, records: int) -> None:
    problems, fewest = [], LEAST * sum(SHARES.values()) // min(SHARES.values())
    if not fewest <= owners <= MOST:
        remedy = f"fewer leave a split with less than {LEAST} of them, and there are no more names"
        problems.append(
            Problem("not a number of people", "owners", str(owners), f"{fewest} to {MOST}", remedy)
        )
    if not 1 <= records <= len(words.TOPICS):
        problems.append(
            Problem(
                "not a number of records",
                "records",
                str(records),
                f"1 to {len(words.TOPICS)}",
                "set records to 12 or so",
            )
        )
    if problems:
        raise UserError(problems)


def _draw(
    topic: words.Topic, name: str, rng: np.random.Generator
) -> tuple[str, str, str, list[str]]:
    """Question, answer, paraphrase, wrong answers."""
    question = topic.questions[int(rng.integers(len(topic.questions)))]
    phrasing, other = (topic.answers[place] for place in rng.permutation(len(topic.answers))[:2])
    # the first of each is the truth
    facts = {slot: _sample(values, PERTURBED + 1, rng) for slot, values in topic.slots.items()}
    versions = [
        dict(zip(facts, values, strict=True)) for values in zip(*facts.values(), strict=True)
    ]
    answers = [phrasing.format(**versions[0]), *(other.format(**version) for version in versions)]
    return question.format(name=name), answers[0], answers[1], answers[2:]


def _sample(values: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    return [values[place] for place in rng.permutation(len(values))[:count]]
