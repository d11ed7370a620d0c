"""A text as it is shown: what escapes, markup and the marks of other programs stand for.

Each rewriting is looked for by its mark, so that a text without any costs one search for each. It
is applied to the text as it stands, and all together, again and again, as a page may stand escaped
in another.
"""

from __future__ import annotations

import html
import quopri
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import unquote_plus

ROUNDS = 3  # rewritings of what was rewritten

# escaped again, there are more backslashes
ESCAPE = re.compile(
    r"\\+u([0-9a-fA-F]{4})|\\+u\{(0*10?[0-9a-fA-F]{1,5}|0*[0-9a-fA-F]{1,5})\}"
    r"|\\+U(00(?:10|0[0-9a-fA-F])[0-9a-fA-F]{4})"
)
BYTE_ESCAPES = re.compile(r"(?:\\+x[0-9a-fA-F]{2}|\\+[0-3][0-7]{2})+")
CSS_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
PERCENT_U = re.compile(r"%u([0-9A-Fa-f]{4})")
COMMENT = r"<!--[\s\S]*?-->|<!\[CDATA\[|\]\]>"
QUOTED = re.compile(r"""=\s?(?:"[^"]{0,2000}"|'[^']{0,2000}')""")  # an attribute may hold a >
TAG = re.compile(r"<[^<>]*>")
BLOCK = re.compile(
    r"</?(?:br|p|div|h[1-6]|li|[uo]l|t[rdh]|table|pre|hr|dt|dd|blockquote|section|text|tab|line"
    r"|text:(?:p|h|s|tab|line-break)|w:(?:p|br|tab|cr|tc)|a:(?:p|br)|si|c|v)(?=[\s/>])[^<>]*>",
    re.IGNORECASE,
)
MAIL_WORD = re.compile(r"=\?([\w-]+)\?([bBqQ])\?([^?\s]*)\?=")
RTF_UNICODE = re.compile(r"\\u(-?\d{1,6}) ?(?:\?|\\'[0-9a-fA-F]{2})?")
RTF_BREAK = re.compile(r"\\(?:par|line|tab|cell|row|page|sect)\b ?")
RTF_WORD = re.compile(r"\\[a-zA-Z]+-?\d* ?|[{}\r\n]")
ACCENT = re.compile(r"\\(?:[`'^\"~=.]|[uvHcdbkr](?=[{ ])) ?\{?\\?([A-Za-z])\}?")
LETTER = re.compile(r"\\(ss|ae|oe|aa|AE|OE|AA|o|O|l|L|i|j)\b(?:\{\}| )?")
LETTERS = dict(zip("ss ae oe aa AE OE AA o O l L i j".split(), "ßæœåÆŒÅøØłŁij", strict=True))
COMMAND = re.compile(r"\\[a-zA-Z]+\*?\{|\\[-/]|[{}]")
LEVEL = r"(?:INFO|DEBUG|WARN(?:ING)?|ERROR|CRITICAL)\b"
LEAD = re.compile(rf"^(?:[\W\d_]|(?<=\d)T(?=\d)|(?<=\d)Z\b|{LEVEL})+", re.MULTILINE)


class Rewriting(NamedTuple):
    """``needs``: one of these letters stands in every text that has the mark; to look for a letter
    costs next to nothing."""

    needs: str
    mark: re.Pattern
    rewrite: Callable[[str], str]

    def applies(self, text: str) -> bool:
        return any(map(text.__contains__, self.needs)) and bool(self.mark.search(text))


def readings(text: str) -> Iterator[str]:
    """The readings of a text besides itself; none that is the same."""
    seen = {hash(text)}
    together = [one for one in TOGETHER if one.applies(text)]
    for one in (*together, *(one for one in ALONE if one.applies(text))):
        yield from _new(one.rewrite(text), seen)
    for tags in (_apart, _in_blocks) if together else ():
        whole = text
        for _ in range(ROUNDS):
            before = whole
            for one in TOGETHER:
                if one.applies(whole):
                    whole = tags(whole) if one.mark is TAG else one.rewrite(whole)
            if whole == before:
                break
            yield from _new(whole, seen)


def _new(text: str, seen: set[int]) -> Iterator[str]:
    if hash(text) not in seen:
        seen.add(hash(text))
        yield text


# --- escapes --------------------------------------------------------------------------------------


def unescaped(text: str) -> str:
    """The escapes of JSON, Python and CSS undone; a surrogate pair becomes one character."""
    text = BYTE_ESCAPES.sub(_bytes_of_escapes, text)
    text = ESCAPE.sub(lambda match: chr(int(next(filter(None, match.groups())), 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", errors="replace")
    return (
        re.sub(r"\\([nrtbf])", "\n", text)
        .replace('\\"', '"')
        .replace("\\/", "/")
        .replace("\\\\", "\\")
    )


def _bytes_of_escapes(run: re.Match) -> str:
    """Bytes as Python writes them are UTF-8 where they can be, else one letter each."""
    codes = (
        int(code[1:], 16) if code[0] == "x" else int(code, 8)
        for code in filter(None, run[0].split("\\"))
    )
    data = bytes(code % 256 for code in codes)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _of_hex(match: re.Match) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _of_address(text: str) -> str:
    return unquote_plus(PERCENT_U.sub(_of_hex, text), errors="replace")


# --- markup ---------------------------------------------------------------------------------------


def _without_quoted(text: str) -> str:
    return QUOTED.sub("=", text) if QUOTED.search(text) else text


def _apart(text: str) -> str:
    """A tag divides words."""
    return TAG.sub(" ", _without_quoted(text))


def _joined(text: str) -> str:
    """A tag divides no word."""
    return TAG.sub("", _without_quoted(text))


def _in_blocks(text: str) -> str:
    """Tags of blocks and lines divide words, others do not."""
    return TAG.sub("", BLOCK.sub("\n", _without_quoted(text)))


def _rtf(text: str) -> str:
    text = RTF_UNICODE.sub(lambda match: _of_code(int(match[1]) % 65536), text)
    text = re.sub(
        r"\\'([0-9a-fA-F]{2})",
        lambda match: bytes.fromhex(match[1]).decode("cp1252", errors="replace"),
        text,
    )
    return RTF_WORD.sub("", RTF_BREAK.sub("\x1e", text))


def _of_code(number: int) -> str:
    return "" if 0xD800 <= number < 0xE000 else chr(number)


def _latex(text: str) -> str:
    text = LETTER.sub(lambda match: LETTERS[match[1]], ACCENT.sub(r"\1", text))
    return COMMAND.sub("", text)


# --- mail -----------------------------------------------------------------------------------------


def _header(text: str) -> str:
    """Words of a header that are encoded; between two of them a blank means nothing."""
    return MAIL_WORD.sub(_mail_word, re.sub(r"\?=\s+=\?", "?==?", text))


def _mail_word(match: re.Match) -> str:
    name, how, letters = match.groups()
    try:
        if how in "bB":
            data = b64decode(letters + "=" * (-len(letters) % 4))
        else:
            data = quopri.decodestring(letters, header=True)
        return data.decode(name, errors="replace")
    except (ValueError, LookupError):
        return match[0]


def _quoted_printable(text: str) -> str:
    return quopri.decodestring(text.encode()).decode(errors="replace")


# --------------------------------------------------------------------------------------------------


def _sub(needs: str, mark: str, by: str) -> Rewriting:
    pattern = re.compile(mark)
    return Rewriting(needs, pattern, lambda text: pattern.sub(by, text))


def _of(needs: str, mark: str | re.Pattern, rewrite: Callable[[str], str]) -> Rewriting:
    return Rewriting(needs, re.compile(mark), rewrite)


TOGETHER = (
    _of("{", r"\A\s*\{\\rtf", _rtf),
    _of(
        "\\",
        r"\\[`'^~=.][A-Za-z{\\]|(?<=[\w{])\\\"[{\\A-Za-z]|\\[A-Za-z]+\*?[{ ]|(?<=\w)\\-(?=\w)",
        _latex,
    ),
    _of("\\", r"\\", unescaped),
    _sub("\x1b", r"\x1b\[[\d;]*[A-Za-z]", ""),  # colours of a terminal
    _sub("<]", COMMENT, ""),
    _of("<", TAG, _apart),
    _of("&", r"&#?\w+;", html.unescape),
    _of("%", r"%(?:[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})", _of_address),
    _of("=", MAIL_WORD, _header),
    _of("=", r"=[0-9A-Fa-f]{2}|=\r?\n", _quoted_printable),
    # divided at the end of a line
    _sub("-\u00ad\u2010", r"[-\u00ad\u2010](?<=\w.)\r?\n[> \t]*(?=\w)", ""),
    _sub("*~`", r"(?<=\w)[*~`]{1,3}(?=\w)", ""),  # emphasis within a word
)
ALONE = (
    _of("<", r"\w(?:<[^<>]*>)+\w", _joined),
    _of("\\", r"(?:\\[0-9a-fA-F]{2,6}\s?){3}", lambda text: CSS_ESCAPE.sub(_of_hex, text)),
    # a text that is written as several, or goes on in the next line
    _sub("'\"\\", r"['\"](?<=\w.)\s*[+.]?\s*['\"](?=\w)|\\(?<=\w.)\r?\n\s*(?=\w)", ""),
    # numbers, times and levels at the beginning of lines
    _of("\n", rf"\n[ \t\[(#>|]{{0,20}}(?:\d|{LEVEL})", lambda text: LEAD.sub("", text)),
    # one letter at a time
    _of(" \n.", r"(?:\b\w\b[^\w]){8}", lambda text: re.sub(r"(?<=\b\w)[^\w](?=\w\b)", "", text)),
    _sub("\u200b", "\u200b", " "),
    # letters that are not shown, each of which stands for another
    _of(
        "\U000e0020",
        "[\U000e0020-\U000e007e]{3}",
        lambda text: text.translate({0xE0000 + code: code for code in range(32, 127)}),
    ),
    _of(
        "+",
        r"\+[A-Za-z0-9+/]{3,}-",
        lambda text: text.encode("ascii", "replace").decode("utf-7", errors="replace"),
    ),
)
