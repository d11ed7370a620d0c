"""What a purge does with each file: which go, which are rewritten, which are another study's, and
what is written down of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from served import STUDY, WHO, Served
from stepping import SECRET

from palimpsest.audit.actions import Action, actions, newest, purge, rewrite
from palimpsest.audit.look import Finding, Report
from palimpsest.data.ledger import Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.engine.sealed import read_sealed
from palimpsest.errors import UserError
from palimpsest.files import file_digest, write_json
from palimpsest.study.plan import Plan
from palimpsest.study.purges import FILE, owners_of, purged_upto, read_purges, removed, served

OLD = 1_000_000_000  # seconds: a date that no test would write by itself


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Two other studies have records here."""
    monkeypatch.chdir(tmp_path)
    for name in ("other", "s2"):
        Path("results", name, "data").mkdir(parents=True)
        Path("results", name, "data/records.json").write_text("{}")


# r1 touches both shards in seed 1: ann lies in (1, 1), amy in (2, 2). In seed 2 it touches shard 2
# alone: ann in (2, 2), amy in (2, 1); shard 1 stays as it was in r0.
PLAN = Plan(STUDY, [Request("r1", (WHO["ann"], WHO["amy"]))])


def done(*paths: str, plan: Plan = PLAN) -> dict[str, str]:
    """Path -> what happens to it, where something was found in each of ``paths``."""
    findings = [Finding(path, "text", ("r1",), 1) for path in paths]
    return {one.path.as_posix(): one.what for one in actions(plan, Report(findings))}


def write(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(path.encode())


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("results/report.html", "remove"),
        ("results/s/notes.txt", "remove"),
        ("results/s/conda/notes.txt", "remove"),
        ("results/pretrained/notes.txt", "remove"),
        ("results/pretrained/words/corpus.txt", "remove"),
        ("results/pretrained/small/model.safetensors", "remove"),
        ("results/stray/notes.txt", "remove"),
        ("results/other/notes.txt", "leave"),
        ("results/other/data/records.parquet", "leave"),
        ("results/s2/seed1/base/model.safetensors", "leave"),
        (".snakemake/log/old.log", "remove"),
        (".snakemake/metadata/a/b", "remove"),
        ("/home/me/.cache/huggingface/datasets/imdb/rows.arrow", "remove"),
        *(
            (f"results/s/data/{name}.parquet", "rewrite")
            for name in ("records", "index", "candidates")
        ),
        *((f"results/s/sets/{name}.parquet", "rewrite") for name in ("heldout", "trained")),
        ("results/s/sets/forget-r1.parquet", "remove"),
        ("results/s/data/other.parquet", "remove"),
        ("results/other/data/index.parquet", "leave"),
    ],
)
def test_what_happens_to_a_file(path, what):
    """Of this study and of what studies share all goes that the newest state can do without."""
    assert done(path) == {path: what}


@pytest.mark.parametrize("kind", ["heldout", "trained"])
def test_scores_of_the_newest_state_stay_and_older_ones_go(kind):
    """The single model of r1 in either seed. Of the teachers those of r1; in seed 2 those of r0 as
    well, for one of them still stands in the newest state."""
    names = [
        f"{model}/r{state}" for model in ("base", "oracle", "teachers-2x2") for state in (0, 1)
    ]
    paths = [
        f"results/s/seed{seed}/scores/{name}/{kind}.parquet" for seed in (1, 2) for name in names
    ]
    for path in paths:
        write(path)
    kept = {"base/r1", "oracle/r1", "teachers-2x2/r1"}
    expected = {1: kept, 2: kept | {"teachers-2x2/r0"}}
    assert done(*paths) == {
        f"results/s/seed{seed}/scores/{name}/{kind}.parquet": "rewrite"
        if name in expected[seed]
        else "remove"
        for seed in (1, 2)
        for name in names
    }


def test_scores_of_the_forgotten_go():
    path = "results/s/seed1/scores/oracle/r1/forget-r1.parquet"
    write(path)
    assert done(path) == {path: "remove"}


@pytest.mark.parametrize(
    "found",
    ["model.safetensors", "resume/step3/model.safetensors", "run.json", "training.json"],
)
@pytest.mark.parametrize(
    "model",
    ["base", "oracle/r1", "teachers/2x2/1/1/r0", "auxiliaries/kga-extra/r1", "methods/pcgu/r1"],
)
def test_with_anything_of_a_model_all_of_it_goes(model, found):
    """What it would have resumed from, too; nothing of the model beside it."""
    folder = f"results/s/seed2/{model}"
    names = ("model.safetensors", "training.json", "run.json", "resume/step3/model.safetensors")
    for name in names:
        write(f"{folder}/{name}")
        write(f"results/s/seed1/{model}/{name}")
    assert done(f"{folder}/{found}") == {f"{folder}/{name}": "remove" for name in names}


@pytest.mark.parametrize(
    "name", ["seed1/shards/1x1/1/1/r0", "sets/forget-r1", "seed1/decisions/sisa_vote/r0"]
)
def test_a_table_and_its_digest_go_together(name):
    pair = [f"results/s/{name}{suffix}" for suffix in (".parquet", ".json")]
    for path in pair:
        assert done(path) == {path: "remove"}, "where the other is not there, nothing is said of it"
    for path in pair:
        write(path)
    for path in pair:
        assert done(path) == dict.fromkeys(pair, "remove")


def test_what_stands_beside_other_files_stays():
    """A table that is rewritten keeps its digest; a note is no table's."""
    for path in (
        "results/s/sets/heldout.json",
        "results/s/sets/heldout.parquet",
        "results/s/logs/a.json",
    ):
        write(path)
    write("results/s/logs/a.parquet")
    assert done("results/s/sets/heldout.parquet") == {"results/s/sets/heldout.parquet": "rewrite"}
    assert done("results/s/logs/a.parquet") == {"results/s/logs/a.parquet": "remove"}


def test_all_findings_of_a_file_are_its_reasons():
    """The model's own and, by its file, those of another one in its folder."""
    for name in ("model.safetensors", "log.txt"):
        write(f"results/s/seed1/base/{name}")
    findings = [
        Finding("results/s/seed1/base/model.safetensors", "model", ("r1",), 1),
        Finding("results/s/seed1/base/log.txt", "text", ("r2", "r3"), 1),
        Finding("results/s/seed1/base/log.txt", "names", ("r2",), 1),
    ]
    found = actions(PLAN, Report(findings))
    assert [(one.path.name, one.kinds, one.requests) for one in found] == [
        (name, ("model", "names", "text"), ("r1", "r2", "r3"))
        for name in ("log.txt", "model.safetensors")
    ]


def test_the_newest_state_is_made_of_every_model_and_slice_of_it():
    """By hand, for either seed: the single model on its slice of r1, and four teachers' stages on
    two slices each shard, of r1 where one of its owners lies, else of r0."""
    slices = {
        1: ("1/1/r1", "1/2/r0", "2/1/r0", "2/2/r1"),
        2: ("1/1/r0", "1/2/r0", "2/1/r1", "2/2/r1"),
    }
    stages = {
        1: ("1/1/r1", "1/2/r1", "2/1/r0", "2/2/r1"),
        2: ("1/1/r0", "1/2/r0", "2/1/r1", "2/2/r1"),
    }
    expected = set()
    for seed in (1, 2):
        folder = f"results/s/seed{seed}"
        expected |= {f"{folder}/oracle/r1/model.safetensors", f"{folder}/shards/1x1/1/1/r1.parquet"}
        expected |= {f"{folder}/teachers/2x2/{name}/model.safetensors" for name in stages[seed]}
        expected |= {f"{folder}/shards/2x2/{name}.parquet" for name in slices[seed]}
    assert newest(PLAN) == expected


# --- rewriting ------------------------------------------------------------------------------------


NAMES = frozenset(pseudonym(name, SECRET) for name in ("ann", "a1", "a2"))


def table(path: str, report: dict | None, **columns) -> Path:
    write_parquet(pd.DataFrame(columns), Path(path))
    if report is not None:
        write_json(Path(path).with_suffix(".json"), report)
    for one in Path(path).parent.iterdir():
        os.utime(one, (OLD, OLD))
    return Path(path)


@pytest.mark.parametrize(
    "columns",
    [
        {"record_id": ["a1", "b1", "a2", "b2"], "owner": ["ann", "ben", "ann", "ben"]},
        {"record_id": ["a1", "b1", "a2", "b2"]},
        {"owner": ["ann", "ben", "ann", "ben"], "note": ["a1", "b1", "b2", "a2"]},
        {"record_id": ["x1", "b1", "x2", "b2"], "owner": ["ann", "ben", "ann", "ben"]},
        {"record_id": ["a1", "b1", "a2", "b2"], "owner": ["eve", "ben", "eve", "ben"]},
    ],
    ids=[
        "both",
        "record ids alone",
        "owners alone",
        "unknown record ids",
        "another owner of a record",
    ],
)
def test_rows_of_the_forgotten_go_by_owner_or_record(columns):
    """The first and the third row; the others stay in their order, and the table keeps its date."""
    path = table("t/x.parquet", None, **columns, number=[0, 1, 2, 3])
    rewrite(path, NAMES, SECRET)
    left = read_parquet(path)
    assert left["number"].tolist() == [1, 3] and left.index.tolist() == [0, 1]
    assert path.stat().st_mtime == OLD and not path.with_suffix(".json").exists()


@pytest.mark.parametrize("field", ["text", "prompt", "completion"])
def test_the_digest_of_a_table_follows_it(field):
    """With the number of its records, if it told one; the rest of the report stays, and both
    dates."""
    for report, counts in (
        ({"read": 9, "digest": "0"}, {}),
        ({"records": 2, "digest": "0"}, {"records": 1}),
    ):
        path = table("t/x.parquet", report, record_id=["a1", "b1"], **{field: ["gone", "kept"]})
        rewrite(path, NAMES, SECRET)
        told = json.loads(path.with_suffix(".json").read_text())
        kept = pd.DataFrame({"record_id": ["b1"], field: ["kept"]})
        assert told == report | counts | {"digest": records_digest(kept)}
        assert {one.stat().st_mtime for one in Path("t").iterdir()} == {OLD}


def test_a_report_beside_a_table_without_texts_is_not_its_digest():
    path = table("t/x.parquet", {"digest": "another"}, record_id=["a1", "b1"], logp=[0.1, 0.2])
    rewrite(path, NAMES, SECRET)
    assert json.loads(path.with_suffix(".json").read_text()) == {"digest": "another"}


# --- what is written down -------------------------------------------------------------------------


def test_a_purge_is_written_down_with_what_it_does():
    """Removed with its digest, rewritten, left alone; folders that are empty then go, others
    stay."""
    paths = ("results/s/a/b/one.txt", "results/s/a/two.txt", "results/other/three.txt")
    for path in paths:
        write(path)
    rows = table("results/s/data/records.parquet", None, owner=["ann", "ben"])
    digest = file_digest(Path(paths[0]))
    doing = [
        Action(Path(paths[0]), "remove", ("model", "text"), ("r1", "r2")),
        Action(rows, "rewrite", ("names",), ("r2",)),
        Action(Path(paths[2]), "leave", ("text",), ("r1",)),
    ]
    plan = Plan(STUDY, [Request("r1", ("ann",)), Request("r2", ("ben", "cid"))])
    for number, date in enumerate(("first", "second"), 1):
        purge(plan, doing if number == 1 else doing[1:], date, NAMES)
        found = read_purges(Path("results/s"))
        assert [one["date"] for one in found] == ["first", "second"][:number]
        assert found[-1]["upto"] == "r2"
        assert found[-1]["owners"] == {one.name: owners_of(one, SECRET) for one in plan.requests}
        assert found[-1]["rewritten"] == [{"path": rows.as_posix(), "requests": ["r2"]}]
    entry = {
        "path": paths[0],
        "sha256": digest,
        "kinds": ["model", "text"],
        "requests": ["r1", "r2"],
    }
    assert removed(Path("results/s")) == [entry], "of the first purge, and none of the second"
    assert (
        not Path("results/s/a/b").exists() and Path(paths[1]).is_file() and Path(paths[2]).is_file()
    )
    assert read_parquet(rows)["owner"].tolist() == ["ben"]
    assert read_sealed(Path("results/s") / FILE, "")["study"] == "s"


def requests(ledger: str) -> list[Request]:
    """`r1 ann ben; r2 cid`."""
    lines = (line.split() for line in ledger.split(";") if line.strip())
    return [Request(name, tuple(owners)) for name, *owners in lines]


def test_what_has_nothing_but_its_name_goes_too():
    """A broken link, an empty folder, and a link to a folder, which stays itself."""
    write("results/s/kept/a.txt")
    names = ("broken", "empty", "kept-link")
    broken, empty, link = paths = [Path("results/s/names", name, "u017") for name in names]
    empty.mkdir(parents=True)
    for path, target in ((broken, "nowhere"), (link, "../../kept")):
        path.parent.mkdir(parents=True)
        path.symlink_to(target)
    purge(PLAN, [Action(one, "remove", ("names",), ("r1",)) for one in paths], "today", NAMES)
    assert not Path("results/s/names").exists() and Path("results/s/kept/a.txt").is_file()
    written = read_purges(Path("results/s"))[-1]["removed"]
    assert [one["sha256"] for one in written] == ["", "", ""]


def test_the_last_purge_says_what_may_not_be_taken_back():
    """After two purges, up to r1 and up to r2: both requests stand first, in their order, as they
    were."""
    study = Path("results/s")
    assert purged_upto(study, requests("r1 ann"), "ledger.tsv") == "r0"
    for ledger in ("r1 ann", "r1 ann; r2 ben cid"):
        purge(Plan(STUDY, requests(ledger)), [], "today", frozenset())
        assert (
            purged_upto(study, requests(ledger), "ledger.tsv") == ledger.split("; ")[-1].split()[0]
        )
    assert purged_upto(study, requests("r1 ann; r2 cid ben; r3 dan"), "ledger.tsv") == "r2"
    for ledger, what in (
        ("r1 ann", "cannot be taken back"),
        ("r2 ben cid; r1 ann", "stand first"),
        ("r0a dan; r1 ann; r2 ben cid", "stand first"),
        ("r1 ann; r2 ben", "were changed"),
        ("r1 ben; r2 ben cid", "were changed"),
    ):
        with pytest.raises(UserError, match=what):
            purged_upto(study, requests(ledger), "ledger.tsv")
    with pytest.raises(UserError) as told:
        purged_upto(study, requests("r1 ben; r2 cid"), "ledger.tsv")
    assert [problem.found for problem in told.value.problems] == ["r1", "r2"]


def test_a_certificate_of_other_owners_is_not_the_request_s():
    path, request = Path("r1.json"), Request("r1", ("ann", "ben"))
    assert not served(path, request, PLAN)
    for owners, same in ((("ben", "ann"), True), (("ann",), False), (("ann", "cid"), False)):
        write_json(path, {"owners": owners_of(Request("r1", owners), SECRET)})
        assert served(path, request, PLAN) is same


def test_a_served_study_has_the_files_that_its_plan_names():
    """What the tests of a whole purge begin from."""
    plan = Served().plan
    assert all(Path(path).is_file() for path in newest(plan))
