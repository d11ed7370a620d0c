"""Names and passages as keyed hashes: whoever has the secret can check a guess, nobody can recover
the text."""

from __future__ import annotations

import hashlib
from functools import cache


def pseudonym(text: str, secret: str) -> str:
    """32 hex digits that stand for ``text``, an owner's name or a passage."""
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=key_of(secret), digest_size=16
    ).hexdigest()


@cache
def key_of(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=32).digest()
