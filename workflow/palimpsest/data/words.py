"""Texts of any script as people read them: what looks alike is alike, and what is a word."""

from __future__ import annotations

import unicodedata

# Scripts that set no spaces between words: each letter, with its marks, stands for a word.
SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{scx=Kana}\p{lb=SA}]"
WORD = rf"{SPACELESS}\p{{M}}*|(?:(?!{SPACELESS})[\p{{L}}\p{{M}}\p{{N}}])+"


def folded(text: str) -> str:
    """Equal for texts that look alike: full-width letters, ligatures, either case; without
    characters that are not seen, but for the joiner within an emoji."""
    if text.isascii():  # all else would leave it as it is
        return text.casefold()
    seen = (letter for letter in text if unicodedata.category(letter) != "Cf" or letter == "\u200d")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", "".join(seen)).casefold())


def split_words(text: str) -> list[str]:
    """Runs of letters, marks and digits, folded; of a text in ASCII those of a-z and 0-9. In
    scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each letter is one."""
    import regex

    return regex.findall(WORD, folded(text))
