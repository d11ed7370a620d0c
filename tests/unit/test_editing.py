"""New answers that were taught: metrics by hand, what models are asked, and numbers of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from test_measure_causal import SETTINGS, scored
from test_score_causal import tiny_model
from test_unlearn_refused import study

from palimpsest.data.prompts import encode_pairs
from palimpsest.errors import UserError
from palimpsest.metrics.editing import generality, locality, reliability
from palimpsest.metrics.tokens import TokenScores
from palimpsest.models.bpe import train_bpe
from palimpsest.report.tables import table
from palimpsest.tracks.causal import score as plain
from palimpsest.tracks.causal import score_facts
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.numbers import Numbers
from palimpsest.tracks.causal.summary import edited


def test_reliability_and_generality_are_shares_of_tokens_without_the_end():
    """Two edits of three and two tokens, the last of which ends the text: 1 of 2 and 1 of 1, mean
    3/4; the second counted three times: (1/2 + 3) / 4."""
    correct = np.array([True, False, True, True, False])
    nothing = np.zeros(5)
    scores = TokenScores(np.array([0, 3, 5]), nothing, correct, nothing, nothing)
    for metric in (reliability, generality):
        assert metric(scores) == 0.75
        assert metric(scores, np.array([[1.0, 3.0]])) == pytest.approx([0.875])


def test_locality_is_the_share_of_outputs_that_are_the_same():
    assert locality(["a", "b", "c", ""], ["a", "x", "c", ""]) == 0.75
    assert locality(["a", "b"], ["a", "x"], np.array([[1.0, 3.0]])) == pytest.approx([0.25])
    with pytest.raises(ValueError, match="1 answers are not of the same prompts as 2"):
        locality(["a"], ["a", "b"])


RECORDS = pd.DataFrame(
    {
        "record_id": ["x", "y"], "split": "train", "source": ["zsre", "zsre"],
        "prompt": ["Q?", "R?"], "completion": ["ab", "c"], "new_answer": ["ba", ""],
        "rephrase": ["q", ""], "unrelated": ["U?", ""], "unrelated_answer": ["abc", ""],
    }
)  # fmt: skip


def test_a_record_with_a_new_answer_is_asked_in_three_more_ways():
    rows = score_facts.texts(RECORDS, None)
    asked = rows[["record_id", "kind", "prompt", "completion"]].to_numpy().tolist()
    assert asked == [
        ["x", "", "Q?", "ab"], ["y", "", "R?", "c"], ["x", "edited", "Q?", "ba"],
        ["x", "reworded", "q", "ba"], ["x", "unrelated", "U?", "abc"],
    ]  # fmt: skip
    plainly = plain.texts(RECORDS, None)
    assert rows[:2][plainly.columns].equals(plainly)
    alone = RECORDS[["record_id", "split", "prompt", "completion", "new_answer"]]
    assert score_facts.texts(alone, None)["kind"].tolist() == ["", "", "edited"]


def test_what_is_written_about_something_else_is_told_by_a_digest():
    """Against a plain loop: greedily as many tokens as the answer has, its end included; the same
    digest for the same tokens alone."""
    bpe = train_bpe(["a b"], 258)
    model = tiny_model()
    model.resize_token_embeddings(len(bpe), mean_resizing=False)
    rows = score_facts.texts(RECORDS, None)
    ids, counted, _ = encode_pairs(
        bpe, rows["prompt"], rows["completion"], "{prompt} {completion}", 16
    )
    examples = LanguageModellingExamples(ids, bpe.pad_token_id, counted)
    settings = {"batch_size": 2, "written": 0, "ngram": 1, "rouge_words": "ascii"}
    columns = score_facts.score(model, bpe, examples, rows, settings)
    so_far, length = list(ids[4][: -sum(counted[4])]), len(ids[4])
    prompt = len(so_far)
    while len(so_far) < length and bpe.eos_token_id not in so_far[prompt:]:
        with torch.no_grad():
            so_far.append(int(model(torch.tensor([so_far])).logits[0, -1].argmax()))
    assert columns["said"].tolist() == ["", "", "", "", score_facts.digest(so_far[prompt:])]
    assert score_facts.digest([1, 23]) != score_facts.digest([12, 3])
    assert len(columns["logp"]) == 5


def rows_of(**said: str) -> pd.DataFrame:
    """Of x a new answer of which one of two tokens is the likeliest, and in other words none; of y
    all; what is written about something else as ``said``."""
    right = {
        ("x", "edited"): [True, False, True], ("x", "reworded"): [False, False, False],
        ("y", "edited"): [True, True], ("y", "reworded"): [True, True],
    }  # fmt: skip
    source = {"x": "zsre", "y": "counterfact"}
    rows = [
        scored(name, kind, 0, *[-1.0] * len(marks), source=source[name], said="")
        | {"correct": np.array(marks)}
        for (name, kind), marks in right.items()
    ]
    rows += [
        scored(name, "unrelated", 0, -1.0, source=source[name], said=text)
        for name, text in said.items()
    ]
    rows += [scored("z", "", 0, -1.0, source="zsre", said="")]
    return pd.DataFrame(rows)


def test_numbers_are_of_all_edits_and_of_each_source():
    found = list(Numbers(SETTINGS).edits("forget", rows_of(x="a", y="b"), rows_of(x="a", y="c")))
    values = {(one["metric"], one["group"]): (one["value"], one["n"]) for one in found}
    of_x, of_y = "source=zsre", "source=counterfact"
    assert values == {
        ("reliability", ""): (0.75, 2), ("generality", ""): (0.5, 2), ("locality", ""): (0.5, 2),
        ("reliability", of_x): (0.5, 1), ("generality", of_x): (0.0, 1), ("locality", of_x): (1, 1),
        ("reliability", of_y): (1.0, 1), ("generality", of_y): (1.0, 1), ("locality", of_y): (0, 1),
    }  # fmt: skip
    columns = edited(table(found)).columns.tolist()
    assert columns[:5] == [
        "method",
        "reliability",
        "generality",
        "locality",
        "counterfact: reliability",
    ]


def test_of_one_source_numbers_stand_once_and_of_other_studies_not_at_all():
    rows = rows_of(x="a", y="b").assign(source="")
    assert {one["group"] for one in Numbers(SETTINGS).edits("forget", rows, rows)} == {""}
    bare = rows.drop(columns="said")
    assert list(Numbers(SETTINGS).edits("forget", bare, bare)) == []
    assert edited(table([])).empty


def test_new_answers_that_the_data_do_not_have_are_refused():
    options = {"fine_tuning": {"answers": "new"}}
    with pytest.raises(UserError, match="the data have no new answers") as caught:
        study(methods=["base", "oracle", "fine_tuning"], options=options)
    assert "options.fine_tuning.answers" in str(caught.value)
    study(methods=["base", "oracle", "fine_tuning"], options={"fine_tuning": {"answers": "one"}})
