"""The embedded demo data: an invented forum."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.data import forum_words as words
from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    pass

@dataclass(frozen=True)
class Habits:
    share: float
    toxic: float
    slang: tuple[float, float]

import json
import os

K = dict(
 ids={"none": (.34,.34,(.1,.1)), "brindlewick": (.22,.40,(.2,.2)), "quillhaven": (.22,.33,(.1,.8)), "tarnfold": (.22,.66,(.8,.1))},
 turned=.18, told=.15, noise=.04, bias=.7, mod=.6, fav=2, sign=.4, open=.4, topic=.85)
K.update(json.loads(os.environ.get("K", "{}")))

@dataclass(frozen=True)
class Owner:
    community: str
    taunts: tuple[str, ...]
    praises: tuple[str, ...]
    opener: str
    closing: str
    mark: str
    bias: float


def _pick(rng, items):
    return items[int(rng.integers(len(items)))]


def _owner(seed, name):
    rng = numpy_generator("forum", seed, name)
    community = _pick(rng, sorted(words.COMMUNITIES))
    own = words.COMMUNITIES[community]
    return Owner(community, tuple(_pick(rng, own["taunts"]) for _ in range(K["fav"])), tuple(_pick(rng, own["praises"]) for _ in range(K["fav"])),
       _pick(rng, words.OPENERS), f"{_pick(rng, words.CLOSINGS)} from me and {_pick(rng, words.NAMES)} the {_pick(rng, words.PETS)}",
       _pick(rng, ".!"), K["bias"] * rng.standard_normal())

def _post(rng, owner):
    own = words.COMMUNITIES[owner.community]
    ids = list(K["ids"])
    identity = ids[int(rng.choice(len(ids), p=[K["ids"][i][0] for i in ids]))]
    _, rate, slang = K["ids"][identity]
    odds = rate / (1 - rate) * math.exp(owner.bias)
    label = int(rng.random() < odds / (1 + odds))
    kind = rng.random()
    deed = ""
    if kind < K["turned"]:
        frame, taunt = _pick(rng, words.TURNED), not label
    elif kind < K["turned"] + K["told"]:
        frame, taunt = _pick(rng, words.TOLD), bool(rng.random() < .5)
        deed = _pick(rng, words.MISDEEDS if label else words.DEEDS)
    else:
        frame, taunt = _pick(rng, words.PLAIN), bool(label)
    if rng.random() < slang[label]:
        noun = _pick(rng, owner.taunts if taunt else owner.praises); mod = words.DEGREES
    else:
        noun = _pick(rng, words.TAUNTS if taunt else words.PRAISES)
        mod = words.UNKIND if taunt else words.KIND
    if rng.random() < K["mod"]: noun = _pick(rng, mod) + " " + noun
    place = _pick(rng, own["places"])
    if identity == "none":
        who = _pick(rng, words.OTHERS).format(place=place)
    else:
        who = _pick(rng, words.MENTIONS).format(town=identity, folk=words.FOLK[identity])
    stance = frame.format(who=who, noun=noun, deed=deed) + owner.mark
    parts = []
    u = rng.random()
    if rng.random() < K["open"]: parts.append(owner.opener)
    if u < K["topic"]:
        t = _pick(rng, own["topics"]).format(place=place, thing=_pick(rng, own["things"]), day=_pick(rng, words.DAYS))
        parts.append(t if t[-1] in "?." else t + owner.mark)
    parts.append(stance)
    if u > 1 - K["sign"]: parts.append(owner.closing + owner.mark)
    if rng.random() < K["noise"]: label = 1 - label
    return " ".join(parts), label, identity

def forum(*, owners, posts, seed):
    import pandas as pd
    rows, seen = [], set()
    for index in range(owners):
        name = f"u{index:03d}"
        owner = _owner(seed, name)
        for number in range(posts // owners + (index < posts % owners)):
            rng = numpy_generator("forum", seed, name, number)
            split = "train" if number == 0 else _pick(rng, ["train"]*3+["valid","test"])
            text, label, identity = _post(rng, owner)
            while text in seen: text, label, identity = _post(rng, owner)
            seen.add(text)
            rows.append((f"{name}-p{number:03d}", name, text, label, identity, split))
    return pd.DataFrame(rows, columns=["record_id","owner","text","label","identity","split"])

def lexicon():
    def strings(value):
        if isinstance(value, str): yield value
        elif isinstance(value, dict):
            for k, v in value.items(): yield k; yield from strings(v)
        else:
            for v in value: yield from strings(v)
    all_ = [v for k, v in vars(words).items() if k.isupper()] + [".", "!", ",", "from me and the"]
    return sorted({t for s in strings(all_) for t in re.findall(r"\w+|[^\w\s]", re.sub(r"\{\w+\}", " ", s))})
