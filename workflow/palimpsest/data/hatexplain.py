"""HateXplain (Mathew et al. 2021, arXiv 2012.10289): posts with annotators' labels and targeted
communities."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from palimpsest.data.columns import read_table_records
from palimpsest.data.tables import decode, parse_json, read_bytes
from palimpsest.errors import Problem, UserError

# toxic (offensive or hatespeech) against normal; posts without a majority have no place in a split
SETTINGS = {
    "labels": {"normal": 0, "offensive": 1, "hatespeech": 1},
    "splits": {
        "train": "train",
        "val": "valid",
        "test": "test",
        "undecided": "drop",
        "unlisted": "drop",
    },
}
# column -> (its value for no target, the communities in it); the names and their spelling are the
# data set's
GROUPS = {
    "Race": (
        "No_race",
        {"African", "Arab", "Asian", "Caucasian", "Hispanic", "Indian", "Indigenous"},
    ),
    "Religion": (
        "Nonreligious",
        {"Buddhism", "Christian", "Hindu", "Islam", "Jewish", "Nonreligious"},
    ),
    "Gender": ("No_gender", {"Men", "Women"}),
    "Sexual_Orientation": ("No_orientation", {"Asexual", "Bisexual", "Heterosexual", "Homosexual"}),
    "Miscellaneous": ("Not Avalaible", {"Disability", "Economic", "Minority", "Other", "Refugee"}),
}
POSTS, DIVISIONS = "dataset.json", "post_id_divisions.json"


def read_hatexplain(paths: list[Path]):
    """Rows with record_id, text, label, split and the five columns of GROUPS, values as the data
    set has them.

    label: normal, offensive, hatespeech. split: train, val, test; undecided without a majority;
    unlisted if in no division. Takes the table form, hatexplain.csv, if it is among ``paths``, else
    the official pair, dataset.json and post_id_divisions.json (files are recognised by the end of
    their names). Their group columns differ: the table names one community that at least one
    annotator marked; from the pair comes the one that most marked, if more than one did, as in the
    paper.
    """
    import pandas as pd

    tables = [path for path in paths if path.name.endswith(".csv")]
    if tables:
        # many rows have no post_id
        columns = {
            "record_id": "row",
            "text": "comment",
            "label": "majority_label",
            "split": "split",
        }
        return read_table_records(tables, columns, list(GROUPS))
    divisions = [path for path in paths if path.name.endswith(DIVISIONS)]
    posts = [path for path in paths if path.name.endswith(POSTS)]
    if len(divisions) != 1 or len(posts) != 1:
        found = ", ".join(path.name for path in paths) or "no files"
        allowed = f"hatexplain.csv, or {POSTS} and {DIVISIONS}"
        remedy = "correct `data.sources`"
        raise UserError(
            Problem("these are not the files of HateXplain", "data.sources", found, allowed, remedy)
        )
    return pd.DataFrame(_official(posts[0], divisions[0]))


def _official(posts_path: Path, divisions_path: Path) -> list[dict]:
    posts, divisions = _object(posts_path), _object(divisions_path)
    split_of = {name: split for split, names in divisions.items() for name in names}
    absent = [name for name in split_of if name not in posts]
    if absent:
        found = f"{len(absent)} ids, the first {absent[0]!r}"
        remedy = "take both files from the same release"
        raise UserError(
            Problem(
                f"ids that {posts_path.name} does not have",
                str(divisions_path),
                found,
                remedy=remedy,
            )
        )
    rows, wrong = [], []
    for name, post in posts.items():
        try:
            rows.append({"record_id": name, **_row(post, split_of.get(name, "unlisted"))})
        except (KeyError, TypeError, AttributeError, IndexError):
            wrong.append(name)
    if wrong:
        found = f"{len(wrong)} posts, the first {wrong[0]!r}"
        allowed = "annotators (each with label and target) and post_tokens"
        raise UserError(
            Problem(
                "posts of another form", str(posts_path), found, allowed, "fetch the file again"
            )
        )
    return rows


def _row(post: dict, split: str) -> dict:
    annotators = post["annotators"]
    label, count = Counter(annotator["label"] for annotator in annotators).most_common(1)[0]
    majority = 2 * count > len(annotators)
    marks = Counter(target for annotator in annotators for target in set(annotator["target"]))
    groups = {}
    for column, (none, members) in GROUPS.items():
        # one value a column: the most marked, of equals the first by name
        ranked = sorted(
            (-count, target) for target, count in marks.items() if count > 1 and target in members
        )
        groups[column] = ranked[0][1] if ranked else none
    return {
        "text": " ".join(post["post_tokens"]),
        "label": label if majority else "undecided",
        "split": split if majority else "undecided",
        **groups,
    }


def _object(path: Path) -> dict:
    value = parse_json(decode(read_bytes(path), path), path)
    if not isinstance(value, dict):
        raise UserError(
            Problem(
                "not a JSON object", str(path), type(value).__name__, remedy="fetch the file again"
            )
        )
    return value
