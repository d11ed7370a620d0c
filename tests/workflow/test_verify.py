"""`palimpsest verify`: replacements are trained again, and other bytes are found whatever is said
of them."""

from __future__ import annotations

import json
import socket
from contextlib import chdir

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from palimpsest.data.secret import mark_of
from palimpsest.engine.sealed import write_sealed
from palimpsest.files import file_digest, read_json

REPLACED = ["oracle/r1", "teachers/3x2/1/1/r1", "teachers/3x2/1/2/r1"]
FIRST, SECOND = REPLACED[1:]


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where models are trained again: nothing of them is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert not [path for path in folder.iterdir() if path.name.startswith("palimpsest")]


def certificate(clone) -> dict:
    return read_json(clone.path("results/tiny/certificates/r1.json"))


def files(clone) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(clone.folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in clone.path("results").rglob("*")
        if path.is_file()
    }


def reseal(clone, path, **changes) -> None:
    """By somebody who has the secret, too."""
    sealed = read_json(path)
    sealed.pop("digest")
    marked = sealed.pop("mark", None)
    with chdir(clone.folder):
        write_sealed(path, sealed | changes, mark_of if marked else None)


def tamper(clone, name: str, in_certificate: bool = False) -> tuple[str, str]:
    """Change one weight of a model and write its digest into its report, and into the certificate;
    -> both digests."""
    folder = clone.path(f"results/tiny/seed1/{name}")
    path = folder / "model.safetensors"
    before = file_digest(path)
    with safe_open(path, "np") as file:
        told = file.metadata()
    weights = {key: np.array(value) for key, value in load_file(path).items()}
    weights[min(weights)].reshape(-1)[0] += 0.5
    save_file(weights, path, metadata=told)
    reseal(clone, folder / "training.json", sha256=file_digest(path))
    if in_certificate:
        claims = certificate(clone)["replaced"]
        changed = [
            one | ({"sha256": file_digest(path)} if one["checkpoint"] == name else {})
            for one in claims
        ]
        reseal(clone, clone.path("results/tiny/certificates/r1.json"), replaced=changed)
    return before, file_digest(path)


def test_all_replacements_have_the_bytes_that_training_gives(clone):
    """Those that Snakemake's own jobs trained. The certificate says so, and where; nothing else is
    changed, and nothing is to be made again."""
    before = files(clone)
    assert certificate(clone)["verified"] is None
    assert clone.palimpsest("verify", "r1") == 0, clone.output
    found = certificate(clone)
    done = {(one["checkpoint"], one["again"]) for one in found["verified"]["checkpoints"]}
    assert done == {(one["checkpoint"], one["sha256"]) for one in found["replaced"]}
    assert [one["checkpoint"] for one in found["verified"]["checkpoints"]] == REPLACED
    assert all(one["equal"] for one in found["verified"]["checkpoints"])
    assert found["verified"]["sample"] is None and found["verified"]["cannot"] == []
    machine, ran = (
        found["verified"]["machine"],
        read_json(clone.path("results/tiny/seed1/oracle/r1/run.json")),
    )
    assert machine["device"] == "cpu" and machine["processor"] == ran["processor"]
    record = read_json(clone.path("results/tiny/verified/r1.json"))
    assert record["verified"] == found["verified"] and "digest" in record
    after = files(clone)
    written = {"verified/r1.json", "certificates/r1.json", "certificates/r1.html"}
    assert {name for name in after if after[name] != before.get(name)} == {
        f"results/tiny/{name}" for name in written
    }
    assert socket.gethostname() not in json.dumps(record)
    page = clone.path("results/tiny/certificates/r1.html").read_text()
    assert "and all have the same bytes" in page
    assert clone.palimpsest("certificate", "check") == 0, clone.output
    assert clone.jobs() == set()


def test_a_sample_leaves_what_is_known_of_all(clone):
    """Unless it finds other bytes."""
    assert clone.palimpsest("verify", "r1") == 0, clone.output
    before = files(clone)
    date = certificate(clone)["verified"]["date"]
    assert clone.palimpsest("verify", "r1", "--sample", "1") == 0, clone.output
    assert f"the record of {date}, of all, stays" in clone.output and files(clone) == before
    assert "of r1 (1 drawn, and the stages that they started from) with the" in clone.output
    tamper(clone, "oracle/r1")
    tamper(clone, FIRST)  # of which a sample of two finds one at least
    assert clone.palimpsest("verify", "r1", "--sample", "2") == 1
    assert certificate(clone)["verified"]["sample"] == 2


def test_a_request_that_was_not_served_yet_is_no_obstacle_and_a_gap_is(clone):
    """r2 is in the ledger alone. A certificate that is missing between two is told before anything
    is trained."""
    line = clone.path("ledger.tsv").read_text()
    clone.path("ledger.tsv").write_text(f"{line}r2\towner46\nr3\towner47\n")
    assert clone.palimpsest("verify", "r1", "--sample", "1") == 0, clone.output
    folder = clone.path("results/tiny/certificates")
    before = (folder / "r1.json").read_bytes()
    (folder / "r3.json").write_bytes(before)
    assert clone.palimpsest("verify", "r1") == 1
    assert "r2.json: the file is missing" in clone.output and "equal" not in clone.output
    assert "without one, run snakemake, which writes it again" in clone.output
    assert (folder / "r1.json").read_bytes() == before


def test_a_certificate_that_is_written_again_keeps_it_while_the_weights_are_the_same(clone):
    assert clone.palimpsest("verify", "r1", "--sample", "1") == 0, clone.output
    found = certificate(clone)["verified"]
    assert found["sample"] == 1
    assert len({one["checkpoint"] for one in found["checkpoints"]} - {FIRST}) <= 1
    clone.path("results/tiny/certificates/r1.json").unlink()
    clone.run()
    assert certificate(clone)["verified"] == found


def test_one_weight_that_was_changed_with_all_that_names_it_is_found(clone):
    """Its file, its report and the certificate agree; only training tells."""
    true, changed = tamper(clone, "oracle/r1", in_certificate=True)
    assert certificate(clone)["replaced"][0]["sha256"] == changed
    assert clone.palimpsest("verify", "r1") == 1
    assert "seed1/oracle/r1/model.safetensors: training it again gives other weights" in (
        clone.output
    )
    assert f"{changed} of the file" in clone.output and f"{true} of training again" in clone.output
    assert "1 problem found" in clone.output and "were changed afterwards" in clone.output
    told = {one["checkpoint"]: one for one in certificate(clone)["verified"]["checkpoints"]}
    assert [name for name in REPLACED if not told[name]["equal"]] == ["oracle/r1"]
    assert (told["oracle/r1"]["sha256"], told["oracle/r1"]["again"]) == (changed, true)
    assert "<strong>1 of them have other bytes</strong>" in (
        clone.path("results/tiny/certificates/r1.html").read_text()
    )
    assert clone.palimpsest("certificate", "check") == 1
    assert "oracle/r1: training it again gave other weights" in clone.output


def test_what_was_trained_on_from_changed_weights_is_found_with_them(clone):
    """The last stage was trained for true, from a first one that was not: its own bytes follow from
    what lies there, and are other ones than training without that gives."""
    tamper(clone, FIRST)
    folder = clone.path(f"results/tiny/seed1/{SECOND}")
    before = file_digest(folder / "model.safetensors")
    assert clone.run("teachers") == {f"train/seed1/{SECOND}"}
    assert file_digest(folder / "model.safetensors") != before
    assert clone.palimpsest("verify", "r1") == 1
    told = {
        one["checkpoint"]: one["equal"] for one in certificate(clone)["verified"]["checkpoints"]
    }
    assert told == {"oracle/r1": True, FIRST: False, SECOND: False}
    assert "2 problems found" in clone.output


def test_other_settings_are_named_as_what_may_explain_it(clone):
    """And what recorded it: another processor, other packages."""
    clone.change_study(training={"epochs": 3, "learning_rate": 0.01})
    run = clone.path("results/tiny/seed1/oracle/r1/run.json")
    versions = read_json(run)["versions"] | {"torch": "1.0"}
    reseal(clone, run, processor="another one", versions=versions)
    assert clone.palimpsest("verify", "r1") == 1
    assert "epochs 2, now 3" in clone.output and "processor another one, now" in clone.output
    assert "torch 1.0, now" in clone.output and "were changed afterwards" not in clone.output


def test_what_cannot_be_trained_again_is_said_and_nothing_of_it_claimed(clone):
    """A slice that is gone, of one replacement; then of all."""
    clone.path("results/tiny/seed1/shards/1x1/1/1/r1.parquet").unlink()
    assert clone.palimpsest("verify", "r1") == 0, clone.output
    why = "not on this disk: results/tiny/seed1/shards/1x1/1/1/r1.parquet"
    assert f"cannot be verified: seed1/oracle/r1: {why}" in clone.output
    found = certificate(clone)["verified"]
    assert [one["checkpoint"] for one in found["checkpoints"]] == [FIRST, SECOND]
    assert found["cannot"] == [{"seed": 1, "checkpoint": "oracle/r1", "why": why}]
    clone.path("results/tiny/seed1/shards/3x2/1/1/r1.parquet").unlink()
    assert clone.palimpsest("verify", "r1") == 1
    assert "none of its replacements can be trained again" in clone.output
    assert certificate(clone)["verified"] == found


def test_what_is_asked_wrongly_is_told_before_anything_is_trained(clone, fresh):
    assert clone.palimpsest("verify", "r2") == 1
    assert "it has no such request" in clone.output and "allowed: r1" in clone.output
    for wrong in ("0", "-1", "some"):
        assert clone.palimpsest("verify", "r1", "--sample", wrong) == 2
        assert "at least 1" in clone.output
    fresh.write_ledger("r1 owner01")
    assert fresh.palimpsest("verify", "r1") == 1 and "there is no certificate" in fresh.output
    assert not fresh.path("results/tiny").exists()
