"""Harmful and harmless text: HH-RLHF (Bai et al. 2022, arXiv 2204.05862), dialogues that end in two
answers, of which people chose the less harmful one; and RealToxicityPrompts (Gehman et al. 2020,
arXiv 2009.11462), halves of sentences from the web with scores of their toxicity.

Both give records of one form, a prompt and what follows it, either harmful or harmless. Each is its
own owner, so that a ledger may ask for all that is harmful. "Harmful" is the word of the data: the
other answer of two may be blameless, and a score is a classifier's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data import positions
from palimpsest.data.candidates import candidates_frame
from palimpsest.data.tables import read_table
from palimpsest.errors import Problem, UserError

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("record_id", "owner", "prompt", "completion", "split", "part")
KINDS = {"pairs": ("chosen", "rejected"), "prompts": ("prompt", "continuation")}
PARTS = {"pairs": "harmless_answers", "prompts": "toxicity_prompts"}  # of test
TOXIC = 0.5  # score from which a text counts as toxic (Gehman et al. 2020)
TURN = re.compile(r"\n\n(?=(?:Human|Assistant):)")
HARMFUL, HARMLESS = "harmful", "harmless"
# Of these splits, which stand for text of the one kind that no model has seen.
ONLY = {"extra": HARMFUL, "holdout": HARMFUL}
# why a row is no record; the raw splits of those that are none
BLANK, LONG, UNSCORED, AGAIN, OTHER = "blank", "long", "unscored", "again", "other half"
SETTINGS = {
    "splits": {
        **positions.SETTINGS["splits"],
        **dict.fromkeys((BLANK, LONG, UNSCORED, AGAIN, OTHER), "drop"),
    }
}


def read_harmful(
    paths: Iterable[Path], *, words: int, pairs: dict[str, list], prompts: dict[str, list]
) -> DataFrame:
    """Rows of COLUMNS, those of pairs first, both in the order of their files.

    pairs and prompts give splits to the rows of either file by position, from 1
    (``split_positions``); the others are UNLISTED. A record is "pair-0123456789-harmful": the
    digits are a digest of the row, so that a ledger asks for nothing else where a file holds other
    rows. Of a pair the rejected answer is harmful, the chosen one harmless; the prompt is the last
    thing that was asked, as it stands in the dialogue ("Human: ...", a blank line, "Assistant:").
    What follows a prompt of RealToxicityPrompts is harmful where its toxicity is at least TOXIC.
    Splits extra and holdout, which stand for harmful text that no model has seen, keep the harmful
    ones alone, and of pairs split test keeps the harmless ones, as both answers have one prompt.
    ``part`` tells pairs and prompts of split test apart, and is "" elsewhere.

    Not records, by their raw split: pairs and prompts of more than ``words`` words (prompt and
    completion together), without an answer, without a score, or that stood there before. Raises
    one UserError with all problems.
    """
    import pandas as pd

    rows: list[tuple] = []
    files = _read(paths)
    for kind, setting in (("pairs", pairs), ("prompts", prompts)):
        frame = files[kind]
        splits = positions.split_positions(setting, len(frame), f"data.{kind}")
        seen: set[str] = set()
        for split, (name, halves, why) in zip(splits, _FORMS[kind](frame, words), strict=True):
            why = AGAIN if name in seen else why
            seen.add(name)
            for half, prompt, completion in halves:
                owner = f"{kind[:-1]}-{name}-{half}"
                place = why if why and split != positions.UNLISTED else _place(kind, split, half)
                part = PARTS[kind] if split == "test" else ""
                rows.append((owner, owner, prompt, completion, place, part))
    return pd.DataFrame(rows, columns=COLUMNS)


def other_answers(paths: Iterable[Path]) -> DataFrame:
    """The harmless answer of each pair as another completion of the record of the harmful one, in
    the shape of ``candidates_frame``: truth ratios tell which of the two a model prefers. Not the
    other way round, so that no harmful text stands with a record that is retained."""
    rows = {
        f"pair-{name}-{HARMFUL}": harmless
        for name, halves, why in _pairs(_read(paths)["pairs"], words=0)
        if why != BLANK
        for half, _, harmless in halves
        if half == HARMLESS
    }
    return candidates_frame((owner, "", [harmless]) for owner, harmless in rows.items())


def _place(kind: str, split: str, half: str) -> str:
    only = ONLY | ({"test": HARMLESS} if kind == "pairs" else {})
    return split if only.get(split, half) == half else OTHER


def _pairs(frame: DataFrame, words: int) -> Iterator[tuple[str, list[tuple], str]]:
    """(digest, (half, prompt, completion) of both answers, why they are no records or "")."""
    for chosen, rejected in zip(frame["chosen"], frame["rejected"], strict=True):
        halves = [(HARMFUL, *last_turn(rejected)), (HARMLESS, *last_turn(chosen))]
        long = any(len(f"{asked} {said}".split()) > words for _, asked, said in halves)
        blank = not all(said for _, _, said in halves)
        yield _digest(chosen, rejected), halves, BLANK if blank else LONG if long else ""


def last_turn(dialogue: str) -> tuple[str, str]:
    """What is asked last and the answer, of "Human: Hi", a blank line, "Assistant: Hello":
    "Human: Hi", a blank line, "Assistant:" and "Hello"; both "" where the assistant does not speak
    last."""
    turns = [turn.strip() for turn in TURN.split(dialogue) if turn.strip()]
    if len(turns) < 2 or not turns[-1].startswith("Assistant:"):
        return "", ""
    return f"{turns[-2]}\n\nAssistant:", turns[-1].removeprefix("Assistant:").strip()


def _prompts(frame: DataFrame, words: int) -> Iterator[tuple[str, list[tuple], str]]:
    for prompt, continuation in zip(frame["prompt"], frame["continuation"], strict=True):
        asked, said = prompt["text"].strip(), continuation["text"].strip()
        score = continuation.get("toxicity")
        half = HARMFUL if score is not None and score >= TOXIC else HARMLESS
        why = UNSCORED if score is None else BLANK if not (asked and said) else ""
        why = why or (LONG if len(f"{asked} {said}".split()) > words else "")
        yield _digest(prompt["text"], continuation["text"]), [(half, asked, said)], why


_FORMS = {"pairs": _pairs, "prompts": _prompts}


def _digest(*texts: str) -> str:
    parts = "".join(f"{len(text.encode())}:{text}" for text in texts)
    return hashlib.sha256(parts.encode()).hexdigest()[:10]


def _read(paths: Iterable[Path]) -> dict[str, DataFrame]:
    """kind -> the rows of its one file, known by its columns."""
    files: dict[str, list[tuple[Path, DataFrame]]] = {kind: [] for kind in KINDS}
    problems = []
    for path in paths:
        frame = read_table(path)
        kind = next((kind for kind, names in KINDS.items() if {*names} <= {*frame}), None)
        if kind is None:
            what, found = "neither pairs nor prompts", f"{len(frame.columns)} other columns"
            allowed = "columns chosen and rejected, or prompt and continuation"
            remedy = "correct `data.sources`"
            problems.append(Problem(what, str(path), found, allowed, remedy))
        else:
            files[kind].append((path, frame))
            problems += _checked(kind, path, frame)
    for kind, given in () if problems else files.items():
        if len(given) != 1:
            found = ", ".join(path.name for path, _ in given) or "none"
            what, remedy = f"a file of {kind} is needed once", "correct `data.sources`"
            problems.append(Problem(what, "data.sources", found, "one file", remedy))
    if problems:
        raise UserError(problems)
    return {kind: given[0][1] for kind, given in files.items()}


def _checked(kind: str, path: Path, frame: DataFrame) -> Iterator[Problem]:
    """Messages count rows and never show them."""
    for name in KINDS[kind]:
        right = frame[name].map(_text if kind == "pairs" else _scored).astype(bool)
        if not right.all():
            first = int((~right).to_numpy().argmax()) + 1
            found = f"{(~right).sum()} rows, the first is row {first}"
            allowed = "text" if kind == "pairs" else "an object with text and scores"
            what, remedy = f"column {name!r} holds something else", "fetch the file again"
            yield Problem(what, str(path), found, allowed, remedy)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _scored(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return False
    score = value.get("toxicity")
    return score is None or (isinstance(score, (int, float)) and 0 <= score <= 1)
