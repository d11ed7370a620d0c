"""What is told of the records: counted by hand, in the log, the tidy table and the summary."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from stepping import DESCRIBED, SHOWN, call, tidy

from palimpsest.data.shards import largest_shard, place
from palimpsest.data.storage import write_parquet
from palimpsest.files import read_json
from palimpsest.models.bpe import train_bpe
from palimpsest.models.tokenizers import pieces, train_wordpiece
from palimpsest.report import described as module
from palimpsest.report.cells import lookup, shown
from palimpsest.report.described import about
from palimpsest.report.summary import as_markdown, summarise
from palimpsest.report.tables import row, table
from palimpsest.steps import describe
from palimpsest.steps.slice import warnings as of_slice
from palimpsest.tracks.classification import summary as of_classifiers

CHINESE = "女人和男人"


class Letters:
    """A tokenizer that knows the words a and b: 1 and 2; 0 stands for others, 9 for the end."""

    unk_token_id, eos_token_id = 0, 9
    bos_token_id = pad_token_id = sep_token_id = cls_token_id = mask_token_id = None


def encode(records, tokenizer, settings):
    """As tracks do: cut to so many tokens, the end among them."""
    whole = [
        [{"a": 1, "b": 2}.get(word, 0) for word in text.split()] + [9] for text in records["text"]
    ]
    most = settings["max_length"]
    return SimpleNamespace(token_ids=[ids[:most] for ids in whole]), sum(
        len(i) > most for i in whole
    )


def texts(records, candidates):
    return records


RECORDS = pd.DataFrame(
    [
        ("1", "ann", "a b", 0, "train", "p"), ("2", "ann", "b a a b", 1, "train", "q"),
        ("3", "ann", "b", 1, "train", "p"), ("4", "bob", "a z", 0, "train", ""),
        ("5", "cid", "A  B", 0, "test", "p"), ("6", "cid", "y z", 0, "test", "q"),
        ("7", "dan", "a a a", 2, "valid", "p"),
    ],
    columns=["record_id", "owner", "text", "label", "split", "place"],
)  # fmt: skip


GROUPS = {"place": {"column": "place", "fine": True, "drop": ["none"]}}
SIZES = {"p": {"train": 2, "valid": 1, "test": 1}, "q": {"train": 1, "valid": 0, "test": 1}}


@pytest.fixture
def told(tmp_path, monkeypatch, caplog):
    """What the step writes of RECORDS, and the sizes of their groups: places but the empty one."""
    monkeypatch.setattr(describe, "check_tokenizer", lambda folder: None)
    monkeypatch.setattr(describe, "load_tokenizer", lambda folder: Letters())
    caplog.set_level(logging.INFO)
    write_parquet(RECORDS, tmp_path / "records")
    files = [f"--{name}={tmp_path / name}" for name in ("records", "tokenizer", "output")]
    settings = {"track": __name__, "score": __name__, "model": {"max_length": 4}}
    call("describe", *files, **settings, classes=3)
    return read_json(tmp_path / "output") | {"groups": {"place": SIZES}}


def log(caplog) -> str:
    """Of the step, which runs before a test."""
    return "\n".join(one.getMessage() for one in caplog.get_records("setup"))


def test_the_records_are_described_by_hand(told, caplog):
    """Of train the second text is cut, of its five tokens one; z is the only unknown of 8 pieces.
    a b of train is A  B of test, of which all is lower case to the tokenizer: 4 of 4 unknown."""
    assert told["max_length"] == 4 and told["largest_owner"] == 3
    assert told["splits"] == {
        "train": {
            "records": 4, "texts": 4, "cut": 1, "pieces": 9, "unknown": 1, "copies": 1,
            "labels": {"0": 2, "1": 2, "2": 0},
        },
        "valid": {
            "records": 1, "texts": 1, "cut": 0, "pieces": 3, "unknown": 0, "copies": 0,
            "labels": {"0": 0, "1": 0, "2": 1},
        },
        "test": {
            "records": 2, "texts": 2, "cut": 0, "pieces": 4, "unknown": 4, "copies": 1,
            "labels": {"0": 2, "1": 0, "2": 0},
        },
    }  # fmt: skip
    assert "train: 4 records; 1 of 4 texts cut at 4 tokens; 1 of 9 pieces unknown" in log(caplog)
    assert "a a b" not in log(caplog) and "ann" not in log(caplog)


def test_the_sizes_of_groups_stand_beside_the_index(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write_parquet(RECORDS, tmp_path / "records")
    files = [f"--{name}={tmp_path / name}" for name in ("records", "output", "sizes")]
    call("index", *files, groups=GROUPS, fitted=[])
    assert read_json(tmp_path / "sizes") == {"place": SIZES}
    assert "place, 'q': {'train': 1, 'valid': 0, 'test': 1}" in caplog.text


def test_what_is_wrong_is_warned_of_in_the_log_and_the_summary(told, caplog):
    warnings = about(told, {}, {"study": "s", "model": "m"}, [1]).warnings
    for part in (
        "does not know the texts: 11.1% of train, 100.0% of test",
        "cut at 4 tokens: 25.0% of train.",
        "stand in several splits: 25.0% of train, 50.0% of test",
        "no training record has label 2, which 1 valid records have",
        "all 2 records of split test have label 0",
        "all 1 records of split valid have label 2",
    ):
        assert sum(part in one for one in warnings) == 1, part
        assert part in log(caplog)
    assert len(warnings) == 6 and all(one.startswith("WARNING: ") for one in warnings)


def test_below_its_bounds_nothing_is_warned_of():
    """At the bound neither: 5 % of pieces, 10 % of texts, 1 % of records."""
    split = {"records": 100, "texts": 100, "cut": 10, "pieces": 1000, "unknown": 50, "copies": 1}
    plain = {"max_length": 4, "largest_owner": 5, "groups": {}}
    both = {name: split | {"labels": {"0": 50, "1": 50}} for name in ("train", "test")}
    told = about(plain | {"splits": both}, {"2x1": {1: 1.5}}, {}, [])
    assert told.warnings == ()
    assert about(plain | {"splits": {"train": split, "test": split}}, {}, {}, []).warnings == ()
    more = split | {"unknown": 51, "cut": 11, "copies": 2}
    assert len(about(plain | {"splits": {"train": more}}, {}, {}, []).warnings) == 3
    none = {"train": split | {"labels": {"0": 1, "1": 1, "2": 0}}}
    (warning,) = about(plain | {"splits": none}, {}, {}, []).warnings
    assert "no record has label 2, and `data.classes` is 3" in warning


def test_the_tidy_table_has_the_numbers_once_a_seed(told):
    where = {"study": "s", "model": "m"}
    found = tidy([table(about(told, {"2x1": {1: 1.5, 2: 1.0}}, where, [1, 2]).rows)])
    assert set(found["seed"]) == {"1", "2", "all"} and set(found["request"]) == {"r0"}
    keys = ["set", "metric", "group"]
    numbers = found[found["seed"] == "all"].set_index(keys)
    assert numbers.loc[("train", "unknown_pieces", ""), "value"] == pytest.approx(1 / 9)
    assert numbers.loc[("train", "cut_texts", ""), ["value", "n"]].tolist() == [0.25, 4]
    assert numbers.loc[("test", "copied_texts", ""), "value"] == 0.5
    assert numbers.loc[("test", "records", "place=q"), "value"] == 1
    assert numbers.loc[("valid", "records", "label=2"), "value"] == 1
    largest = numbers.loc[("train", "largest_shard", "")]
    assert largest[["method", "shards", "value"]].tolist() == ["sisa", "2x1", 1.25]


def test_the_summary_shows_them_below_its_tables_and_warns_at_the_top(told):
    found = about(told, {"2x1": {1: 1.75}}, {"study": "s", "model": "m"}, [1])
    metrics = tidy([table(found.rows)])
    settings = {"states": ["r0"], "families": [], "attacks": {}, "metrics": DESCRIBED}
    sections = summarise(metrics, settings | {"methods": SHOWN}, of_classifiers, None, None, found)
    assert sections[0].warnings == found.warnings
    assert "2 × 1 differ in size: the largest holds 1.8 (seed 1) times" in found.warnings[-1]
    assert "One owner alone holds 75.0% of the training records" in found.warnings[-1]
    data, sizes = sections[-2:]
    assert data.heading == "Data" and sizes.heading == "Sizes of groups"
    assert data.table.iloc[0].tolist() == ["train", "4", "2", "2", "0", "25.0%", "11.1%", "1"]
    assert sizes.table.to_numpy().tolist() == [
        ["place", "p", "2", "1", "1"],
        ["place", "q", "1", "0", "1"],
    ]
    assert "| place | q | 1 | 0 | 1 |" in as_markdown(sections)


def test_groups_beyond_the_largest_are_added_up():
    splits = {
        "train": {"records": 99, "texts": 99, "cut": 0, "pieces": 1, "unknown": 0, "copies": 0}
    }
    groups = {f"g{number:02}": {"train": 40 - number} for number in range(33)}
    described = {"splits": splits, "groups": {"f": groups}, "max_length": 1, "largest_owner": 1}
    *_, sizes = module.sections(described)
    assert len(sizes.table) == 31 and sizes.table.iloc[0].tolist() == ["f", "g00", "40"]
    assert sizes.table.iloc[-1].tolist() == ["f", "3 more", "27"]  # 10, 9 and 8


def test_pieces_that_a_tokenizer_does_not_know():
    """Marks of beginning and end are no pieces. Bytes know everything; where the end of text is
    called the unknown token, too, it stands for nothing unknown."""
    words = train_wordpiece(["cat dog"] * 5, 60, lowercase=True)
    ids = words(["cat dog", f"cat {CHINESE}"])["input_ids"]
    assert pieces(words, ids) == (2 + 1 + len(CHINESE), len(CHINESE))
    bytes_ = train_bpe(["cat dog"] * 5, 300)
    ids = bytes_([CHINESE])["input_ids"]
    assert pieces(bytes_, ids) == (len(CHINESE.encode()), 0)
    bytes_.unk_token = bytes_.eos_token
    assert pieces(bytes_, [[*ids[0], bytes_.eos_token_id]]) == (len(CHINESE.encode()), 0)


def sizes(largest: int) -> dict[str, int]:
    return {"whale": largest} | {f"owner{number}": 10 for number in range(40)}


def test_a_shard_that_one_owner_makes_large_is_told(caplog):
    """400 records of 40 owners, and as many of one: its shard has more than half of all."""
    assert largest_shard({"a": 3}, "1x1", "salt", 1) == 1
    even, large = (largest_shard(sizes(some), "4x1", "salt", 1) for some in (10, 400))
    shard, _ = place("whale", "4x1", "salt", 1)
    own = sum(n for name, n in sizes(400).items() if place(name, "4x1", "salt", 1)[0] == shard)
    assert large == pytest.approx(own * 4 / 800) and large > 2 and even < large
    train = pd.DataFrame({"owner": np.repeat([*sizes(400)], [*sizes(400).values()])})
    cells = {name: place(name, "4x1", "salt", 1) for name in sizes(400)}
    settings = {"sharding": "4x1", "shard": shard}
    (told,) = of_slice(train, sizes(400), cells, settings)
    assert f"shard {shard} of 4 holds {own} of 800 training records, and one owner 400" in told
    assert "whale" not in told
    other = shard % 4 + 1
    assert list(of_slice(train, sizes(400), cells, settings | {"shard": other})) == []
    mine = [name for name, cell in cells.items() if cell[0] == other]
    labelled = train.assign(label=train["owner"].isin(mine).astype(int))
    (told,) = of_slice(labelled, sizes(400), cells, settings | {"shard": other})
    assert told == f"shard {other} of 4 has records of label 1 alone"


@pytest.mark.parametrize(("n", "said"), [(1, "0.800 (n = 1)"), (2, "0.800 (n = 2)")])
def test_a_number_of_one_or_two_records_has_no_interval_but_its_n(n, said):
    where = {
        "study": "s", "seed": 1, "request": "r1", "method": "base", "shards": "1x1", "model": "m",
    }  # fmt: skip

    def cell(metric: str, n: int) -> str:
        metrics = tidy([table([row(where, "forget", metric, 0.8, n, (0.68, 0.9))])])
        return shown(lookup(metrics[metrics["seed"] == "all"], "forget"), "base", "1x1", "", metric)

    assert cell("probability", n) == said
    assert cell("probability", 3) == "0.800 [0.680, 0.900]"
    assert cell("retrained_share", n) == "0.800 [0.680, 0.900]"  # its n are owners
