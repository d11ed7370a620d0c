"""Texts as long as the studies' own, for benchmarks."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from palimpsest.data.corpus import lines
from palimpsest.data.prompts import encode_pairs
from palimpsest.models.bpe import train_bpe
from palimpsest.randomness import numpy_generator
from palimpsest.tracks.causal.examples import LanguageModellingExamples

STUDY = Path(__file__).resolve().parents[2] / "config" / "studies" / "tofu-small.yaml"
# of tofu-small: tokens of its vocabulary and its context, and TOFU's last records
PIECES, LONGEST, RECORDS = 8000, 256, 1600


class Questions(NamedTuple):
    examples: LanguageModellingExamples  # answers alone count
    completions: list[str]  # the answers
    tokenizer: PreTrainedTokenizerFast


def questions(count: int, mirror: Path | None) -> Questions:
    """Questions with answers as tofu-small encodes them, from ``mirror``; without it, invented ids
    as long as these (82 tokens)."""
    draw = numpy_generator("benchmark", "questions")
    if mirror is None:
        lengths = np.clip(draw.normal(82, 20, count).round(), 32, 190).astype(int)
        ids, asked = invented(draw, lengths), (0.41 * lengths).astype(int)
        answers = [
            [False] * ask + [True] * (length - ask)
            for ask, length in zip(asked, lengths, strict=True)
        ]
        completions = [" ".join(map(str, row[ask:])) for row, ask in zip(ids, asked, strict=True)]
        return Questions(LanguageModellingExamples(ids, 0, answers), completions, word_tokenizer())
    study = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    (recipe,) = study["tokenizers"].values()
    tokenizer = train_bpe(
        chain.from_iterable(lines(mirror / source["mirror"], set()) for source in recipe["corpus"]),
        PIECES,
    )
    rows = [json.loads(line) for line in lines(mirror / "tofu" / "full.json", set())][-RECORDS:]
    rows = [rows[i] for i in draw.permutation(RECORDS)[:count]]
    asked, completions = ([row[key] for row in rows] for key in ("question", "answer"))
    ids, answers, _ = encode_pairs(tokenizer, asked, completions, study["model"]["prompt"], LONGEST)
    return Questions(
        LanguageModellingExamples(ids, tokenizer.pad_token_id, answers), completions, tokenizer
    )


def invented(draw: np.random.Generator, lengths: np.ndarray) -> list[list[int]]:
    """Ids that are as unlike in frequency as words are; 0, which pads, is not among them."""
    return [(1 + draw.zipf(1.3, length) % (PIECES - 1)).tolist() for length in lengths]


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Of invented ids."""
    backend = Tokenizer(
        models.WordLevel(
            {word: number for number, word in enumerate(["[PAD]", *map(str, range(1, PIECES))])}
        )
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]")
