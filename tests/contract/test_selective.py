"""selective: what is its own: which tokens are sensitive, and when it stops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import run_of

from palimpsest.methods import selective
from palimpsest.methods.contract import Unchanged
from palimpsest.methods.run import Run
from palimpsest.models.bpe import train_bpe
from palimpsest.tracks.causal.examples import LanguageModellingExamples


def test_the_least_likely_tokens_are_a_share_rounded_up_or_those_below():
    logp = np.log([0.5, 0.1, 0.3, 0.1, 0.9])
    for share, places in ((0.2, [1]), (0.4, [1, 3]), (0.41, [1, 2, 3]), (0.0, [1])):
        assert np.flatnonzero(selective.least_likely(logp, share, None)).tolist() == places
    assert np.flatnonzero(selective.least_likely(logp, 1.0, 0.3)).tolist() == [1, 3]
    assert not selective.least_likely(logp, 1.0, 0.01).any()


def marked(*cells: str, name: str = "forget") -> Run:
    """Texts of four letters, a byte a token, in the set ``name`` and in extra."""
    tokenizer = train_bpe(["a b"], 258)
    ids = [[0, *tokenizer("abcd")["input_ids"], 0] for _ in cells]
    ids = [[token % 30 for token in row] for row in ids]
    answers = [[False, *[True] * 5] for _ in ids]
    examples = LanguageModellingExamples(ids, 0, answers)
    tokenizer_of_tiny = Byte(tokenizer)
    records = pd.DataFrame({"completion": ["abcd"] * len(cells), "spans": cells})
    run = run_of("causal")
    return dataclasses.replace(
        run, sets=run.sets | {name: examples}, tokenizer=tokenizer_of_tiny, records={name: records}
    )


class Byte:
    """A tokenizer whose ids the tiny model knows."""

    is_fast = True

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, texts, **options):
        given = self.tokenizer(texts, **options)
        given["input_ids"] = [[token % 30 for token in row] for row in given["input_ids"]]
        return given


OFFLINE = selective.Settings(spans="offline")


def test_offline_the_tokens_of_spans_count_and_texts_without_any_are_left_as_they_are():
    run = marked("[[1, 3]]", "[]", "[[0, 1], [3, 4]]")
    chosen = selective.sensitive(run, OFFLINE, "forget")
    counted = chosen.batch(np.arange(2))["counted"].tolist()
    assert counted == [
        [False, False, True, True, False, False],
        [False, True, False, False, True, False],
    ]
    assert chosen.counted.tolist() == [2, 2]


def test_a_request_without_spans_leaves_the_model_as_it_is():
    with pytest.raises(Unchanged, match="no text of the request has a sensitive token"):
        selective.objective(marked("[]", ""), OFFLINE)


def test_it_stops_where_spans_are_known_no_better_than_those_of_unseen_text():
    """Of what the model writes itself all four tokens are the likeliest, of the other text three of
    four; the model before the request is asked about the unseen once. Without weights the likeliest
    is token 0, which no text has."""
    run, ids = run_of("causal"), [5]
    for _ in range(4):
        with torch.no_grad():
            ids.append(int(run.model(torch.tensor([ids])).logits[0, -1].argmax()))
    other = [*ids[:-1], ids[-1] % 29 + 1]
    run.sets |= {
        "forget": LanguageModellingExamples([ids, other], 0),
        "extra": LanguageModellingExamples([other], 0),
    }
    objective = selective.objective(run, selective.Settings(share=1.0))
    first = objective.watched(run.model, [])
    assert first == {"sensitive_accuracy": 0.875, "unseen_accuracy": 0.75}
    with torch.no_grad():
        for weight in run.model.parameters():
            weight.zero_()
    after = objective.watched(run.model, [first])
    assert after == {"sensitive_accuracy": 0.0, "unseen_accuracy": 0.75}


@pytest.mark.parametrize(
    ("now", "unseen", "stops"),
    [(0.5, 0.4, False), (0.4, 0.4, True), (0.3, 0.4, True), (0.0, None, False)],
)
def test_no_better_is_at_most(now, unseen, stops):
    numbers = {"sensitive_accuracy": now} | ({} if unseen is None else {"unseen_accuracy": unseen})
    assert selective.stops([{"sensitive_accuracy": math.inf}, numbers]) is stops


def test_where_unseen_text_has_no_spans_nothing_is_compared():
    run = marked("[]", name="extra")
    run.sets["forget"] = run.sets["extra"]
    run.records["forget"] = run.records["extra"].assign(spans="[[0, 2]]")
    watched = selective.objective(run, OFFLINE).watched(run.model, [])
    assert list(watched) == ["sensitive_accuracy"]
