"""What a masked model says of each text: the columns of a score file.

logp, tokens: the sum of the log-probabilities, in nats, of the tokens that are asked for, each
masked alone with all others visible (pseudo-log-likelihood, Salazar et al. 2020), and how many they
are; of CrowS-Pairs only those that both sentences have. inserted: of StereoSet's words the mean of
the probabilities of their pieces, each after those before it and with none behind it, as its
authors ask for them. single: the log-probability of the one token by which PCGU's code compares;
NaN where it would leave the item out. probe: the probability that a linear probe gives to a
sentence's own label; no token of these sentences is asked for. These are NaN for texts of other
tasks.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.data.blanks import ABOUT, CROWS, INTRA, PROBE
from palimpsest.data.candidates import candidates_frame
from palimpsest.models.masked import hidden_logits
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.tracks.masked.probe import probed
from palimpsest.training.batches import collate

if TYPE_CHECKING:
    import pandas as pd

KEPT = ("kind", "number", "task", "term", "domain", "statistic")


def texts(records: pd.DataFrame, candidates: pd.DataFrame | None) -> pd.DataFrame:
    """Records, and below them their candidates, if any, as rows: the same prompt, another
    completion; kind and number are '' and 0 for the record's own."""
    import pandas as pd

    records = records.assign(**{name: "" for name in ABOUT if name not in records})
    candidates = candidates_frame([]) if candidates is None else candidates
    others = candidates.merge(records.drop(columns="completion"), on="record_id")
    return pd.concat([records.assign(kind="", number=0), others], ignore_index=True)


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: MaskedExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: None = None,
) -> dict[str, np.ndarray]:
    """logp, tokens, inserted, single and probe, one a text."""
    asked, count = Asked(examples), len(texts)
    tasks, ids = texts["task"].tolist(), examples.token_ids
    pairs = list(_pairs(texts))
    shared = dict(_shared(ids, examples.answers, pairs))
    for row, answer in enumerate(examples.answers):
        if tasks[row] == PROBE:
            continue
        places = np.flatnonzero(answer).tolist()
        for place in shared.get(row, places):
            asked.token("logp", row, place)
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
    for name in ("logp", "inserted", "single"):
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

    def __init__(self, examples: MaskedExamples):
        self.examples = examples
        # (ids, place) -> [(column, row, token), ...]
        self.inputs: dict[tuple, list[tuple[str, int, int]]] = defaultdict(list)

    def token(self, column: str, row: int, place: int) -> None:
        """A token of a text, with all others visible."""
        ids = self.examples.token_ids[row]
        hidden = (*ids[:place], self.examples.mask_id, *ids[place + 1 :])
        self.inputs[hidden, place].append((column, row, ids[place]))

    def pieces(self, column: str, row: int, places: list[int]) -> None:
        """The pieces of a word, each after those before it and with none behind it."""
        ids, end = self.examples.token_ids[row], places[-1] + 1
        for place in places:
            hidden = (*ids[:place], self.examples.mask_id, *ids[end:])
            self.inputs[hidden, place].append((column, row, ids[place]))

    @torch.inference_mode()
    def answered(
        self, model: torch.nn.Module, batch_size: int
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Column -> (rows, log-probabilities in nats) of all that was asked. Inputs of similar
        length are read together."""
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
            at = torch.tensor([number for number, *_ in asked], device=logp.device)
            tokens = torch.tensor([token for *_, token in asked], device=logp.device)
            for (_, column, row, _), value in zip(asked, logp[at, tokens].tolist(), strict=True):
                rows[column].append(row)
                values[column].append(value)
        return {name: (np.array(rows[name]), np.array(values[name])) for name in rows}


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
