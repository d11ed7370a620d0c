"""Articles of WikiText with planted secrets (Carlini et al. 2019, arXiv 1802.08232), as in studies
of leave-one-out ensembles.

Every article is an owner, and so is every canary: an invented person whose text is one sentence
that ends in a secret, random digits or words, repeated a stated number of times. Each repetition is
a record of its own and the owner has no other text: so a model meets a secret exactly as often as
the table says, always in the same words, and a request forgets the secret alone. The names differ,
so that no two canaries compete for the same prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data import people_words
from palimpsest.data.positions import split_positions
from palimpsest.data.tables import decode, read_bytes, read_table
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

COLUMNS = ("record_id", "owner", "prompt", "completion", "split", "part")
PART = re.compile(r"canary-(\d+)")  # part of a canary's records: its number of repetitions
TITLE = re.compile(r"= (?!= ).+ =")  # "= = Section = =" is none
# of the tokenised form, where punctuation stands alone
SENTENCE_END = re.compile(r"(?<= [.!?]) (?![\"')])")
# The symbols of a secret stand apart, so that each is a token of its own, whatever the tokenizer,
# and all secrets have equally many tokens.
FORMATS = {
    "digits": tuple("0123456789"),
    "words": (
        *(
            (
                "apple bottle candle desert engine forest guitar hammer island jacket kettle "
                "ladder "
                "mirror needle orange pencil"
            ).split()
        ),
        *(
            (
                "quarry ribbon saddle tunnel umbrella valley window yellow anchor basket castle "
                "dragon "
                "feather garden helmet iron"
            ).split()
        ),
        *(
            (
                "jungle knight lemon marble nation ocean palace rabbit silver temple velvet winter "
                "angel bridge cotton dollar"
            ).split()
        ),
        *(
            (
                "eagle flower ghost honey ivory jewel king leather monkey north oyster pepper "
                "rocket "
                "salmon tiger village"
            ).split()
        ),
    ),
}
CARRIER, END = "The secret code of {name} is", "."
LONGEST = 2**62  # fewer secrets than this, so that their numbers fit int64


@dataclass(frozen=True)
class Canaries:
    """What is planted; raises UserError with all settings that are impossible.

    repetitions: how often a canary stands in its owner's text, different numbers from 1 to 999;
    count: canaries for each of these numbers, from 2 (half are asked to be forgotten, half are
    controls) to 99; format: a key of FORMATS; length: symbols of a secret; seed: names the draw;
    alternatives: number of other secrets, at most, among which each is ranked; unseen: number of
    further canaries, in each of the splits extra and holdout, that are planted nowhere: they are
    like forgotten ones, but were never learnt.
    """

    repetitions: tuple[int, ...] | list[int]
    count: int
    format: str
    length: int
    seed: int
    alternatives: int = 400
    unseen: int = 0

    def __post_init__(self):
        problems = []

        def need(name: str, right: bool, allowed: str) -> None:
            if not right:
                where = f"data.canaries.{name}"
                problems.append(
                    Problem(
                        "no such canaries can be made",
                        where,
                        repr(getattr(self, name)),
                        allowed,
                        "correct it",
                    )
                )

        numbers = list(self.repetitions)
        need(
            "repetitions",
            numbers != [] and len({*numbers} & {*range(1, 1000)}) == len(numbers),
            "different numbers from 1 to 999",
        )
        need(
            "count",
            2 <= self.count <= 99,
            "2 to 99, as some are asked to be forgotten and others are controls",
        )
        need("unseen", 0 <= self.unseen <= 99, "0 to 99")
        need("format", self.format in FORMATS, ", ".join(FORMATS))
        least = 2 * (self.count * len(numbers) + 2 * self.unseen)
        right = self.format not in FORMATS or (
            0 < self.length <= 62 and least <= self.space < LONGEST
        )
        need(
            "length",
            right,
            f"as many symbols as make {least} to {LONGEST} different secrets, at least twice as "
            "many as canaries",
        )
        if problems:
            raise UserError(problems)

    @property
    def symbols(self) -> tuple[str, ...]:
        return FORMATS[self.format]

    @property
    def space(self) -> int:
        """|R|, how many secrets there are: exposure is log2 |R| - log2 rank."""
        return len(self.symbols) ** self.length

    def owners(self) -> list[tuple[str, int, bool]]:
        """(owner such as "canary-016-01", repetitions, whether the ledger asks to forget it) of
        every canary.

        Those with odd numbers are asked to be forgotten; the others are controls.
        """
        numbers = range(1, self.count + 1)
        return [
            (f"canary-{times:03d}-{number:02d}", times, number % 2 == 1)
            for times in sorted(self.repetitions)
            for number in numbers
        ]

    def unplanted(self) -> list[tuple[str, str]]:
        """(owner such as "canary-extra-01", split) of those that are planted nowhere."""
        return [
            (f"canary-{split}-{number:02d}", split)
            for split in ("extra", "holdout")
            for number in range(1, self.unseen + 1)
        ]

    def asked(self) -> list[str]:
        """The owners that the ledger asks to forget."""
        return [owner for owner, _, asked in self.owners() if asked]

    def secret(self, number: int) -> str:
        """The secret of a number from 0 to ``space`` - 1: its digits in base ``len(symbols)``, each
        written as a symbol, with spaces between."""
        places = [
            number // len(self.symbols) ** power % len(self.symbols)
            for power in reversed(range(self.length))
        ]
        return " ".join(self.symbols[place] for place in places)


def read_canaries(
    paths: Iterable[Path], *, articles: dict[str, list], words: int, canaries: Canaries
) -> DataFrame:
    """Rows of COLUMNS, prompt "" and completion the text: the articles of all files in order, then
    the canaries.

    An article is "article-0001" and its records "article-0001-0001", ...: its text as it stands in
    the file, title included, in pieces of at most ``words`` words, cut at the end of a sentence or
    line; a sentence that is longer is cut after as many. ``articles`` gives splits to articles by
    position (``split_positions``), the others are UNLISTED. A canary's records "canary-016-01-001",
    ... are all its sentence, in split train and part "canary-016"; articles have none, nor have the
    canaries that are planted nowhere.

    Raises UserError for files that cannot be read or hold no article, and for settings that are
    impossible.
    """
    import pandas as pd

    if words < 1:
        raise UserError(
            Problem(
                "not a length of records",
                "data.words",
                repr(words),
                "1 or more",
                "set words to 80 or so",
            )
        )
    texts = [text for path in dict.fromkeys(paths) for text in _articles(path)]
    rows = []
    for number, (lines, split) in enumerate(
        zip(texts, split_positions(articles, len(texts), "data.articles"), strict=True), 1
    ):
        owner = f"article-{number:04d}"
        rows += [
            (f"{owner}-{place:04d}", owner, "", piece, split, "")
            for place, piece in enumerate(_pieces(lines, words), 1)
        ]
    table = canary_table(canaries)
    for owner, times, prefix, secret in zip(
        table["owner"], table["repetitions"], table["prefix"], table["secret"], strict=True
    ):
        text, part = sentence(prefix, secret), f"canary-{times:03d}"
        rows += [
            (f"{owner}-{place:03d}", owner, "", text, "train", part)
            for place in range(1, times + 1)
        ]
    taken = {*table["prefix"], *table["secret"]}
    for owner, split in canaries.unplanted():
        prefix, secret = _drawn(canaries, owner, taken)
        rows.append((f"{owner}-001", owner, "", sentence(prefix, secret), split, ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def sentence(prefix: str, secret: str) -> str:
    return f"{prefix} {secret} {END}"


def canary_candidates(canaries: Canaries) -> DataFrame:
    """The sentence of each canary's first record with other secrets in it, in the shape of
    ``candidates_frame``, kind "alternative"."""
    import pandas as pd

    from palimpsest.data.candidates import COLUMNS

    table, rows = canary_table(canaries), []
    for owner, prefix, secret in zip(table["owner"], table["prefix"], table["secret"], strict=True):
        others, _ = alternatives(
            canaries, secret, canaries.alternatives, "alternatives", canaries.seed, owner
        )
        rows += [
            (f"{owner}-001", "alternative", number, sentence(prefix, other))
            for number, other in enumerate(others, 1)
        ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"number": "int64"})


def canary_table(canaries: Canaries) -> DataFrame:
    """One row a canary: owner, repetitions (int64), asked (bool), prefix, secret, space (int64,
    |R|).

    The text of a record is the prefix, a space, the secret, a space and END. Name and secret follow
    from the seed and the owner, so that more canaries leave the earlier ones as they are, but for
    one that happens to repeat an earlier name or secret and is drawn again.
    """
    import pandas as pd

    rows: list[tuple] = []
    seen: set[str] = set()
    for owner, times, asked in canaries.owners():
        rows.append((owner, times, asked, *_drawn(canaries, owner, seen), canaries.space))
    return pd.DataFrame(
        rows, columns=("owner", "repetitions", "asked", "prefix", "secret", "space")
    )


def _drawn(canaries: Canaries, owner: str, taken: set[str]) -> tuple[str, str]:
    """(prefix, secret) of an owner, neither of them in ``taken``, to which both are added."""
    rng = numpy_generator("canaries", canaries.seed, owner)
    while True:
        prefix = CARRIER.format(name=_name(rng))
        secret = canaries.secret(int(rng.integers(canaries.space)))
        if not {prefix, secret} & taken:
            taken |= {prefix, secret}
            return prefix, secret


def alternatives(
    canaries: Canaries, secret: str, count: int, *names: object
) -> tuple[list[str], bool]:
    """Other secrets to rank ``secret`` among, and whether these are all there are: then the rank is
    exact, else it is estimated from a sample.

    All of them in order where they are at most ``count``, else ``count`` different ones drawn
    evenly by a generator keyed by ``names``.
    """
    if canaries.space - 1 <= count:
        return [
            other
            for number in range(canaries.space)
            if (other := canaries.secret(number)) != secret
        ], True
    drawn = numpy_generator(*names).choice(canaries.space, size=count + 1, replace=False)
    return [other for number in drawn if (other := canaries.secret(int(number))) != secret][
        :count
    ], False


def _name(rng: np.random.Generator) -> str:
    return " ".join(
        names[int(rng.integers(len(names)))] for names in (people_words.FIRST, people_words.LAST)
    )


def _articles(path: Path) -> Iterator[list[str]]:
    """The lines of each article that are not blank, stripped, the title first: a title stands
    between blank lines, a formula that looks like one does not."""
    lines = [line.strip() for line in _lines(path)]
    around = ["", *lines, ""]
    titles = [
        n
        for n, line in enumerate(lines)
        if TITLE.fullmatch(line) and not around[n] and not around[n + 2]
    ]
    before = sum(bool(line) for line in lines[: titles[0]]) if titles else 0
    if not titles or before:
        found = f"{before} lines before the first title" if titles else "no title"
        raise UserError(
            Problem(
                "not the articles of WikiText",
                str(path),
                found,
                "' = Title = ' first, between blank lines",
                "correct `data.sources`",
            )
        )
    for start, end in zip(titles, [*titles[1:], len(lines)], strict=True):
        yield [line for line in lines[start:end] if line]


def _lines(path: Path) -> list[str]:
    if path.suffix == ".parquet":  # as the hub has it, a row a line
        return read_table(path)["text"].tolist()
    return decode(read_bytes(path), path).split("\n")


def _pieces(lines: list[str], size: int) -> Iterator[str]:
    piece, count = "", 0
    for line in lines:
        between = "\n"
        for sentence in SENTENCE_END.split(line):
            tokens = sentence.split()
            for start in range(0, len(tokens), size):
                part = tokens[start : start + size]
                if count + len(part) > size:
                    yield piece
                    piece, count = "", 0
                piece += (between if piece else "") + " ".join(part)
                count, between = count + len(part), " "
    yield piece
