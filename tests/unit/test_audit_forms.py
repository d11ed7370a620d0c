"""A forgotten text is found in the forms that programs give it, one within another; what cannot be
looked into is told; a quotation is found wherever it begins."""

from __future__ import annotations

import base64
import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited import SENTENCE, WORDS, marks, names_of, unread
from safetensors.numpy import save

from palimpsest.audit.contents import said
from palimpsest.audit.passages import SURE, WINDOW, Passages, runs, windows, words
from palimpsest.audit.readings import readings

UTF8 = SENTENCE.encode()
ACCENTED = SENTENCE.replace("e", "é")


def zipped(members: dict[str, bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment
    return buffer.getvalue()


def tarred(name: str, data: bytes, mode: str = "w", link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def parquet(table: pa.Table, **options) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def arrow(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    with pa.ipc.new_file(
        buffer, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as file:
        file.write(table)
    return buffer.getvalue()


def sqlite(value: object, encoding: str = "UTF-8") -> bytes:
    base = sqlite3.connect(":memory:")
    base.execute(f"pragma encoding = '{encoding}'")
    base.execute("create table t (a)")
    base.execute("insert into t values (?)", (value,))
    base.commit()
    return base.serialize()


def numpy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def lz4(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as file:
        file.write(data)
    return sink.getvalue().to_pybytes()


def pdf(stream: bytes, dictionary: bytes = b"", further: bytes = b"") -> bytes:
    return (
        b"%PDF-1.4\n2 0 obj<<" + dictionary + b">>stream\n" + stream + b"\nendstream endobj\n"
        + further + b"trailer<<>>"
    )  # fmt: skip


def mail() -> bytes:
    message = MIMEMultipart()
    message.attach(MIMEText(SENTENCE + "\n\u2713\n", "plain", "utf-8"))
    return message.as_bytes()


def csv_row(*cells: str) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode()


def within(before: str, after: str = "") -> str:
    """A mark inside every word, or around the end of it."""
    return " ".join(word[:1] + before + word[1:] + after for word in WORDS)


def in_lines(lead, words_a_line: int = 5) -> bytes:
    starts = range(0, len(WORDS), words_a_line)
    lines = (lead(n) + " ".join(WORDS[at : at + words_a_line]) for n, at in enumerate(starts))
    return "\n".join(lines).encode() + b"\n"


SHOWN = b"BT /F1 12 Tf (" + UTF8 + b") Tj ET"
BOLD_SMALL = "".join(chr(0x1D41A + ord(one) - 97) if one.isalpha() else one for one in SENTENCE)
FORMS = {
    # packed, one within another
    "gzip in tar in zip": zipped({"a.tar": tarred("a.gz", gzip.compress(UTF8))}),
    "tar.xz": tarred("a", UTF8, "w:xz"),
    "bz2": bz2.compress(UTF8),
    "xz": lzma.compress(UTF8),
    "zstd": pa.compress(UTF8, "zstd", asbytes=True),
    "lz4": lz4(UTF8),
    "two gzips": gzip.compress(UTF8[:40]) + gzip.compress(UTF8[40:]),
    "zlib within other bytes": bytes(range(256)) + zlib.compress(UTF8) + bytes(40),
    "gzip after a header": bytes(range(256)) + gzip.compress(UTF8),
    "a zip after a program": b"MZ" + bytes(range(256)) + zipped({"a": UTF8}),
    "a pack of git": b"PACK" + struct.pack(">II", 2, 1) + b"\xb8\x04" + zlib.compress(UTF8),
    # names and notes of archives
    "a name in a zip": zipped({f"{SENTENCE}.txt": b"x"}),
    "the comment of a zip": zipped({"a": b"x"}, comment=UTF8),
    "a name in a tar": tarred(SENTENCE.replace(" ", "_"), b"x"),
    "a link in a tar": tarred("a", b"", link=SENTENCE),
    # other alphabets
    "base64 of addresses in lines": b"\n".join(
        base64.urlsafe_b64encode(UTF8 * 2).rstrip(b"=")[at : at + 61] for at in range(0, 200, 61)
    ),
    "base64 twice": base64.b64encode(base64.b64encode(UTF8)),
    "base64 of xz": base64.b64encode(lzma.compress(UTF8)),
    "base64 of deflate, as SAML has it": base64.b64encode(zlib.compress(UTF8)[2:-4]),
    "base64 of latin-1": base64.b64encode(ACCENTED.encode("latin-1")),
    "base64 before a word": base64.b64encode(UTF8 + b"..").rstrip(b"=") + b"\nRegards",
    "base64 in json in gzip": gzip.compress(
        json.dumps({"a": [base64.b64encode(UTF8).decode()]}).encode()
    ),
    "a token of the web": b"eyJhbGciOiJub25lIn0."
    + base64.urlsafe_b64encode(json.dumps({"t": SENTENCE}).encode()).rstrip(b"=")
    + b".c2lnbmF0dQ",
    "base32": base64.b32encode(UTF8),
    "ascii85": base64.a85encode(UTF8, adobe=True),
    "uuencode": codecs.encode(UTF8, "uu"),
    "hexadecimal numbers": b", ".join(b"0x%02X" % one for one in UTF8),
    "a hex dump": b"\n".join(
        b"%08x: %s  %s" % (at, UTF8[at : at + 16].hex(" ", 2).encode(), UTF8[at : at + 16])
        for at in range(0, len(UTF8), 16)
    ),
    "decimal bytes": b" ".join(b"%d" % one for one in UTF8),
    "letters as numbers": json.dumps(list(map(ord, ACCENTED.replace("a", "\u0101")))).encode(),
    "percent twice": "".join(f"%25{one:02X}" for one in UTF8).encode(),
    "percent u": "".join(f"%u{one:04X}" for one in UTF8).encode(),
    "escapes of css": "".join(f"\\{one:x} " for one in UTF8).encode(),
    "entities, named": "".join(
        {"e": "&eacute;", "a": "&aring;"}.get(c, c) for c in SENTENCE
    ).encode(),
    "entities twice": "".join(f"&amp;#{one};" for one in UTF8).encode(),
    "escapes of surrogates": json.dumps({"t": BOLD_SMALL}).encode(),
    "json within json within json": json.dumps(
        json.dumps(json.dumps({"t": ACCENTED + "."}))
    ).encode(),
    # encodings
    "UTF-16 without a mark": SENTENCE.encode("utf-16-be"),
    "UTF-16 within other bytes": bytes(range(256)) + SENTENCE.encode("utf-16-le") + bytes(range(9)),
    "UTF-32 without a mark": SENTENCE.encode("utf-32-le"),
    "EBCDIC": SENTENCE.encode("cp037"),
    "mac-roman": ACCENTED.encode("mac_roman"),
    # mail
    "a part of mail": mail(),
    "a header": (
        "Subject: =?utf-8?q?" + ACCENTED.replace(" ", "_").replace("é", "=C3=A9") + "?="
    ).encode(),
    "a header in lines": b"Subject: "
    + b"\n ".join(
        b"=?utf-8?B?" + base64.b64encode(UTF8[at : at + 30]) + b"?="
        for at in range(0, len(UTF8), 30)
    ),
    "quoted-printable lines within words": b"".join(
        UTF8[at : at + 7] + b"=\r\n" for at in range(0, len(UTF8), 7)
    ),
    # documents
    "epub": zipped({"c.xhtml": b"<p>" + within("<i>", "</i>").encode() + b"</p>"}),
    "odt": zipped({"content.xml": "<text:line-break/>".join(WORDS).encode()}),
    "odt of pieces": zipped(
        {
            "content.xml": "<text:s/>".join(
                f"{word[:1]}<text:span>{word[1:]}</text:span>" for word in WORDS
            ).encode()
        }
    ),
    "shared strings of xlsx": zipped(
        {
            "xl/sharedStrings.xml": "".join(
                f"<r><t>{SENTENCE[at : at + 4]}</t></r>" for at in range(0, len(SENTENCE), 4)
            ).encode()
        }
    ),
    "lines and bold letters of html": "<br>".join(within("<b>", "</b>").split()).encode(),
    "comments within words": within("<!-- > -->").encode(),
    "a title with a bracket": within('<a title="a>b">', "</a>").encode(),
    "letters of svg": "".join(
        f'<tspan x="{n}">{one}</tspan>' for n, one in enumerate(SENTENCE)
    ).encode(),
    "parts of xml": within("]]><![CDATA[").encode(),
    "rtf": ("{\\rtf1 " + SENTENCE.replace("e", "\\'e9").replace("a", "\\u257?") + "}").encode(),
    "rtf with bold letters": ("{\\rtf1 " + within("{\\b ", "}") + "}").encode(),
    "lines of rtf": ("{\\rtf1 " + "\\par\n".join(WORDS) + "}").encode(),
    "accents of latex": SENTENCE.replace("e", "\\'e").replace("o", '{\\"{o}}').encode(),
    "latex with bold letters": within("\\textbf{", "}").encode(),
    "latex with hyphens": within("\\-").encode(),
    "markdown": within("**", "**").encode(),
    "colours of a terminal": within("\x1b[1m", "\x1b[0m").encode(),
    "a pdf in ascii85": pdf(
        base64.a85encode(zlib.compress(SHOWN)) + b"~>", b"/Filter[/ASCII85Decode/FlateDecode]"
    ),
    "a pdf in hex": pdf(SHOWN.hex().encode() + b">", b"/Filter/ASCIIHexDecode"),
    "the title of a pdf": pdf(
        b"", b"", b"3 0 obj<</Title(\xfe\xff" + SENTENCE.encode("utf-16-be") + b")>>endobj "
    ),
    "the title of a pdf in hex": pdf(
        b"",
        b"",
        b"3 0 obj<</Title <FEFF" + SENTENCE.encode("utf-16-be").hex().encode() + b">>>endobj ",
    ),
    # lines
    "numbers of lines": in_lines(lambda n: f"{n + 1:4d}  "),
    "a log": in_lines(lambda n: f"2026-01-01T10:00:0{n}Z INFO "),
    "subtitles": in_lines(lambda n: f"\n{n + 1}\n00:00:0{n},000 --> 00:00:0{n},900\n"),
    "parts of a string": f"x = '{SENTENCE[:34]}' +\n    '{SENTENCE[34:]}'".encode(),
    "a line that goes on": (SENTENCE[:34] + "\\\n  " + SENTENCE[34:]).encode(),
    "one letter at a time": ".".join(SENTENCE).encode(),
    # tables and arrays
    "a dictionary of parquet": parquet(
        pa.table({"a": pa.array([SENTENCE] * 2).dictionary_encode()}), compression="gzip"
    ),
    "base64 in parquet": parquet(pa.table({"a": [base64.b64encode(UTF8).decode()]})),
    "gzip in parquet": parquet(pa.table({"a": [gzip.compress(UTF8)]})),
    "bytes as numbers in parquet": parquet(pa.table({"a": [list(UTF8)]})),
    "the name of a column": parquet(pa.table({SENTENCE: [1]})),
    "beside a table of parquet": parquet(
        pa.table({"a": [1]}).replace_schema_metadata({"x": base64.b64encode(gzip.compress(UTF8))})
    ),
    "arrow": arrow(pa.table({"a": [SENTENCE]})),
    "beside a table of arrow": arrow(pa.table({"a": [1]}).replace_schema_metadata({"x": SENTENCE})),
    "metadata of safetensors": save(
        {"a": np.zeros(1)}, metadata={"x": base64.b64encode(UTF8).decode()}
    ),
    "bytes in safetensors": save({"a": np.frombuffer(UTF8, dtype=np.uint8)}),
    "after the tensors": save({"a": np.zeros(1)}) + UTF8,
    "bytes of numpy": numpy(np.frombuffer(UTF8, np.int8)),
    "gzip in a database": sqlite(gzip.compress(UTF8)),
    "base64 in a database": sqlite(base64.b64encode(UTF8).decode()),
    "a database of UTF-16": sqlite(SENTENCE, "UTF-16"),
    **{f"pickle {number}": pickle.dumps({"t": SENTENCE}, number) for number in range(6)},
    "gzip in a pickle": pickle.dumps(gzip.compress(UTF8)),
    "pieces of a model": json.dumps(
        [
            f" {word[:2]}" if part == 0 else word[2:]
            for word in WORDS
            for part in (0, 1)
            if part == 0 or word[2:]
        ]
    ).encode(),
    "quotes in csv": csv_row("a", SENTENCE.replace("late", '"late"'), "c"),
    "output of a notebook": json.dumps(
        {"outputs": [{"text": [f"{word}\n" for word in WORDS]}]}
    ).encode(),
    # letters
    "letters apart from their accents": unicodedata.normalize("NFD", ACCENTED).encode(),
    "hard blanks": SENTENCE.replace(" ", "\u00a0").encode(),
    "blanks without width": SENTENCE.replace(" ", "\u200b").encode(),
    "shapes of letters": "".join(one + "\ufe0f" for one in SENTENCE).encode(),
    "hidden letters": ("Hi " + "".join(chr(0xE0000 + one) for one in UTF8)).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_text_is_found_in_the_forms_of_programs(form):
    assert marks(FORMS[form]) == 2
    assert set(unread(FORMS[form])) <= {"a kind of file that is not known"}


def test_letters_that_are_joined_are_two():
    assert words("o\ufb03ce \ufb01sh") == ["office", "fish"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----", "encrypted"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n6162", "encrypted"),
        (b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIAG", "encrypted"),
        (pdf(bytes(range(128, 256)), b"/Filter/LZWDecode"), "packed in a way"),
        (pdf(b"", b"", b"3 0 obj<</Encrypt 5 0 R>>endobj "), "locked"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(range(256)), "not known"),
        (base64.b64encode(pdf(b"", b"", b"3 0 obj<</Encrypt 5 0 R>>endobj ")), "locked"),
    ],
)
def test_what_cannot_be_looked_into_is_told(data, why):
    assert why in "; ".join(unread(data))


def test_names_in_archives_are_names():
    assert "u017" in names_of(zipped({"a/u017.txt": b""})) & names_of(tarred("u017/a", b""))
    with io.BytesIO() as buffer:
        with gzip.GzipFile("u017.txt", "wb", fileobj=buffer) as file:
            file.write(b"x")
        assert "u017" in names_of(buffer.getvalue())


def test_a_text_of_an_older_encoding_is_read():
    """In Chinese, Japanese and Russian, which UTF-8 writes otherwise."""
    for text, encoding in (
        ("十八岁的女人在海边走了很久", "gb18030"),
        ("女の人が海へ歩いた", "shift_jis"),
        ("паром снова опоздал", "koi8_r"),
    ):
        known = Passages.of(windows(text), "salt")
        pieces = [piece.value for piece in said(text.encode(encoding)) if piece.kind == "text"]
        assert any(known.matches(piece) for piece in pieces), encoding


def test_a_text_without_marks_has_no_other_reading():
    assert list(readings(SENTENCE)) == []
    assert list(readings('{"loss": 1.25, "seed": 3}')) == []


def test_readings_are_rewritten_until_nothing_is_left():
    assert "a c" in [" ".join(one.split()) for one in readings("a &lt;b&gt; c")]
    assert "é" in list(readings("%5Cu00e9"))


TEXT = " ".join(f"word{number}" for number in range(40))


def test_fifteen_words_of_a_sentence_hold_a_window_wherever_they_begin():
    known, said = Passages.of(windows(TEXT), "salt"), TEXT.split()
    found = {
        length: [bool(known.matches(" ".join(said[at : at + length]))) for at in range(41 - length)]
        for length in (SURE - 1, SURE)
    }
    assert SURE == 15 and all(found[SURE]) and not all(found[SURE - 1])


def test_while_the_text_is_there_any_eight_words_are_found():
    text = TEXT.replace("word3 ", "word3. ")  # a sentence that ends there is no matter
    known, said = Passages.of(runs(text), "salt"), TEXT.split()
    assert len(list(runs(text))) == 40 - WINDOW + 1
    assert all(known.matches(" ".join(said[at : at + WINDOW])) for at in range(41 - WINDOW))
    assert not known.matches(" ".join(said[: WINDOW - 1]))
    assert list(runs("too short")) == []
