"""Familiarity with the names of a source: by hand, in scores, and in the summary."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from test_score_causal import tiny_model

from palimpsest.data.prompts import encode_pairs
from palimpsest.metrics.familiarity import familiarity_completion, familiarity_probability
from palimpsest.models.bpe import train_bpe
from palimpsest.tracks.causal import score_names
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.summary import name_columns, table

SEA = {"Ada", "Bly"}


@pytest.mark.parametrize(
    ("written", "familiar"),
    [
        ("and Ada's boat", 1.0),
        ("Bly, said Bly", 0.0),  # as the prompt did
        ("Bly and Ada", 1.0),
        ("Adam and ada", 0.0),
        ("", 0.0),
    ],
)
def test_a_name_that_the_prompt_has_not_is_familiar(written, familiar):
    assert familiarity_completion(written, "There sat Bly", SEA) == familiar


def test_probability_of_names_by_hand():
    """Two names: of two tokens 0.5 * 0.2, of one 0.7."""
    logp = np.log([0.9, 0.5, 0.2, 0.1, 0.7])
    assert familiarity_probability(logp, [False, True, True, False, True]) == pytest.approx(0.4)
    assert math.isnan(familiarity_probability(logp, [False] * 5))
    with pytest.raises(ValueError):
        familiarity_probability(logp, [True])


def test_scores_of_texts_with_names():
    """A model that writes "bbb" after everything: after the first prompt that is a name, the second
    has it already, and the third text has no prompt."""
    bpe = train_bpe(["a b"], 258)
    model = tiny_model()
    model.resize_token_embeddings(len(bpe), mean_resizing=False)
    with torch.no_grad():  # all tokens lead to b
        model.lm_head.weight.zero_()
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.fill_(1.0)
        model.lm_head.weight[bpe.encode("b")[0]] = 1.0
    texts = pd.DataFrame(
        {
            "record_id": ["x", "y", "z"], "kind": "", "number": 0, "split": "train",
            "prompt": ["q", "bbb", ""], "completion": ["xb", "ab", "ab"], "compressed": 9,
            "spans": ["[[1, 2]]", "[]", "[[0, 2]]"], "names": json.dumps(["bbb", "b"]),
        }
    )  # fmt: skip
    ids, answers, _ = encode_pairs(
        bpe, texts["prompt"], texts["completion"], "{prompt}{completion}", 9
    )
    examples = LanguageModellingExamples(ids, bpe.pad_token_id, answers)
    settings = {"batch_size": 2, "written": 9, "ngram": 1, "rouge_words": "ascii"}
    columns = score_names.score(model, bpe, examples, texts, settings)
    np.testing.assert_equal(columns["familiarity_completion"], [1.0, 0.0, np.nan])
    logp = columns["logp"]
    found = columns["familiarity_probability"]
    assert found[0] == pytest.approx(np.exp(logp[0][1])) and np.isnan(found[1])
    assert found[2] == pytest.approx(np.exp(logp[2][0] + logp[2][1]))


def test_the_summary_has_the_forgotten_and_each_part_that_was_never_read():
    numbers = [
        ("forget", "familiarity_probability", 0.5), ("forget", "rouge_l_recall", 0.75),
        ("holdout", "familiarity_probability", 0.25), ("sea", "familiarity_probability", 0.125),
        ("sea", "perplexity", 9.0),
    ]  # fmt: skip
    now = pd.DataFrame(
        {
            "method": method, "shards": "1x1", "group": "", "set": name, "metric": metric,
            "value": value, "ci_low": value, "ci_high": value, "n": 9,
        }
        for method in ("base", "npo")
        for name, metric, value in numbers
    )  # fmt: skip
    found = table(now, name_columns(now))
    assert found.drop(columns="method").iloc[1].to_dict() == {
        "forget: said": "0.500", "forget: ROUGE-L": "0.750", "sea: said": "0.125",
        "sea: perplexity": "9.000",
    }  # fmt: skip
    without = now[now["metric"] == "perplexity"]
    assert table(without, name_columns(without)).empty
