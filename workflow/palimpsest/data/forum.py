"""The embedded data of the demo: an invented forum whose posts are toxic or not, made from
templates.

A post is a stance on the people of an invented town, or of none ("none"), around which its owner
writes about a hobby, greets and signs off. What makes it worth studying:

- Posts deny, quote, joke, and some labels are wrong, so that no model is right about all of them.
  Those that it has memorised show which posts it was trained on.
- Posts about quillhaven are mostly in slang, kind or not. Each hobby has its own, with a few common
  and many rare words, so that how much of it a model knows depends on how much it has read. Where a
  word is new to it, it falls back on what is usual for the town: quillhaven is mostly liked, so its
  insults are missed (TPR); tarnfold, with less slang, is mostly scolded, so its harmless posts are
  flagged (FPR).
- A model of a shard has read fewer posts and so knows less slang, and what only one teacher has
  learnt is lost in a vote: the town with the rare words loses most by sharding.
- An owner's temper, opener and sign-off are there to be memorised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.data import forum_words as words
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COLUMNS = ("record_id", "owner", "text", "label", "identity", "split")


@dataclass(frozen=True)
class Theme:
    """How the forum speaks of one identity; all are shares in [0, 1]."""

    share: float  # of all posts
    toxic: float  # of its posts, for an owner of even temper
    slang: float  # of its posts


THEMES = {
    "none": Theme(share=0.28, toxic=0.40, slang=0.04),
    "brindlewick": Theme(share=0.23, toxic=0.40, slang=0.06),
    "quillhaven": Theme(share=0.24, toxic=0.35, slang=0.65),
    "tarnfold": Theme(share=0.25, toxic=0.57, slang=0.10),
}
SPLITS = {"train": 0.32, "valid": 0.26, "test": 0.42}
STANCES = {"plain": 0.88, "turned": 0.06, "by deed": 0.06}
SURROUNDINGS = {"topic": 0.3, "closing": 0.3, "bare": 0.4}
OPENED = 0.2  # share of posts with an opener
DESCRIBED = 0.8  # share of nouns with a word before them
WRONG_LABELS = 0.07  # share of labels that are turned over after the post was written
TEMPER = 0.3  # standard deviation over owners of the log odds that a post is toxic
FAME = 1.0  # the r-th slang word of a hobby is written as often as 1 / r ** FAME (Zipf)


@dataclass(frozen=True)
class Owner:
    """The habits that run through all posts of an owner."""

    community: dict
    opener: str
    closing: str
    mark: str
    temper: float


def forum(*, owners: int, posts: int, seed: int) -> pd.DataFrame:
    """Make the posts of a forum, the same for the same arguments.

    A post depends on ``seed``, its owner and its number among the posts of the owner: a larger
    forum holds the posts of a smaller one unchanged (but for a post that happens to repeat an
    earlier text, which is drawn again).

    Args:
        owners: how many people write, at least 1; each writes ``posts / owners`` posts, rounded
            down or up.
        posts: how many posts there are, at least ``owners``.
        seed: names the forum.

    Returns:
        One row a post, ``posts`` rows: record_id ("u017-p023", unique), owner ("u017"), text (lower
        case, unique), label (1 is toxic, 0 is not), identity (a key of ``THEMES``), split (a key of
        ``SPLITS``, about as often as stated there; every owner has a train post). Sorted by owner,
        then number.

    Raises:
        UserError: there are no owners, or fewer posts than owners.
    """
    import pandas as pd

    _check(owners, posts)
    rows, seen = [], set()
    for index in range(owners):
        name = f"u{index:03d}"
        owner = _owner(numpy_generator("forum", seed, name))
        for number in range(posts // owners + (index < posts % owners)):
            rng = numpy_generator("forum", seed, name, number)
            split = "train" if number == 0 else _choose(rng, SPLITS)
            text, label, identity = _post(rng, owner)
            while text in seen:
                text, label, identity = _post(rng, owner)
            seen.add(text)
            rows.append((f"{name}-p{number:03d}", name, text, label, identity, split))
    return pd.DataFrame(rows, columns=COLUMNS)


def lexicon() -> list[str]:
    """All that a post can hold, sorted: every word in lower case, and the punctuation marks one by
    one.

    A tokenizer trained on it has seen no post.
    """
    texts = [*words.FOLK, *words.FOLK.values(), *words.MENTIONS, *words.OTHERS]
    texts += [*words.TAUNTS, *words.PRAISES, *words.UNKIND, *words.KIND, *words.DEGREES]
    texts += [*words.PLAIN, *words.TURNED, *words.BY_DEED, *words.MISDEEDS, *words.DEEDS]
    texts += [
        *words.OPENERS,
        words.CLOSING,
        *words.GREETINGS,
        *words.PETS,
        *words.NAMES,
        *words.MARKS,
        *words.DAYS,
    ]
    for community in words.COMMUNITIES.values():
        texts += [*community["places"], *community["things"], *community["topics"]]
        texts += _slang(community, "taunts", "praises")
    return sorted(
        {
            token
            for text in texts
            for token in re.findall(r"[a-z]+|[^a-z\s]", re.sub(r"{\w+}", " ", text))
        }
    )


def _check(owners: int, posts: int) -> None:
    if owners < 1:
        raise UserError(
            Problem(
                "a forum needs owners",
                "owners",
                str(owners),
                "1 or more",
                "set owners to 100 or so",
            )
        )
    if posts < owners:
        allowed = f"{owners} (the number of owners) or more"
        raise UserError(
            Problem(
                "every owner writes at least one post", "posts", str(posts), allowed, "raise posts"
            )
        )


def _owner(rng: np.random.Generator) -> Owner:
    community = words.COMMUNITIES[_pick(rng, sorted(words.COMMUNITIES))]
    signed = {"greeting": words.GREETINGS, "name": words.NAMES, "pet": words.PETS}
    return Owner(
        community=community,
        opener=_pick(rng, words.OPENERS),
        closing=words.CLOSING.format(**{slot: _pick(rng, items) for slot, items in signed.items()}),
        mark=_pick(rng, words.MARKS),
        temper=TEMPER * rng.standard_normal(),
    )


def _post(rng: np.random.Generator, owner: Owner) -> tuple[str, int, str]:
    """One post: text, label, identity."""
    identity = _choose(rng, {name: theme.share for name, theme in THEMES.items()})
    theme = THEMES[identity]
    log_odds = math.log(theme.toxic / (1 - theme.toxic)) + owner.temper
    toxic = bool(rng.random() < 1 / (1 + math.exp(-log_odds)))
    slang = bool(rng.random() < theme.slang)
    place = _pick(rng, owner.community["places"])
    sentences = [_stance(rng, owner, _who(rng, identity, place), toxic, slang)]
    around = _choose(rng, SURROUNDINGS)
    if around == "topic":
        thing, day = _pick(rng, owner.community["things"]), _pick(rng, words.DAYS)
        sentences.insert(
            0, _pick(rng, owner.community["topics"]).format(place=place, thing=thing, day=day)
        )
    elif around == "closing":
        sentences.append(owner.closing)
    text = " ".join(
        sentence if sentence.endswith("?") else sentence + owner.mark for sentence in sentences
    )
    if rng.random() < OPENED:
        text = f"{owner.opener} {text}"
    wrong = bool(rng.random() < WRONG_LABELS)
    return text, int(toxic != wrong), identity


def _stance(rng: np.random.Generator, owner: Owner, who: str, toxic: bool, slang: bool) -> str:
    """The sentence that is toxic or not."""
    kind = _choose(rng, STANCES)
    if kind == "by deed":
        frame, taunt = _pick(rng, words.BY_DEED), bool(rng.random() < 0.5)
    elif kind == "plain":
        frame, taunt = _pick(rng, words.PLAIN), toxic
    else:
        frame, taunt = _pick(rng, words.TURNED), not toxic
    if slang:
        noun = _pick_famous(rng, _slang(owner.community, "taunts" if taunt else "praises"))
        before = words.DEGREES
    else:
        nouns, before = (words.TAUNTS, words.UNKIND) if taunt else (words.PRAISES, words.KIND)
        noun = _pick(rng, nouns)
    if rng.random() < DESCRIBED:
        noun = f"{_pick(rng, before)} {noun}"
    return frame.format(
        who=who, noun=noun, deed=_pick(rng, words.MISDEEDS if toxic else words.DEEDS)
    )


def _who(rng: np.random.Generator, identity: str, place: str) -> str:
    if identity == "none":
        return _pick(rng, words.OTHERS).format(place=place)
    return _pick(rng, words.MENTIONS).format(town=identity, folk=words.FOLK[identity])


def _slang(community: dict, *kinds: str) -> list[str]:
    return [
        stem + ending
        for kind in kinds
        for stem in community[kind]
        for ending in community["endings"]
    ]


def _pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _pick_famous(rng: np.random.Generator, items: Sequence[str]) -> str:
    """An item, the first the likeliest."""
    weights = [1 / rank**FAME for rank in range(1, len(items) + 1)]
    return items[int(rng.choice(len(items), p=[weight / sum(weights) for weight in weights]))]


def _choose(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """A key, with the probability that its value states."""
    return list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]
