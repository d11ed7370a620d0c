"""Bad input at random: 200 damaged studies and 200 damaged tables each are usable, or end in a
message that is complete.

Nothing else may happen: no other exception, no text of a record in a message. Every draw is keyed
by its number, so that a case that fails is found again.
"""

from __future__ import annotations

import copy
import datetime
import gzip
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from stepping import call, read_records
from test_records import SECRET, records

from palimpsest.data.ledger import Request
from palimpsest.data.records import check_records
from palimpsest.data.shards import parse_sharding
from palimpsest.data.storage import (
    LABELLED,
    columns_of,
    read_parquet,
    records_digest,
    write_parquet,
)
from palimpsest.errors import UserError
from palimpsest.randomness import numpy_generator
from palimpsest.study.load import load_study
from palimpsest.study.plan import Plan
from palimpsest.study.yaml_files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
CASES = 200
LOOKALIKE = "s\u0435eds"  # its first e is Cyrillic
VALUES = [
    None, True, False, -1, 0, 1, 2, 1.0, 0.5, -0.0, 10**12, 10**400, float("nan"), float("inf"), "",
    " ", "yes", "1", "5e-5", "nan", "../../x", "/etc/passwd", "a b", "a\nb", "demo\n", "$(id)",
    "`id`", "{seed}", "é", "\u0435", "\ud800", "\0", "x" * 5000, [], [[]], [1, 1], ["1x1"] * 2,
    ["0x1"], ["9x9"], ["base", "base"], {}, {"a": {"b": 1}}, {1: 2}, {None: 1},
    {True: 0, "true": 1}, datetime.date(2020, 1, 2), b"\xff", {"path": "x"},
    {"column": "c", "terms": ["t"]}, {"terms": [""]},
]  # fmt: skip
CELLS = [
    "", " ", None, "a\nb", "a\tb", "\x00", "-1", "2", "1e9", "nan", "NA", "1.0", True, 3.5, 10**30,
    "validate", "é" * 300, 'x"y', '"', "../x", "$(id)", "e\u0301", "\u2028", "\ufeff", "=1+1", [1],
    {"a": 1},
]  # fmt: skip


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def ends(use) -> bool:
    """Whether ``use`` goes through; False where it ends in a complete message. Any other exception
    passes on and fails the test."""
    try:
        use()
    except UserError as error:
        for problem in error.problems:
            assert problem.what.strip() and problem.where.strip() and problem.remedy.strip(), repr(
                problem
            )
        assert SECRET not in str(error)
        str(error).encode()
        return False
    return True


# --- studies --------------------------------------------------------------------------------------

TABLE_STUDY = {
    "study": "shop",
    "seeds": [1, 2],
    "data": {
        "reader": "table",
        "sources": [{"path": "reviews.csv"}],
        "columns": {
            "record_id": "number",
            "owner": "customer",
            "text": "review",
            "label": "verdict",
            "split": "part",
        },
        "labels": {"good": 0, "bad": 1, "?": None},
        "splits": {"fit": "train", "dev": "valid", "eval": "test", "unused": "drop"},
        "keep": ["city"],
    },
    "groups": {"city": {"column": "city", "fine": True}, "light": {"terms": ["light", "lamp"]}},
    "model": {"init": "distilbert-base-uncased", "max_length": 128},
    "training": {"epochs": 3, "learning_rate": 5.0e-5},
    "sharding": ["1x1", "3x2"],
    "methods": ["base", "oracle", "sisa_vote", "fairsisa_ensemble"],
    "fairness": {"groups": ["city"]},
}
FILES = [ROOT / "config/studies" / name for name in ("demo.yaml", "hatexplain.yaml")]
STUDIES = [TABLE_STUDY, *(yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES)]
TOP = ("salt", "seeds", "ledger", "mirror", "requests", "track", "evaluation", "figures")


def places(value, path=()):
    """Paths of all values inside a study."""
    for key, child in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield (*path, key)
        yield from places(child, (*path, key))


def damaged_study(rng) -> dict:
    """A good study with one or two values replaced, taken out, renamed, repeated or put in."""
    study = copy.deepcopy(pick(rng, STUDIES))
    for _ in range(rng.integers(1, 3)):
        *path, key = pick(rng, list(places(study)))
        above = study
        for part in path:
            above = above[part]
        kind = int(rng.integers(6))
        if kind < 2:
            above[key] = copy.deepcopy(pick(rng, VALUES))
        elif kind == 2 and isinstance(above, list):
            above.append(above[key])
        elif kind == 2:
            above[pick(rng, [f"{key}s", str(key)[:-1], str(key).upper(), LOOKALIKE, 7, None])] = (
                above.pop(key)
            )
        elif kind == 3:
            del above[key]
        elif kind == 4:
            study[pick(rng, TOP)] = copy.deepcopy(pick(rng, VALUES))
        elif isinstance(above[key], (int, float)) and not isinstance(above[key], bool):
            above[key] = pick(
                rng, [above[key] * 2, above[key] + 1, float(above[key]), str(above[key])]
            )
    return study


def damaged_yaml(rng, text: str) -> bytes:
    """A quarter of the files are damaged as files: a line twice, a tab, a byte that is lost or is
    not UTF-8."""
    data, kind = text.encode("utf-8", "surrogatepass"), int(rng.integers(20))
    place = int(rng.integers(len(data)))
    line = pick(rng, data.splitlines(keepends=True))
    extra = {0: line, 1: b"\t", 2: b"\xe9", 3: b"\0", 4: b"- "}.get(kind, b"")
    return data[:place] if kind == 5 else data[:place] + extra + data[place:]


def plan_of(path: Path) -> None:
    """All that is done with a study while the graph is built, for its first shards."""
    study = load_study(read_yaml(path), ROOT / "config", [path])
    json.dumps(study, sort_keys=True, ensure_ascii=False).encode()
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", study["study"])
    plan = Plan(study, [Request("r1", ("ann", "../$(id)")), Request("r2", ("{seed}",))])
    for seed in study["seeds"]:
        for sharding in study["sharding"]:
            shards, slices = parse_sharding(sharding)
            for state in plan.states:
                checkpoint = plan.checkpoint(seed, sharding, min(shards, 3), min(slices, 3), state)
                assert plan.parse(checkpoint.name)[0] == sharding and checkpoint.slices


@pytest.mark.parametrize("tenth", range(10))
def test_damaged_studies_are_usable_or_explained(tenth, tmp_path):
    ended = []
    for number in range(tenth, CASES, 10):
        rng = numpy_generator("fuzz", "study", number)
        text = yaml.dump(damaged_study(rng), sort_keys=False, allow_unicode=True)
        path = tmp_path / f"case{number}.yaml"
        path.write_bytes(damaged_yaml(rng, text))
        ended.append(ends(lambda path=path: plan_of(path)))
    assert not all(ended)


def test_the_studies_are_good_before_they_are_damaged(tmp_path):
    for number, study in enumerate(STUDIES):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
        assert ends(lambda path=path: plan_of(path))


# --- tables ---------------------------------------------------------------------------------------

DATA = {
    "reader": "table",
    "classes": 2,
    "columns": {name: name for name in columns_of(LABELLED)},
    "keep": ["topic"],
}
GROUPS = {
    "topic": {"column": "topic", "fine": True},
    "numbers": {"terms": [str(number) for number in range(12)]},
}
SUFFIXES = [
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".parquet",
    ".csv.gz",
    ".tsv.gz",
    ".json.gz",
    ".jsonl.gz",
]


def table() -> pd.DataFrame:
    """24 good records; each topic and either group of numbers holds two records of each label in
    each split."""
    return records(24).assign(topic=[("east", "west")[number // 6 % 2] for number in range(24)])


def damaged_frame(frame: pd.DataFrame, rng) -> pd.DataFrame:
    """A good table with up to two cells, rows, columns or names changed."""
    frame = frame.astype(object)
    for _ in range(rng.integers(0, 3)):
        row, column = int(rng.integers(len(frame))), pick(rng, list(frame.columns))
        kind = int(rng.integers(7))
        if kind < 3:
            frame.iat[row, list(frame.columns).index(column)] = pick(rng, CELLS)
        elif kind == 3:
            frame = frame.drop(index=frame.index[row]).reset_index(drop=True)
        elif kind == 4:
            frame = pd.concat([frame, frame.iloc[[row]]], ignore_index=True)
        elif kind == 5:
            frame = frame.rename(
                columns={
                    column: pick(
                        rng, [f"{column}s", column.upper(), "", " ", "a\nb", "\u0435", "7"]
                    )
                }
            )
        else:
            frame = frame.assign(**{column: pick(rng, CELLS[:-2])})
    return frame


def written(frame: pd.DataFrame, suffix: str) -> bytes:
    kind = suffix.removesuffix(".gz")
    if kind not in (".csv", ".tsv"):
        # no other kind of file can hold a name twice
        frame = frame.loc[:, ~frame.columns.duplicated()]
    if kind == ".parquet":
        # a column of parquet has one type
        frame = frame.map(lambda value: None if value is None else str(value))
        return frame.to_parquet(index=False)
    if kind in (".csv", ".tsv"):
        text = frame.to_csv(index=False, sep="," if kind == ".csv" else "\t")
    else:
        rows = [json.dumps(row, default=str, allow_nan=True) for row in frame.to_dict("records")]
        text = "\n".join(rows) if kind == ".jsonl" else f"[{', '.join(rows)}]"
    return text.encode()


def damaged_file(data: bytes, rng) -> bytes:
    """A third of the files are damaged as files: cut short, a byte changed or put in, a byte order
    mark, another encoding."""
    place, kind = int(rng.integers(len(data))), int(rng.integers(21))
    if kind == 0:
        return data[:place]
    if kind < 4:
        return (
            data[:place]
            + pick(rng, [b'"', b"\xff", b"\n", b"\\", b",", b"\0"])
            + data[place + int(rng.integers(2)) :]
        )
    if kind == 4:
        return b"\xef\xbb\xbf" + data
    if kind == 5:
        return data.decode("utf-8", "replace").encode("utf-16")
    return b"" if kind == 6 else data


def damaged_data(rng) -> dict:
    """A good `data` section, in a third of the cases with another key."""
    more = [
        *(
            {"encoding": name}
            for name in ("latin-1", "utf-16", "idna", "utf-7", "hex", "x\0", "unicode_escape")
        ),
        *({"keep": names} for names in ([], ["tpoic"], ["text"])),
        *({"labels": labels} for labels in ({"0": 1, "1": 0}, {"0": 0}, {"": 0})),
        *(
            {"columns": DATA["columns"] | {name: "text"}}
            for name in ("record_id", "owner", "label", "split")
        ),
        {"columns": {"text": "text", "label": "label", "split": "split"}},
        {"columns": {"text": "owner", "label": "label"}},
        {
            "columns": {"text": "text", "label": "label"},
            "split_shares": {"train": 0.5, "valid": 0.25, "test": 0.25},
        },
        {"splits": {"train": "train", "valid": "valid", "test": "drop"}},
        {"quotes": False},
        {"classes": 3},
        {"separator": pick(rng, [",", ";", "\t"])},
        {"header": False, "columns": {"text": "3", "label": "4", "split": "5"}, "keep": ["6"]},
        {"columns": DATA["columns"] | {"text": ["text", "topic"]}, "keep": []},
        {"columns": DATA["columns"] | {"owner": "owner.id"}},
        {"drop": {"empty": True, "longer_than": 23, "where": {"topic": ["east", ""], "7": [None]}}},
        {"drop": {"empty": True, "where": {"label": ["2"], "owner": ["owner 1"]}}},
    ]
    return DATA | (pick(rng, more) if rng.integers(3) == 0 else {})


def use_table(path: Path, data: dict) -> None:
    """Read, check, write, digest, index and slice, as the workflow does."""
    frame, report = read_records(data, [path], classes=data["classes"])
    check_records(frame, where="again", classes=data["classes"])
    assert len(frame) == report.read - sum(report.dropped.values())
    kept, folder = path.parent / "records.parquet", path.parent
    write_parquet(frame, kept)
    assert records_digest(read_parquet(kept)) == records_digest(frame)
    groups = {
        name: group for name, group in GROUPS.items() if group.get("column", "topic") in frame
    }
    call(
        "index",
        "--records",
        kept,
        "--output",
        folder / "index.parquet",
        "--sizes",
        folder / "groups.json",
        groups=groups,
        fitted=list(groups),
    )
    assert len(read_parquet(folder / "index.parquet")) == len(frame)
    held = 0
    for slice_ in (1, 2):
        out = folder / f"slice{slice_}.parquet"
        files = ("--records", kept, "--output", out, "--digest", out.with_suffix(".json"))
        call("slice", *files, salt="i", seed=1, sharding="1x2", shard=1, slice=slice_, state="r0")
        held += len(read_parquet(out))
    assert held == (frame["split"] == "train").sum()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_table_is_good_before_it_is_damaged(suffix, tmp_path):
    path = tmp_path / f"posts{suffix}"
    data = written(table(), suffix)
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    use_table(path, DATA)


@pytest.mark.parametrize("tenth", range(10))
def test_damaged_tables_are_usable_or_explained(tenth, tmp_path):
    ended = []
    for number in range(tenth, CASES, 10):
        rng = numpy_generator("fuzz", "table", number)
        suffix, folder = pick(rng, SUFFIXES), tmp_path / str(number)
        zipped, inside = suffix.endswith(".gz"), bool(rng.integers(2))
        content = written(damaged_frame(table(), rng), suffix)
        content = damaged_file(content, rng) if inside else content
        content = gzip.compress(content) if zipped else content
        folder.mkdir()
        path, data = folder / f"posts{suffix}", damaged_data(rng)
        path.write_bytes(content if inside else damaged_file(content, rng))
        ended.append(ends(lambda path=path, data=data: use_table(path, data)))
    assert any(ended) and not all(ended)
