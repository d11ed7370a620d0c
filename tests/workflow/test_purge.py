"""What a deletion leaves on disk: the certificate says it, the audit finds it, the purge removes
it, and runs go on from there."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import stat
import subprocess

import pandas as pd
import pytest

from harness import MARK, METHODS, owner_in, posts, steps
from palimpsest.audit.certificate import replacements
from palimpsest.audit.fingerprints import load
from palimpsest.data.ledger import read_ledger
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.secret import FILE, VARIABLE, identified
from palimpsest.data.storage import write_parquet
from palimpsest.engine.sealed import write_sealed
from palimpsest.files import file_digest
from palimpsest.study.plan import Plan

GONE = owner_in("3x2", 1, 1)  # whom r1 of the finished study forgets
REPLACED = {
    "base": "oracle/r1",
    "teachers/3x2/1/1/r0": "teachers/3x2/1/1/r1",
    "teachers/3x2/1/2/r0": "teachers/3x2/1/2/r1",
}
KEPT = {
    "oracle/r1",
    "teachers/3x2/1/1/r1",
    "teachers/3x2/1/2/r1",
    *(f"teachers/3x2/{s}/{j}/r0" for s in (2, 3) for j in (1, 2)),
}


def certificate(clone, request="r1") -> dict:
    return json.loads(clone.path(f"results/tiny/certificates/{request}.json").read_text())


def files(clone) -> dict[str, bytes]:
    return {
        str(path.relative_to(clone.folder)): path.read_bytes()
        for path in clone.path("results").rglob("*")
        if path.is_file()
    }


def said_by(owner: str) -> list[str]:
    return [row["post"] for row in posts() if row["who"] == owner]


@pytest.fixture(scope="module")
def purged(finished, tmp_path_factory):
    """The finished study after a purge; what `purge` said is its ``output``."""
    clone = finished.copy(tmp_path_factory.mktemp("purged") / "clone")
    clone.before = clone.digests()
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    return clone


def test_the_certificate_says_what_was_replaced(finished):
    """By hand: r1's owner lies in the first slice of shard 1, so both stages of that teacher are
    new; so is the single model."""
    found, digests = (
        certificate(finished),
        {name: digest for name, (digest, _) in finished.digests().items()},
    )
    assert {one["replaced"]: one["checkpoint"] for one in found["replaced"]} == REPLACED
    for one in found["replaced"]:
        for name, digest in (
            (one["checkpoint"], one["sha256"]),
            (one["replaced"], one["replaced_sha256"]),
        ):
            assert digests[f"results/tiny/seed1/{name}/model.safetensors"] == digest
        assert one["checks"] == dict.fromkeys(
            (
                "weights", "reports", "followed", "filed", "records", "previous", "tokenizer",
                "device",
            ),
            True,
        )  # fmt: skip
        assert one["held"] and one["start"] == "scratch"
    assert found["consistent"] and found["purged"] is None and found["state"] == "r1"
    assert found["before"] is None and found["verified"] is None and found["revised"] is None
    assert {name: one["forgets"] for name, one in found["methods"].items()} == dict.fromkeys(
        METHODS, "deletes"
    )
    assert finished.palimpsest("certificate", "check") == 0, finished.output
    assert found["owners"] == [pseudonym(GONE, finished.secret)] and found["records"] == {
        "test": 2,
        "train": 7,
        "valid": 1,
    }
    assert {one["sharding"]: one["checkpoints"] for one in found["cost"]} == {"1x1": 1, "3x2": 2}
    assert {one["method"] for one in found["metrics"]} >= {*METHODS, "sisa"}


def test_the_secret_is_in_no_file_that_a_run_leaves(finished):
    """One for all jobs, for its owner alone; settings, logs, Snakemake's records and certificates
    hold no more of it than which one it is."""
    assert stat.S_IMODE(finished.path(FILE).stat().st_mode) == 0o600
    assert certificate(finished)["secret"] == identified(finished.secret)
    every = [path for path in finished.folder.rglob("*") if path.is_file()]
    assert len(every) > 200 and any(".snakemake/metadata" in str(path) for path in every)
    holding = [path for path in every if finished.secret.encode() in path.read_bytes()]
    assert holding == [finished.path(FILE)]


def test_a_secret_is_made_by_a_job_and_missed_when_the_graph_is_built(fresh, clone):
    """A dry run makes none. Later another one, or none, ends the run before it starts, and nothing
    is made in its place."""
    fresh.jobs()
    assert not fresh.path(FILE.parent).exists()
    first = clone.secret
    clone.path(FILE).write_text("f" * 64)
    assert clone.snakemake("--dry-run") == 1
    assert "hashed with another secret" in clone.output and identified(first) in clone.output
    clone.path(FILE).unlink()
    assert clone.snakemake() == 1 and "the secret is missing" in clone.output
    assert not clone.path(FILE).exists()
    clone.path(FILE).write_text(first)
    assert clone.snakemake() == 1 and f"chmod 600 {FILE}" in clone.output
    clone.path(FILE).chmod(0o600)
    assert clone.jobs() == set()


def test_the_certificate_says_what_is_left(finished):
    left = {
        (one["path"].removeprefix("results/tiny/"), one["kind"])
        for one in certificate(finished)["remains"]["findings"]
    }
    models = {f"seed1/{name}/model.safetensors" for name in REPLACED} | {
        "seed1/decisions/fairsisa_aggregate_first/r0.json"
    }
    assert {path for path, kind in left if kind == "model"} == models
    text = {
        "data/records",
        "sets/forget-r1",
        "sets/heldout",
        "shards/1x1/1/1/r0",
        "shards/3x2/1/1/r0",
    }
    text = {
        f"seed1/{name}.parquet" if name.startswith("shards") else f"{name}.parquet" for name in text
    }
    # what this owner says, others say as well now and then
    assert {path for path, kind in left if kind == "text"} <= text
    rows = {path for path, kind in left if kind == "names"}
    assert (
        rows > text
        and "data/index.parquet" in rows
        and "seed1/scores/oracle/r1/heldout.parquet" in rows
    )


def test_the_certificate_names_nobody_and_quotes_nothing(finished):
    for suffix in ("json", "html"):
        text = finished.path(f"results/tiny/certificates/r1.{suffix}").read_text()
        assert GONE not in text and MARK not in text
    fingerprint = finished.path("results/tiny/fingerprints/r1.json").read_text()
    assert GONE not in fingerprint and MARK not in fingerprint


def test_a_model_that_saw_the_owner_gets_no_certificate(clone):
    """A slice that still holds the owner, with a digest of its own: the check of records fails, and
    with it the claim."""
    old, new = (clone.path(f"results/tiny/seed1/shards/3x2/1/1/{state}") for state in ("r0", "r1"))
    for suffix in (".parquet", ".json"):
        new.with_suffix(suffix).write_bytes(old.with_suffix(suffix).read_bytes())
    report = clone.path("results/tiny/seed1/teachers/3x2/1/1/r1/training.json")
    trained = json.loads(report.read_text())
    digest = json.loads(old.with_suffix(".json").read_text())["digest"]
    del trained["digest"]
    write_sealed(report, trained | {"slices": [digest]})
    settings = {
        "study": "tiny",
        "salt": "tiny",
        "seeds": [1],
        "sharding": ["1x1", "3x2"],
        "requests": "all",
        "sources": [],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(clone.folder)
        patch.delenv(VARIABLE, raising=False)
        found = replacements(Plan(settings, read_ledger(clone.path("ledger.tsv"))), "r1", "r1", {})
    failed = {
        one["checkpoint"]: [name for name, holds in one["checks"].items() if not holds]
        for one in found
    }
    assert failed == {
        "oracle/r1": [],
        "teachers/3x2/1/1/r1": ["records"],
        "teachers/3x2/1/2/r1": ["records", "previous"],
    }


def test_the_audit_finds_what_is_planted_anywhere(clone):
    """In a log, in Snakemake's own folder, packed, and in a report; by the workflow's target."""
    known = load(clone.path("results/tiny/fingerprints/r1.json"), clone.secret).passages
    text = next(text for text in said_by(GONE) if known.matches(text))
    packed = base64.b64encode(gzip.compress(json.dumps([text]).encode())).decode()
    planted = {
        "results/tiny/logs/note.log": text.encode(),
        ".snakemake/log/old.log.gz": gzip.compress(text.encode()),
        "results/report.html": f'<a href="data:application/gzip;base64,{packed}">'.encode(),
    }
    for name, data in planted.items():
        clone.path(name).parent.mkdir(parents=True, exist_ok=True)
        clone.path(name).write_bytes(data)
    assert clone.snakemake("audit") == 0
    assert (
        all(f"{name}: passages of forgotten text" in clone.output for name in planted)
        and text not in clone.output
    )
    assert clone.palimpsest("audit", "--check") == 1
    assert clone.palimpsest("purge", "--yes") == 0 and not any(
        clone.path(name).exists() for name in planted
    )
    assert clone.palimpsest("audit", "--check") == 0 and "Found: nothing" in clone.output


def test_a_purge_is_dry_by_default(clone):
    before = files(clone)
    assert clone.palimpsest("purge") == 0 and files(clone) == before
    assert (
        "remove results/tiny/seed1/base/model.safetensors: a model or rule that learnt from "
        "forgotten text (r1)"
    ) in clone.output
    assert "rewrite results/tiny/data/records.parquet" in clone.output and "Dry run" in clone.output


def test_a_purge_leaves_what_the_newest_state_needs(purged):
    """The same bytes and dates of its models, and no others; no row of the owner anywhere."""
    kept = {f"results/tiny/seed1/{name}/model.safetensors" for name in KEPT}
    assert purged.digests() == {
        name: known for name, known in purged.before.items() if name in kept
    } and len(kept) == len(KEPT)
    for name in ("data/records", "data/index", "sets/heldout"):
        frame = pd.read_parquet(purged.path(f"results/tiny/{name}.parquet"))
        assert len(frame) and GONE not in set(frame["owner"])
    assert purged.palimpsest("audit", "--check") == 0, purged.output


def test_a_purge_is_written_down_and_certified(purged):
    record = json.loads(purged.path("results/tiny/purged.json").read_text())["purges"]
    removed = {one["path"]: one["sha256"] for one in record[0]["removed"]}
    assert len(record) == 1 and not any(purged.path(path).exists() for path in removed)
    assert (
        removed["results/tiny/seed1/base/model.safetensors"]
        == purged.before["results/tiny/seed1/base/model.safetensors"][0]
    )
    found = certificate(purged)
    assert (
        found["remains"]["findings"] == []
        and found["purged"]["removed"] == len(removed)
        and found["consistent"]
    )
    assert found["revised"] and {one["replaced_removed"] for one in found["replaced"]} == {
        record[0]["date"]
    }
    assert "Nothing was found" in purged.path("results/tiny/certificates/r1.html").read_text()
    assert purged.palimpsest("certificate", "check") == 0, purged.output


@pytest.mark.parametrize("lost", ["certificates/r1.json", "fingerprints/r1.json"])
def test_what_was_lost_after_a_purge_is_written_again(purged, tmp_path, lost):
    """Purge says to run snakemake; and snakemake makes what is missing, and nothing else."""
    clone = purged.copy(tmp_path / "clone")
    clone.path(f"results/tiny/{lost}").unlink()
    assert clone.palimpsest("purge", "--yes") == 1 and "run snakemake first" in clone.output
    made = {
        "certificates/r1.json": {"certificates/r1", "certificate_pages/r1"},
        "fingerprints/r1.json": {"fingerprints/r1"},
    }
    assert clone.run() == made[lost] and clone.jobs() == set()
    found = certificate(clone)
    assert found["consistent"] and found["purged"] and found["state"] == "r1"
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    assert clone.palimpsest("certificate", "check") == 0, clone.output
    assert clone.jobs() == set()


def test_a_stage_that_was_lost_after_a_purge_is_trained_again(purged, tmp_path):
    """A first one, from which the next request goes on; certificates stay as they are."""
    clone = purged.copy(tmp_path / "clone")
    first = "seed1/teachers/3x2/2/1/r0"
    model = clone.path(f"results/tiny/{first}/model.safetensors")
    before = file_digest(model), certificate(clone)
    shutil.rmtree(model.parent)
    assert f"train/{first}" in clone.run() and clone.jobs() == set()
    assert (file_digest(model), certificate(clone)) == before


def test_after_a_purge_there_is_nothing_to_do(purged):
    assert (
        purged.jobs() == set() and purged.jobs("teachers") == set() and purged.jobs("data") == set()
    )
    assert purged.palimpsest("purge", "--yes") == 0 and "nothing to do" in purged.output


def test_a_key_signs_what_is_filed_and_what_a_purge_revises(clone):
    """Named later, it signs and does nothing else; details of the request come into its
    certificate."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", clone.path("id")]
    subprocess.run(command, check=True)
    clone.path("allowed").write_text(f"jo@here {clone.path('id.pub').read_text()}")
    clone.change_study(certificates={"key": "id"})
    assert clone.run() == {"certificate_signatures/r1"} and clone.jobs() == set()
    check = ("certificate", "check", "--allowed-signers", "allowed")
    assert clone.palimpsest(*check) == 0 and "signed by jo@here" in clone.output, clone.output
    clone.path("details.tsv").write_text("request\treceived\nr1\t2026-05-04\n")
    clone.change_study(certificates={"key": "id", "details": "details.tsv"})
    assert clone.run() == {
        "certificates/r1", "certificate_pages/r1", "certificate_signatures/r1"
    }  # fmt: skip
    assert certificate(clone)["details"] == {"received": "2026-05-04"}
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    assert clone.palimpsest(*check) == 0, clone.output
    assert clone.jobs() == set()
    clone.path("results/tiny/certificates/r1.json.sig").unlink()
    assert clone.palimpsest("certificate", "check") == 1 and "is not signed" in clone.output
    assert clone.run() == {"certificate_signatures/r1"}


@pytest.mark.parametrize(
    "ledger, what",
    [
        ("", "cannot be taken back"),
        ("r1 owner00", "were changed"),
        (f"r0a owner01; r1 {GONE}", "stand first"),
    ],
    ids=["rolled back", "other owners", "another before it"],
)
def test_what_was_purged_cannot_be_taken_back(purged, tmp_path, ledger, what):
    clone = purged.copy(tmp_path / "clone")
    clone.write_ledger(ledger)
    assert clone.snakemake("--dry-run") != 0
    assert (
        what in clone.output and "purged.json" in clone.output and "Traceback" not in clone.output
    )


def test_a_purged_model_cannot_be_asked_for(purged):
    assert purged.snakemake("--dry-run", "results/tiny/seed1/base/model.safetensors") != 0
    assert "learnt from text that was purged" in purged.output


def test_records_made_again_leave_the_purged_out(purged, tmp_path):
    """The source still holds the owner's rows; nothing is trained for want of them."""
    clone = purged.copy(tmp_path / "clone")
    assert GONE in clone.path("posts.csv").read_text()
    assert "records" in clone.run("data", "--forcerun", "records")
    assert GONE not in set(
        pd.read_parquet(clone.path("results/tiny/data/records.parquet"))["owner"]
    )
    assert not steps(clone.jobs(), "train", "slices") and clone.palimpsest("audit", "--check") == 0


def test_the_next_request_retrains_what_it_touches(purged, tmp_path):
    """r2 lies in the last slice of shard 2. States before r1 are not made again, and their numbers
    are still shown."""
    clone = purged.copy(tmp_path / "clone")
    owner = owner_in("3x2", 2, 2, skip=(GONE,))
    clone.write_ledger(f"r1 {GONE}; r2 {owner}")
    jobs = clone.run()
    assert steps(jobs, "train") == {"train/seed1/oracle/r2", "train/seed1/teachers/3x2/2/2/r2"}
    assert steps(jobs, "records", "index", "slices") == {
        "slices/seed1/1x1/1/1/r2",
        "slices/seed1/3x2/2/2/r2",
    }
    assert all(
        "/r2" in job
        for job in steps(jobs, "decide", "measure", "membership", "cost", "score")
        if "forget-r2" not in job
    )
    assert clone.jobs() == set()
    table = pd.read_parquet(clone.path("results/tiny/tables/metrics.parquet"))
    assert set(table["request"]) == {"r0", "r1", "r2"}
    found = certificate(clone, "r2")
    assert found["consistent"] and {one["replaced"] for one in found["replaced"]} == {
        "oracle/r1",
        "teachers/3x2/2/2/r0",
    }
    assert clone.palimpsest("purge", "--yes") == 0 and clone.palimpsest("audit", "--check") == 0
    assert clone.jobs() == set() and certificate(clone, "r1")["remains"]["findings"] == []
    gone = next(
        one for one in certificate(clone, "r1")["replaced"] if one["checkpoint"] == "oracle/r1"
    )
    assert gone["superseded"]["checkpoint"] == "oracle/r2" and gone["superseded"]["removed"]
    assert certificate(clone, "r2")["before"]["digest"] == certificate(clone, "r1")["digest"]
    assert clone.palimpsest("certificate", "check") == 0, clone.output
    report = clone.path("results/tiny/seed1/oracle/r2/training.json")
    model = report.with_name("model.safetensors")
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    told = json.loads(report.read_text())
    report.write_text(json.dumps(told | {"sha256": file_digest(model)}))
    assert clone.palimpsest("certificate", "check") == 1
    assert "certificates/r2.json: seed1/oracle/r2: other weights than it names" in clone.output


def test_a_purge_waits_for_what_is_not_there_yet(clone):
    clone.path("results/tiny/certificates/r1.json").unlink()
    assert clone.palimpsest("purge", "--yes") == 1 and "run snakemake first" in clone.output
    clone.write_ledger("")
    assert clone.palimpsest("purge", "--yes") == 1 and "no request to purge" in clone.output


def test_a_purge_wants_the_ledger_that_was_served(clone):
    """An owner more, or one less: what is known of the request is not what it says now. After a run
    it is."""
    other = owner_in("3x2", 1, 2, skip=(GONE,))

    def refused(ledger: str) -> bool:
        clone.write_ledger(ledger)
        before = files(clone)
        assert (
            clone.palimpsest("purge", "--yes") == 1
            and "names other owners than were served" in clone.output
        )
        return files(clone) == before

    assert refused(f"r1 {GONE} {other}")
    assert "fingerprints/r1" in clone.run() and clone.jobs() == set()
    assert refused(f"r1 {GONE}")
    clone.write_ledger(f"r1 {GONE} {other}")
    assert sorted(certificate(clone)["owners"]) == sorted(
        pseudonym(owner, clone.secret) for owner in (GONE, other)
    )
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    assert not {GONE, other} & set(
        pd.read_parquet(clone.path("results/tiny/data/records.parquet"))["owner"]
    )


def test_a_purge_never_takes_what_the_newest_state_is_made_of(clone):
    """A slice of the newest state that holds forgotten text is a defect to be told, not a file to
    be removed."""
    known = load(clone.path("results/tiny/fingerprints/r1.json"), clone.secret).passages
    text = next(text for text in said_by(GONE) if known.matches(text))
    path = clone.path("results/tiny/seed1/shards/3x2/2/1/r0.parquet")
    frame = pd.read_parquet(path)
    write_parquet(frame.assign(text=[text, *frame["text"].tolist()[1:]]), path)
    before = files(clone)
    assert clone.palimpsest("purge", "--yes") == 1 and files(clone) == before
    assert (
        "shards/3x2/2/1/r0.parquet: the newest state is made of this file" in clone.output
        and text not in clone.output
    )


def test_fingerprints_can_be_dropped(clone):
    """Then nothing on disk speaks of the text any more; later audits say that they go by names and
    models."""
    assert clone.palimpsest("purge", "--yes", "--drop-fingerprints") == 0
    assert json.loads(clone.path("results/tiny/fingerprints/r1.json").read_text())["passages"] == {}
    assert (
        clone.palimpsest("audit") == 0
        and "not known any more" in clone.output
        and clone.jobs() == set()
    )
