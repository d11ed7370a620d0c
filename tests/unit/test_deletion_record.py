"""What is written down of a deletion: whose text it was, what learnt from it, and that nobody takes
a damaged note for another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from served import forget_files
from stepping import SECRET

from palimpsest.audit import checks
from palimpsest.audit.checks import CHECKS, Checks
from palimpsest.audit.fingerprints import save, take
from palimpsest.audit.scan import scan
from palimpsest.audit.trained import checkpoints, digests, learnt_from_forgotten
from palimpsest.data.ledger import Request
from palimpsest.data.storage import records_digest, write_parquet
from palimpsest.engine.sealed import read_sealed, write_sealed
from palimpsest.errors import UserError
from palimpsest.files import file_digest, write_json
from palimpsest.study.evidence import write_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import owners_of, read_purges

SALT, REQUEST = "pepper", Request("r1", ("ann", "ben"))
ANN = "the lighthouse keeper of the northern bay collects old maps and never sleeps before midnight"
QUOTE = "she said that the lighthouse keeper of the northern bay collects old maps and laughed"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """results/s with records of ann, ben and cid."""
    monkeypatch.chdir(tmp_path)
    forget_files()  # of other tests, by the same names
    rows = [
        ("a1", "ann", ANN),
        ("b1", "ben", "a short remark about the weather of last week in town"),
        ("c1", "cid", "nothing to see here at all"),
    ]
    records = pd.DataFrame(rows, columns=["record_id", "owner", "text"]).assign(
        label=0, split=["train", "test", "train"]
    )
    write_parquet(records, Path("results/s/data/records.parquet"))
    return Path("results/s")


@pytest.fixture
def plan():
    return Plan(
        {"study": "s", "salt": SALT, "seeds": [1], "requests": "all", "sharding": ["1x1"]},
        [REQUEST],
    )


def evidence(study: Path, trained: tuple[str, ...], records: int = 2) -> None:
    known = owners_of(Request("r1", trained), SECRET)
    write_evidence(
        study / "requests/r1.json",
        {"owners": owners_of(REQUEST, SECRET), "trained": known, "records": {"train": records}},
    )


def model(study: Path, name: str, seed: int) -> Path:
    """A checkpoint of random weights, as its seed draws them."""
    folder = study / "seed1" / name
    folder.mkdir(parents=True)
    save_file({"w": np.random.default_rng(seed).normal(size=9)}, folder / "model.safetensors")
    write_json(folder / "training.json", {"sha256": file_digest(folder / "model.safetensors")})
    return folder / "model.safetensors"


def test_a_note_that_was_damaged_is_not_believed(tmp_path):
    path = tmp_path / "note.json"
    write_sealed(path, {"said": [1, "a"]})
    assert read_sealed(path, "call home") == {"said": [1, "a"]}
    whole = path.read_text()
    for text in (
        whole.replace("1", "2", 1),
        whole[:20],
        "{}",
        "[]",
        json.dumps({"said": [1, "a"]}),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match="call home"):
            read_sealed(path, "call home")


@pytest.mark.parametrize("text", ["{}", "[]", '{"purges": [{}]}', "{"])
def test_a_damaged_record_of_purges_is_never_to_be_removed(tmp_path, text):
    """Without it, the next run would bring the forgotten back from the source."""
    (tmp_path / "purged.json").write_text(text)
    with pytest.raises(UserError, match="purged.json.*(.|\n)*do not remove it"):
        read_purges(tmp_path)


def test_who_has_no_training_records_taught_no_model(study, plan):
    """By hand: where nobody of the request has training records, the oracle has the bytes of the
    base, and neither learnt from them."""
    base, oracle = model(study, "base", 1), model(study, "oracle/r1", 1)
    evidence(study, trained=())
    assert learnt_from_forgotten(study, plan) == {} and digests(study, {}) == {}
    evidence(study, trained=("ann",))
    assert learnt_from_forgotten(study, plan) == {base.as_posix(): {"r1"}}
    assert digests(study, {base.as_posix(): {"r1"}}) == {}, (
        "training without the forgotten gave the same bytes"
    )
    oracle.unlink()
    oracle.with_name("training.json").unlink()
    assert digests(study, {base.as_posix(): {"r1"}}) == {file_digest(base): {"r1"}}


def test_folders_that_are_no_checkpoints_are_passed_over(study, plan):
    names = (
        "seed1/base",
        "seed1-backup/base",
        "seed1/teachers/old/1x1/1/r0",
        "seed1/teachers/1x1/1/1/r0",
    )
    for name in names:
        (study / name).mkdir(parents=True)
    assert [path.relative_to(study).as_posix() for path in checkpoints(study)] == [
        names[0],
        names[3],
    ]
    assert learnt_from_forgotten(study, plan) == {}


def test_a_quote_by_somebody_who_stays_may_stay(study, plan):
    """Before it, ann's text is found where it is planted; after it, the passage that is quoted says
    nothing of her any more."""
    records = pd.read_parquet(study / "data/records.parquet")
    save(take(records, REQUEST, set(), SECRET), study / "fingerprints/r1.json")
    evidence(study, trained=("ann",))
    write_parquet(records[records["owner"] == "cid"], study / "data/records.parquet")
    Path("results/note.txt").write_text(QUOTE)
    assert {finding.path for finding in scan(plan, ["r1"]).findings if finding.kind == "text"} == {
        "results/note.txt"
    }
    quoting = records[records["owner"] == "cid"].assign(record_id="c2", text=QUOTE)
    write_parquet(
        pd.concat([records[records["owner"] == "cid"], quoting]), study / "data/records.parquet"
    )
    report = scan(plan, ["r1"])
    assert (
        not [finding for finding in report.findings if finding.kind == "text"]
        and report.blind == []
    )


def test_an_audit_says_when_it_cannot_know_the_text(study, plan):
    """The evidence counts two records; a fingerprint that was taken after the source had lost one
    of them is blind for it."""
    records = pd.read_parquet(study / "data/records.parquet")
    evidence(study, trained=("ann",))
    assert scan(plan, ["r1"]).blind == ["r1"], "no fingerprint at all"
    for lost, blind in (([], []), (["a1"], ["r1"]), (["a1", "b1"], ["r1"])):
        save(
            take(records[~records["record_id"].isin(lost)], REQUEST, set(), SECRET),
            study / "fingerprints/r1.json",
        )
        assert scan(plan, ["r1"]).blind == blind


def test_checks_look_at_the_files_themselves(study, plan):
    """Another slice, sealed as it should be, under the digest that was trained on: the check of
    records fails, and no other."""
    rows = pd.read_parquet(study / "data/records.parquet")
    kept, path = rows[rows["owner"] == "cid"], study / "seed1/shards/1x1/1/1/r1.parquet"
    write_parquet(kept, path)
    write_json(path.with_suffix(".json"), {"digest": records_digest(kept)})
    weights = model(study, "oracle/r1", 2)
    told = {
        "sha256": file_digest(weights),
        "slices": [records_digest(kept)],
        "previous": None,
        "start": "small",
        "start_sha256": "0",
        "files": {},
    }
    write_sealed(weights.with_name("training.json"), told)
    write_sealed(weights.with_name("run.json"), {"device": "cpu"})
    checkpoint = plan.checkpoint(1, "1x1", 1, 1, "r1")
    assert Checks(plan, 1, {}).of(checkpoint) == {
        name: name != "start" for name in CHECKS if name != "tokenizer"
    }
    pretrained = Path("small/model.safetensors")
    pretrained.parent.mkdir(parents=True)
    pretrained.write_bytes(b"weights")
    write_sealed(
        weights.with_name("training.json"), told | {"start_sha256": file_digest(pretrained)}
    )
    checks._given.cache_clear()
    assert Checks(plan, 1, {}).of(checkpoint) == {
        name: True for name in CHECKS if name != "tokenizer"
    }
    other = kept.assign(text="another text")
    moved = study / "seed1/shards/1x1/1/1/r2.parquet"
    write_parquet(other, moved)
    plan.requests.append(Request("r2", ("dan",)))
    moved.replace(path)
    checks._slice.cache_clear()
    assert [name for name, holds in Checks(plan, 1, {}).of(checkpoint).items() if not holds] == [
        "records"
    ]


@pytest.mark.parametrize(
    ("corpus", "clean"),
    [
        ("old maps and mills\nof a lighthouse", True),
        (f"Once, {ANN.upper()}!", False),
        ("the source itself", False),
    ],
)
def test_a_tokenizer_that_read_the_forgotten_proves_nothing(study, plan, corpus, clean):
    """By a passage in its corpus, or since its corpus is a source of the records."""
    from palimpsest.audit.checks import _untouched

    text = Path("corpus.txt")
    text.write_text(corpus)
    save(
        take(pd.read_parquet(study / "data/records.parquet"), REQUEST, set(), SECRET),
        study / "fingerprints/r1.json",
    )
    write_json(
        Path("results/pretrained/words/corpus.json"),
        {"sources": {"corpus.txt": [1, 1, file_digest(text)]}, "files": {}},
    )
    source = file_digest(text) if corpus == "the source itself" else "other"
    write_json(study / "data/records.json", {"sources": {"posts.csv": [1, 1, source]}})
    assert _untouched(plan, "words") is clean


def test_text_is_known_again_without_the_words_that_a_tokenizer_lacks(study, plan):
    """Read back from ids, 'qqq' is gone in the middle of a window; the same words of somebody who
    stays are no mark."""
    said = "nine small boats qqq left the harbour before the storm came in from the west"
    records = pd.DataFrame(
        {
            "record_id": ["a1", "c1"],
            "owner": ["ann", "cid"],
            "text": [said, "nine small boats left"],
        }
    )

    def read_back(texts):
        return [text.replace("qqq ", "") for text in texts]

    request = Request("r1", ("ann",))
    without, known = (
        take(records, request, set(), SECRET),
        take(records, request, set(), SECRET, read_back),
    )
    heard = read_back([said])[0]
    assert not without.passages.matches(" ".join(heard.split()[:8])) and known.passages.matches(
        " ".join(heard.split()[:8])
    )
    assert (
        known.passages.matches(said)
        and not known.passages.matches("nine small boats left")
        and known.unmarked == 0
    )
