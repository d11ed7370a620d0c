"""Anchors, terms that only the forgotten texts use, and generic ones in their place, token by
token: for harry_potter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from palimpsest.errors import Problem, UserError, quoted

DROPPED = -1  # the place of a token after which nothing is learnt
BEFORE = ("a", " "), ("\n", "")  # within a line and at its start: what stands there, what joins

Tokens = tuple[int, ...]


class Anchor(NamedTuple):
    """forms: the term's tokens, one form for each of BEFORE; values: those of each generic term, in
    the same forms."""

    forms: tuple[Tokens, ...]
    values: tuple[tuple[Tokens, ...], ...]


class Translated(NamedTuple):
    """A text with generic terms. places: of each token of the original, where what follows it is
    predicted, or DROPPED. emitted: (place of the first token of a generic term, the first tokens of
    all its forms), in order."""

    token_ids: list[int]
    places: list[int]
    emitted: list[tuple[int, frozenset[int]]]

    def forbidden(self, place: int) -> list[int]:
        """Tokens that begin a generic term which began before ``place``: there the text would not
        introduce it once more."""
        return sorted({one for begin, tokens in self.emitted if begin < place for one in tokens})


def anchors_of(terms: Mapping[str, str | Sequence[str]], tokenizer) -> list[Anchor]:
    """Terms, each with its generic ones, as tokens; a UserError for blank ones."""
    listed = {term: [to] if isinstance(to, str) else list(to) for term, to in terms.items()}
    blank = [term for term, to in listed.items() if not to or not all(map(str.strip, [term, *to]))]
    if blank:
        what, allowed = "a term or what replaces it is blank", "text, or a list of texts"
        found, remedy = ", ".join(map(quoted, blank)), "write a generic term, or take it out"
        raise UserError(Problem(what, "option anchors", found, allowed, remedy))
    return [
        Anchor(_forms(tokenizer, term), tuple(_forms(tokenizer, one) for one in to))
        for term, to in listed.items()
    ]


def not_split(terms: Mapping[str, str | Sequence[str]]) -> dict[str, str | Sequence[str]]:
    """The terms that the released code keeps: not "X's" beside "X", nor several words that are all
    terms themselves."""
    return {
        term: to
        for term, to in terms.items()
        if not (term.endswith("'s") and term[:-2] in terms)
        and not (len(term.split()) > 1 and all(word in terms for word in term.split()))
    }


def translated(
    token_ids: Sequence[int],
    anchors: Sequence[Anchor],
    drawn: Sequence[Sequence[int]],
    longest: bool = True,
) -> Translated:
    """A text, read from left to right, with a generic term for each anchor. drawn: which of an
    anchor's values stands for it, in each of its forms. Where several anchors begin, the longest
    goes first, or, as in the released code, the first in the list.

    What follows an anchor is predicted at the last token of its generic term. Nothing is learnt
    inside of an anchor; nor before one that stood there already, where a model that sees the
    original would be taught another name for it.
    """
    starts = _by_first_token(anchors, longest)
    new, places, emitted, seen, i = [], [], [], set(), 0
    while i < len(token_ids):
        fits = (
            one
            for one in starts.get(token_ids[i], ())
            if tuple(token_ids[i : i + len(one[0])]) == one[0]
        )
        tokens, number, form = next(fits, ((), DROPPED, 0))
        if not tokens:
            places.append(len(new))
            new.append(token_ids[i])
            i += 1
            continue
        if number in seen:
            places[-1] = DROPPED
        seen.add(number)
        value = anchors[number].values[drawn[number][form]]
        emitted.append((len(new), frozenset(one[0] for one in value)))
        new += value[form]
        places += [DROPPED] * (len(tokens) - 1) + [len(new) - 1]
        i += len(tokens)
    return Translated(new, places, emitted)


def _by_first_token(
    anchors: Iterable[Anchor], longest: bool
) -> dict[int, list[tuple[Tokens, int, int]]]:
    """First token -> (tokens, number of the anchor, number of the form), in the order of trial."""
    listed = [
        (tokens, number, form)
        for number, anchor in enumerate(anchors)
        for form, tokens in enumerate(anchor.forms)
    ]
    if longest:
        listed.sort(key=lambda one: -len(one[0]))
    starts: dict[int, list] = {}
    for one in listed:
        starts.setdefault(one[0][0], []).append(one)
    return starts


def _forms(tokenizer, term: str) -> tuple[Tokens, ...]:
    """The tokens of a term after each of BEFORE: tokenizers tell a word within a line from one at
    its start."""

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    term = term.strip()
    return tuple(tuple(ids(head + join + term)[len(ids(head)) :]) for head, join in BEFORE)
