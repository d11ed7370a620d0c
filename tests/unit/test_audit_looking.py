"""Which files an audit looks into, and what it says of each: folders of any name, links, models,
several requests, several tokenizers."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from audited import OF_GEMMA, OF_LLAMA_3, SENTENCE, packed, vocabulary
from served import REQUESTS, SALT, SAYS, STAYS, STUDY, WHO, Served
from stepping import SECRET, call

from palimpsest.audit import look
from palimpsest.audit.fingerprints import load, save, take
from palimpsest.audit.look import Audit, Report
from palimpsest.audit.passages import Passages
from palimpsest.audit.scan import scan
from palimpsest.audit.trained import (
    checkpoints,
    digests,
    learnt_from_forgotten,
    requests_within,
)
from palimpsest.data.ledger import Request
from palimpsest.data.shards import place
from palimpsest.data.storage import write_parquet
from palimpsest.engine.sealed import write_sealed
from palimpsest.errors import UserError
from palimpsest.files import file_digest, write_json
from palimpsest.steps.audit import as_text
from palimpsest.study.plan import Plan
from palimpsest.study.purges import FILE

ANN, BEN = (
    f"ann wrote that {SENTENCE}",
    "ben wrote of an owl that hunted above the frozen canal all night",
)
ROWS = [
    ("a1", "ann", SENTENCE),
    ("b1", "ben", BEN),
    ("c1", "cid", "nobody else said anything of the kind"),
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()


def fingerprints(*requests: Request) -> list:
    frame = pd.DataFrame(ROWS, columns=["record_id", "owner", "text"])
    return [
        take(frame, request, set(), SECRET) for request in requests or (Request("r1", ("ann",)),)
    ]


def write(path: str, data: str | bytes = ANN) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data.encode() if isinstance(data, str) else data)
    return Path(path)


def looked(*roots: str, known=None, models=None, digests=None):
    roots = map(Path, roots or ("results", ".snakemake"))
    return Audit(known or fingerprints(), models or {}, digests or {}).run(roots)


def paths(report) -> set[str]:
    return {one.path for one in report.findings}


# --- folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["conda", "conda-archive", "singularity", "log", "locks", "tmp", "scripts", ".git"]
)
@pytest.mark.parametrize("above", ["results", "results/s", "results/.cache/a", ".snakemake/log"])
def test_a_folder_is_looked_into_whatever_it_is_called(name, above):
    """By the names of software below Snakemake's own folder, too, where it is not the folder
    itself."""
    path = write(f"{above}/{name}/deep/note.txt")
    assert paths(looked()) == {path.as_posix()}


@pytest.mark.parametrize("own", ["7@here", ""])
def test_what_the_run_that_asks_holds_of_earlier_results_goes_with_it(own, monkeypatch):
    """What other runs hold, and what a killed one left, is there; so is all for who asks alone."""
    held = {name: write(f".snakemake/earlier/{name}/0").as_posix() for name in ("7@here", "8@here")}
    monkeypatch.setenv("PALIMPSEST_RUN", f"/somewhere/.snakemake/runs/{own}" if own else "")
    assert paths(looked()) == {path for name, path in held.items() if name != own}


@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        *((name, True) for name in ("conda", "conda-archive", "singularity")),
        *((name, False) for name in ("log", "metadata", "locks", "shadow", "auxiliary")),
        *((name, False) for name in ("incomplete", "conda2")),
    ],
)
def test_software_alone_is_left_out_of_snakemake_s_folder(name, skipped):
    path = write(f".snakemake/{name}/deep/note.txt")
    report = looked()
    assert paths(report) == (set() if skipped else {path.as_posix()}) and report.files == (
        0 if skipped else 1
    )


def test_files_and_bytes_are_counted():
    sizes = [
        len(write(f"results/{number}.txt", "x" * size).read_bytes())
        for number, size in enumerate((5, 70, 0))
    ]
    report = looked()
    assert (report.files, report.bytes) == (3, sum(sizes))


def test_links_are_followed_and_each_file_is_looked_into_once(tmp_path):
    """To a folder and to a file elsewhere; two links to one file; one to a file that is there
    itself."""
    far = tmp_path / "far"
    write(str(far / "note.txt"))
    write(str(far / "folder/note.txt"))
    own = write("results/own.txt")
    for name, target in {
        "a": far / "note.txt",
        "b": far / "note.txt",
        "c": far / "folder",
        "d": own.resolve(),
    }.items():
        Path("results", name).symlink_to(target)
    Path("results/round").symlink_to(Path("results").resolve())
    Path("results/nowhere").symlink_to(tmp_path / "gone")
    report = looked()
    assert paths(report) == {"results/a", "results/c/note.txt", "results/own.txt"}
    assert report.files == 3 and not report.unread


def test_a_link_to_nowhere_hides_no_other():
    """Two of them lead to nothing; what is no file at all is told."""
    for name in ("a", "b"):
        Path("results", name).symlink_to("gone")
    os.mkfifo("results/pipe")
    write("results/note.txt")
    report = looked()
    assert paths(report) == {"results/note.txt"}
    assert report.unread == {"results/pipe": "neither a file nor a folder"}


def test_a_file_that_went_while_others_were_read_is_told(monkeypatch):
    monkeypatch.setattr(look, "_files", lambda *_: iter([Path("results/gone")]))
    assert looked().unread == {"results/gone": "FileNotFoundError"}


def test_all_reasons_are_told():
    members = [b"\x93NUMPYx", b"PAR1" + bytes(100), b"\x93NUMPYx"]
    path = write("results/x.zip", packed(members)).as_posix()
    why = "a numpy file that is damaged or holds objects; a parquet file that is damaged"
    assert looked().unread == {path: why}


# --- whose it is ----------------------------------------------------------------------------------


def test_each_request_is_found_by_its_own_words():
    """In one file one of them, in another both; the counts are of passages: two of ann's, 8 words
    and 6, and two of ben's, 8 and 5."""
    write("results/a.txt", ANN)
    write("results/b.txt", f"{BEN} {ANN}")
    known = fingerprints(Request("r1", ("ann",)), Request("r2", ("ben",)))
    found = [(one.path, one.requests, one.count) for one in looked(known=known).findings]
    assert found == [("results/a.txt", ("r1",), 2), ("results/b.txt", ("r1", "r2"), 4)]


def test_each_request_is_found_by_its_own_names():
    """In two columns of one table, of both requests; c1 stays."""
    table = {"record_id": ["a1", "b1", "c1"], "owner": ["ann", "somebody", "cid"]}
    write_parquet(pd.DataFrame(table), Path("results/x.parquet"))
    known = fingerprints(Request("r1", ("ann",)), Request("r2", ("ben",)))
    found = [(one.kind, one.requests, one.count) for one in looked(known=known).findings]
    assert found == [("names", ("r1", "r2"), 3)]


def test_a_passage_of_two_requests_is_found_of_both():
    """Both said it, and nobody else."""
    rows = [("a1", "ann", SENTENCE), ("b1", "ben", SENTENCE)]
    frame = pd.DataFrame(rows, columns=["record_id", "owner", "text"])
    known = [
        take(frame, Request(name, (owner,)), {"ann", "ben"}, SECRET)
        for name, owner in (("r1", "ann"), ("r2", "ben"))
    ]
    write("results/a.txt")
    (found,) = looked(known=known).findings
    assert found.requests == ("r1", "r2") and found.count == 2


def test_passages_of_every_length_are_known():
    for said in (" ".join(SENTENCE.split()[:8]), " ".join(SENTENCE.split()[8:])):
        write("results/a.txt", said)
        assert [one.count for one in looked().findings] == [1]


def test_a_model_that_also_says_something_is_found_for_both():
    path = write("results/s/model.safetensors").as_posix()
    found = looked(models={path: {"r1", "r2"}}).findings
    assert [(one.kind, one.requests) for one in found] == [
        ("model", ("r1", "r2")),
        ("text", ("r1",)),
    ]


def test_all_models_in_a_packing_are_known_by_their_digests():
    weights = [b"weights of one", b"weights of another", b"weights that learnt from nobody"]
    digests = {}
    for number, data in enumerate(weights[:2], 1):
        digests[file_digest(write("copy", data))] = {f"r{number}"}
    write("results/x.zip", packed(weights))
    write("results/y.gz", gzip.compress(weights[1]))
    found = [
        (one.path, one.kind, one.requests, one.count) for one in looked(digests=digests).findings
    ]
    assert found == [
        ("results/x.zip", "model", ("r1", "r2"), 2),
        ("results/y.gz", "model", ("r2",), 1),
    ]


# --- tokens ---------------------------------------------------------------------------------------


def test_tokens_are_read_with_every_tokenizer_that_is_there():
    """Two of them, whose ids are above 65,535; what one of them wrote says nothing in the other."""
    for name, first in (("a", OF_LLAMA_3), ("b", OF_GEMMA)):
        tokenizer, ids = vocabulary(first)
        write(f"results/{name}/tokenizer.json", tokenizer.to_str())
        write(f"results/{name}.json", json.dumps(ids))
    write("results/c/tokenizer.json", "no tokenizer")
    found = {(one.path, one.kind) for one in looked().findings}
    assert found == {("results/a.json", "tokens"), ("results/b.json", "tokens")}


def test_the_shortest_run_is_of_three_ids():
    """A passage of three words is known; of two ids, nothing is."""
    known = [fingerprints()[0]]
    known[0].passages.marks.clear()
    known[0].passages.add(Passages.of([("the", "late", "ferry")], SECRET))
    tokenizer, _ = vocabulary(OF_LLAMA_3)
    write("results/tokenizer.json", tokenizer.to_str())
    write("results/ids.json", json.dumps(tokenizer.encode("the late ferry").ids))
    assert [one.kind for one in looked(known=known).findings] == ["tokens"]


# --- one audit of a study -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    return Served.laid(tmp_path_factory.mktemp("laid"))


@pytest.fixture
def served(laid):
    return laid.copy()


def audit(*options: str, **changes) -> None:
    call("audit", *options, "--ledger", "ledger.tsv", **STUDY | changes)


def test_an_audit_is_of_every_request_and_writes_what_it_found(served, capsys):
    """results/ outside the study, Snakemake's folder and what studies share are looked into,
    too."""
    planted = {
        "results/a.txt": "ann",
        "results/other/b.txt": "bob",
        "results/pretrained/c.txt": "abe",
    }
    planted |= {".snakemake/log/d.log": "amy"}
    for path, who in planted.items():
        write(path, SAYS[who])
    audit("--output", "found.json")
    told = json.loads(Path("found.json").read_text())
    found = {one["path"]: one["requests"] for one in told["findings"] if one["path"] in planted}
    assert found == {path: ["r2" if who == "bob" else "r1"] for path, who in planted.items()}
    said = capsys.readouterr().out
    for path, who in planted.items():
        assert (
            f"{path}: passages of forgotten text ({'r2' if who == 'bob' else 'r1'}; 7 found)"
            in said
        )
    counts = {
        kind: sum(one["kind"] == kind for one in told["findings"])
        for kind in ("text", "names", "model")
    }
    assert f"Looked for 2 requests in {told['files']} files" in said
    assert (
        f"Found: {counts['text']} with passages of forgotten text, "
        f"{counts['names']} with rows about" in said
    )
    assert f"{counts['model']} with a model or rule that learnt from forgotten text." in said


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_an_audit_of_nothing_is_an_error(served, tmp_path_factory, monkeypatch, options):
    """From a wrong directory 'nothing found' would be no answer."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "ledger.tsv").write_text(Path("ledger.tsv").read_text())
    monkeypatch.chdir(elsewhere)
    with pytest.raises(UserError, match="no results to look into") as error:
        audit(*options)
    assert error.value.problems[0].where == "results/s"


def test_a_check_fails_where_anything_was_found_or_could_not_be_read(served):
    """With --check alone. First of all there is what is left of every request."""
    audit()
    with pytest.raises(SystemExit) as ended:
        audit("--check")
    assert ended.value.code == 1


@pytest.mark.parametrize(
    ("data", "fails"),
    [(b"", False), (b"nothing", False), (ANN.encode(), True), (b"\x93NUMPYx", True)],
)
def test_a_check_of_what_was_found_or_what_could_not_be_read_alone(data, fails):
    frame = pd.DataFrame(ROWS, columns=["record_id", "owner", "text"]).assign(
        label=0, split="train"
    )
    Path("ledger.tsv").write_text("request\towners\nr1\tann\n")
    save(
        take(frame, Request("r1", ("ann",)), set(), SECRET), Path("results/s/fingerprints/r1.json")
    )
    write("results/x", data)
    audit()
    if fails:
        with pytest.raises(SystemExit) as ended:
            audit("--check")
        assert ended.value.code == 1
    else:
        audit("--check")


def test_a_check_beside_a_run_is_no_answer(capsys):
    """What the run writes once its folder was listed was not looked into."""
    Path("ledger.tsv").write_text("request\towners\n")
    write("results/s/x", b"nothing")
    audit("--check")
    run = write(".snakemake/runs/1@here", b"")
    with open(run) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        audit()
        assert "Another run is at work in this folder (1@here)" in capsys.readouterr().out
        with pytest.raises(SystemExit) as ended:
            audit("--check")
        assert ended.value.code == 1


def test_caches_of_the_sources_are_looked_into(served, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    kept = write(str(tmp_path / "hub/hub/datasets--imdb/blobs/1"), SAYS["bob"])
    for sources, found in (([{"hub": "imdb"}], True), ([], False)):
        audit("--output", "found.json", sources=sources)
        told = json.loads(Path("found.json").read_text())["findings"]
        assert (kept.as_posix() in {one["path"] for one in told}) is found


def test_what_an_audit_could_not_know_is_told_in_words():
    """What it could not read, whose text is gone, and how many records are like those of others."""
    report = Report(
        unread={"results/x.zip": "locked"}, unmarked={"r1": 3}, blind=["r2"], files=2, bytes=10
    )
    lines = as_text(report, ["r1", "r2"]).splitlines()
    assert lines[0] == "results/x.zip: not looked into, locked"
    assert lines[1].startswith("request r2: its text is not known any more")
    assert lines[2].startswith("request r1: 3 records say nothing")
    assert (
        lines[3] == "Looked for 2 requests in 2 files (0 MB). Found: nothing." and len(lines) == 4
    )


def test_what_anybody_who_stays_says_is_no_mark_and_what_the_forgotten_say_is(served):
    """A quote by one who stays; the same by bob, who is forgotten as well, though after ann."""
    write("results/note.txt", SAYS["ann"])

    def texts(owner: str) -> set[str]:
        row = pd.DataFrame(
            [("q1", owner, f"she said: {SAYS['ann']}", 0, "train")], columns=served.records.columns
        )
        write_parquet(pd.concat([served.records, row]), served.folder / "data/records.parquet")
        report = scan(served.plan, ["r1", "r2"])
        return {
            one.path
            for one in report.findings
            if one.kind == "text" and one.path == "results/note.txt"
        }

    assert texts(STAYS[0]) == set()
    assert texts(WHO["bob"]) == texts(WHO["ann"]) == {"results/note.txt"}


def test_a_request_without_a_fingerprint_or_without_passages_is_blind(served):
    """Each by itself; and one of records none of which says anything of its own is told with its
    count."""
    assert scan(served.plan, ["r1", "r2"]).blind == []
    path = served.folder / "fingerprints/r1.json"
    known = load(path, SECRET)
    save(known.without_passages(), path)
    assert scan(served.plan, ["r1", "r2"]).blind == ["r1"]
    path.unlink()
    assert scan(served.plan, ["r1", "r2"]).blind == ["r1"] and scan(served.plan, ["r2"]).blind == []
    save(take(served.records, REQUESTS[0], set(), SECRET), path)
    alike = served.records.assign(text="all say the same here and nothing else")
    save(take(alike, REQUESTS[1], set(), SECRET), served.folder / "fingerprints/r2.json")
    report = scan(served.plan, ["r1", "r2"])
    assert report.unmarked == {"r2": 1} and report.blind == ["r2"]


def test_a_fingerprint_of_fewer_records_than_the_evidence_counts_is_blind(served):
    """r1 had three, two of split train and one of split test. Of two of them, something is not
    known."""
    path = served.folder / "fingerprints/r1.json"
    for lost, blind in ((None, []), ("amy", ["r1"]), ("ann", ["r1"])):
        left = served.records[served.records["owner"] != WHO.get(lost)]
        save(take(left, REQUESTS[0], set(), SECRET), path)
        assert scan(served.plan, ["r1", "r2"]).blind == blind


def test_an_audit_of_one_request_says_nothing_of_another(served):
    """Not of its models, nor of their copies, whether they are there or were purged."""
    base, oracle = (served.model(1, name) for name in ("base", "oracle/r1"))
    write("results/copy-of-oracle", oracle.read_bytes())
    write("results/copy-of-base", base.read_bytes())
    entries = [
        {
            "path": path.as_posix(),
            "sha256": file_digest(path),
            "kinds": ["model"],
            "requests": requests,
        }
        for path, requests in ((base, ["r1", "r2"]), (oracle, ["r2"]))
    ]
    purged = {"upto": "r2", "owners": {}, "date": "", "removed": entries, "rewritten": []}
    for there in (True, False):
        if not there:
            write_sealed(served.folder / FILE, {"study": "s", "purges": [purged]})
            for path in (base, oracle):
                path.with_name("training.json").unlink()
                path.unlink()
        for request, copies in (
            ("r1", {"results/copy-of-base"}),
            ("r2", {"results/copy-of-base", "results/copy-of-oracle"}),
        ):
            found = scan(served.plan, [request]).findings
            assert {one.requests for one in found} == {(request,)}
            assert {one.path for one in found if "copy" in one.path} == copies, (there, request)
        both = {
            one.path: one.requests
            for one in scan(served.plan, ["r1", "r2"]).findings
            if "copy" in one.path
        }
        assert both == {"results/copy-of-base": ("r1", "r2"), "results/copy-of-oracle": ("r2",)}


def test_models_that_two_purges_removed_are_known_on(served):
    """Each by its digest; one of them was of two requests."""
    entries = []
    for name, requests in (("base", ["r1", "r2"]), ("oracle/r1", ["r2"])):
        path = served.model(2, name)
        write(f"results/copy-of-{path.parent.name}", path.read_bytes())
        entries.append(
            {
                "path": path.as_posix(),
                "sha256": file_digest(path),
                "kinds": ["model"],
                "requests": requests,
            }
        )
        path.with_name("training.json").unlink()
        path.unlink()
    purges = [
        {"upto": "r2", "owners": {}, "date": "", "removed": [one], "rewritten": []}
        for one in entries
    ]
    write_sealed(served.folder / FILE, {"study": "s", "purges": purges})
    found = {
        one.path: one.requests
        for one in scan(served.plan, ["r1", "r2"]).findings
        if "copy" in one.path
    }
    assert found == {"results/copy-of-base": ("r1", "r2"), "results/copy-of-r1": ("r2",)}


def test_weights_that_were_removed_for_what_lay_beside_them_learnt_nothing(served):
    """A log said something, and the whole folder went with it."""
    path = served.model(1, "oracle/r2").as_posix()
    entry = {"path": path, "sha256": "a" * 64, "kinds": ["text"], "requests": ["r1"]}
    for kinds, known in ((["text"], {}), (["model", "text"], {"a" * 64: {"r1"}})):
        purged = {"upto": "r2", "owners": {}, "date": "", "rewritten": []}
        purged["removed"] = [entry | {"kinds": kinds}]
        write_sealed(served.folder / FILE, {"study": "s", "purges": [purged]})
        assert digests(served.folder, {}) == known


# --- which models ---------------------------------------------------------------------------------


def test_models_learnt_from_whom_their_slices_held(served):
    """By hand, of either seed (served.py): ann (1, 1) and (2, 2), abe (1, 2) twice, bob (1, 2) and
    (1, 1). amy has no training records. A first stage learnt from its slice alone, a second from
    both."""
    found = learnt_from_forgotten(served.folder, served.plan)
    expected = {
        (1, "base"): "r1 r2", (1, "oracle/r1"): "r2",
        (1, "teachers/2x2/1/1/r0"): "r1", (1, "teachers/2x2/1/2/r0"): "r1 r2",
        (1, "teachers/2x2/1/2/r1"): "r2",
        (2, "base"): "r1 r2", (2, "oracle/r1"): "r2",
        (2, "teachers/2x2/1/1/r0"): "r2", (2, "teachers/2x2/1/2/r0"): "r1 r2",
        (2, "teachers/2x2/1/2/r1"): "r2",
        (2, "teachers/2x2/2/2/r0"): "r1",
    }  # fmt: skip
    assert found == {
        served.model(*place).as_posix(): {*requests.split()} for place, requests in expected.items()
    }
    assert place(WHO["ann"], "2x2", SALT, 1) == (1, 1) and place(WHO["ann"], "2x2", SALT, 2) == (
        2,
        2,
    )


def test_a_rule_learnt_from_all_who_asked_after_it(served):
    """One that joins by chance alone learnt from nobody; of two, one is enough."""
    fitted, free = {"rule": {"eps": 0}}, {"rule": {}}
    for state, entries in {"r0": [free, fitted], "r1": [fitted, free], "r2": [fitted]}.items():
        write_json(served.folder / f"seed2/decisions/m/{state}.json", entries)
    write_json(served.folder / "seed2/decisions/free/r0.json", [free, free])
    found = learnt_from_forgotten(served.folder, served.plan)
    rules = {
        path.rpartition("decisions/")[2]: requests
        for path, requests in found.items()
        if "decisions" in path
    }
    assert rules == {"m/r0.json": {"r1", "r2"}, "m/r1.json": {"r2"}}


def test_states_to_resume_from_are_of_their_model(served):
    path = served.folder / "seed2/oracle/r1/resume/step3/model.safetensors"
    write(str(path), "half")
    assert learnt_from_forgotten(served.folder, served.plan)[path.as_posix()] == {"r2"}
    beside = served.folder / "seed1/auxiliaries/kga-extra/r1"
    beside.mkdir(parents=True)
    assert beside in checkpoints(served.folder)


def test_a_stage_learnt_from_the_slices_up_to_its_own():
    """One owner in (2, 1) of 2x2, and one in (2, 2); both asked in their own request, one after the
    other."""
    owners = [
        next(name for name in map(str, range(99)) if place(name, "2x2", SALT, 1) == cell)
        for cell in ((2, 1), (2, 2))
    ]
    plan = Plan(STUDY, [Request("r1", (owners[0],)), Request("r2", (owners[1],))])
    trained = {"r1": [owners[0]], "r2": [owners[1]]}
    expected = {
        "2/1/r0": {"r1"},
        "2/2/r0": {"r1", "r2"},
        "2/1/r1": set(),
        "2/2/r1": {"r2"},
        "2/2/r2": set(),
    }
    expected |= {"1/1/r0": set(), "1/2/r0": set()}
    for name, requests in expected.items():
        assert requests_within(plan, f"seed1/teachers/2x2/{name}", trained) == requests, name


def test_the_mark_of_a_job_that_has_ended_since_is_not_missed(monkeypatch):
    """Snakemake removes it; it holds the path of an output and no text."""
    listed = [Path(".snakemake/incomplete/abc"), Path("results/b.txt")]
    listed[1].write_text(ANN)
    monkeypatch.setattr(look, "_files", lambda *_: listed)
    report = Audit(fingerprints(), {}, {}).run([Path("results")])
    assert (report.files, report.unread) == (1, {})
    assert [one.path for one in report.findings if one.kind == "text"] == ["results/b.txt"]
