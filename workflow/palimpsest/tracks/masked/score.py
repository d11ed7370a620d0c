"""What a masked model says of each text: the columns of a score file.

logp, tokens: the sum of the log-probabilities, in nats, of the tokens that are asked for, each
masked alone with all others visible (pseudo-log-likelihood, Salazar et al. 2020), and how many they
are; of CrowS-Pairs only those that both sentences have. inserted: of StereoSet's words the mean of
the probabilities of their pieces, each after those before it and with none behind it, as its
authors ask for them. single: the log-probability of the one token by which PCGU's code compares;
NaN where it would leave the item out. reciprocal, of texts without a task: the sum over tokens of
1 / rank among the vocabulary; digits, where all of them are single digits: how many numbers of as
many digits stand before this one, composed of the ranks of its digits (Wu et al. 2023). probe: the
probability that a linear probe gives to a sentence's own label; no token of these sentences is
asked for. These are NaN for other texts.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.data.blanks import ABOUT, CROWS, FIT, INTRA, PROBE
from palimpsest.data.candidates import candidates_frame
from palimpsest.models.masked import hidden_logits
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.tracks.masked.probe import probed
from palimpsest.training.batches import collate

if TYPE_CHECKING:
    import pandas as pd

RECIPROCAL, DIGITS = "reciprocal", "digits"
KEPT = ("kind", "number", "task", "term", "domain", "statistic")


def texts(records: pd.DataFrame, candidates: pd.DataFrame | None) -> pd.DataFrame:
    """Records, and below them their candidates, if any, as rows: the same prompt, another
    completion; kind and number are '' and 0 for the record's own."""
    import pandas as pd

    records = records.assign(**{name: "" for name in ABOUT if name not in records})
    candidates = candidates_frame([]) if candidates is None else candidates
    others = candidates.merge(records.drop(columns="completion"), on="record_id")
    return pd.concat([records.assign(kind="", number=0), others], ignore_index=True)


def needed(texts: pd.DataFrame) -> pd.Series:
    """Texts that the probe is fitted to: what it says of others rests on all of them."""
    return (texts["task"] == PROBE) & (texts["term"] == FIT)


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: MaskedExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: None = None,
) -> dict[str, np.ndarray]:
    """logp, tokens, inserted, single, reciprocal, digits and probe, one a text."""
    ten = digits_of(tokenizer)
    asked, count = Asked(examples, ten), len(texts)
    tasks, ids = texts["task"].tolist(), examples.token_ids
    pairs = list(_pairs(texts))
    shared = dict(_shared(ids, examples.answers, pairs))
    for row, answer in enumerate(examples.answers):
        if tasks[row] == PROBE:
            continue
        places = np.flatnonzero(answer).tolist()
        for place in shared.get(row, places):
            asked.token("logp", row, place)
        if not tasks[row]:
            asked.ranks(row, places)
        if tasks[row] == INTRA:
            asked.pieces("inserted", row, places)
            if len(places) == 1 and _plain(ids[row], places[0], tokenizer.unk_token_id):
                asked.token("single", row, places[0])
    for one, other in pairs:
        if len(ids[one]) == len(ids[other]):
            apart = np.flatnonzero(np.array(ids[one]) != ids[other]).tolist()
            if len(apart) == 1:
                asked.token("single", one, apart[0])
                asked.token("single", other, apart[0])
    unknown = sum(
        tokenizer.unk_token_id in np.array(ids[row])[answer]
        for row, answer in enumerate(examples.answers)
        if tasks[row] and tokenizer.unk_token_id is not None
    )
    if unknown:
        logging.warning("%d completions hold pieces that the tokenizer does not know", unknown)
    said = asked.answered(model, settings["batch_size"])
    columns = {}
    for name in ("logp", "inserted", "single", RECIPROCAL, DIGITS):
        rows, values = said.get(name, (np.empty(0, dtype=np.int64), np.empty(0)))
        values = np.exp(values) if name == "inserted" else values
        counts = np.bincount(rows, minlength=count)
        sums = np.bincount(rows, values, minlength=count)
        divisor = np.maximum(counts, 1) if name == "inserted" else 1
        columns[name] = np.where(counts > 0, sums / divisor, np.nan)
        if name == "logp":
            columns["logp"], columns["tokens"] = sums, counts
    return columns | {"probe": probed(model, examples, texts, settings["batch_size"])}


class Asked:
    """Single tokens that are masked and asked for. The same input is read once, whatever is asked
    about it."""

    def __init__(self, examples: MaskedExamples, ten: dict[int, list[int]]):
        self.examples, self.ten = examples, ten
        # (ids, place) -> [(column, row, token, weight), ...]
        self.inputs: dict[tuple, list[tuple[str, int, int, float]]] = defaultdict(list)

    def token(self, column: str, row: int, place: int, weight: float = 1.0) -> None:
        """A token of a text, with all others visible."""
        ids = self.examples.token_ids[row]
        hidden = (*ids[:place], self.examples.mask_id, *ids[place + 1 :])
        self.inputs[hidden, place].append((column, row, ids[place], weight))

    def ranks(self, row: int, places: list[int]) -> None:
        """Of each token its rank; of digits alone their ranks as those of one number, too."""
        ids = self.examples.token_ids[row]
        number = all(ids[place] in self.ten for place in places)
        for order, place in enumerate(reversed(places)):
            self.token(RECIPROCAL, row, place)
            if number:
                self.token(DIGITS, row, place, 10.0**order)

    def pieces(self, column: str, row: int, places: list[int]) -> None:
        """The pieces of a word, each after those before it and with none behind it."""
        ids, end = self.examples.token_ids[row], places[-1] + 1
        for place in places:
            hidden = (*ids[:place], self.examples.mask_id, *ids[end:])
            self.inputs[hidden, place].append((column, row, ids[place], 1.0))

    @torch.inference_mode()
    def answered(
        self, model: torch.nn.Module, batch_size: int
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Column -> (rows, log-probabilities in nats) of all that was asked, of RECIPROCAL 1 / rank
        and of DIGITS how many digits are likelier, by their weight. Inputs of similar length are
        read together."""
        model.eval()
        inputs = sorted(self.inputs, key=lambda one: len(one[0]))
        rows, values = defaultdict(list), defaultdict(list)
        for start in range(0, len(inputs), batch_size):
            some = inputs[start : start + batch_size]
            batch = collate([list(ids) for ids, _ in some], self.examples.pad_id)
            places = torch.zeros(batch["input_ids"].shape, dtype=torch.bool)
            places[torch.arange(len(some)), torch.tensor([place for _, place in some])] = True
            given = (batch["input_ids"], batch["attention_mask"], places)
            logits = hidden_logits(model, *(one.to(model.device) for one in given))
            logp = torch.log_softmax(logits.float(), dim=-1)
            asked = [(number, *one) for number, key in enumerate(some) for one in self.inputs[key]]
            for (_, column, row, *_), value in zip(asked, self._said(logp, asked), strict=True):
                rows[column].append(row)
                values[column].append(value)
        return {name: (np.array(rows[name]), np.array(values[name])) for name in rows}

    def _said(self, logp: torch.Tensor, asked: list[tuple]) -> list[float]:
        """logp (N, V), asked (its row, column, row of the text, token, weight) -> a value each."""
        at, tokens = (
            torch.tensor([one[place] for one in asked], device=logp.device) for place in (0, 3)
        )
        own = logp[at, tokens]
        said = own.tolist()
        for name in (RECIPROCAL, DIGITS):
            numbers = [number for number, one in enumerate(asked) if one[1] == name]
            if not numbers:
                continue
            rivals = logp[at[numbers]]
            if name == DIGITS:
                ten = [self.ten[asked[number][3]] for number in numbers]
                rivals = rivals.gather(1, torch.tensor(ten, device=logp.device))
            ahead = (rivals > own[numbers, None]).sum(dim=1).tolist()
            for number, count in zip(numbers, ahead, strict=True):
                said[number] = count * asked[number][4] if name == DIGITS else 1 / (1 + count)
        return said


def digits_of(tokenizer) -> dict[int, list[int]]:
    """Id of each piece that is one digit -> the ids of all ten that are marked as it is: `7` and
    `##7` are two such tens."""
    forms: dict[str, dict[str, int]] = defaultdict(dict)
    for piece, number in tokenizer.get_vocab().items():
        if match := re.fullmatch(r"(\W*|Ġ)([0-9])", piece):
            forms[match[1]][match[2]] = number
    tens = [sorted(one.values()) for one in forms.values() if len(one) == 10]
    return {number: ten for ten in tens for number in ten}


def _pairs(texts: pd.DataFrame):
    """Rows of both sentences of each of CrowS-Pairs."""
    rows = texts.reset_index(drop=True)
    of_task = rows[rows["task"] == CROWS]
    for _, pair in of_task.groupby("record_id", sort=False):
        if len(pair) == 2:
            yield tuple(pair.index)


def _shared(ids: list[list[int]], answers: list[list[bool]], pairs):
    """(row, places of the tokens that both sentences of a pair have), by the longest matching
    blocks, as the authors' code finds them; special tokens are left out."""
    for one, other in pairs:
        matcher = SequenceMatcher(None, ids[one], ids[other], autojunk=True)
        places = ([], [])
        for first, second, size in matcher.get_matching_blocks():
            for step in range(size):
                if answers[one][first + step] and answers[other][second + step]:
                    places[0].append(first + step)
                    places[1].append(second + step)
        yield one, places[0]
        yield other, places[1]


def _plain(ids: list[int], place: int, unknown: int | None) -> bool:
    """Whether PCGU's code keeps a word: one token that is known and stands once in the text."""
    return ids[place] != unknown and ids.count(ids[place]) == 1
