"""What tests of the audit share: a sentence and its two passages, what a file is heard to say of
them, and a tokenizer whose ids are as large as one likes."""

from __future__ import annotations

import io
import zipfile

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from palimpsest.audit.contents import said
from palimpsest.audit.passages import Passages, windows

SENTENCE = "the ferry to the island was late again and nobody on the pier complained"
WORDS = SENTENCE.split()
KNOWN = Passages.of(windows(SENTENCE), "salt")  # words 1 to 8, and the other 6
OTHER = "so we waited"
SMALLEST, OF_TWO_BYTES, OF_LLAMA_3, OF_GEMMA = 0, 0x9F00, 127_900, 262_000  # the first id


def marks(data: bytes, tokenizer: Tokenizer | None = None) -> int:
    """How many of the two passages a file tells, as text, or as ids of ``tokenizer``."""
    found = set()
    for piece in said(data):
        if piece.kind == "text" and tokenizer is None:
            found |= KNOWN.matches(piece.value)
        elif piece.kind == "tokens" and tokenizer is not None:
            found |= KNOWN.matches(tokenizer.decode(piece.value))
    return len(found)


def unread(data: bytes) -> list[str]:
    return [piece.value for piece in said(data) if piece.kind == "unread"]


def names_of(data: bytes) -> set[str]:
    return {name for piece in said(data) if piece.kind == "names" for name in piece.value}


def vocabulary(first: int) -> tuple[Tokenizer, list[int]]:
    """(a tokenizer whose ids are ``first`` and above, those of the sentence)."""
    every = sorted({*WORDS, *OTHER.split()})
    tokenizer = Tokenizer(
        WordLevel({word: first + at for at, word in enumerate(every)}, unk_token=every[0])
    )
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer, tokenizer.encode(SENTENCE).ids


def packed(members: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(members):
            archive.writestr(str(number), data)
    return buffer.getvalue()
