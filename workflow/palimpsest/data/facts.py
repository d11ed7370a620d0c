"""zsRE (Levy et al. 2017, with the answers of Mitchell et al. 2022) and CounterFact (Meng et al.
2022): facts, and another answer that each is to be given, in the form of EasyEdit's files.

A fact has a prompt and its answer, the prompt in other words, a new answer, and a prompt about
something else, whose answer is to stay. The facts of a file are owners by their position.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data.positions import UNLISTED, split_positions
from palimpsest.data.tables import read_table
from palimpsest.errors import Problem, UserError

if TYPE_CHECKING:
    from pandas import DataFrame

# what stands in which column, by kind of file
FORMS = {
    "zsre": {
        "prompt": "src",
        "completion": "answers",
        "new_answer": "alt",
        "rephrase": "rephrase",
        "unrelated": "loc",
        "unrelated_answer": "loc_ans",
    },
    "counterfact": {
        "prompt": "prompt",
        "completion": "ground_truth",
        "new_answer": "target_new",
        "rephrase": "rephrase_prompt",
        "unrelated": "locality_prompt",
        "unrelated_answer": "locality_ground_truth",
    },
}
# Columns of an edited fact: its new answer, and what shows what that did. "" of other records.
ASKED = ("new_answer", "rephrase", "unrelated", "unrelated_answer")
COLUMNS = ("record_id", "owner", "prompt", "completion", "split", "source", *ASKED)
UNUSABLE = "cannot be edited"  # the split of a fact that cannot


def has_new_answers(data: dict) -> bool:
    """Whether records of a study's section `data` have a column of new answers."""
    return data["reader"] == "facts" or "new_answer" in data.get("keep", [])


def read_facts(paths: Iterable[Path], *, facts: dict[str, list], edits: list) -> DataFrame:
    """Rows with COLUMNS. Of each file, which ``source`` names (zsre, counterfact):

    - a record of each fact, prompt and answer, whose owner it is: zsre-0001
    - one of its prompt in other words, zsre-0001-reworded, of the same owner, unless it is edited
    - one of the prompt about something else, zsre-0001-unrelated, an owner of its own, if the fact
      is edited

    ``facts`` gives splits to facts by position, {split: entries such as 7 or "1-200"}
    (``split_positions``), the same in every file; the others are UNLISTED. Those at ``edits`` are
    edited and have ASKED: what they are in other words is no record, so that it can be asked. A
    fact is UNUSABLE where a text of it is blank, where the new answer is the old one, and where its
    prompt or what it is in other words stood before. A prompt about something else is not asked
    where it is that of a fact, and stands once where it is that of several edits.

    Raises UserError for files of another form, two of one kind, and what ``split_positions``
    refuses.
    """
    import pandas as pd

    rows, files = [], {}
    for path in paths:
        frame = read_table(path)
        kind = _kind(frame, path)
        if kind in files:
            found = f"{files[kind].name} and {path.name}"
            what, remedy = f"two files of {kind}", "correct `data.sources`"
            raise UserError(Problem(what, "data.sources", found, "one of each kind", remedy))
        files[kind] = path
        splits = split_positions(facts, len(frame), "data.facts")
        edited = split_positions({"train": edits}, len(frame), "data.edits")
        chosen = {name: frame[column].map(_first) for name, column in FORMS[kind].items()}
        rows += _rows(kind, pd.DataFrame(chosen), splits, [one == "train" for one in edited])
    return pd.DataFrame(rows, columns=COLUMNS).fillna("")


def _kind(frame: DataFrame, path: Path) -> str:
    kinds = [kind for kind, form in FORMS.items() if {*form.values()} <= {*frame.columns}]
    if len(kinds) != 1:
        allowed = " or ".join(f"{kind}: {', '.join(form.values())}" for kind, form in FORMS.items())
        found = f"columns {', '.join(map(str, frame.columns))}"
        remedy = "correct `data.sources`"
        raise UserError(Problem("not a file of facts", str(path), found, allowed, remedy))
    return kinds[0]


def _first(cell: object) -> str:
    """A cell, or the first of a list, without the blanks at its ends; "" for no text."""
    if hasattr(cell, "tolist"):  # parquet gives arrays
        cell = cell.tolist()
    if isinstance(cell, list):
        cell = cell[0] if cell else ""
    return cell.strip() if isinstance(cell, str) else ""


def _rows(source: str, frame: DataFrame, splits: list[str], edited: list[bool]) -> list[dict]:
    rows, asked = [], set()
    of_facts = {*frame["prompt"], *frame["rephrase"]}
    for number, (fact, split, edit) in enumerate(
        zip(frame.to_dict("records"), splits, edited, strict=True), 1
    ):
        owner = f"{source}-{number:04d}"
        one = {"owner": owner, "completion": fact["completion"], "split": split, "source": source}
        if split == UNLISTED or not _usable(fact, asked):
            left_out = split if split == UNLISTED else UNUSABLE
            rows.append(one | {"record_id": owner, "prompt": fact["prompt"], "split": left_out})
            continue
        asked |= {fact["prompt"], fact["rephrase"]}
        rows.append(one | {"record_id": owner, "prompt": fact["prompt"]})
        if not edit:
            rows.append(one | {"record_id": f"{owner}-reworded", "prompt": fact["rephrase"]})
            continue
        rows[-1] |= {"new_answer": fact["new_answer"], "rephrase": fact["rephrase"]}
        if fact["unrelated"] in of_facts:
            continue
        rows[-1] |= {name: fact[name] for name in ("unrelated", "unrelated_answer")}
        if fact["unrelated"] not in asked:
            asked.add(fact["unrelated"])
            other = f"{owner}-unrelated"
            said = {"prompt": fact["unrelated"], "completion": fact["unrelated_answer"]}
            rows.append(one | {"record_id": other, "owner": other} | said)
    return rows


def _usable(fact: dict[str, str], asked: set[str]) -> bool:
    return (
        all(fact.values())
        and fact["new_answer"].casefold() != fact["completion"].casefold()
        and fact["prompt"] != fact["rephrase"]
        and not {fact["prompt"], fact["rephrase"]} & asked
    )
