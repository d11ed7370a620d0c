"""A passage however it is written: escaped, marked up, in pieces of words, in a cell, a note or a
blob."""

from __future__ import annotations

import io
import json
import pickle
import sqlite3

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited import OF_GEMMA, SENTENCE, WORDS, marks, names_of, unread, vocabulary
from safetensors.numpy import save

from palimpsest.audit.contents import said
from palimpsest.audit.passages import Passages, _tags, distinctive, windows
from palimpsest.audit.texts import names, rows

ACCENTED = "the caf\u00e9 on the pier was late again and na\u00efve guests there complained"
PIER = Passages.of([tuple("the cafe on the pier was late again".split())], "salt")


def heard(data: bytes) -> bool:
    """Whether the first window of ACCENTED is told."""
    return any(PIER.matches(piece.value) for piece in said(data) if piece.kind == "text")


# --- as text --------------------------------------------------------------------------------------

ESCAPED = json.dumps(ACCENTED).strip('"')
SPOKEN = {
    "escapes in a log": f"12:00 got {ESCAPED}, done",
    "breaks that are escaped": "12:00 got " + ESCAPED.replace(" ", "\\n"),
    "entities alone": "12:00 " + ACCENTED.replace("\u00e9", "&eacute;").replace(" ", "&#32;"),
    "tags alone": "12:00 " + ACCENTED.replace(" ", "<br>"),
    "entities and tags": "12:00 <b>" + ACCENTED.replace("\u00e9", "&eacute;") + "</b>",
}


@pytest.mark.parametrize("how", SPOKEN)
def test_escapes_and_markup_are_undone(how):
    """Where nothing else of the file is JSON, or html."""
    assert heard(SPOKEN[how].encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "latin-1"])
def test_accents_are_read_in_old_encodings_too(encoding):
    assert heard(ACCENTED.encode(encoding))


def halves(word: str) -> tuple[str, str]:
    return word[: len(word) // 2], word[len(word) // 2 :]


def in_bytes(letter: str) -> list[str]:
    """A letter that is in no vocabulary, as SentencePiece then has it."""
    return (
        [letter]
        if letter.isascii() or letter == "\u2581"
        else [f"<0x{byte:02X}>" for byte in letter.encode()]
    )


PIECES = {
    "WordPiece": lambda word: [halves(word)[0], f"##{halves(word)[1]}"],
    "subword-nmt": lambda word: [f"{halves(word)[0]}@@", halves(word)[1]],
    "BPE of GPT-1": lambda word: [halves(word)[0], f"{halves(word)[1]}</w>"],
    "SentencePiece": lambda word: [one for letter in f"\u2581{word}" for one in in_bytes(letter)],
}


@pytest.mark.parametrize("kind", PIECES)
@pytest.mark.parametrize("write", [" ".join, "\n".join, str, json.dumps])
def test_pieces_of_words_are_put_together(kind, write):
    """Between blanks, one a line, in a list as Python writes it, and in one of JSON."""
    pieces = [piece for word in ACCENTED.split() for piece in PIECES[kind](word)]
    assert heard(f"tokens: {write(pieces)}".encode())
    assert not heard(f"tokens: {write(pieces[::-1])}".encode())


def test_the_first_of_a_row_of_fractions_counts():
    """Ids that are written 262000.0, within another text."""
    tokenizer, tokens = vocabulary(OF_GEMMA)
    assert marks(f"ids are {', '.join(f'{one}.0' for one in tokens)}".encode(), tokenizer) == 2
    lines = "\n".join(json.dumps({"id": float(one), "p": 0.5}) for one in tokens)
    assert marks(lines.encode(), tokenizer) == 2


# --- rows -----------------------------------------------------------------------------------------


def test_rows_may_have_a_title_or_be_many():
    """One row of another width among ten; a text of more letters than are looked at to see how it
    is cut, whose last row there is cut off."""
    table = [[f"a{at}", f"b{at}", str(at)] for at in range(10)]
    text = "a title\n" + "\n".join(";".join(row) for row in table)
    assert rows(text) == [["a title"], *table]
    long = [[f"word{at}", "0.5", "1"] for at in range(4000)]
    assert rows("\n".join("\t".join(row) for row in long)) == long
    assert rows("\n".join(["a b", "c", "d e f", "g"])) == []


def test_a_header_may_begin_with_a_mark_and_be_quoted():
    text = '\ufeff"record_id";"text"\r\n"p1";"x"\r\n'
    assert names(text) >= {"p1"} and names(text.replace(";", ",")) >= {"p1"}
    wide = ",".join(f"column{at}" for at in range(100))
    assert names(f"{wide},owner\n{',' * 100}ann\n") >= {"ann"}
    assert names(f"{'x' * 10_001},owner\nx,ann\n") == set(), (
        "a header of ten thousand letters is none"
    )


# --- cells, notes and blobs -----------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 2])
def test_every_blob_of_a_column_is_read(at):
    blobs = [b"nothing", None, b"nothing else"]
    blobs[at] = SENTENCE.encode()
    buffer = io.BytesIO()
    pq.write_table(pa.table({"blob": pa.array(blobs, type=pa.binary())}), buffer)
    assert marks(buffer.getvalue()) == 2
    base = sqlite3.connect(":memory:")
    base.execute("create table a (blob)")
    base.executemany("insert into a values (?)", [(one,) for one in blobs])
    assert marks(base.serialize()) == 2


def test_blobs_of_a_data_base_are_read_as_files():
    """One that is packed shows nothing by itself."""
    import gzip

    base = sqlite3.connect(":memory:")
    base.execute("create table a (blob)")
    base.execute("insert into a values (?)", (gzip.compress(SENTENCE.encode()),))
    assert marks(base.serialize()) == 2


@pytest.mark.parametrize("at", [0, 1])
def test_every_table_of_a_data_base_is_read(at):
    """Words one a row; also where the file says that a log stands beside it."""
    base = sqlite3.connect(":memory:")
    for number, table in enumerate(("one", 'an "odd" name')):
        cells = WORDS if number == at else ["nothing"]
        pd.DataFrame({"word": cells, "owner": f"o{number}"}).to_sql(table, base, index=False)
    data = base.serialize()
    for version in (b"\1\1", b"\2\2"):
        there = data[:18] + version + data[20:]
        assert marks(there) == 2 and names_of(there) == {"o0", "o1"} and unread(there) == []


def test_what_a_data_base_has_deleted_is_looked_for_in_its_bytes():
    base = sqlite3.connect(":memory:")
    pd.DataFrame({"text": [SENTENCE, "kept"]}).to_sql("said", base, index=False)
    base.execute("pragma secure_delete = off")
    base.execute("delete from said where text like '%ferry%'")
    base.commit()
    assert marks(base.serialize()) == 2


def test_notes_of_tables_and_weights_are_read():
    table = pa.table({"a": [1]}).replace_schema_metadata({"note": SENTENCE})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    assert marks(buffer.getvalue()) == 2
    weights = {"w": np.zeros(2, dtype="float32")}
    assert marks(save(weights, metadata={"note": SENTENCE})) == 2 and marks(save(weights)) == 0


def test_fields_and_bytes_of_arrays_are_read():
    def stored(array) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    tokenizer, tokens = vocabulary(OF_GEMMA)
    both = np.zeros(len(tokens), dtype=[("p", "f8"), ("id", "u4"), ("word", "U20")])
    both["id"], both["word"], both["p"] = tokens, WORDS, 0.5
    assert marks(stored(both), tokenizer) == 2 and marks(stored(both)) == 2
    assert marks(stored(np.array(WORDS, dtype="S20"))) == marks(stored(np.array(WORDS))) == 2


def test_what_follows_a_pickle_is_read_and_told():
    """As the weights after the pickles of an old file of torch."""
    data = pickle.dumps({"a": 1}) + b"\xff" + b"\x01\x02" * 40 + SENTENCE.encode() + b"\x03" * 20
    assert marks(data) == 2 and unread(data) == ["a kind of file that is not known"]


def test_what_a_pdf_says_of_itself_is_read():
    """In the printable parts, outside its streams."""
    assert marks(b"%PDF-1.4\n1 0 obj << /Title (" + SENTENCE.encode() + b") >> endobj") == 2


# --- passages -------------------------------------------------------------------------------------


def test_a_quick_sum_that_is_the_same_is_no_passage():
    """Three other words whose 16 bits are those of a known passage; there are some among so
    many."""
    known = Passages.of([("nine", "grey", "geese")], "salt")
    (mark,) = known.marks[3]
    said = [f"w{number}" for number in range(400_000)]
    tags = dict(_tags(said, {3}, "salt"))[3]
    starts = np.flatnonzero(tags == int(mark[:4], 16))
    assert len(starts) and all(not known.matches(" ".join(said[at : at + 3])) for at in starts[:3])
    assert known.matches("nine grey geese")


def test_passages_of_both_are_known():
    one, two = (Passages.of([tuple(words.split())], "salt") for words in ("a b c", "d e f"))
    longer = Passages.of([tuple("g h i j".split())], "salt")
    one.add(two)
    one.add(longer)
    assert all(one.matches(text) for text in ("a b c", "d e f", "g h i j"))
    assert not two.matches("a b c")


def test_records_that_say_the_same_count_each():
    """Two of three have no mark of their own."""
    assert distinctive(["It left.", "It left.", "nine grey geese"], [], "salt")[1] == 2


def test_what_is_left_of_a_sentence_is_a_window_from_three_words_on():
    """Of 8, 10 and 11 words."""
    letters = "abcdefghijk"
    for count, rest in ((8, []), (10, []), (11, [("i", "j", "k")])):
        assert windows(" ".join(letters[:count])) == [tuple("abcdefgh"), *rest]


def test_each_sentence_has_a_mark_of_its_own_if_it_can_have_one():
    """The first has one. Those who stay say either window of the second, and never both together:
    all of its 11 words are its mark."""
    eight, three = "we saw the last tram leave without us", "in heavy rain"
    text = f"Nine grey geese. {eight} {three}."
    own, _ = distinctive([text], [f"{eight} again", f"out {three}"], "salt")
    assert sorted(own.marks) == [3, 11] and own.matches(f"{eight} {three}")
    assert not own.matches(f"{eight} again") and not own.matches(f"out {three}")


def test_three_words_are_a_mark():
    """A sentence of three; and a text of three sentences of one word each, as a whole."""
    for text in ("Nine grey geese.", "Nine! Grey! Geese!"):
        own, unmarked = distinctive([text], ["geese nine grey"], "salt")
        assert own.matches("so nine grey geese came") and unmarked == 0
    assert distinctive(["Grey geese."], [], "salt")[1] == 1
