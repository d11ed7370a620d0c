"""auto_debias: search prompts under which a masked model tells two words apart, then have it say
the same after both (Guo et al. 2022).

    1. for lengths 1 to `length`: the `beam` prompts with the largest D(p1, p2), where
       p = p_theta([MASK] | word prompt [MASK]), averaged over pairs of words
    2. L = mean over these prompts, of all lengths, and pairs of D(p1, p2), with `end` behind the
       mask

    D = (KL(m || p1) + KL(m || p2)) / 2    `released`
    D = (KL(p1 || m) + KL(p2 || m)) / 2    `jensen_shannon`,  m = (p1 + p2) / 2

The paper minimises the Jensen-Shannon divergence; the released code has the arguments of KL the
other way round, in both stages. Both are 0 only where p1 = p2; the released one has no bound where
a word is likely under one of them alone. p is over the whole vocabulary, or over a list of
`words` alone, among which the probability is shared out anew; by default over words in the search
(`search`), and over the vocabulary afterwards (`tune`), as in the released code.

Pairs are those that the records to forget set against each other, each once; the words are by
default their `term`s, those that are one token. Prompts are made of the first `vocabulary` whole
words of the tokenizer, in its order, which is about that of their frequency; where the mask is
follows the track: it takes the place of a word with the space before it.

Departures: the authors have lists of 30 pairs and of stereotype words, and prompts of the 5,000
most frequent words of Wikipedia; they drop the last batch where it is not full, and add 0.1 times
the mean of 1 - cosine of pooled outputs, which masked models here have not.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from palimpsest.methods.contract import Method, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Bounds, Count, Norm, Rate

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.biased_prompts import Prompt
    from palimpsest.methods.run import Run
    from palimpsest.training.examples import Paired


PAIRS = 3  # of words, in an estimate: he and she, him and her, his and her


@dataclass(frozen=True)
class Settings(Trained):
    """From the authors' code and README: AdamW at 5e-6, one epoch, 5,000 words, 100 prompts of each
    length to 5, 1,000 prompts in a pass, which changes the use of memory alone."""

    learning_rate: Rate = 5e-6
    epochs: Count = 1
    clip_norm: Norm | None = None
    schedule: Literal["linear", "constant", "cosine"] = "constant"
    vocabulary: Count = 5000
    beam: Count = 100
    length: Annotated[int, Bounds(1, 20)] = 5
    rows: Count = 1000
    words: tuple[str, ...] | None = None
    search: Literal["words", "vocabulary"] = "words"
    tune: Literal["words", "vocabulary"] = "vocabulary"
    divergence: Literal["released", "jensen_shannon"] = "released"
    end: str = "."


def divergences(one: torch.Tensor, other: torch.Tensor, kind: str) -> torch.Tensor:
    """Logits (B, V) of both -> (B,) D of the two distributions, in nats."""
    import torch

    from palimpsest.training.losses import kl_terms, wide

    sides = [torch.log_softmax(wide(logits), dim=-1) for logits in (one, other)]
    middle = torch.logaddexp(*sides) - math.log(2)
    if kind == "released":
        terms = [kl_terms(middle, side) for side in sides]
    else:
        terms = [kl_terms(side, middle) for side in sides]
    return (terms[0] + terms[1]).sum(dim=-1) / 2


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.biased_prompts import frames, known, whole_words
    from palimpsest.methods.pairs import SIDES, TERM, asked_of, pair_rows
    from palimpsest.training.examples import other_of

    rows = pair_rows(run, "auto_debias")
    vocabulary = whole_words(run, settings.vocabulary)
    wanted = None
    if "words" in (settings.search, settings.tune):
        words = settings.words
        if words is None:
            words = asked_of(run, "auto_debias", TERM)[TERM].unique().tolist()
        wanted = known(run, [word for word in words if word], rows[SIDES[0]].iloc[0])
    filler = run.tokenizer.decode(vocabulary[:1]).strip()
    run.model.eval()
    mask_id = run.sets["forget"].mask_id

    def found() -> list[Prompt]:
        pairs = frames(run, rows, "", filler)
        return searched(run, settings, pairs, vocabulary, mask_id, wanted)

    prompts = run.kept("prompts", found)
    logging.info("%d prompts of %d words", len(prompts), len(vocabulary))
    over = wanted if settings.tune == "words" else None

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        sides = (run.predict(model, one).logits for one in (batch, other_of(batch)))
        return divergences(*(among(side, over) for side in sides), settings.divergence).sum()

    texts = read(run, prompts, frames(run, rows, settings.end, filler))
    return Objective({"prompts": Part(texts, loss, per="example")})


def among(logits: torch.Tensor, words: list[int] | None) -> torch.Tensor:
    """Logits of these words alone, or of all."""
    return logits if words is None else logits[:, words]


def prompts_tried(settings: Settings, words: int) -> int:
    """How many prompts a search among so many words reads."""
    total, ends = 0, 1
    for _ in range(settings.length):
        total += ends * words
        ends = min(settings.beam, ends * words)
    return total


def searched(
    run: Run, settings: Settings, pairs: list, vocabulary: list[int], mask_id: int,
    wanted: list[int] | None,
) -> list[Prompt]:  # fmt: skip
    """The prompts of the first stage, of all lengths."""
    from palimpsest.methods.biased_prompts import beam_search, scores
    from palimpsest.training.progress import Progress

    over = wanted if settings.search == "words" else None

    def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return divergences(among(one, over), among(other, over), settings.divergence)

    progress = Progress(prompts_tried(settings, len(vocabulary)), title="search")
    read = partial(scores, run, pairs, mask_id, settings.rows, divergence, progress)
    found = beam_search(vocabulary, settings.length, settings.beam, read)
    progress.close()
    return found


def read(run: Run, prompts: list[Prompt], pairs: list) -> Paired:
    """Each prompt after both words of each pair, side by side; the mask counts."""
    from palimpsest.tracks.masked.examples import MaskedExamples
    from palimpsest.training.examples import Paired

    forget, sides = run.sets["forget"], []
    for side in range(2):
        texts = [pair[side].text(prompt, forget.mask_id) for prompt in prompts for pair in pairs]
        marks = [[number == place for number in range(len(ids))] for ids, place in texts]
        ids = [one for one, _ in texts]
        sides.append(MaskedExamples(ids, marks, marks, forget.pad_id, forget.mask_id))
    return Paired(*sides)


def reads(settings: Settings) -> int:
    """Tokens of the search, for PAIRS pairs: each prompt after both words, with the mask and the
    marks at both ends."""
    return prompts_tried(settings, settings.vocabulary) * 2 * PAIRS * (settings.length + 4)


METHOD = Method(Settings, objective, reads=reads)
