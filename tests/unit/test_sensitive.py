"""Spans of sensitive text: as a column, as tokens, and what is known of them by heart."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from test_own_tables import CAUSAL, read
from test_score_causal import tiny_model
from test_unlearn_refused import study

from palimpsest.data.blanks import filled
from palimpsest.data.prompts import encode_pairs
from palimpsest.data.spans import in_characters, read_spans
from palimpsest.errors import UserError
from palimpsest.metrics.extraction import extraction_likelihood
from palimpsest.metrics.sensitive import (
    probability_within,
    sensitive_extraction_likelihood,
    sensitive_memorization_accuracy,
)
from palimpsest.models.bpe import train_bpe
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.tracks.causal import score, score_spans
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.numbers import Numbers
from palimpsest.tracks.causal.spans import in_spans
from palimpsest.tracks.causal.stored import WRITTEN

TEXT = "Ann Lee lives in Köln, Domplatz 1."

# --- metrics, by hand -----------------------------------------------------------------------------


def test_accuracy_is_that_of_the_tokens_of_all_spans():
    marks = [True, True, False, True]
    assert sensitive_memorization_accuracy([True, False, True, True], marks) == 2 / 3
    assert math.isnan(sensitive_memorization_accuracy([True], [False]))
    with pytest.raises(ValueError):
        sensitive_memorization_accuracy([True], marks)


def test_likelihood_is_over_prefixes_before_and_in_a_span():
    """a b C D E f, n = 2: after ab the n-grams CD and DE follow, and the model writes CD; after abC
    it writes DE; after abCD none follows. (1/2 + 1) / 2."""
    sequence, marks = [1, 2, 3, 4, 5, 6], [False, False, True, True, True, False]
    suffixes = [[9] * 5, [3, 4, 9, 9], [4, 5, 9], [9, 9], [9]]
    assert sensitive_extraction_likelihood(suffixes, sequence, marks, 2) == 0.75
    assert sensitive_extraction_likelihood(suffixes, sequence, marks, 3) == 0.0
    assert math.isnan(sensitive_extraction_likelihood(suffixes, sequence, marks, 4))


def test_a_repetition_counts_once_and_never_more_than_all():
    assert sensitive_extraction_likelihood([[2, 2, 2]], [1, 2], [False, True], 1) == 1.0


def test_probability_of_chosen_tokens_by_hand():
    """The geometric mean of 0.9 and 0.4; of the rest 0.25."""
    logp, marks = np.log([0.9, 0.25, 0.4]), [True, False, True]
    assert probability_within(logp, marks) == pytest.approx(0.6)
    assert probability_within(logp, np.invert(marks)) == pytest.approx(0.25)
    assert math.isnan(probability_within(logp, [False] * 3))
    with pytest.raises(ValueError):
        probability_within(logp, marks[:2])


def test_where_all_is_sensitive_it_is_the_extraction_likelihood():
    """Of distinct tokens, over the prefixes that n tokens follow."""
    draw = np.random.default_rng(3)
    sequence = draw.permutation(40)[:12].tolist()
    suffixes = []
    for i in range(1, 12):
        suffix = list(sequence[i:])
        suffix[draw.integers(len(suffix))] = 99
        suffixes.append(suffix)
    for n in (1, 2, 4):
        assert sensitive_extraction_likelihood(suffixes, sequence, [True] * 12, n) == pytest.approx(
            extraction_likelihood(suffixes, sequence, n), rel=1e-12
        )


@pytest.mark.parametrize("given", [([], [1, 2], [True] * 2, 1), ([[2]], [1, 2], [True], 1)])
def test_suffixes_and_marks_belong_to_the_tokens(given):
    with pytest.raises(ValueError):
        sensitive_extraction_likelihood(*given)


# --- a column of a table --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "spans"),
    [
        ([[0, 3], (17, 21)], [(0, 3), (17, 21)]),
        ("[[0, 3]]", [(0, 3)]),
        ([{"start": 1, "end": 2, "label": "NAME"}], [(1, 2)]),
        ([{"start_position": 1, "end_position": 2}], [(1, 2)]),
        (np.array([np.array([4, 5])], dtype=object), [(4, 5)]),
        *((nothing, []) for nothing in ("", " ", None, math.nan, [], "[]")),
    ],
)
def test_forms_of_a_cell(cell, spans):
    assert read_spans(cell) == spans


@pytest.mark.parametrize(
    "cell", ["3-5", "{}", 7, [[1]], [["1", 2]], [[1.0, 2]], [[True, 2]], [{"start": 1}], [5, 6]]
)
def test_other_forms_are_refused(cell):
    with pytest.raises(ValueError):
        read_spans(cell)


def test_spans_are_in_order_and_joined_where_they_meet():
    assert in_characters([(4, 7), (0, 3)], TEXT, "characters") == [(0, 3), (4, 7)]
    assert in_characters([(2, 9), (0, 3), (9, 10)], TEXT, "characters") == [(0, 10)]
    assert in_characters([(0, 9), (2, 3)], TEXT, "characters") == [(0, 9)]
    assert in_characters([(0, 2), (4, 5)], TEXT, "words") == [(0, 7), (17, 22)]


@pytest.mark.parametrize("span", [(3, 3), (5, 4), (-1, 2), (0, 35)])
def test_a_span_outside_of_its_text_is_refused(span):
    with pytest.raises(ValueError):
        in_characters([span], TEXT, "characters")


def table(**columns) -> pd.DataFrame:
    texts = [f"{TEXT} {number}" for number in range(30)]
    return pd.DataFrame({"who": list(map(str, range(30))), "said": texts} | columns)


COLUMNS = {"owner": "who", "completion": "said", "spans": "names"}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_records_have_spans_as_text_whatever_the_file(tmp_path, kind):
    """And the same ids and texts as without."""
    spans = [[[17, 21], [0, 7]]] * 29 + [[]]
    cells = spans if kind == "json" else [json.dumps(one) for one in spans]
    path = tmp_path / f"table.{kind}"
    rows = table(names=cells)
    path.write_text(rows.to_json(orient="records") if kind == "json" else rows.to_csv(index=False))
    frame, _ = read(path, COLUMNS, fields=CAUSAL)
    assert set(frame["spans"]) == {"[[0, 7], [17, 21]]", "[]"}
    plain, _ = read(path, {"owner": "who", "completion": "said"}, fields=CAUSAL)
    assert "spans" not in plain
    pd.testing.assert_frame_equal(frame.drop(columns="spans"), plain)


def test_all_wrong_spans_are_told_together_and_no_text_is_shown(tmp_path):
    cells = ["[[0, 3]]"] * 27 + ["Ann", "[[0, 99]]", "[[4, 4]]"]
    path = tmp_path / "table.csv"
    table(names=cells).to_csv(path, index=False)
    with pytest.raises(UserError) as caught:
        read(path, COLUMNS, fields=CAUSAL)
    said = str(caught.value)
    assert "spans of another form" in said and "1 record: table.csv, row 28" in said
    assert "a span is empty or outside of its completion" in said and "2 records" in said
    assert "0 <= start < end <= the characters of the completion" in said
    assert "Ann" not in said


def test_of_masked_models_the_longest_span_is_the_blank(tmp_path):
    """Of Ann Lee and Köln the first, which is longer; a text without spans is asked for whole."""
    path = tmp_path / "table.json"
    table(names=[[[17, 21], [0, 7]]] * 29 + [[]]).to_json(path, orient="records")
    frame, _ = read(path, COLUMNS, fields=CAUSAL, blanks="spans")
    told = zip(frame["prompt"], frame["completion"], strict=True)
    texts = dict(zip(frame["owner"], told, strict=True))
    assert texts["0"] == ("[BLANK] lives in Köln, Domplatz 1. 0", "Ann Lee")
    assert filled(*texts["0"]).text == f"{TEXT} 0" and "spans" not in frame
    assert texts["29"] == ("", f"{TEXT} 29")


def test_a_masked_study_says_that_spans_are_its_blanks():
    pronouns = yaml.safe_load(open("config/studies/pronouns.yaml", encoding="utf-8"))
    data = {"reader": "table", "sources": [{"url": "https://example.org/table.json"}],
            "columns": dict(COLUMNS), "split_shares": {"train": 0.9, "test": 0.1}}  # fmt: skip
    small = pronouns | {"methods": ["base", "oracle", "depn"], "options": {}}
    found = Study(check_study(copy.deepcopy(small | {"data": data | {"blanks": "spans"}}), "s"))
    assert found.score == "palimpsest.tracks.masked.score"
    prompted = data | {"blanks": "spans", "columns": data["columns"] | {"prompt": "before"}}
    for wrong, said in ((data, "data.blanks"), (prompted, "has its own blank")):
        with pytest.raises(UserError, match=said):
            check_study(copy.deepcopy(small | {"data": wrong}), "study.yaml")


# --- tokens ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bpe():
    return train_bpe([f"{TEXT} where does live asks"] * 3, 300)


@pytest.mark.parametrize("template", ["{prompt} {completion}", "{prompt}{completion}"])
def test_a_token_is_in_a_span_if_it_shares_a_character_with_it(bpe, template):
    """Whether a space stands before the completion or not, and of a sign of several bytes all
    tokens. The end of text is in none."""
    cells = ["[[4, 7], [17, 21]]", "[[0, 3]]", "[]"]
    prompts = ["Where?", "", "Who?"]
    ids, answers, _ = encode_pairs(bpe, prompts, [TEXT] * 3, template, 99)
    examples = LanguageModellingExamples(ids, bpe.pad_token_id, answers)
    marks = in_spans(bpe, [TEXT] * 3, cells, examples)
    assert [len(one) for one in marks] == examples.counted.tolist()
    said = [
        bpe.decode([token for token, inside in zip(row[-len(mark) :], mark, strict=True) if inside])
        for row, mark in zip(ids, marks, strict=True)
    ]
    assert [one.strip() for one in said] == ["Lee Köln", "Ann", ""]
    assert not any(one[-1] for one in marks)


def test_examples_of_other_texts_are_refused(bpe):
    ids, answers, _ = encode_pairs(bpe, [""], [TEXT], "{prompt}{completion}", 99)
    examples = LanguageModellingExamples(ids, bpe.pad_token_id, answers)
    with pytest.raises(ValueError, match="text 1 is not the completion of its record"):
        in_spans(bpe, ["Ben"], ["[[0, 3]]"], examples)


# --- scores and numbers ---------------------------------------------------------------------------


def test_scores_of_spans_are_beside_the_others(bpe):
    """Against a plain loop: after each prefix before and in the span one greedy continuation; NaN
    of the text that has no span, and of candidates."""
    bpe = train_bpe(["a b"], 258)
    model = tiny_model()
    model.resize_token_embeddings(len(bpe), mean_resizing=False)
    texts = pd.DataFrame(
        {
            "record_id": ["x", "y", "x"], "kind": ["", "", "perturbed"], "number": [0, 0, 1],
            "split": "train", "prompt": ["Q?", "Q?", "Q?"], "completion": ["abcd", "abc", "abd"],
            "spans": ["[[1, 4]]", "[]", None], "compressed": 9,
        }
    )  # fmt: skip
    ids, answers, _ = encode_pairs(
        bpe, texts["prompt"], texts["completion"], "{prompt} {completion}", 16
    )
    examples = LanguageModellingExamples(ids, bpe.pad_token_id, answers)
    settings = {"batch_size": 2, "written": 9, "ngram": 1, "rouge_words": "ascii"}
    columns = score_spans.score(model, bpe, examples, texts, settings)
    row, first = ids[0], len(ids[0]) - 4  # bcd and the end
    marks = [False, False, True, True, True, False]  # of " abcd" and the end
    with torch.no_grad():
        likeliest = model(torch.tensor([row])).logits[0].argmax(-1).tolist()
    right = [likeliest[place - 1] == row[place] for place in range(first, first + 3)]
    assert columns["sensitive_memorization_accuracy"][0] == sum(right) / 3
    others = [likeliest[place - 1] == row[place] for place in (first - 2, first - 1, first + 3)]
    assert columns["rest_memorization_accuracy"][0] == sum(others) / 3
    logp = columns["logp"][0]
    assert columns["sensitive_probability"][0] == pytest.approx(np.exp(logp[2:5].mean()))
    assert columns["rest_probability"][0] == pytest.approx(np.exp(logp[[0, 1, 5]].mean()))
    shares = []
    for place in range(first, first + 3):
        so_far = list(row[:place])
        while len(so_far) < len(row) and (len(so_far) == place or so_far[-1] != bpe.eos_token_id):
            with torch.no_grad():
                so_far.append(int(model(torch.tensor([so_far])).logits[0, -1].argmax()))
        wanted = row[place : first + 3]
        shares.append(np.mean([token in so_far[place:] for token in wanted]))
    assert columns["sensitive_extraction_likelihood"][0] == pytest.approx(np.mean(shares))
    assert len(marks) == examples.counted[0]
    plainly = score.score(model, bpe, examples, texts, settings)
    for name in WRITTEN:  # EL of both texts among them
        np.testing.assert_array_equal(columns[name], plainly[name])
    of_spans = [name for name in columns if name.startswith(("sensitive_", "rest_"))]
    assert len(of_spans) == 5
    for name in of_spans:
        assert np.isnan(columns[name][1:]).all()


def test_numbers_are_means_over_texts_with_spans():
    settings = {
        "study": "s", "seed": 1, "method": "npo", "state": "r1", "model": "gpt2", "bootstrap": 20,
        "level": 0.95, "truth": "code", "space": 0,
    }  # fmt: skip
    rows = pd.DataFrame(
        {
            "kind": ["", "", ""], "rouge_l": math.nan, "extraction_likelihood": math.nan,
            "sensitive_memorization_accuracy": [0.5, 1.0, math.nan],
            "sensitive_extraction_likelihood": [0.25, math.nan, math.nan],
        }
    )  # fmt: skip
    found = list(Numbers(settings).written("forget", rows))
    assert [(one["metric"], one["value"], one["n"]) for one in found] == [
        ("sensitive_memorization_accuracy", 0.75, 2),
        ("sensitive_extraction_likelihood", 0.25, 1),
    ]
    without = rows.drop(columns=[one["metric"] for one in found])
    assert list(Numbers(settings).written("forget", without)) == []


# --- a study --------------------------------------------------------------------------------------


def test_a_method_that_asks_for_spans_needs_a_column_of_them():
    options = {"selective-marked": {"spans": "offline"}, "selective": {"learning_rate": 1e-4}}
    methods = ["base", "oracle", "selective", "selective-marked"]
    with pytest.raises(UserError, match="the data mark no spans") as caught:
        study(methods=methods, options=options)
    assert "options.selective-marked.spans" in str(caught.value)
    study(methods=methods[:3], options={"selective": options["selective"]})
