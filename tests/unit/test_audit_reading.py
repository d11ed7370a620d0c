"""Nothing that a file says is passed over: token ids of any size and kind, what lies across the
ends of the pieces in which long ones are read, all members of a packing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import pickle
import sqlite3
import tarfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited import (
    OF_GEMMA,
    OF_LLAMA_3,
    OF_TWO_BYTES,
    OTHER,
    SENTENCE,
    SMALLEST,
    WORDS,
    marks,
    names_of,
    packed,
    unread,
    vocabulary,
)
from safetensors.numpy import save

from palimpsest.audit import columns, contents, texts
from palimpsest.audit.contents import said, says
from palimpsest.audit.passages import Passages
from palimpsest.audit.texts import Unread, ids, names, rows


def parquet(row_group_size: int | None = None, **cells) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(cells), buffer, row_group_size=row_group_size)
    return buffer.getvalue()


def array(values, kind: str) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(values, dtype=kind))
    return buffer.getvalue()


def database(**cells) -> bytes:
    base = sqlite3.connect(":memory:")
    pd.DataFrame(cells).to_sql("said", base, index=False)
    return base.serialize()


# --- token ids ------------------------------------------------------------------------------------

HELD = {
    "numpy": lambda ids, kind: array(ids, kind),
    "safetensors": lambda ids, kind: save({"ids": np.array(ids, dtype=kind)}),
    "parquet": lambda ids, kind: parquet(ids=pa.array(np.array(ids, dtype=kind))),
    "raw": lambda ids, kind: np.array(ids, dtype=kind).tobytes(),
}
WIDE = ("int32", "uint32", "int64", "uint64", "float32", "float64")
KINDS = [
    (SMALLEST, ("uint8", "int8", "int16", "uint16", *WIDE)),
    (OF_TWO_BYTES, ("uint16", *WIDE)),
    (OF_LLAMA_3, WIDE),
    (OF_GEMMA, WIDE),
]
UNTOLD = {
    ("raw", kind) for kind in ("uint8", "int8", "float32", "float64")
}  # that a row of bytes are ids
CASES = [
    (holder, first, kind)
    for holder in HELD
    for first, kinds in KINDS
    for kind in kinds
    if (holder, kind) not in UNTOLD
]


@pytest.mark.parametrize(("holder", "first", "kind"), CASES)
def test_ids_of_any_size_are_read(holder, first, kind):
    """The smallest is 0; above 32,767 two bytes are no longer signed, above 65,535 they are
    four."""
    tokenizer, tokens = vocabulary(first)
    assert marks(HELD[holder](tokens, kind), tokenizer) == 2
    assert marks(HELD[holder](tokens[::-1], kind), tokenizer) == 0


WRITTEN = {
    "json": lambda ids: json.dumps({"ids": ids}).encode(),
    "json of fractions": lambda ids: json.dumps([*map(float, ids)]).encode(),
    "lines": lambda ids: "\n".join(map(str, ids)).encode(),
    "spaces": lambda ids: ("ids: " + " ".join(map(str, ids))).encode(),
    "column of csv": lambda ids: pd.DataFrame({"id": ids, "p": 0.5}).to_csv().encode(),
    "column cut by tabs": lambda ids: pd.DataFrame({"id": ids, "p": 0.5}).to_csv(sep="\t").encode(),
    "column cut by semicolons": lambda ids: (
        pd.DataFrame({"id": ids, "p": 0.5}).to_csv(sep=";").encode()
    ),
    "column cut by bars": lambda ids: pd.DataFrame({"id": ids, "p": 0.5}).to_csv(sep="|").encode(),
    "column cut by spaces": lambda ids: pd.DataFrame({"id": ids, "p": 0.5}).to_string().encode(),
    "json lines": lambda ids: "\n".join(json.dumps({"id": one, "p": 0.5}) for one in ids).encode(),
    "data base": lambda ids: database(id=ids, p=[0.5] * len(ids)),
    "pickle": lambda ids: pickle.dumps({"ids": ids}),
    "pickle of 2.0": lambda ids: pickle.dumps(ids, protocol=2),
}


@pytest.mark.parametrize("first", [SMALLEST, OF_TWO_BYTES, OF_LLAMA_3, OF_GEMMA])
@pytest.mark.parametrize("how", WRITTEN)
def test_ids_that_are_written_out_are_read(how, first):
    tokenizer, tokens = vocabulary(first)
    assert marks(WRITTEN[how](tokens), tokenizer) == 2
    assert marks(WRITTEN[how](tokens[::-1]), tokenizer) == 0


@pytest.mark.parametrize("size", [2, 4, 8])
def test_the_last_id_of_a_row_of_bytes_is_read(size):
    """Nothing after it; or a byte too many, which is no id."""
    tokenizer, tokens = vocabulary(SMALLEST)
    data = np.array(tokens, dtype=f"<u{size}").tobytes()
    assert marks(data, tokenizer) == marks(data + b"\1", tokenizer) == 2
    assert marks(data[:-1], tokenizer) == 1, "without its last byte the last word is gone"


@pytest.mark.parametrize("before", range(40))
def test_ids_across_the_end_of_a_step_are_read(monkeypatch, before):
    """Decoded 16 at once, and 14 more, as many as the sentence has: wherever it begins, one step
    has it whole."""
    monkeypatch.setattr(texts, "STEP", 16)
    monkeypatch.setattr(texts, "OVERLAP", len(WORDS))
    tokenizer, tokens = vocabulary(OF_LLAMA_3)
    other = tokenizer.encode(OTHER).ids[0]
    for after in (0, 3):
        numbers = [other] * before + tokens + [other] * after
        pieces = [piece.value for piece in ids(numbers)]
        assert any(SENTENCE in tokenizer.decode(piece) for piece in pieces)
        assert {number for piece in pieces for number in piece} == set(numbers)


def test_what_is_no_row_of_ids():
    """Fractions, negative numbers and those above any vocabulary; among ids they are passed
    over."""
    assert [*ids([0.5, 1.0, 2.0])] == [] and [*ids(["a", "b"])] == []
    (piece,) = ids([-100, 0, 7, 1 << 30, 65_536, np.iinfo(np.int64).max])
    assert piece.value == [0, 7, 65_536]
    (piece,) = ids([np.nan, 3.0, np.inf, 4_000_000.0])
    assert piece.value == [3, 4_000_000]


ENCODINGS = ("utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [SENTENCE, f"caf\u00e9: {SENTENCE}.\n\u201cna\u00efve\u201d\n"])
def test_a_text_is_read_in_any_of_these_encodings(encoding, text):
    data = text.encode(encoding)
    assert marks(data) == 2 and unread(data) == []
    if encoding != "cp1252":  # of letters of one byte, any other encoding would do
        pieces = (piece.value for piece in said(data) if piece.kind == "text")
        assert any(piece.lstrip("\ufeff") == text for piece in pieces)


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0", bytes(64), SENTENCE.encode("utf-32-le")])
def test_zeros_are_no_text(data):
    """Nor is four bytes a letter without a mark, which is told."""
    assert unread(data) == ["a kind of file that is not known"]


# --- long files -----------------------------------------------------------------------------------


@pytest.fixture
def long(tmp_path, monkeypatch):
    """A function: the pieces that a file says which is longer than what is read at once, 400
    bytes."""
    for name, size in {"LARGEST": 1000, "CHUNK": 400, "OVERLAP": 200}.items():
        monkeypatch.setattr(contents, name, size)

    def pieces(data: bytes) -> list:
        assert len(data) > 1000
        (tmp_path / "long").write_bytes(data)
        return [*says(tmp_path / "long")[1]]

    return pieces


def heard(pieces) -> bool:
    """Whether one of them has the sentence whole."""
    whole = Passages.of([tuple(WORDS)], "salt")
    return any(whole.matches(piece.value) for piece in pieces if piece.kind == "text")


LINE = "so we waited for it, and others did.\n"
LAYOUTS = {
    "a line of its own": ("\n", " ", "\n"),
    "within one long line": (" ", " ", " "),
    "broken into lines": ("\n", "\n", "\n"),
    "across the only break of long lines": (" ", "break", " "),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("encoding", "width"),
    [
        ("utf-8", 1),
        ("utf-16", 2),
        ("utf-16-le", 2),
        ("utf-16-be", 2),
        ("utf-32", 4),
    ],
)
def test_a_passage_across_the_end_of_a_piece_is_read(long, monkeypatch, layout, encoding, width):
    """Wherever it begins in a piece of 400 letters, and whichever word is cut."""
    monkeypatch.setattr(contents, "CHUNK", 400 * width)
    before, within, after = LAYOUTS[layout]
    lines = layout not in ("within one long line", "across the only break of long lines")
    filler = (LINE if lines else LINE.replace("\n", " ")) * 30
    middle = len(WORDS) // 2
    said = (
        " ".join(WORDS[:middle]) + "\n" + " ".join(WORDS[middle:])
        if within == "break"
        else within.join(WORDS)
    )
    for start in range(300, 820, 7):
        text = "a first line\n" + filler[:start] + before + said + after + filler
        assert heard(long(text.encode(encoding))), start


@pytest.mark.parametrize("header", ["record_id,text", "text,owner"])
def test_rows_of_every_piece_are_read_below_the_header(long, header):
    """The row of p1 begins at any place around the end of a piece."""
    row = "{0},said" if header.startswith("record_id") else "said,{0}"
    for shift in range(0, 60):
        lines = [
            header,
            row.format("o" * 10 + "x" * shift),
            *(row.format(f"o{at:03}") for at in range(200)),
        ]
        for at in (3, 35, 75, 120):
            lines[at] = row.format(f"p{at}")
        found = {
            name
            for piece in long("\n".join(lines).encode())
            if piece.kind == "names"
            for name in piece.value
        }
        assert {"p3", "p35", "p75", "p120", "o199"} <= found, shift


def test_ids_across_the_end_of_a_piece_are_read(long):
    tokenizer, tokens = vocabulary(OF_LLAMA_3)
    for shift in range(0, 420, 7):
        numbers = [1] * 150 + tokens + [1] * 400
        data = ("x" * shift + " " + " ".join(map(str, numbers))).encode()
        decoded = (tokenizer.decode(piece.value) for piece in long(data) if piece.kind == "tokens")
        assert any(SENTENCE in text for text in decoded), shift


def test_a_long_file_that_is_no_text_is_told(long):
    pieces = [(piece.kind, piece.value) for piece in long(bytes(range(256)) * 8)]
    assert pieces[1:] == [("unread", "more than 0 MiB, and no text")]


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_a_file_of_the_largest_size_is_read_at_once(tmp_path, monkeypatch, size):
    """One byte more, and it is read in pieces; what is packed is then told."""
    monkeypatch.setattr(contents, "LARGEST", 1000)
    monkeypatch.setattr(contents, "CHUNK", 400)
    data = (SENTENCE + " " + "xx " * 400).encode()[:size]
    path = tmp_path / "x"
    path.write_bytes(data)
    pieces = [piece.value for piece in says(path)[1] if piece.kind == "text"]
    assert (len(pieces) == 1) == (size <= 1000) and heard(said(data))
    assert unread(gzip.compress(data)) == ([] if size <= 1000 else ["unpacks to more than 0 MiB"])
    assert unread(packed([data])) == ([] if size <= 1000 else ["unpacks to more than 0 MiB"])


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13, 14, 1000])
@pytest.mark.parametrize("before", [0, 1, 4])
def test_words_one_a_row_are_read_on_across_groups_of_rows(size, before):
    """Both passages, wherever the groups of a parquet file end; and their ids."""
    cells = ["so"] * before + WORDS + ["then"] * 3
    assert marks(parquet(size, word=cells)) == 2
    tokenizer, tokens = vocabulary(OF_GEMMA)
    assert marks(parquet(size, id=[tokens[0]] * before + tokens), tokenizer) == 2


def in_groups(how: str, **cells) -> bytes:
    """Groups of two rows in a parquet file, batches of two rows in an arrow file or stream."""
    if how == "parquet":
        return parquet(2, **cells)
    table = pa.table(cells)
    return arrow([table.slice(at, 2) for at in range(0, len(table), 2)], how == "stream")


@pytest.mark.parametrize("how", ["parquet", "file", "stream"])
def test_every_group_of_rows_is_read(how):
    cells = [f"nothing {at}" for at in range(8)]
    for at in (0, 4, 8):
        assert marks(in_groups(how, text=[*cells[:at], SENTENCE, *cells[at:]])) == 2
    owners = [f"o{at}" for at in range(7)]
    assert names_of(in_groups(how, owner=owners)) == {*owners}


def test_a_cell_of_three_words_is_a_text_of_its_own():
    """No passage reaches from one into the next. Cells of two words or fewer are read on."""
    for most, passages in ((1, 2), (2, 2), (3, 0)):
        cells = [" ".join(WORDS[at : at + most]) for at in range(0, len(WORDS), most)]
        assert marks(parquet(None, text=cells)) == passages


def test_groups_are_put_together_while_they_are_small_and_no_row_is_left_out(monkeypatch):
    """Pieces of 200 bytes and more, each after the end of the one before it."""
    monkeypatch.setattr(columns, "PIECE", 200)
    for before in range(30):
        cells = ["so"] * before + WORDS + ["then"] * 30
        for size in (1, 4, 7):
            assert marks(parquet(size, word=cells)) == 2, (before, size)
    owners = [f"owner{at}" for at in range(50)]
    for size in (1, 4, 7):
        assert names_of(parquet(size, owner=owners)) == set(owners)


def arrow(tables: list, stream: bool) -> bytes:
    """A batch of rows each."""
    sink = io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_words_one_a_row_are_read_on_across_batches(monkeypatch, kind, stream):
    """All put together; or pieces of 200 bytes and more, each after the end of the one before
    it."""
    for before in range(0, 30, 3):
        cells = ["so"] * before + WORDS + ["then"] * 20
        table = pa.table({"word": pa.array(cells, type=kind)})
        data = arrow([table.slice(at, 4) for at in range(0, len(cells), 4)], stream)
        for piece in (1 << 26,) if pa.types.is_dictionary(kind) else (1 << 26, 200):
            monkeypatch.setattr(columns, "PIECE", piece)
            assert marks(data) == 2, (before, piece)


def test_a_column_of_the_largest_size_is_read_chunk_by_chunk(monkeypatch):
    monkeypatch.setattr(columns, "LARGEST", 100)
    for at in (0, 4, 8):
        cells = [f"nothing {number}" for number in range(8)]
        cells.insert(at, SENTENCE)
        assert (
            marks(arrow([pa.table({"text": cells[:5]}), pa.table({"text": cells[5:]})], True)) == 2
        )


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_record_ids_may_be_numbers(kind):
    assert names_of(parquet(record_id=np.array([3, 70_000], dtype=kind))) >= (
        {"3", "70000"} if kind == "int64" else {"3.0", "70000.0"}
    )
    assert names_of(parquet(number=[3, 70_000])) == set()


def test_names_in_a_data_base_are_read():
    assert names_of(database(record_id=["p1", "p2"], note=["x", "y"])) == {"p1", "p2"}
    assert names_of(database(owner=[1, 2], note=["x", "y"])) == {"1", "2"}


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_names_below_a_header_and_in_json_are_both_read(separator):
    """In any column that is called so, quoted or not; with either way of ending a line."""
    lines = [("record_id", "text", '"owner"'), ("p1", "hello", "ann"), ("p2", "you", "ben")]
    for end in ("\n", "\r\n"):
        text = end.join(separator.join(line) for line in lines)
        assert names(text) == {"record_id", "owner", "p1", "p2", "ann", "ben"}
    nested = '{"owner": "a\\"b"}\n{"record_id" : "p\\u00e9"}'
    assert names(nested) == {'a"b', "p\u00e9"}
    assert names("record_id,note\np1,x\n" + nested) >= {"p1", 'a"b', "p\u00e9"}
    assert names("text,note\np1,x\n") == set()


def test_rows_are_cut_by_what_cuts_them_all_the_way():
    table = [["a", "b c", "1"], ["d", "e f", "2"], ["g", "h i", "3"]]
    for separator in ",\t;|":
        assert rows("\n".join(separator.join(row) for row in table)) == table
    assert rows("a 1\nb 2\nc 3") == [["a", "1"], ["b", "2"], ["c", "3"]]
    assert rows("a,1\nb,2") == [] and rows("a\nb\nc\nd") == []


@pytest.mark.parametrize("at", [0, 1, 2])
def test_every_kind_of_value_in_a_column_of_several_is_read(at):
    """Numbers, fractions and texts below each other, whichever comes first."""
    kinds = [pa.array([1, 2]), pa.array([0.5, 0.25])]
    kinds.insert(at, pa.array([SENTENCE, ""]))
    cells = pa.UnionArray.from_sparse(pa.array([at, (at + 1) % 3], type=pa.int8()), kinds)
    data = arrow([pa.table({"told": cells})], True)
    assert marks(data) == 2 and unread(data) == []


# --- packings -------------------------------------------------------------------------------------


def tarred(members: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number, data in enumerate(members):
            member = tarfile.TarInfo(f"folder/{number}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [packed, tarred])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_every_member_of_a_packing_is_read(pack, at):
    members = [b"nothing", b"nothing else", b"nothing at all"]
    members[at] = SENTENCE.encode()
    assert marks(pack(members)) == 2 and unread(pack(members)) == []


def test_pickles_that_follow_each_other_are_read():
    """As torch.save of old wrote them; strings that are named again, by their place, are too."""
    for at in (0, 1, 2):
        parts = [{"a": 1}, {"b": "c"}, [1, 2]]
        parts[at] = {"said": SENTENCE}
        assert marks(b"".join(map(pickle.dumps, parts))) == 2
    once = {word: word for word in WORDS}  # 'the' stands in it three times, as one object
    assert marks(pickle.dumps([once[word] for word in WORDS])) == 2
    assert marks(pickle.dumps(["x", "y"]) + pickle.dumps([once[word] for word in WORDS])) == 2, (
        "places are counted anew in each"
    )
    tokenizer, tokens = vocabulary(OF_GEMMA)
    assert marks(pickle.dumps([*zip(WORDS, tokens, strict=True)]), tokenizer) == 2, "beside words"


@pytest.mark.parametrize(("times", "told"), [(5, False), (6, True)])
def test_packings_within_packings_are_read_as_often_as_that(times, told):
    data = SENTENCE.encode()
    for _ in range(times):
        data = gzip.compress(data)
    assert (unread(data) != []) == told and (marks(data) == 2) != told


def test_what_an_address_embeds_is_told_if_it_is_damaged():
    """Packed data of an unknown kind; what only looks like an address says nothing."""
    blob = bytes(range(256)) * 4
    page = f'<a href="data:application/x;base64,{base64.b64encode(blob).decode()}">'
    assert unread(page.encode()) == ["a kind of file that is not known"]
    assert unread(b'<a href="data:,' + b"plainly%20said%20in%20full" + b'">') == []


@pytest.mark.parametrize("more", [0, 1, 2])
def test_what_an_address_embeds_need_not_be_filled_up(more):
    """To four letters for every three bytes."""
    data = base64.b64encode(SENTENCE.encode() + b"." * more).rstrip(b"=")
    assert marks(b'<img src="data:text/plain;base64,' + data + b'">') == 2


def test_a_digest_is_of_the_bytes_wherever_they_lie():
    """Of the file, and of each member of a packing: copies of models are known by it."""
    inner = b"weights"
    known = {hashlib.sha256(one).hexdigest() for one in (inner, gzip.compress(inner, mtime=0))}
    pieces = said(gzip.compress(inner, mtime=0))
    assert {piece.value for piece in pieces if piece.kind == "digest"} == known


def test_what_cannot_be_read_ends_nothing_else():
    with pytest.raises(Unread):
        [*columns.numpy(io.BytesIO(b"nothing"))]
    assert unread(packed([b"\x93NUMPYx"])) == ["a numpy file that is damaged or holds objects"]
