"""What is wrong with the records is told by the job that finds it, whole; nothing is half-written,
and earlier results stay.

Neither the terminal nor a log shows a traceback or the text of a record.
"""

from __future__ import annotations

import gzip

import pytest

from harness import MARK, OWNERS, STUDY, Clone, owner_in, posts, steps
from refusals import Case, cells, ledger, rows, section, study, told

COLUMNS, PARTS = STUDY["data"]["columns"], ("train", "valid", "test")
RECORDS = ("results/tiny/data/records.json", "results/tiny/data/records.parquet")
INDEX = "results/tiny/data/index.parquet"


def no_test(changed: list[dict]) -> None:
    for row in changed:
        row["part"] = row["part"].replace("test", "train")


def all_wrong(changed: list[dict]) -> None:
    wrong = [
        {"post": ""},
        {"rude": "maybe"},
        {"part": "practice"},
        {"who": "a\tb"},
        {"rude": 7},
        {"who": " "},
    ]
    for row, values in zip(changed, wrong, strict=False):
        row |= values


def no_positives(changed: list[dict]) -> None:
    for row in changed:
        if row["part"] == "valid" and row["town"] == "east":
            row["rude"] = 0


def damaged_files(clone: Clone) -> None:
    """Every kind of file damaged in its own way, all sources of one study."""
    import pandas as pd

    small = [
        {name: row[name] for name in ("who", "post", "rude", "part", "town")}
        for row in posts()[:50]
    ]
    frame, data = pd.DataFrame(small), clone.path("data")
    data.mkdir()
    frame.to_parquet(data / "cut.parquet")
    frame.to_json(data / "cut.json", orient="records")
    frame.to_json(data / "cut.jsonl", orient="records", lines=True)
    (data / "cut.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    for path in list(data.iterdir()):
        path.write_bytes(path.read_bytes()[:-20])
    whole = frame.to_csv(index=False)
    (data / "latin.csv").write_bytes(
        f"{whole}owner01,{MARK} caf\xe9,1,train,east\n".encode("latin-1")
    )
    (data / "quotes.csv").write_text(
        f'{whole}owner01,"{MARK} never closed,1,train,east\n', encoding="utf-8"
    )
    (data / "narrow.tsv").write_text(
        frame.to_csv(index=False, sep="\t") + f"owner01\t{MARK} alone\n", encoding="utf-8"
    )
    (data / "headless.csv").write_text(frame.to_csv(index=False, header=False), encoding="utf-8")
    (data / "empty.csv").write_text("", encoding="utf-8")
    section("data", sources=[{"path": "data/*"}])(clone)


def not_a_number(clone: Clone) -> None:
    """NaN, null and a blank as texts of a json file; the byte order mark in front of it is no
    error."""
    texts = ["NaN", "null", '"  "', *[f'"{MARK}"'] * 9]
    lines = [
        f'{{"who": "o{n}", "post": {text}, "rude": 0, "part": "{PARTS[n % 3]}", "town": ""}}'
        for n, text in enumerate(texts)
    ]
    clone.path("posts.jsonl").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    section("data", sources=[{"path": "posts.jsonl"}])(clone)


DATA = [
    Case(
        "a column that is not there", section("data", columns=COLUMNS | {"label": "rud"}),
        ("posts.csv: there is no column 'rud'", "'town'", "did you mean 'rude'?"),
    ),
    Case(
        "record ids twice", section("data", columns=COLUMNS | {"record_id": "who"}),
        (
            "record ids stand more than once", "480 records: 'owner00' (posts.csv, row 1)",
            "each id once",
        ),
    ),
    Case(
        "empty texts", cells(3, post="  "),
        ("text is empty", "3 records", "posts.csv, row 3", "fill it in"),
    ),
    Case(
        "texts that are NaN and null", not_a_number,
        ("text is empty", "3 records", "posts.jsonl, row 2", "fill it in"),
    ),
    Case(
        "labels outside the range", cells(2, rude=7),
        ("label outside the range", "posts.csv, row 1", "from 0 to 1", "raise `classes`"),
    ),
    Case(
        "labels that are text", cells(1, rude="maybe"),
        ("unknown label", "'maybe' in 1 record", "data.labels"),
    ),
    Case(
        "a split of another name", cells(1, part="practice"),
        ("unknown split", "'practice' in 1 record", "'train', 'valid', 'test'"),
    ),
    Case(
        "an owner that no line of a ledger can hold", cells(2, who="ann\nbob\t$(id)"),
        ("owner holds a line break, a tab", "2 records", "printable text", "rename them"),
    ),
    Case(
        "no test records", rows(no_test),
        ("no record is in split test", "48 valid", "records in each of"),
    ),
    Case(
        "rows that are wrong in many ways, told together and whole", rows(all_wrong),
        (
            "text is empty", "unknown label", "unknown split", "owner holds a line break",
            "label outside the range", "owner is empty",
        ),
        problems=6,
    ),
    Case(
        "damaged files, told together", damaged_files,
        (
            "cut.parquet: damaged, or not parquet", "cut.json, line 1, column",
            "cut.jsonl, line 50", "cut.csv.gz: not a whole gzip file",
            "latin.csv, line 52: not UTF-8", "byte 0xe9", "quotes.csv, line 52: malformed",
            "narrow.tsv: rows of another length", "headless.csv: there is no column 'who'",
            "set `header: false`", "empty.csv: the file is empty",
        ),
        problems=13,
    ),
]  # fmt: skip

GRAPH = [
    Case(
        "a group column with one value", cells(480, town="east"),
        ("groups.town: all records are in one group", "'east'", "two groups or more"), (INDEX,),
        made=RECORDS,
    ),
    Case(
        "a group without positives in the calibration set", rows(no_positives),
        (
            "groups.town: a group without positives in split 'valid'", "'east': ",
            " negatives, 0 positives", "at least one of each",
        ),
        (INDEX,), made=RECORDS,
    ),
    Case(
        "more slices than owners", study(sharding=["24x3"]),
        (
            "sharding 24x3, seed 1: more slices than owners", "72 slices for 48 owners",
            "at most 48 slices"
        ),
        ("results/tiny/seed1/shards/24x3/1/1/r0.json",), made=RECORDS,
    ),
    Case(
        "an empty shard", study(sharding=["40x1"]),
        ("sharding 40x1, seed 1: a shard has no owner", "found: shard 1 slice 1, ", "another salt"),
        ("results/tiny/seed1/shards/40x1/1/1/r0.json",), made=RECORDS,
    ),
    Case(
        "a request that leaves nothing to test on",
        lambda clone: clone.write_ledger("r1 owner00; r2 " + " ".join(OWNERS[1:])),
        (
            "ledger.tsv, request r2: a request leaves no record in split train or test or valid",
            "no records at all",
        ),
        ("results/tiny/requests/r2.json",), made=RECORDS,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", DATA, ids=lambda case: case.name)
def test_in_the_source(fresh, case):
    case.spoil(fresh)
    said = told(fresh, "data", problems=case.problems)
    assert [part for part in case.said if part not in said] == [], said


@pytest.mark.parametrize("case", GRAPH, ids=lambda case: case.name)
def test_between_source_and_study(fresh, case):
    case.spoil(fresh)
    said = told(fresh, *case.ask, problems=case.problems, made=case.made)
    assert [part for part in case.said if part not in said] == [], said


def test_owners_files_and_terms_may_be_any_printable_text(fresh):
    """They become neither paths nor shell text, nor wildcards of Snakemake: the study runs with
    names that would like to."""
    hostile = [
        "../../owner",
        "$(touch pwned)",
        "`touch pwned`",
        "'; touch pwned; '",
        "a b",
        "{seed}",
        "\u65e5\u672c \U0001f600",
        "-rf",
        "*",
    ]
    renamed = dict(zip(OWNERS, hostile, strict=False))
    rows(lambda changed: [row.update(who=renamed.get(row["who"], row["who"])) for row in changed])(
        fresh
    )
    ledger(*(f"r{number}\t{name}" for number, name in enumerate(hostile, 1)))(fresh)
    name = "{seed} $(touch pwned)'s.csv"
    fresh.path("posts.csv").rename(fresh.path(name))
    groups = STUDY["groups"] | {
        "words": {"terms": ["baker", "{seed}", "{study}", "$(touch pwned)"]}
    }
    fresh.change_study(groups=groups, data=STUDY["data"] | {"sources": [{"path": name}]})
    wanted = [f"results/tiny/requests/r{number}.json" for number in range(1, 10)]
    assert fresh.snakemake(*wanted, "results/tiny/sets/forget-r2.json", INDEX) == 0, fresh.output
    assert not list(fresh.folder.rglob("*pwned")) and not any(
        owner in fresh.output for owner in hostile[2:4]
    )


# --- a study that ran before ----------------------------------------------------------------------

AFTER = [
    Case("an unknown key", study(trainning={}), ("unknown key",)),
    Case("a bad row", cells(1, post=""), ("text is empty",), ("data",)),
    Case(
        "a source that is not UTF-8",
        lambda clone: clone.path("posts.csv").write_bytes(b"who,post\n\xff"),
        ("not UTF-8",),
        ("data",),
    ),
    Case(
        "one group",
        section("groups", town={"column": "town", "none": ["east", "west"]}),
        ("all records are in one group",),
        (INDEX,),
    ),
    Case(
        "too many slices",
        study(sharding=["1x1", "24x3"]),
        ("more slices than owners",),
        ("results/tiny/seed1/shards/24x3/1/1/r0.json",),
    ),
]


@pytest.mark.parametrize("case", AFTER, ids=lambda case: case.name)
def test_earlier_results_stay_as_they_were(clone, case):
    """Byte for byte, those of the job that fails too. A second run fails like the first; once all
    is mended there is nothing to do."""
    good = {name: clone.path(name).read_bytes() for name in ("study.yaml", "posts.csv")}
    case.spoil(clone)
    for _ in range(2):
        said = told(clone, *case.ask, problems=case.problems)
        assert [part for part in case.said if part not in said] == [], said
    for name, data in good.items():
        clone.path(name).write_bytes(data)
    assert clone.jobs() == set()


def test_an_owner_that_the_data_lack(clone):
    """Found of all requests at once, as soon as records are there: no evidence, no new version of
    anything.

    Evidence of an earlier request is enough: its owner may have left the source since, as the law
    asks.
    """
    first = owner_in("3x2", 1, 1)
    clone.take_out(first)
    clone.write_ledger(
        f"r1 {first}; r2 owner99 {next(owner for owner in OWNERS if owner != first)}; r3 nobody"
    )
    assert clone.snakemake("results/tiny/data/records.json") == 0, clone.output
    said = told(
        clone,
        "results/tiny/requests/r2.json",
        "results/tiny/requests/r3.json",
        "--keep-going",
        problems=2,
    )
    assert (
        "ledger.tsv, request r2: the data hold no record of this owner" in said
        and "'owner99'" in said
    )
    assert "ledger.tsv, request r3" in said and "'nobody'" in said and f"'{first}'" not in said
    clone.write_ledger(f"r1 {first}")
    assert clone.snakemake("results/tiny/requests/r1.json") == 0, clone.output
    clone.write_ledger("r1 nobody")
    for _ in range(2):  # the evidence of others stays, and is none of this request
        assert "request r1: the data hold no record" in told(clone, "results/tiny/requests/r1.json")


def test_a_group_that_a_request_left_without_positives(clone):
    """All valid positives of a town belong to the owner that r1 forgot: before it the rule can be
    fitted, after it not."""
    gone = owner_in("3x2", 1, 1)

    def spoil(changed: list[dict]) -> None:
        for row in changed:
            if row["part"] == "valid":
                row |= {"rude": int(row["who"] == gone or row["rude"] and row["town"] == "west")}
                row |= {"town": "east"} if row["who"] == gone else {}

    rows(spoil)(clone)
    decisions = "results/tiny/seed1/decisions/fairsisa_aggregate_first/{}.parquet"
    assert clone.snakemake("data") == 0, clone.output
    assert not steps(
        clone.run(decisions.format("r0"), "results/tiny/seed1/decisions/sisa_vote/r1.parquet"),
        "train",
    )
    said = told(clone, decisions.format("r1"))
    assert (
        "groups.town, after request r1: a group without positives in split 'valid'" in said
        and "'east': " in said
    )
