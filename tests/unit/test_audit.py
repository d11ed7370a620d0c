"""The audit looks into files of every kind that the workflow writes, and finds a planted sentence however it is packed."""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import os
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from palimpsest.audit.contents import Unread, said
from palimpsest.audit.fingerprints import load, save, take
from palimpsest.audit.look import Audit
from palimpsest.audit.trained import learnt_from_forgotten, requests_within
from palimpsest.data.ledger import Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.files import file_digest, write_json
from palimpsest.models.tokenizers import train_wordpiece
from palimpsest.plan import Plan

SALT = "salt"
SENTENCE = 'Ann\u2019s caf\u00e9 "Zum Hirsch" opens at nine & closes when the last guest is gone'
OTHERS = ["Nothing of the kind was ever said by anybody else in this town.", "Another quiet day, and then another one."]


@pytest.fixture(scope="module")
def records():
    rows = [("p1", "ann", SENTENCE), *((f"p{number}", "ben", text) for number, text in enumerate(OTHERS, 2))]
    return pd.DataFrame(rows, columns=["record_id", "owner", "text"])


@pytest.fixture(scope="module")
def fingerprint(records):
    return take(records, Request("r1", ("ann",)), set(), SALT)


@pytest.fixture(scope="module")
def tokenizer():
    return train_wordpiece([SENTENCE, *OTHERS], vocab_size=120, lowercase=True)


@pytest.fixture
def folder(tmp_path, tokenizer, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    tokenizer.save_pretrained(tmp_path / "results/words")
    return tmp_path / "results"


def found(fingerprint, models=None, digests=None, root="results"):
    report = Audit([fingerprint], models or {}, digests or {}).run([Path(root)])
    return {(finding.path, finding.kind) for finding in report.findings}, report


def parquet(**columns) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def arrow(**columns) -> bytes:
    import pyarrow as pa

    table, sink = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def uri(kind: str, data: bytes) -> bytes:
    return f'<html><img src="data:{kind};base64,{base64.b64encode(data).decode()}"></html>'.encode()


TEXT = f"before it. {SENTENCE}. After it".encode()
PLANTED = {
    "plain.log": TEXT,
    "utf16.txt": TEXT.decode().encode("utf-16"),
    "table.csv": f'a,b\n1,"{SENTENCE.replace(chr(34), chr(34) * 2)}"\n'.encode(),
    "ascii.json": json.dumps({"said": [SENTENCE]}).encode(),
    "utf8.jsonl": (json.dumps({"said": SENTENCE}, ensure_ascii=False) + "\n").encode(),
    "words.json": json.dumps(SENTENCE.split()).encode(),
    "page.html": f"<p>{html.escape(SENTENCE).replace('nine', '<b>nine</b>')}</p>".encode(),
    "uri.html": uri("text/plain", TEXT),
    "uri-of-gz.html": uri("application/gzip", gzip.compress(TEXT)),
    "uri-of-parquet.html": uri("application/octet-stream", parquet(text=[SENTENCE])),
    "unpacked-uri.html": f'<a href="data:text/plain,{quote(SENTENCE)}">'.encode(),
    "x.gz": gzip.compress(TEXT),
    "x.json.gz": gzip.compress(json.dumps(SENTENCE).encode()),
    "x.bz2": bz2.compress(TEXT),
    "x.xz": lzma.compress(TEXT),
    "x.zip": zipped("inner.csv.gz", gzip.compress(TEXT)),
    "x.pdf": b"%PDF-1.4\nstream\n" + zlib.compress(TEXT) + b"\nendstream",
    "x.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rtEXt" + TEXT + bytes(50),
    "x.parquet": parquet(number=[1, 2], note=["nothing", f"so: {SENTENCE}"]),
    "nested.parquet": parquet(deep=[[{"said": SENTENCE}]]),
    "category.parquet": parquet(note=pd.Categorical([SENTENCE, "b"])),
    "x.arrow": arrow(note=[SENTENCE]),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_sentence_is_found(folder, fingerprint, name):
    clean, _ = found(fingerprint)
    assert not clean
    (folder / name).write_bytes(PLANTED[name])
    hits, report = found(fingerprint)
    assert hits == {(f"results/{name}", "text")} and not report.unread
    assert report.findings[0].requests == ("r1",)


TOKENISED = {
    "x.parquet": lambda ids: parquet(tokens=[[1, 2, 3], ids]),
    "long.parquet": lambda ids: parquet(token=[7, 8, *ids, 9]),
    "x.json": lambda ids: json.dumps({"input_ids": ids}, indent=1).encode(),
    "x.jsonl.gz": lambda ids: gzip.compress(json.dumps({"ids": ids}).encode()),
    "x.csv": lambda ids: ("id,tokens\n1," + " ".join(map(str, ids)) + "\n").encode(),
    "x.html": lambda ids: uri("application/json", json.dumps(ids).encode()),
    "x.txt": lambda ids: f"tokens: {ids}".encode(),
    "x.arrow": lambda ids: arrow(input_ids=[ids]),
}


@pytest.mark.parametrize("name", TOKENISED)
def test_a_tokenised_sentence_is_found(folder, fingerprint, tokenizer, name):
    ids = tokenizer(SENTENCE)["input_ids"]
    (folder / name).write_bytes(TOKENISED[name](ids))
    assert found(fingerprint)[0] == {(f"results/{name}", "tokens")}
    (folder / name).write_bytes(TOKENISED[name](ids[::-1]))
    assert not found(fingerprint)[0]


def test_tokens_in_arrays_are_found(folder, fingerprint, tokenizer):
    ids = np.array(tokenizer(SENTENCE)["input_ids"])
    np.save(folder / "x.npy", ids)
    np.savez_compressed(folder / "x.npz", ids=ids.astype(np.int32))
    save_file({"ids": ids.astype(np.int16), "w": np.zeros(9, np.float32)}, folder / "x.safetensors")
    assert found(fingerprint)[0] == {(f"results/x.{kind}", "tokens") for kind in ("npy", "npz", "safetensors")}


def test_rows_about_forgotten_records_are_found(folder, fingerprint):
    """By owner or record id in a column of that name; a retained record, or the same word in another column, is not."""
    scores = {"record_id": ["p1", "p2"], "logp": [-1.0, -2.0]}
    (folder / "scores.parquet").write_bytes(parquet(**scores))
    (folder / "scores.csv").write_text("record_id,logp\np2,-1\np1,-2\n")
    (folder / "one.jsonl").write_text('{"owner": "ann", "n": 1}\n')
    (folder / "kept.parquet").write_bytes(parquet(record_id=["p2"], note=["p1"]))
    assert found(fingerprint)[0] == {(f"results/{name}", "names") for name in ("scores.parquet", "scores.csv", "one.jsonl")}


def test_what_cannot_be_looked_into_is_told(folder, fingerprint):
    broken = {"a.parquet": b"PAR1" + bytes(100), "b.gz": gzip.compress(TEXT)[:-20], "c.zip": b"PK\x03\x04nonsense", "d.npy": b"\x93NUMPYx"}
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    hits, report = found(fingerprint)
    assert set(report.unread) == {f"results/{name}" for name in broken} and not hits


def test_packing_without_end_is_told():
    data = TEXT
    for _ in range(8):
        data = gzip.compress(data)
    with pytest.raises(Unread, match="packed"):
        list(said(data))


def test_pickles_are_never_opened(folder, fingerprint):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(folder / "sprung"),)

    import pickle

    data = io.BytesIO()
    np.save(data, np.array([Trap()], dtype=object), allow_pickle=True)
    (folder / "trap.npy").write_bytes(data.getvalue())
    (folder / "trap.pt").write_bytes(pickle.dumps([Trap(), SENTENCE]))
    hits, report = found(fingerprint)
    assert not (folder / "sprung").exists() and hits == {("results/trap.pt", "text")} and "results/trap.npy" in report.unread


def test_a_fingerprint_survives_its_file_and_tells_nothing(tmp_path, fingerprint):
    path = tmp_path / "r1.json"
    save(fingerprint, path)
    assert load(path, SALT) == fingerprint and (fingerprint.records, fingerprint.unmarked) == (1, 0)
    assert not any(word in path.read_text() for word in ("ann", "p1", "hirsch", "guest"))
    assert fingerprint.names == {pseudonym("ann", SALT), pseudonym("p1", SALT)}


# --- models -------------------------------------------------------------------------------------------------------


TRAINED = {"r1": ["ann"], "r2": ["ben"]}


@pytest.fixture
def plan():
    """ann lies in some (shard, slice) of 2x2; the plan knows two requests."""
    study = {"study": "s", "salt": SALT, "seeds": [1], "requests": "all", "sharding": ["2x2"]}
    return Plan(study, [Request("r1", ("ann",)), Request("r2", ("ben",))])


def test_models_are_known_by_their_place(plan):
    """A checkpoint learnt from an owner if it is older than the request and covers the owner's shard and slice."""
    from palimpsest.data.shards import place

    shard, part = place("ann", "2x2", SALT, 1)
    for stage in (1, 2):
        expected = {"r1"} if part <= stage else set()
        assert "r1" not in requests_within(plan, f"seed1/teachers/2x2/{3 - shard}/{stage}/r0", TRAINED)
        assert requests_within(plan, f"seed1/teachers/2x2/{shard}/{stage}/r0", TRAINED) & {"r1"} == expected
        assert "r1" not in requests_within(plan, f"seed1/teachers/2x2/{shard}/{stage}/r1", TRAINED)
    assert requests_within(plan, "seed1/base", TRAINED) == {"r1", "r2"}
    assert requests_within(plan, "seed1/base", TRAINED | {"r1": []}) == {"r2"}, "who has no training records taught nothing"
    assert requests_within(plan, "seed1/oracle/r1", TRAINED) == {"r2"} and requests_within(plan, "seed1/oracle/r2", TRAINED) == set()
    assert requests_within(plan, "seed1/oracle/unknown", TRAINED) == {"r1", "r2"}, "what the ledger does not know is taken for the oldest"


def test_models_their_copies_and_half_trained_ones_are_found(folder, fingerprint, plan):
    rng, study = np.random.default_rng(1), folder / "s"
    for name in ("base", "oracle/r1", "oracle/r2", "base/resume/step3"):
        (study / "seed1" / name).mkdir(parents=True)
        save_file({"w": rng.normal(size=9)}, study / "seed1" / name / "model.safetensors")
    (study / "seed1/decisions/m").mkdir(parents=True)
    for state, rule in (("r0", {"eps": 0}), ("r2", {"eps": 0})):
        write_json(study / f"seed1/decisions/m/{state}.json", [{"rule": rule}])
    write_json(study / "seed1/decisions/m/r1.json", [{"rule": {}}])
    base = study / "seed1/base/model.safetensors"
    (folder / "copy.bin").write_bytes(base.read_bytes())
    (folder / "copy.gz").write_bytes(gzip.compress(base.read_bytes()))
    models = learnt_from_forgotten(Path("results/s"), plan)
    dead = {"base/model.safetensors", "base/resume/step3/model.safetensors", "oracle/r1/model.safetensors", "decisions/m/r0.json"}
    assert set(models) == {f"results/s/seed1/{name}" for name in dead}
    hits, _ = found(fingerprint, models, {file_digest(base): {"r1"}})
    assert hits == {(path, "model") for path in (*models, "results/copy.bin", "results/copy.gz")}
