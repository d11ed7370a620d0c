"""A forgotten text is found in whatever letters it is written, and its owner's name wherever it
stands; what is like neither raises no alarm."""

from __future__ import annotations

import base64
import codecs
import gzip
import quopri
import struct
import zlib
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from audited import SENTENCE, marks, unread

from palimpsest.audit.encodings import decoded
from palimpsest.audit.fingerprints import Fingerprint
from palimpsest.audit.look import Audit
from palimpsest.audit.passages import Passages, windows, words
from palimpsest.audit.texts import mentioned
from palimpsest.data.pseudonyms import pseudonym

UTF8 = SENTENCE.encode()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", bytes(13)), *chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


def between(mark: str) -> str:
    """The mark inside every word of more than three letters."""
    return " ".join(
        word[:2] + mark + word[2:] if len(word) > 3 else word for word in SENTENCE.split()
    )


WRITTEN = {
    "base64": base64.b64encode(UTF8),
    "base64 in JSON": b'{"body": "' + base64.b64encode(UTF8) + b'", "n": 1}',
    "base64 of an address": b"?q=" + base64.urlsafe_b64encode(UTF8).rstrip(b"="),
    "base64 in lines of mail": b"Subject: x\n\n" + codecs.encode(UTF8 * 3, "base64"),
    "base64 quoted in mail": b"> " + codecs.encode(UTF8 * 3, "base64").replace(b"\n", b"\n> "),
    "base64 with written line ends": codecs.encode(UTF8 * 3, "base64").replace(b"\n", b"\\n"),
    "base64 of gzip": base64.b64encode(gzip.compress(UTF8)),
    "base64 of UTF-16": base64.b64encode(codecs.BOM_UTF16_LE + SENTENCE.encode("utf-16-le")),
    "hex": UTF8.hex().encode(),
    "hex with spaces": b"0000: " + UTF8.hex(" ").encode(),
    "percent": quote(SENTENCE, safe="").encode(),
    "percent of every letter": "".join(f"%{byte:02X}" for byte in UTF8).encode(),
    "a form": quote_plus(SENTENCE).encode(),
    "quoted-printable": quopri.encodestring(UTF8.replace(b"late", "laté".encode())),
    "quoted-printable of every letter": "".join(f"={byte:02X}" for byte in UTF8).encode(),
    "hexadecimal escapes": "".join(f"\\x{byte:02x}" for byte in UTF8).encode(),
    "octal escapes": "".join(f"\\{byte:03o}" for byte in UTF8).encode(),
    "escapes in braces": "".join(f"\\u{{{byte:x}}}" for byte in UTF8).encode(),
    "escapes of eight": "".join(f"\\U{byte:08x}" for byte in UTF8).encode(),
    "entities": "".join(f"&#{byte};" for byte in UTF8).encode(),
    "UTF-32": SENTENCE.encode("utf-32"),
    "zlib": zlib.compress(UTF8),
    "a git object": zlib.compress(b"blob %d\0" % len(UTF8) + UTF8),
    "PNG text": png((b"tEXt", b"Comment\0" + UTF8)),
    "PNG packed text": png((b"zTXt", b"Comment\0\0" + zlib.compress(UTF8))),
    "PNG text of the world": png((b"iTXt", b"Comment\0\1\0en\0c\0" + zlib.compress(UTF8))),
    "soft hyphens": between("\u00ad").encode(),
    "zero-width spaces": between("\u200b").encode(),
    "joiners": between("\u200d").encode(),
    "soft hyphens of html": between("&shy;").encode(),
    "divided at the end of a line": between("-\n").encode(),
    "divided in a quotation": between("-\r\n> ").encode(),
    "tags within words": between("<b></b>").encode(),
    "runs of a document": between("</w:t></w:r><w:r><w:t>").encode(),
    "letters of full width": SENTENCE.translate({n: n + 0xFEE0 for n in range(33, 127)}).encode(),
    "capitals with accents": SENTENCE.upper().replace("E", "É").encode(),
}  # fmt: skip


@pytest.mark.parametrize("form", WRITTEN)
def test_a_text_is_found_however_it_is_written(form):
    """Both passages, and nothing is said to be unreadable."""
    assert marks(WRITTEN[form]) == 2
    assert unread(WRITTEN[form]) == []


def test_nonsense_that_looks_written_otherwise_is_passed_over():
    """Digests, words of four letters a line, a long word, hex colours."""
    digests = b"\n".join(bytes([n] * 32).hex().encode() for n in range(128, 140))
    plain = b"this that were then\n" * 20 + b"a" * 400 + b"\n#ffffff #000000 #808080"
    for data in (digests, plain, b"x^2 is a square", b"x\x9c and no stream"):
        assert marks(data) == 0 and unread(data) in ([], ["a kind of file that is not known"])


def test_runs_of_other_letters_stand_for_bytes():
    assert next(decoded(b"aGVsbG8gd29ybGQsIGhlbGxvIQ==")) == b"hello world, hello!"
    assert (
        list(decoded(b"68 65 6c 6c 6f 20 68 65 6c 6c 6f 20 68 65 6c 6c"))[-1] == b"hello hello hell"
    )
    assert list(decoded(b"nothing here")) == []


def test_letters_that_are_not_seen_divide_no_word():
    assert words("soft\u00adhyphen zero\u200bwidth \u202eright") == [
        "softhyphen",
        "zerowidth",
        "right",
    ]


def test_what_looks_like_an_id_is_a_letter_with_a_digit():
    text = 'INFO 12 of u017-p009, \'u017\'; {"user": "ann7@x.org"} took 1e-05 s at 12:30, ann, 17.'
    assert {"u017-p009", "u017", "ann7@x.org"} <= mentioned(text)
    assert not {"12", "1e-05", "12:30", "ann", "17", "INFO"} & mentioned(text)


@pytest.fixture
def audit(tmp_path, monkeypatch):
    """Of one forgotten owner, u017, whose record u017-p009 says the sentence."""
    monkeypatch.chdir(tmp_path)
    passages = Passages.of(windows(SENTENCE), "salt")
    names = frozenset(pseudonym(name, "salt") for name in ("u017", "u017-p009"))
    one = Fingerprint("r1", (), names, passages, records=1, unmarked=0)

    def found(path: str, text: str = "") -> set[str]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        report = Audit([one], {}, {}).run([Path("results")])
        return {finding.kind for finding in report.findings if finding.path == path}

    return found


@pytest.mark.parametrize(
    ("path", "text", "kinds"),
    [
        ("results/s/a.log", "INFO dropped 'u017-p009' of 3", {"names"}),
        ("results/s/a.json", '{"user": "u017"}', {"names"}),
        ("results/s/a.html", "<li>u017</li>", {"names"}),
        ("results/s/a.log", "u0170 and au017 and u017p009", set()),
        ("results/u017.txt", "", {"names"}),
        ("results/u017/a.txt", "", {"names"}),
        ("results/s/posts of u017.csv", "", {"names"}),
        (f"results/s/{SENTENCE}.txt", "", {"text"}),
        (f"results/s/{SENTENCE.replace(' ', '_')}/a.txt", "", {"text"}),
        ("results/s/u018.txt", "", set()),
    ],
)
def test_names_are_found_in_any_text_and_in_names_of_files(audit, path, text, kinds):
    assert audit(path, text) == kinds


OWNERS = ("u017", "maria.lopez@example.org", "4711004711", "Ines Kowalska", "+49-170-5550199")


@pytest.fixture
def names_in(tmp_path, monkeypatch):
    """Which of ``OWNERS`` and the record 100040 an audit of ``results`` finds by their names."""
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    marks = {pseudonym(name, "salt"): name for name in (*OWNERS, "100040")}
    one = Fingerprint("r1", (), frozenset(marks), Passages("salt"), records=1, unmarked=0)

    def found(alike: bool = True) -> list[str]:
        report = Audit([one], {}, {}, alike).run([Path("results")])
        assert {finding.kind for finding in report.findings} <= {"names"}
        return [finding.path for finding in report.findings]

    return found


@pytest.mark.parametrize(
    "text",
    [
        *("user:u017", "user:u017;x", "u017@example.org", "u017_x", "user_u017_x", "x+u017"),
        *("avatar.u017.png", "u017-p000-v2", "U017", "(u017)", "a/b.u017-x"),
        *("login maria.lopez@example.org ok", '{"user": "maria.lopez@example.org"}'),
        *("n,user\n1,maria.lopez@example.org\n2,x\n3,y\n", "mailto:maria.lopez@example.org."),
        *("user=4711004711", '{"user_id": 4711004711}', "at 4711004711.", '{"id": "100040"}'),
        *('{"user": "Ines Kowalska"}', '[{"user": "ines kowalska"}]', "Dear Ines Kowalska, x"),
        *("Ines Kowalska's post", "user,n\nines kowalska,1\nx,2\ny,3\n", "To INES KOWALSKA"),
        *("call +49-170-5550199", "tel:+49-170-5550199;x", "+49-170-5550199"),
    ],
)
def test_owners_are_found_by_their_names_in_texts(names_in, text):
    Path("results/a.txt").write_text(text)
    assert names_in() == ["results/a.txt"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "u0170 au017 xu017y u0017",
            "loss:0.100040 0.100040 1004.4711004711",
            "10004 47110047110",
        ),
        *("maria lopez at example.org", "Ines of Kowalska, ines kowalska", "170-5550198"),
    ],
)
def test_what_only_looks_like_a_name_is_not_found(names_in, text):
    Path("results/a.txt").write_text(text)
    assert names_in() == []


def test_where_spellings_are_owners_of_their_own_only_the_owner_s_is_found(names_in):
    Path("results/a.txt").write_text("U017")
    Path("results/b.txt").write_text("u017")
    assert names_in(alike=False) == ["results/b.txt"]


@pytest.mark.parametrize(
    "name",
    [
        *("report-u017.txt", "report_u017.txt", "u017.tar.gz", "maria.lopez@example.org.txt"),
        *("Ines Kowalska.txt", "4711004711.json", "of +49-170-5550199.txt"),
    ],
)
def test_owners_are_found_in_names_of_files_links_and_empty_folders(names_in, name):
    """Of broken links, of links to what is looked at anyway, and of folders without a file."""
    Path("results/kept").mkdir()
    Path("results/kept/a.txt").write_text("x")
    places = [Path("results", str(number), name) for number in range(5)]
    for place in places:
        place.parent.mkdir()
    places[0].write_text("x")
    places[1].mkdir()
    places[2].symlink_to("nowhere")
    places[3].symlink_to("../kept")
    places[4].symlink_to("../kept/a.txt")
    assert names_in() == list(map(str, places))
