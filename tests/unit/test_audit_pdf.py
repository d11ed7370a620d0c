"""The text of a pdf, made by hand: letters by their codes, words by gaps and places, objects in
others."""

from __future__ import annotations

import zlib

import pytest

from palimpsest.audit.contents import said
from palimpsest.audit.passages import Passages

SENTENCE = "late again nobody on the pier complained"
KNOWN = Passages.of([tuple(SENTENCE.split())], "salt")
SIMPLE = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def made(*objects: bytes | tuple[bytes, bytes], end: bytes = b"") -> bytes:
    """A pdf of objects 1, 2, ...: what each says of itself, and what it holds, packed."""
    parts = [b"%PDF-1.7\n"]
    for number, one in enumerate(objects, 1):
        body, held = one if isinstance(one, tuple) else (one, None)
        parts.append(b"%d 0 obj\n%b\n" % (number, body))
        if held is not None:
            parts.append(b"stream\n%b\nendstream\n" % zlib.compress(held))
        parts.append(b"endobj\n")
    return b"".join([*parts, end, b"\n%%EOF\n"])


def drawn(shown: bytes) -> tuple[bytes, bytes]:
    return b"<< /Length 1 >>", b"BT /F1 12 Tf " + shown + b" ET"


def page(font: int = 1) -> bytes:
    """Which font is F1."""
    return b"<< /Type /Page /Resources << /Font << /F1 %d 0 R >> >> >>" % font


def tells(data: bytes) -> bool:
    return any(KNOWN.matches(piece.value) for piece in said(data) if piece.kind == "text")


def unread(data: bytes) -> list[str]:
    return [piece.value for piece in said(data) if piece.kind == "unread"]


def test_a_line_of_letters():
    assert tells(made(SIMPLE, page(), drawn(b"(%b) Tj" % SENTENCE.encode())))
    assert not tells(made(SIMPLE, page(), drawn(b"(nothing of the kind) Tj")))


SPLIT = SENTENCE.encode().split()
LAID = {
    "gaps of a blank": b"[%b] TJ" % b" -181 ".join(b"(%b)" % word for word in SPLIT),
    "gaps within words": b"[%b] TJ"
    % b" -180 ".join(b"(%b)" % bytes([one]) for one in SENTENCE.encode()),
    "each word at its place": b" ".join(b"(%b) Tj 30 0 Td" % word for word in SPLIT),
    "each half of a word at its place": b" ".join(
        b"(%b) Tj 9 0 Td (%b) Tj" % (word[:2], word[2:] + b" ") for word in SPLIT
    ),
    "each word on a line": b" T* ".join(b"(%b) Tj" % word for word in SPLIT),
    "each word by itself": b" ET BT /F1 12 Tf ".join(b"(%b) Tj" % word for word in SPLIT),
    "digits of letters": b"<%b> Tj" % SENTENCE.encode().hex().encode(),
    "octal numbers": b"(%b) Tj" % b"".join(b"\\%03o" % one for one in SENTENCE.encode()),
    "escapes and parentheses": b"(\\(late\\) (again\\\nnobody) on\\tthe \\pier complained) Tj",
}


@pytest.mark.parametrize("how", LAID)
def test_words_however_they_are_laid_out(how):
    laid = LAID[how].replace(b"again\\\nnobody", b"again \\\nnobody")
    assert tells(made(SIMPLE, page(), drawn(laid)))


def wide(cmap: int) -> bytes:
    """A font of two bytes a letter; which letters they are, another object says."""
    return b"<< /Type /Font /Subtype /Type0 /ToUnicode %d 0 R >>" % cmap


def codes(text: str, shift: int) -> bytes:
    return b"<%b> Tj" % "".join(f"{ord(one) + shift:04x}" for one in text).encode()


def letters_one_by_one(shift: int) -> bytes:
    lines = b"\n".join(
        b"<%04x> <%04x>" % (ord(one) + shift, ord(one)) for one in sorted({*SENTENCE})
    )
    return b"beginbfchar\n%b\nendbfchar" % lines


def letters_in_a_range(shift: int) -> bytes:
    """a to t, the last letter of the sentence but y; the blank by itself; and a list."""
    first, last = ord("a") + shift, ord("t") + shift
    more = b"<%04x> <%04x> [<0079> <007a>]" % (ord("y") + shift, ord("z") + shift)
    blank = b"<%04x> <%04x> <0020>" % (ord(" ") + shift, ord(" ") + shift)
    return b"beginbfrange\n<%04x> <%04x> <0061>\n%b\n%b\nendbfrange" % (first, last, blank, more)


@pytest.mark.parametrize("cmap", [letters_one_by_one, letters_in_a_range])
@pytest.mark.parametrize("shift", [3, 700])
def test_letters_are_what_their_font_says(cmap, shift):
    """Codes of two bytes each, above 255 and below."""
    data = made(wide(2), (b"<< >>", cmap(shift)), page(), drawn(codes(SENTENCE, shift)))
    assert tells(data) and unread(data) == []
    assert not tells(
        made(wide(2), (b"<< >>", cmap(shift + 1)), page(), drawn(codes(SENTENCE, shift)))
    )


def test_one_code_may_be_several_letters():
    """As of ligatures: one code is 'late', and the rest are letters."""
    lines = (
        b"<0001> <%b>\n" % "late".encode("utf-16-be").hex().encode() + letters_one_by_one(700)[12:]
    )
    cmap = b"beginbfchar\n" + lines
    shown = b"<0001%b> Tj" % codes(SENTENCE.removeprefix("late"), 700)[1:-4]
    assert tells(made(wide(2), (b"<< >>", cmap), page(), drawn(shown)))


def test_fonts_of_one_name_on_different_pages_are_all_tried():
    """F1 is two fonts, with other letters for the same codes: each page is read with either."""
    maps = [(b"<< >>", letters_one_by_one(shift)) for shift in (700, 900)]
    for shift in (700, 900):
        objects = [
            wide(2),
            maps[0],
            wide(4),
            maps[1],
            page(1),
            page(3),
            drawn(codes(SENTENCE, shift)),
        ]
        assert tells(made(*objects)), shift


def test_fonts_that_do_not_say_their_letters_are_told():
    """One of two; the text that the other shows is read all the same."""
    nothing = b"<< /Type /Font /Subtype /Type0 >>"
    shown = drawn(b"(%b) Tj" % SENTENCE.encode())
    data = made(SIMPLE, nothing, page(), shown)
    assert unread(data) == ["a pdf whose fonts do not say which letters they show"] and tells(data)
    assert unread(made(SIMPLE, page(), shown)) == []


def test_objects_within_others_are_read():
    """Font and page lie packed in object 1, the last of them without another after it."""
    font = b"<< /Type /Font /Subtype /Type0 /ToUnicode 3 0 R >>"
    for order in ((font, page(11)), (page(12), font)):
        places = b"11 0 12 %d " % len(order[0])
        packed = b"<< /Type /ObjStm /N 2 /First %d >>" % len(places), places + b"".join(order)
        data = made(packed, drawn(codes(SENTENCE, 700)), (b"<< >>", letters_one_by_one(700)))
        assert tells(data) and unread(data) == []


def test_what_is_embedded_and_what_is_locked():
    """A file within a pdf is read as itself; a pdf that is locked is told, with nothing else of
    it."""
    file = b"<< /Type /EmbeddedFile >>"
    assert tells(made(SIMPLE, (file, SENTENCE.encode())))
    rows = b'{"owner": "ann", "ids": [262000, 262001, 262002]}'
    pieces = [(piece.kind, piece.value) for piece in said(made(SIMPLE, (file, rows)))]
    assert ("names", {"ann"}) in pieces and ("tokens", [262000, 262001, 262002]) in pieces
    locked = made(SIMPLE, page(), drawn(b"(x) Tj"), end=b"trailer << /Encrypt 5 0 R >>")
    assert unread(locked) == ["a pdf that is locked"]


def test_streams_of_a_damaged_pdf_are_read():
    data = b"%PDF-1.4\nstream\n" + zlib.compress(SENTENCE.encode()) + b"\nendstream"
    assert tells(data)
