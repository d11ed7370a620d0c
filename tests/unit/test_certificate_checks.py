"""Each check of a certificate fails where it should, while all others hold; and one that fails
anywhere ends the claim."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import constants
from served import CELLS, DIGESTS, REQUESTS, SAYS, STAYS, STUDY, WHO, Served, forget_files

from palimpsest.audit.certificate import replacements
from palimpsest.audit.checks import Checks
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import file_digest, read_json, write_json
from palimpsest.study.plan import Plan

ALL = {
    "weights", "reports", "followed", "filed", "records", "previous", "tokenizer", "device",
}  # fmt: skip
LAST = "teachers/2x2/2/2/r1"  # of shard 2, second stage: no other checkpoint starts from it
FIRST = "teachers/2x2/2/1/r1"


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    return Served.laid(tmp_path_factory.mktemp("laid"))


@pytest.fixture
def served(laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return laid.copy()


def failed(served: Served, seed: int, name: str) -> set[str]:
    """The checks that a checkpoint fails, of all that it has."""
    forget_files()
    plan = served.plan
    found = Checks(plan, seed, {}).of(plan.checkpoint(seed, *plan.parse(name)))
    return {check for check, holds in found.items() if not holds}


def put(served: Served, seed: int, name: str, slice_: str, frame: pd.DataFrame) -> None:
    """Rows in a slice of a checkpoint, as if it had been trained on them."""
    write_parquet(frame, served.slice(seed, slice_))
    names = served.plan.checkpoint(seed, *served.plan.parse(name)).slices
    frames = (read_parquet(served.slice(seed, one)) for one in names)
    served.tell(seed, name, slices=[records_digest(frame) for frame in frames])


def test_all_checks_hold_of_what_was_trained_without_the_forgotten(served):
    for seed, checkpoint in served.plan.checkpoints("r2"):
        found = Checks(served.plan, seed, {}).of(checkpoint)
        assert found == dict.fromkeys(ALL, True), (seed, checkpoint.name)


# --- one check alone ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_other_weights_fail_alone(served, seed):
    """Of the same length; where the file is gone, there are no weights of that digest either."""
    model = served.model(seed, LAST)
    model.write_bytes(model.read_bytes()[::-1])
    assert failed(served, seed, LAST) == {"weights"} and failed(served, 3 - seed, LAST) == set()
    model.unlink()
    assert failed(served, seed, LAST) == {"weights"}


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_another_device_fails_alone(served, device):
    served.tell(2, LAST, device=device)
    assert failed(served, 2, LAST) == {"device"} and failed(served, 1, LAST) == set()


@pytest.mark.parametrize("part", [1, 2])
def test_a_slice_that_is_not_what_was_trained_on_fails_alone(served, part):
    """A record fewer in either of the two slices of a last stage. The stage before it has the first
    slice as well, so that it fails too, and with it `previous`."""
    name = served.plan.checkpoint(2, "2x2", 2, 2, "r1").slices[part - 1]
    path = served.slice(2, name)
    write_parquet(read_parquet(path).iloc[1:], path)
    first = {1: {"records"}, 2: set()}[part]
    assert failed(served, 2, FIRST) == first
    assert failed(served, 2, LAST) == {"records"} | ({"previous"} if first else set())
    path.unlink()
    assert failed(served, 2, LAST) >= {"records"}


def test_as_many_slices_were_trained_on_as_there_are(served):
    """Two of a last stage: a report of the first alone, of the second alone, or of a third."""
    names = served.plan.checkpoint(2, "2x2", 2, 2, "r1").slices
    one, other = (records_digest(read_parquet(served.slice(2, name))) for name in names)
    for told in ([one], [other], [], [one, other, other]):
        served.tell(2, LAST, slices=told)
        assert failed(served, 2, LAST) == {"records"}
    served.tell(2, LAST, slices=[one, other])
    assert failed(served, 2, LAST) == set()


@pytest.mark.parametrize(("who", "seed"), [("ann", 1), ("abe", 2), ("amy", 1), ("bob", 2)])
@pytest.mark.parametrize("part", [1, 2])
def test_one_record_of_a_forgotten_owner_fails_alone(served, who, seed, part):
    """In either slice that a checkpoint of r2 was trained on, by its own digest: of the newest
    request and of the one before it, of its first owner and of its last."""
    name = served.plan.checkpoint(seed, "2x2", 1, 2, "r2").name
    assert name == "teachers/2x2/1/2/r2"
    slice_ = served.plan.checkpoint(seed, "2x2", 1, 2, "r2").slices[part - 1]
    kept = read_parquet(served.slice(seed, slice_))
    owner = served.records[served.records["owner"] == WHO[who]]
    first = served.plan.checkpoint(seed, "2x2", 1, 1, "r2").name
    put(served, seed, name, slice_, pd.concat([kept, owner]))
    if part == 1:  # the stage before is told of it as well, and fails for it
        served.tell(seed, first, slices=[records_digest(read_parquet(served.slice(seed, slice_)))])
        shown = who != "bob" or first.endswith("r2")
        assert failed(served, seed, first) == ({"records"} if shown else set())
        assert failed(served, seed, name) == {"records"} | ({"previous"} if shown else set())
    else:
        assert failed(served, seed, name) == {"records"}


def test_somebody_who_asks_later_is_no_reason_to_fail(served):
    """bob asks in r2: that r1's checkpoints learnt from him is as it should be."""
    cut = served.plan.checkpoint(1, "2x2", 1, 2, "r1")
    assert WHO["bob"] in set(read_parquet(served.slice(1, cut.slices[1]))["owner"])
    assert failed(served, 1, cut.name) == set()


def test_another_start_than_the_checkpoint_before_fails_alone(served):
    """By its digest; and what it should have started from is followed by one that says
    otherwise."""
    served.tell(2, LAST, previous="0" * 64)
    assert failed(served, 2, LAST) == {"previous"} and failed(served, 2, FIRST) == {"followed"}


def test_a_first_stage_that_started_from_anything_fails_alone(served):
    served.tell(2, "oracle/r2", previous=file_digest(served.model(2, "oracle/r1")))
    assert (
        failed(served, 2, "oracle/r2") == {"previous"} and failed(served, 2, "oracle/r1") == set()
    )


def test_a_checkpoint_fails_with_the_one_that_it_started_from(served):
    """The right file, which fails a check of its own, one of several."""
    served.tell(2, FIRST, device="cuda")
    assert failed(served, 2, FIRST) == {"device"} and failed(served, 2, LAST) == {"previous"}


def test_another_pretrained_start_fails_alone(served):
    """Another file than the one it started from, or none any more."""
    small = Path("results/pretrained/small/model.safetensors")
    small.parent.mkdir(parents=True)
    small.write_bytes(b"small")
    served.tell(2, "oracle/r2", start="small", start_sha256=file_digest(small))
    assert failed(served, 2, "oracle/r2") == set()
    small.write_bytes(b"other")
    assert failed(served, 2, "oracle/r2") == {"start"}
    small.unlink()
    assert failed(served, 2, "oracle/r2") == {"start"}


# --- weights that were changed together with their report -----------------------------------------


def forge(served: Served, seed: int, name: str, sealed: bool) -> None:
    """One byte more in the weights, and their digest in training.json."""
    model = served.model(seed, name)
    model.write_bytes(model.read_bytes() + b"!")
    if sealed:
        served.tell(seed, name, sha256=file_digest(model))
    else:
        report = model.with_name("training.json")
        write_json(report, read_json(report) | {"sha256": file_digest(model)})


@pytest.mark.parametrize("report", ["training.json", "run.json"])
def test_a_report_that_was_edited_fails_alone(served, report):
    """Its content is as it was; its seal is another, or gone."""
    path = served.model(2, LAST).with_name(report)
    told = read_json(path)
    for digest in ({"digest": "0" * 64}, {}):
        write_json(path, {key: one for key, one in told.items() if key != "digest"} | digest)
        assert failed(served, 2, LAST) == {"reports"}


def test_weights_that_a_report_was_made_to_fit_fail_by_its_seal(served):
    forge(served, 2, LAST, sealed=False)
    assert failed(served, 2, LAST) == {"reports"} and failed(served, 1, LAST) == set()


def test_what_learnt_from_a_model_remembers_its_weights(served):
    """The stage after it, of whichever state, and an attack on a single model; of the other seed,
    and of another model, they say nothing."""
    forge(served, 2, FIRST, sealed=True)
    assert failed(served, 2, FIRST) == {"followed"} and failed(served, 2, LAST) == {"previous"}
    attack = served.folder / "seed1/attacks/relearn/oracle/r2/training.json"
    write_json(attack, {"previous": file_digest(served.model(1, "oracle/r2"))})
    assert failed(served, 1, "oracle/r2") == set()
    forge(served, 1, "oracle/r2", sealed=True)
    assert failed(served, 1, "oracle/r2") == {"followed"}
    assert failed(served, 2, "oracle/r2") == failed(served, 1, "oracle/r1") == set()


def test_a_later_state_remembers_an_earlier_stage(served):
    """Of seed 1, stage 2 of shard 1 is new in r2 and started from stage 1 of r1; so did that of
    r1, which is purged here."""
    first = served.plan.checkpoint(1, "2x2", 1, 2, "r2").previous
    assert first == "teachers/2x2/1/1/r1"
    for path in served.model(1, "teachers/2x2/1/2/r1").parent.iterdir():
        path.unlink()
    assert failed(served, 1, first) == set()
    forge(served, 1, first, sealed=True)
    assert failed(served, 1, first) == {"followed"}


def test_an_earlier_certificate_remembers_weights(served):
    """r1's, written after r2 was served, names the oracle of r2. What nothing else remembers, the
    last stage of all, is not known for changed: the certificate must not claim more."""
    told = served.certificate("r1", "r2")
    assert ("oracle/r2", 1) in {(one["checkpoint"], one["seed"]) for one in told["replaced"]}
    forge(served, 1, "oracle/r2", sealed=True)
    found = served.certificate("r2")
    fails = {
        (one["seed"], one["checkpoint"]): {
            name for name, holds in one["checks"].items() if not holds
        }
        for one in found["replaced"]
    }
    assert fails.pop((1, "oracle/r2")) == {"filed"} and not any(fails.values())
    assert found["consistent"] is False and found["verified"] is None


@pytest.mark.parametrize("other", ["code", "settings"])
def test_what_was_made_in_another_way_may_have_other_weights(served, monkeypatch, other):
    served.certificate("r1", "r2")
    forge(served, 1, "oracle/r2", sealed=True)
    if other == "code":
        served.tell(1, "oracle/r2", code="code 9")
    else:
        monkeypatch.setitem(DIGESTS, "data", "0" * 64)
    assert served.certificate("r2")["consistent"] is True


def given(served: Served, start: str, digest: str) -> None:
    """A study whose models started from one that others made; it has no tokenizer of its own."""
    served.plan = Plan(STUDY | {"tokenizer": None}, [*REQUESTS])
    served.tell(2, "oracle/r2", start=start, start_sha256=digest)


def test_a_folder_that_others_made_is_the_one_on_disk(served):
    """Also where a recipe of this workflow has its name."""
    weights = Path("small/model.safetensors")
    for path in (weights, Path("results/pretrained/small/model.safetensors")):
        path.parent.mkdir(parents=True)
        path.write_text(str(path))
    given(served, "small", file_digest(weights))
    assert failed(served, 2, "oracle/r2") == set()
    weights.write_text("other")
    assert failed(served, 2, "oracle/r2") == {"start"}


def test_a_model_of_the_hub_is_what_the_cache_has_of_its_commit(served, tmp_path, monkeypatch):
    """One retrained from another commit says so, and the rest do not hide it: a certificate names
    the start of each."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    old, new = "0123456789" * 4, "abcdef0123" * 4
    for commit in (old, new):
        path = tmp_path / "hub/models--lab--small/snapshots" / commit / "model.safetensors"
        path.parent.mkdir(parents=True)
        path.write_text(commit)
    given(served, f"lab/small@{old}", hashlib.sha256(old.encode()).hexdigest())
    assert failed(served, 2, "oracle/r2") == set()
    given(served, f"lab/small@{old}", hashlib.sha256(new.encode()).hexdigest())
    assert failed(served, 2, "oracle/r2") == {"start"}
    given(served, f"lab/gone@{old}", hashlib.sha256(old.encode()).hexdigest())
    assert failed(served, 2, "oracle/r2") == {"start"}


# --- the tokenizer --------------------------------------------------------------------------------


def corpus(*texts: str) -> None:
    """The tokenizer was trained on these files."""
    paths = [Path(f"corpus{number}.txt") for number, _ in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    told = {str(path): [1, 1, file_digest(path)] for path in paths}
    write_json(Path("results/pretrained/words/corpus.json"), {"sources": told, "files": {}})


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_tokenizer_that_read_an_owner_fails_alone(served, who, place):
    """One passage of 8 words, in one of three files; of the first request or of the last."""
    texts = ["nothing", "nothing else", "nothing at all"]
    texts[place] = f"Once upon a time {' '.join(SAYS[who].split()[:8]).upper()}!"
    corpus(*texts)
    assert failed(served, 2, "oracle/r2") == {"tokenizer"}


def test_what_a_tokenizer_may_have_read(served):
    """Others' words, and a few of an owner's: the four words after her first window."""
    corpus(" ".join(SAYS["ann"].split()[8:]), f"number {STAYS[0]} stays here")
    assert failed(served, 2, "oracle/r2") == set()


def test_a_tokenizer_trained_on_one_of_the_sources_fails_alone(served):
    """The same file by its digest, whatever it is called, among others on either side. Of the same
    name but another content, it is another file."""
    corpus("nothing", "nothing else")
    shared = file_digest(Path("corpus1.txt"))
    told = {"posts.csv": [1, 1, "posts"], "more.csv": [1, 1, shared]}
    write_json(served.folder / "data/records.json", {"sources": told})
    assert failed(served, 1, "oracle/r1") == {"tokenizer"}
    told = {"corpus0.txt": [1, 1, "posts"], "more.csv": [1, 1, "more"]}
    write_json(served.folder / "data/records.json", {"sources": told})
    assert failed(served, 1, "oracle/r1") == set()


def test_a_tokenizer_that_came_with_the_model_is_not_checked(served):
    served.plan.study = {key: value for key, value in STUDY.items() if key != "tokenizer"}
    checkpoint = served.plan.checkpoint(1, "1x1", 1, 1, "r2")
    assert Checks(served.plan, 1, {}).of(checkpoint) == dict.fromkeys(ALL - {"tokenizer"}, True)


# --- the claim ------------------------------------------------------------------------------------


def test_all_bytes_are_as_if_never_seen(served):
    assert served.certificate("r1")["consistent"] is True


# r1 under state r2, by hand (see test_certificate_replaced.py): 4 checkpoints a seed.
REPLACED = [(seed, place) for seed in (1, 2) for place in range(4)]


@pytest.mark.parametrize(("seed", "place"), REPLACED)
@pytest.mark.parametrize("check", ["weights", "device"])
def test_one_check_of_one_replacement_ends_the_claim(served, seed, place, check):
    """Whichever it is: the first or the last, of either seed, of weights that had learnt or had
    not."""
    found = [one for one in replacements(served.plan, "r1", "r2", {}) if one["seed"] == seed]
    assert len(found) == 4
    name = found[place]["checkpoint"]
    if check == "weights":
        served.model(seed, name).write_bytes(b"others")
    else:
        served.tell(seed, name, device="cuda")
    forget_files()
    certificate = served.certificate("r1")
    assert certificate["consistent"] is False
    named = {
        (one["seed"], one["checkpoint"])
        for one in certificate["replaced"]
        if not one["checks"][check]
    }
    assert named == {(seed, name)}


def test_every_cell_has_somebody_who_stays():
    assert len(set(STAYS) | set(WHO.values())) == len(STAYS) + len(WHO) == len(CELLS) + 4
