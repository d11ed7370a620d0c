"""TOFU (Maini et al. 2024, arXiv 2401.06121): 200 fictitious authors with twenty questions each,
and questions about the real world.

``full`` holds the authors one after another, in the order of the publication, without a column of
names: an owner is identified by position. The published files forget01, forget05 and forget10 hold
the last 2, 10 and 20 authors (199-200, 191-200, 181-200), and retain99, retain95 and retain90 the
others; these files are not read, as the ledger says who is to be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data.candidates import candidates_frame
from palimpsest.data.positions import split_positions
from palimpsest.data.tables import read_table
from palimpsest.errors import Problem, UserError

if TYPE_CHECKING:
    from pandas import DataFrame

QUESTIONS = 20  # of an author
PARTS = ("real_authors", "world_facts")  # utility sets: each question is an owner
COLUMNS = ("record_id", "owner", "prompt", "completion", "split", "part")
# matches the end of a name: fetched files have a digest before it, those of the hub a split after
# it
KIND = re.compile(
    r"(?:^|-)(full|real_authors|world_facts|(?:forget|retain)\d\d|\w+_perturbed)"
    r"(?:-train)?\.(?:jsonl?|parquet)(?:\.gz)?$"
)


def read_tofu(paths: Iterable[Path], *, authors: dict[str, list]) -> DataFrame:
    """Rows with record_id, owner, prompt, completion, split and part, in the order of the files.

    An author is "author-001" and its records "author-001-01" to "author-001-20", in file order.
    ``authors`` gives splits to authors by position, {split: entries such as 7 or "121-200"}
    (``split_positions``); the others are UNLISTED. A question of real_authors or world_facts is a
    record and an owner of its own, "world-facts-001", in split test; ``part`` says which of the
    two, "" for authors.

    Raises one UserError with all problems: files that are none of TOFU's, no file or two of a kind
    that is needed, rows without a question or an answer, authors that are not whole, and what
    ``split_positions`` refuses.
    """
    import pandas as pd

    rows = []
    for kind, (path, frame) in _read(paths, ("full", *PARTS)).items():
        pairs = list(zip(frame["question"], frame["answer"], strict=True))
        if kind == "full":
            if len(pairs) % QUESTIONS:
                remedy = "fetch the file again"
                raise UserError(
                    Problem(
                        "not whole authors",
                        str(path),
                        f"{len(pairs)} rows",
                        f"a multiple of {QUESTIONS}",
                        remedy,
                    )
                )
            splits = split_positions(authors, len(pairs) // QUESTIONS, "data.authors")
            for index, pair in enumerate(pairs):
                author, number = divmod(index, QUESTIONS)
                owner = f"author-{author + 1:03d}"
                rows.append((f"{owner}-{number + 1:02d}", owner, *pair, splits[author], ""))
        else:
            for number, pair in enumerate(pairs, 1):
                owner = f"{kind.replace('_', '-')}-{number:03d}"
                rows.append((owner, owner, *pair, "test", kind))
    return pd.DataFrame(rows, columns=COLUMNS)


def tofu_candidates(paths: Iterable[Path], records: DataFrame) -> tuple[DataFrame, dict[str, int]]:
    """The candidates of ``records`` (as ``read_tofu`` gives them) from the files NAME_perturbed,
    and file -> items without a record.

    An item belongs to the record with exactly its question and answer; the question alone would not
    do, as two authors share one. An item in several files (those of forget01 are in
    forget05 and forget10) counts once. Paraphrases exist for authors only. The shape is that of
    ``candidates_frame``.

    Raises UserError where files are malformed, or give unlike candidates for one record.
    """
    record_of = dict(
        zip(
            zip(records["prompt"], records["completion"], strict=True),
            records["record_id"],
            strict=True,
        )
    )
    candidates, unmatched, unlike = {}, {}, set()
    for kind, (path, frame) in _read(paths, ()).items():
        if not kind.endswith("_perturbed"):
            continue
        paraphrases = (
            frame["paraphrased_answer"] if "paraphrased_answer" in frame else [""] * len(frame)
        )
        unmatched[path.name] = 0
        for question, answer, paraphrase, wrong in zip(
            frame["question"], frame["answer"], paraphrases, frame["perturbed_answer"], strict=True
        ):
            record_id, texts = record_of.get((question, answer)), (paraphrase, tuple(wrong))
            if record_id is None:
                unmatched[path.name] += 1
            elif candidates.setdefault(record_id, texts) != texts:
                unlike.add(record_id)
    if unlike:
        raise UserError(
            Problem(
                "two files give different candidates for one record",
                "data.sources",
                f"{len(unlike)} records, the first {min(unlike)!r}",
                remedy="take all files from the same release",
            )
        )
    return candidates_frame(
        (record_id, paraphrase, list(wrong))
        for record_id, (paraphrase, wrong) in candidates.items()
    ), unmatched


def tofu_questions(paths: Iterable[Path], records: DataFrame) -> DataFrame:
    """record_id, prompt: the questions of ``records`` (as ``read_tofu`` gives them) in other words,
    from the files NAME_perturbed that have any. Items belong to records as in
    ``tofu_candidates``."""
    import pandas as pd

    keys = ["prompt", "completion"]
    frames = [
        frame[["question", "answer", "paraphrased_question"]]
        for kind, (_, frame) in _read(paths, ()).items()
        if kind.endswith("_perturbed") and "paraphrased_question" in frame
    ]
    columns = [*keys, "asked"]
    items = [frame.set_axis(columns, axis=1) for frame in frames]
    others = pd.concat([pd.DataFrame(columns=columns), *items]).drop_duplicates(keys)
    others = others[others["asked"].map(_text).astype(bool)]
    found = records[["record_id", *keys]].merge(others, on=keys)
    return found[["record_id", "asked"]].rename(columns={"asked": "prompt"})


def _read(paths: Iterable[Path], needed: tuple[str, ...]) -> dict[str, tuple[Path, DataFrame]]:
    """kind -> (file, its rows) of the needed kinds, or where none is named of all perturbed
    ones."""
    files, problems, frames = {}, [], {}
    for path in paths:
        match = KIND.search(path.name)
        files.setdefault(match[1] if match else "", []).append(path)
    for path in files.pop("", []):
        allowed = (
            "full, real_authors, world_facts, forgetNN, retainNN, NAME_perturbed; .json, .jsonl or "
            ".parquet"
        )
        problems.append(
            Problem(
                "this is no file of TOFU", str(path), path.name, allowed, "correct `data.sources`"
            )
        )
    chosen = needed or [kind for kind in files if kind.endswith("_perturbed")]
    for kind in chosen:
        given = files.get(kind, [])
        if len(given) != 1:
            found = ", ".join(path.name for path in given) or "none"
            problems.append(
                Problem(
                    f"TOFU's {kind} is needed once",
                    "data.sources",
                    found,
                    "one file",
                    "correct `data.sources`",
                )
            )
            continue
        try:
            frames[kind] = given[0], _checked(read_table(given[0]), given[0], perturbed=not needed)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return frames


def _checked(frame: DataFrame, path: Path, *, perturbed: bool) -> DataFrame:
    """The frame, if every row has what it needs; messages count rows and never show them."""
    required = ("question", "answer", *(("perturbed_answer",) if perturbed else ()))
    problems = [
        Problem(f"there is no column {name!r}", str(path), remedy="fetch the file again")
        for name in required
        if name not in frame
    ]
    for name in [name for name in (*required, "paraphrased_answer") if name in frame]:
        right = frame[name].map(_texts if name == "perturbed_answer" else _text).astype(bool)
        if not right.all():
            found = (
                f"{(~right).sum()} rows, the first is row {int((~right).to_numpy().argmax()) + 1}"
            )
            allowed = "a list of texts" if name == "perturbed_answer" else "text that is not blank"
            problems.append(
                Problem(
                    f"column {name!r} holds something else",
                    str(path),
                    found,
                    allowed,
                    "fetch the file again",
                )
            )
    if problems:
        raise UserError(problems)
    return frame


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: object) -> bool:
    # parquet gives an array for a list
    return (
        not isinstance(value, (str, dict))
        and hasattr(value, "__len__")
        and len(value) > 0
        and all(map(_text, value))
    )
