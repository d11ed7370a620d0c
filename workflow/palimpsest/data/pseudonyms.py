"""Names and passages as keyed hashes: who holds the study's salt can check a guess, nobody can read
one back."""

from __future__ import annotations

import hashlib
from functools import cache


def pseudonym(text: str, salt: str) -> str:
    """32 hex digits that stand for ``text``, an owner's name or a passage."""
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=_key(salt), digest_size=16
    ).hexdigest()


@cache
def _key(salt: str) -> bytes:
    return hashlib.blake2b(salt.encode(), digest_size=32).digest()
