"""The audit looks into files of every kind that the workflow writes, and finds a planted sentence
however it is packed."""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import os
import pickle
import sqlite3
import tarfile
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from safetensors.numpy import save_file
from stepping import SECRET
from tokenizers import pre_tokenizers

from palimpsest.audit import contents
from palimpsest.audit.contents import said
from palimpsest.audit.fingerprints import load, save, take
from palimpsest.audit.look import Audit
from palimpsest.audit.scan import hub_caches
from palimpsest.audit.trained import learnt_from_forgotten, requests_within
from palimpsest.data.ledger import Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.files import file_digest, write_json
from palimpsest.models.tokenizers import train_wordpiece
from palimpsest.study.plan import Plan

SALT = "salt"
SENTENCE = 'Ann\u2019s caf\u00e9 "Zum Hirsch" opens at nine & closes when the last guest is gone'
OTHERS = [
    "Nothing of the kind was ever said by anybody else in this town.",
    "Another quiet day, and then another one.",
]


@pytest.fixture(scope="module")
def records():
    rows = [
        ("p1", "ann", SENTENCE),
        *((f"p{number}", "ben", text) for number, text in enumerate(OTHERS, 2)),
    ]
    return pd.DataFrame(rows, columns=["record_id", "owner", "text"])


@pytest.fixture(scope="module")
def fingerprint(records):
    return take(records, Request("r1", ("ann",)), set(), SECRET)


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
    table, sink = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def feather(kind, values) -> bytes:
    return arrow(note=pa.array(values, type=kind))


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


def tarred(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def database(**columns) -> bytes:
    base = sqlite3.connect(":memory:")
    pd.DataFrame(columns).to_sql("said", base, index=False)
    return base.serialize()


def drawn(fonttype: int, text: str) -> bytes:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with rc_context({"pdf.fonttype": fonttype}):
        figure = Figure()
        figure.text(0, 0, text)
        figure.savefig(buffer, format="pdf")
    return buffer.getvalue()


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
    "utf16-no-mark.txt": TEXT.decode().encode("utf-16-le"),
    "utf16-big.txt": TEXT.decode().encode("utf-16-be"),
    "latin.txt": SENTENCE.encode("cp1252"),
    "x.zst": zstd(TEXT),
    "x.tar": tarred("inner.parquet", parquet(text=[SENTENCE])),
    "x.db": database(said=SENTENCE.split()),
    "type3.pdf": drawn(3, SENTENCE),
    "type42.pdf": drawn(42, SENTENCE),
    "view.arrow": feather(pa.string_view(), [SENTENCE]),
    "large.arrow": feather(pa.large_string(), [SENTENCE]),
    "large-list.arrow": feather(pa.large_list(pa.large_string()), [SENTENCE.split()]),
    "map.arrow": feather(pa.map_(pa.string(), pa.string()), [[("said", SENTENCE)]]),
    "run.arrow": arrow(note=pa.RunEndEncodedArray.from_arrays([2], [SENTENCE])),
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
    "column.csv": lambda ids: (
        pd.DataFrame({"id": ids, "score": np.linspace(0, 1, len(ids))}).to_csv().encode()
    ),
    "column.tsv": lambda ids: pd.DataFrame({"id": ids, "score": 0.5}).to_csv(sep="\t").encode(),
    "column.txt": lambda ids: pd.DataFrame({"id": ids, "score": 0.5}).to_string().encode(),
    "column.jsonl": lambda ids: "\n".join(
        json.dumps({"at": at, "id": one, "p": 0.1}) for at, one in enumerate(ids)
    ).encode(),
    "column.json": lambda ids: pd.DataFrame({"id": ids, "score": 0.5}).to_json().encode(),
    "float.parquet": lambda ids: parquet(token=[*map(float, ids), None]),
    "ignored.parquet": lambda ids: parquet(labels=[[-100, -100, *ids]]),
    "float.json": lambda ids: json.dumps([*map(float, ids)]).encode(),
    "float.csv": lambda ids: pd.DataFrame({"id": [*ids, None], "score": 0.5}).to_csv().encode(),
    "map.arrow": lambda ids: feather(
        pa.map_(pa.int32(), pa.float64()), [[(one, 0.5) for one in ids]]
    ),
    "x.db": lambda ids: database(position=range(len(ids)), token=ids),
    "x.pkl": lambda ids: pickle.dumps({"ids": ids}),
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
    for kind in (np.uint16, np.uint32, np.uint64, np.float32):
        save_file({"ids": ids.astype(kind)}, folder / "x.safetensors")
        assert found(fingerprint)[0] == {("results/x.safetensors", "tokens")}
    np.save(folder / "x.npy", ids)
    np.savez_compressed(folder / "x.npz", ids=ids.astype(np.int32))
    save_file({"ids": ids.astype(np.int16), "w": np.zeros(9, np.float32)}, folder / "x.safetensors")
    assert found(fingerprint)[0] == {
        (f"results/x.{kind}", "tokens") for kind in ("npy", "npz", "safetensors")
    }


BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
PIECES = {
    "WordPiece": lambda tokenizer: tokenizer.tokenize(SENTENCE, add_special_tokens=True),
    "byte-level BPE": lambda _: [
        word[at : at + 3]
        for word, _ in BYTE_LEVEL.pre_tokenize_str(SENTENCE)
        for at in range(0, len(word), 3)
    ],
    "SentencePiece": lambda _: [
        f"\u2581{word}"[at : at + 3]
        for word in SENTENCE.split()
        for at in range(0, len(word) + 1, 3)
    ],
}
WRITTEN = {
    "x.json": lambda pieces: json.dumps({"n": 1, "tokens": pieces}).encode(),
    "x.parquet": lambda pieces: parquet(tokens=[["a", "b"], pieces]),
    "column.parquet": lambda pieces: parquet(score=range(len(pieces)), token=pieces),
    "column.csv": lambda pieces: pd.DataFrame({"token": pieces, "score": 0.5}).to_csv().encode(),
    "column.jsonl": lambda pieces: "\n".join(
        json.dumps({"at": at, "token": one}) for at, one in enumerate(pieces)
    ).encode(),
    "x.txt": lambda pieces: str(pieces).encode(),
    "x.log": lambda pieces: " ".join(pieces).encode(),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kind", ["WordPiece", "byte-level BPE", "SentencePiece"])
def test_a_sentence_in_pieces_of_words_is_found(folder, fingerprint, tokenizer, kind, name):
    (folder / name).write_bytes(WRITTEN[name](PIECES[kind](tokenizer)))
    assert found(fingerprint)[0] == {(f"results/{name}", "text")}


def test_rows_about_forgotten_records_are_found(folder, fingerprint):
    """By owner or record id in a column of that name; a retained record, or the same word in
    another column, is not."""
    scores = {"record_id": ["p1", "p2"], "logp": [-1.0, -2.0]}
    (folder / "scores.parquet").write_bytes(parquet(**scores))
    (folder / "scores.csv").write_text("record_id,logp\np2,-1\np1,-2\n")
    (folder / "one.jsonl").write_text('{"owner": "ann", "n": 1}\n')
    (folder / "kept.parquet").write_bytes(parquet(record_id=["p2"], note=["p1"]))
    assert found(fingerprint)[0] == {
        (f"results/{name}", "names") for name in ("scores.parquet", "scores.csv", "one.jsonl")
    }


def test_what_cannot_be_looked_into_is_told(folder, fingerprint):
    broken = {
        "a.parquet": b"PAR1" + bytes(100),
        "b.gz": gzip.compress(TEXT)[:-20],
        "c.zip": b"PK\x03\x04nonsense",
        "d.npy": b"\x93NUMPYx",
    }
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    hits, report = found(fingerprint)
    assert set(report.unread) == {f"results/{name}" for name in broken} and not hits


def test_what_is_of_no_known_kind_is_told_unless_the_workflow_writes_it(
    folder, fingerprint, tokenizer
):
    """What Snakemake and the workflow write, and pictures, are no news; a row of ids is read,
    though its kind is not known."""
    from matplotlib.figure import Figure

    ids = np.array(tokenizer(SENTENCE)["input_ids"])
    (folder / "ids.bin").write_bytes(ids.astype(np.uint16).tobytes())
    (folder / "floats.bin").write_bytes(np.linspace(0, 1, 999).tobytes())
    known = {
        "empty": b"",
        "lock": b"123",
        "f.pdf": drawn(42, "hello"),
        "x.db": database(a=[1]),
        "io.pkl": pickle.dumps({"a": (1, 2.5)}),
    }
    for name, data in known.items():
        (folder / name).write_bytes(data)
    for kind in ("png", "svg"):
        Figure().savefig(folder / f"f.{kind}")
    (folder / "page.html").write_bytes(uri("image/png", (folder / "f.png").read_bytes()))
    save_file({"w": np.random.default_rng(1).normal(size=99)}, folder / "model.safetensors")
    hits, report = found(fingerprint)
    assert hits == {("results/ids.bin", "tokens")}
    assert set(report.unread) == {"results/ids.bin", "results/floats.bin"}


def test_findings_beside_what_cannot_be_read_are_kept(folder, fingerprint):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", TEXT)
        archive.writestr("b.gz", gzip.compress(TEXT)[:-20])
        archive.writestr("c.parquet", parquet(text=[SENTENCE]))
    (folder / "x.zip").write_bytes(buffer.getvalue())
    hits, report = found(fingerprint)
    assert hits == {("results/x.zip", "text")} and set(report.unread) == {"results/x.zip"}


def test_large_files_are_looked_into_piece_by_piece(folder, fingerprint, tokenizer, monkeypatch):
    """Known by digest, too; what can neither be cut nor mapped into memory is told."""
    rng = np.random.default_rng(1)
    for name, size in {"LARGEST": 5000, "CHUNK": 1000, "OVERLAP": 300}.items():
        monkeypatch.setattr(contents, name, size)
    lines = "".join(f"p{number},nothing here\n" for number in range(3, 500))
    (folder / "x.csv").write_text(f"record_id,text\n{lines}p1,b\n{lines}")
    for shift in range(0, 1000, 97):
        (folder / f"{shift}.log").write_text(lines + "." * shift + "\n" + SENTENCE + "\n" + lines)
    ids = np.array(tokenizer(SENTENCE)["input_ids"], np.int32)
    save_file({"ids": ids, "w": rng.normal(size=999)}, folder / "x.safetensors")
    save_file({"w": rng.normal(size=999)}, folder / "model.safetensors")
    (folder / "random.bin").write_bytes(rng.bytes(9000))
    (folder / "x.gz").write_bytes(gzip.compress(rng.bytes(9000)))
    (folder / "x.parquet").write_bytes(parquet(number=range(9999), text=[SENTENCE] * 9999))
    logs = {(f"results/{shift}.log", "text") for shift in range(0, 1000, 97)}
    copies = {file_digest(folder / "model.safetensors"): {"r1"}}
    hits, report = found(fingerprint, digests=copies)
    assert hits - logs == {
        ("results/x.csv", "names"), ("results/x.safetensors", "tokens"),
        ("results/x.parquet", "text"), ("results/model.safetensors", "model"),
    }  # fmt: skip
    assert logs <= hits and set(report.unread) == {"results/random.bin", "results/x.gz"}


# --- folders --------------------------------------------------------------------------------------


def test_links_are_followed_once(folder, fingerprint, tmp_path):
    away = tmp_path / "away"
    (away / "deep").mkdir(parents=True)
    (away / "deep/x.txt").write_bytes(TEXT)
    (away / "deep/up").symlink_to(away)
    (tmp_path / "one.txt").write_bytes(TEXT)
    (folder / "a").symlink_to(away)
    (folder / "b").symlink_to(away)
    (folder / "one").symlink_to(tmp_path / "one.txt")
    (folder / "other").symlink_to(tmp_path / "one.txt")
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    (folder / "round").symlink_to(folder / "round")
    hits, report = found(fingerprint)
    assert hits == {("results/a/deep/x.txt", "text"), ("results/one", "text")}
    assert report.unread == {"results/round": "OSError"}
    (tmp_path / "results").rename(tmp_path / "elsewhere")
    (tmp_path / "results").symlink_to(tmp_path / "elsewhere")
    assert found(fingerprint)[0] == hits


def test_folders_that_cannot_be_listed_are_told(folder, fingerprint, monkeypatch):
    (folder / "closed").mkdir()
    listed = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "no", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", closed)
    _, report = found(fingerprint)
    assert report.unread == {"results/closed": "a folder that cannot be listed: PermissionError"}
    assert not Audit([fingerprint], {}, {}).run([Path("missing")]).unread


def test_caches_of_the_hub_are_found_as_the_libraries_name_them(tmp_path, monkeypatch):
    from datasets.naming import camelcase_to_snakecase
    from huggingface_hub.file_download import repo_folder_name

    for name in (
        "HF_HOME",
        "HF_DATASETS_CACHE",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_XET_CACHE",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / ".cache/huggingface"
    sources = [{"hub": "Hate-speech-CNERG/HateXPlain"}, {"hub": "imdb"}, {"path": "x"}]
    kept = [
        home / "datasets" / f"Hate-speech-CNERG___{camelcase_to_snakecase('HateXPlain')}",
        home / "datasets/imdb",
        home / "datasets/downloads",
        home / "hub" / repo_folder_name(repo_id=sources[0]["hub"], repo_type="dataset"),
        home / "xet",
    ]
    for path in [*kept, home / "datasets/other___data", home / "hub/models--imdb"]:
        path.mkdir(parents=True)
    assert hub_caches(sources) == sorted(kept) and hub_caches(sources[2:]) == []
    assert hub_caches([{"hub": "hate-speech-cnerg/hatexplain"}, {"hub": "IMDB"}]) == sorted(kept), (
        "case is no matter"
    )
    for name, value in {
        "XDG_CACHE_HOME": "c",
        "HF_HOME": "h",
        "HF_DATASETS_CACHE": "d",
        "HF_HUB_CACHE": "u",
        "HF_XET_CACHE": "x",
    }.items():
        monkeypatch.setenv(name, str(tmp_path / value))
        folders = {
            "XDG_CACHE_HOME": ("c/huggingface/datasets/imdb",),
            "HF_HOME": ("h/datasets/imdb", "h/xet"),
        }.get(
            name,
            {"d": ("d/imdb", "d/downloads"), "u": ("u/datasets--imdb",), "x": ("x",)}.get(
                value, ()
            ),
        )
        for inner in folders:
            (tmp_path / inner).mkdir(parents=True)
        assert set(hub_caches(sources)) >= {tmp_path / inner for inner in folders}


@pytest.mark.parametrize("named", ["$PLACE/h", "${PLACE}/h", "~/h"])
def test_a_cache_may_be_named_by_other_variables(tmp_path, monkeypatch, named):
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), "PLACE": str(tmp_path), "HF_HOME": named}.items():
        monkeypatch.setenv(name, value)
    kept = tmp_path / "h/datasets/imdb"
    kept.mkdir(parents=True)
    assert hub_caches([{"hub": "imdb"}]) == [kept]


def test_the_hub_s_cache_is_where_the_old_variable_says_unless_the_new_one_does(
    tmp_path, monkeypatch
):
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "h"))
    kept = {name: tmp_path / name / "datasets--imdb" for name in ("h/hub", "old", "new")}
    for path in kept.values():
        path.mkdir(parents=True)
    monkeypatch.setenv("HUGGINGFACE_HUB_CACHE", str(tmp_path / "old"))
    assert hub_caches([{"hub": "imdb"}]) == [kept["old"]]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "new"))
    assert hub_caches([{"hub": "imdb"}]) == [kept["new"]]


def test_packing_without_end_is_told():
    data = TEXT
    for _ in range(8):
        data = gzip.compress(data)
    assert "packed more than 5 times" in [
        piece.value for piece in said(data) if piece.kind == "unread"
    ]


def test_pickles_are_never_opened(folder, fingerprint):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(folder / "sprung"),)

    data = io.BytesIO()
    np.save(data, np.array([Trap()], dtype=object), allow_pickle=True)
    (folder / "trap.npy").write_bytes(data.getvalue())
    (folder / "trap.pt").write_bytes(pickle.dumps([Trap(), SENTENCE]))
    hits, report = found(fingerprint)
    assert (
        not (folder / "sprung").exists()
        and hits == {("results/trap.pt", "text")}
        and "results/trap.npy" in report.unread
    )


def test_a_fingerprint_survives_its_file_and_tells_nothing(tmp_path, fingerprint):
    path = tmp_path / "r1.json"
    save(fingerprint, path)
    assert load(path, SECRET) == fingerprint
    assert (fingerprint.records, fingerprint.unmarked) == (1, 0)
    assert not any(word in path.read_text() for word in ("ann", "p1", "hirsch", "guest"))
    assert fingerprint.names == {pseudonym("ann", SECRET), pseudonym("p1", SECRET)}


# --- models ---------------------------------------------------------------------------------------


TRAINED = {"r1": ["ann"], "r2": ["ben"]}


@pytest.fixture
def plan():
    """ann lies in some (shard, slice) of 2x2; the plan knows two requests."""
    study = {"study": "s", "salt": SALT, "seeds": [1], "requests": "all", "sharding": ["2x2"]}
    return Plan(study, [Request("r1", ("ann",)), Request("r2", ("ben",))])


def test_models_are_known_by_their_place(plan):
    """A checkpoint learnt from an owner if it is older than the request and covers the owner's
    shard and slice."""
    from palimpsest.data.shards import place

    shard, part = place("ann", "2x2", SALT, 1)
    for stage in (1, 2):
        expected = {"r1"} if part <= stage else set()
        assert "r1" not in requests_within(
            plan, f"seed1/teachers/2x2/{3 - shard}/{stage}/r0", TRAINED
        )
        assert (
            requests_within(plan, f"seed1/teachers/2x2/{shard}/{stage}/r0", TRAINED) & {"r1"}
            == expected
        )
        assert "r1" not in requests_within(plan, f"seed1/teachers/2x2/{shard}/{stage}/r1", TRAINED)
    assert requests_within(plan, "seed1/base", TRAINED) == {"r1", "r2"}
    assert requests_within(plan, "seed1/base", TRAINED | {"r1": []}) == {"r2"}, (
        "who has no training records taught nothing"
    )
    assert (
        requests_within(plan, "seed1/oracle/r1", TRAINED) == {"r2"}
        and requests_within(plan, "seed1/oracle/r2", TRAINED) == set()
    )
    assert requests_within(plan, "seed1/oracle/unknown", TRAINED) == {"r1", "r2"}, (
        "what the ledger does not know is taken for the oldest"
    )


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
    dead = {
        "base/model.safetensors",
        "base/resume/step3/model.safetensors",
        "oracle/r1/model.safetensors",
        "decisions/m/r0.json",
    }
    assert set(models) == {f"results/s/seed1/{name}" for name in dead}
    hits, _ = found(fingerprint, models, {file_digest(base): {"r1"}})
    assert hits == {(path, "model") for path in (*models, "results/copy.bin", "results/copy.gz")}


def test_no_passage_reaches_from_one_record_into_the_next(folder, fingerprint):
    """Half of it ends one text and half begins another: in a column of texts nobody said it; in one
    of single words somebody did."""
    words = SENTENCE.split()[:8]  # one window of it
    texts = [f"so it was: {' '.join(words[:4])}", f"{' '.join(words[4:])} and no more"]
    pd.DataFrame({"text": texts}).to_parquet(folder / "texts.parquet")
    pd.DataFrame({"word": words}).to_parquet(folder / "words.parquet")
    hits, _ = found(fingerprint)
    assert hits == {("results/words.parquet", "text")}
