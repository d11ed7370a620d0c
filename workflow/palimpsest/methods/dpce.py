"""dpce: debiasing pretrained contextualised embeddings (Kaneko and Bollegala 2021): make what a
model thinks of an occupation orthogonal to what it thinks of a gendered word.

    L = alpha * mean over tokens t of terms of sum over words a and layers l of (v_a,l . h_l(t))^2
        + beta * mean over tokens t of sentences with a word a of
                 sum over layers l of |h_l(t) - h0_l(t)|^2

h_l(t) is the hidden state of a token, l = 0 its embedding; h0 that of the model before this
request. v_a,l is the mean of h_l over the sentences with the word a, of their means over the
word's pieces; it is computed before each epoch, by the model itself, and held fixed within it.

The words a are those that the records to forget set against each other, `advantaged` and
`disadvantaged`; sentences with a word are their texts, each once with either word in its blank. A
record's `term` is looked for as a whole word where it first stands in its text, which is read with
the blank masked: as with the authors, texts of terms hold none of the words. Records whose term
does not stand in their text have no part in the first mean.

layers: of the first sum (`all`, the `first` or the `last`); the second has all. level: `token`, or
`sentence`, where t goes over all tokens of a term's text.

Departures. The authors read both kinds of sentences in a corpus of news; here they are the texts to
forget. Their code squares the mean of the products over a batch, where products of opposite signs
cancel, in place of the paper's sum of squares, which this is; it divides by the number of layers
and of dimensions, counts padding, has one vector for all words of a side, of one batch, sums the
pieces of a term into one, and takes a step for each kind of sentence by itself.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Rate, Weight

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.tracks.masked.examples import MarkedExamples

ROWS = 64  # sentences of a pass for the vectors
SIDES_PER_TERM = 2  # sentences with a word for each text of a term, as with the authors


@dataclass(frozen=True)
class Settings(Trained):
    """All from the authors' script."""

    learning_rate: Rate = 5e-5
    epochs: Count = 3
    alpha: Weight = 0.2
    beta: Weight = 0.8
    layers: Literal["all", "first", "last"] = "all"
    level: Literal["token", "sentence"] = "token"


# --- losses ---------------------------------------------------------------------------------------


def association_sum(
    states: torch.Tensor, vectors: torch.Tensor, counted: torch.Tensor
) -> torch.Tensor:
    """states (L, B, T, d), vectors (A, L, d), counted (B, T) bool -> (): sum over what counts,
    words and layers of the squared inner product."""
    import torch

    products = torch.einsum("lbtd,ald->albt", states, vectors)
    return (products.square().sum(dim=(0, 1)) * counted).sum()


def distance_sum(states: torch.Tensor, before: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """states and before (L, B, T, d), counted (B, T) bool -> (): sum over what counts, and layers,
    of the squared distance."""
    return ((states - before).square().sum(dim=(0, 3)) * counted).sum()


def word_vectors(
    states: torch.Tensor, marked: torch.Tensor, words: torch.Tensor, count: int
) -> torch.Tensor:
    """states (L, B, T, d), marked (B, T) bool, words (B,), which of ``count`` each sentence has ->
    (count, L, d): of each word the sum over its sentences of the mean over what is marked."""
    share = marked.to(states.dtype) / marked.sum(dim=1, keepdim=True)
    means = (states * share[..., None]).sum(dim=2).transpose(0, 1)  # (B, L, d)
    return means.new_zeros(count, *means.shape[1:]).index_add(0, words, means)


# --- sentences ------------------------------------------------------------------------------------


def placed(prompt: str, word: str, term: str) -> tuple[str, str] | None:
    """A prompt whose blank is where the ``term`` first stands as a whole word, with the ``word`` in
    the blank that it had, and the term as it stands there; None where it does not."""
    from palimpsest.data.blanks import BLANK

    before, _, after = prompt.partition(BLANK)
    pattern = re.compile(rf"(?<!\w){re.escape(term)}(?!\w)", re.IGNORECASE)
    if not term:
        return None
    if found := pattern.search(before):
        rest = f"{before[found.end() :]}{word}{after}"
        return f"{before[: found.start()]}{BLANK}{rest}", found.group()
    if found := pattern.search(after):
        return (
            f"{before}{word}{after[: found.start()]}{BLANK}{after[found.end() :]}",
            found.group(),
        )
    return None


def term_texts(run: Run, rows: pd.DataFrame, level: str) -> MarkedExamples:
    """Texts in which a term stands, their blanks masked; the term's tokens count, or all."""
    from palimpsest.data.records import name_rows
    from palimpsest.errors import Problem, UserError
    from palimpsest.methods.pairs import TERM, where
    from palimpsest.tracks.masked.examples import MarkedExamples

    columns = (rows[name].tolist() for name in ("prompt", "completion", TERM))
    found = [placed(*one) for one in zip(*columns, strict=True)]
    absent = rows.index.map(lambda number: found[number] is None).to_numpy(dtype=bool)
    if absent.all():
        what = "no term stands in the text that is about it"
        told = f"{TERM} of {name_rows(rows, absent)}"
        remedy = "name in the column what the text calls it, or leave the method out"
        raise UserError(Problem(what, where("dpce"), told, "a word of the text", remedy))
    if absent.any():
        logging.warning("texts without their term have no part in it: %s", name_rows(rows, absent))
    kept = rows[~absent]
    prompts, terms = zip(*(one for one in found if one), strict=True)
    blank = run.encode(kept)
    term = run.encode(kept.assign(prompt=prompts, completion=terms))
    token_ids = [
        [blank.mask_id if hidden else token for token, hidden in zip(*text, strict=True)]
        for text in zip(blank.token_ids, blank.hidden, strict=True)
    ]
    marks = term.hidden if level == "token" else [[True] * len(ids) for ids in token_ids]
    return MarkedExamples(token_ids, marks, marks, blank.pad_id, blank.mask_id)


@dataclass(frozen=True)
class Sentences:
    """Sentences with a word, whose pieces count; words: which of ``count`` words each has."""

    examples: MarkedExamples
    words: list[int]
    count: int

    @classmethod
    def of(cls, run: Run, rows: pd.DataFrame) -> Sentences:
        import pandas as pd

        from palimpsest.methods.pairs import with_both
        from palimpsest.tracks.masked.examples import MarkedExamples

        both = with_both(rows)
        one = run.encode(both)
        examples = MarkedExamples(one.token_ids, one.hidden, one.hidden, one.pad_id, one.mask_id)
        codes, names = pd.factorize(both["completion"].str.casefold(), sort=True)
        return cls(examples, codes.tolist(), len(names))

    def vectors(self, run: Run) -> torch.Tensor:
        """(count, L, d) v of each word, by the model as it is now."""
        import numpy as np
        import torch

        from palimpsest.models.masked import hidden_states
        from palimpsest.training.losses import wide

        examples, words = self.examples, torch.tensor(self.words)
        order, total = np.argsort(examples.lengths, kind="stable"), 0.0
        for start in range(0, len(order), ROWS):
            some = order[start : start + ROWS]
            batch = {key: one.to(run.device) for key, one in examples.batch(some).items()}
            with torch.no_grad(), run.arithmetic():
                states = hidden_states(run.model, batch["input_ids"], batch["attention_mask"])
            of = words[torch.from_numpy(some)].to(run.device)
            total = total + word_vectors(wide(states), batch["counted"], of, self.count)
        run.spent(examples.lengths.sum())
        return total / torch.bincount(words).to(total)[:, None, None]

    def whole(self) -> MarkedExamples:
        """The same sentences, of which every token counts."""
        every = [[True] * len(ids) for ids in self.examples.token_ids]
        return replace(self.examples, answers=every, hidden=every)


# --- the objective --------------------------------------------------------------------------------


def objective(run: Run, settings: Settings) -> Objective:
    import torch

    from palimpsest.methods.pairs import TERM, pair_rows
    from palimpsest.models.masked import hidden_states
    from palimpsest.training.losses import wide

    rows = pair_rows(run, "dpce", TERM)
    terms, sentences = term_texts(run, rows, settings.level), Sentences.of(run, rows)
    layers = {"all": slice(None), "first": slice(0, 1), "last": slice(-1, None)}[settings.layers]
    run.model.eval()
    vectors = sentences.vectors(run)

    def refresh(epoch: int) -> dict:
        nonlocal vectors
        if epoch:  # before the first they are known
            vectors = sentences.vectors(run)
        return {}

    def states(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return wide(hidden_states(model, batch["input_ids"], batch["attention_mask"]))

    def orthogonal(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return association_sum(states(model, batch)[layers], vectors[:, layers], batch["counted"])

    def same(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad(), run.arithmetic():
            before = states(run.reference, batch)
        return distance_sum(states(model, batch), before, batch["counted"])

    parts = {
        "terms": Part(terms, orthogonal),
        "sentences": Part(sentences.whole(), same, times=SIDES_PER_TERM),
    }
    weights = {"terms": settings.alpha, "sentences": settings.beta}
    return Objective(parts, weights, refresh=refresh)


METHOD = Method(Settings, objective)
