"""DPCE: its two sums by hand, where a term stands, and what is left out."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from test_masked import byte_level, sentence_pieces, wordpiece
from transformers import AutoConfig, AutoModelForMaskedLM

from palimpsest.data.blanks import BLANK
from palimpsest.errors import UserError
from palimpsest.methods import dpce
from palimpsest.tracks.masked import model as track

# Two layers, one text of two tokens, two dimensions.
STATES = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]], [[[0.0, 1.0], [2.0, -1.0]]]])
BOTH, SECOND = torch.tensor([[True, True]]), torch.tensor([[False, True]])


def test_associations_by_hand():
    """Of two words in two layers. The second token, (3, 4) and (2, -1): with (1, 0) and (0, 1) 3
    and -1, with (2, -1) and (1, 1) 2 and 1: 9 + 1 + 4 + 1. The first, (1, 2) and (0, 1): 1 and 1,
    0 and 1: 1 + 1 + 0 + 1."""
    vectors = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, -1.0], [1.0, 1.0]]])
    assert float(dpce.association_sum(STATES, vectors, SECOND)) == 15
    assert float(dpce.association_sum(STATES, vectors, BOTH)) == 18
    assert float(dpce.association_sum(STATES, -vectors, BOTH)) == 18
    assert float(dpce.association_sum(STATES[1:], vectors[:, 1:], SECOND)) == 2


def test_a_step_against_the_loss_makes_it_smaller():
    states = STATES.clone().requires_grad_()
    vectors = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    before = dpce.association_sum(states, vectors, BOTH)
    before.backward()
    after = dpce.association_sum(states - 0.1 * states.grad, vectors, BOTH).item()
    assert after == pytest.approx(0.64 * before.item())  # a product p becomes 0.8 p


def test_distances_by_hand():
    """By 1 in one dimension of the first token of the first layer, by (3, 4) at the second token of
    the second."""
    moved = STATES.clone()
    moved[0, 0, 0, 1] += 1
    moved[1, 0, 1] += torch.tensor([3.0, 4.0])
    assert float(dpce.distance_sum(moved, STATES, BOTH)) == 26
    assert float(dpce.distance_sum(moved, STATES, SECOND)) == 25


def test_the_vector_of_a_word_is_the_sum_over_sentences_of_the_mean_over_its_pieces():
    states = STATES.repeat(1, 3, 1, 1)
    states[:, 2] *= 10
    marked = torch.tensor([[True, True], [False, True], [False, True]])
    found = dpce.word_vectors(states, marked, torch.tensor([1, 0, 1]), 2)
    assert found[0].tolist() == [[3, 4], [2, -1]]
    assert found[1].tolist() == [[2 + 30, 3 + 40], [1 + 20, 0 - 10]]


def test_where_a_term_stands():
    """As a whole word, before or after the blank, as the text has it; never in the blank's name."""
    found = dpce.placed(f"The Nurse said {BLANK} left", "he", "nurse")
    assert found == (f"The {BLANK} said he left", "Nurse")
    found = dpce.placed(f"that {BLANK} saw a nurse, or nurses", "she", "nurse")
    assert found == (f"that she saw a {BLANK}, or nurses", "nurse")
    for term in ("nurses", "", "blank", "said he"):
        assert dpce.placed(f"The nurse said {BLANK} left", "he", term) is None


def asked(tokenizer, *rows: tuple[str, str, str, str]) -> SimpleNamespace:
    """A run that forgets records of (prompt, advantaged, disadvantaged, term)."""
    columns = ["prompt", "advantaged", "disadvantaged", "term"]
    records = pd.DataFrame(rows, columns=columns)
    records = records.assign(
        completion=records["advantaged"], record_id=[f"r{n}" for n in range(len(rows))]
    )
    return SimpleNamespace(
        records={"forget": records},
        encode=lambda frame: track.encode(frame, tokenizer, {"max_length": 32})[0],
        tokenizer=tokenizer,
    )


@pytest.mark.parametrize("make", [wordpiece, byte_level, sentence_pieces])
def test_terms_are_marked_in_a_text_whose_blank_is_masked(make):
    tokenizer = make()
    run = asked(tokenizer, (f"the nurse said that {BLANK} left", "himself", "she", "nurse"))
    texts = dpce.term_texts(run, run.records["forget"], "token")
    (ids,), (marks,) = texts.token_ids, texts.hidden
    plain = [one for one, mark in zip(ids, marks, strict=True) if mark]
    assert tokenizer.decode(plain).replace(" ", "") == "nurse"
    assert ids.count(tokenizer.mask_token_id) >= 2  # pieces of `himself`
    assert not any(mark for one, mark in zip(ids, marks, strict=True) if one == texts.mask_id)
    batch = texts.batch(np.array([0]))
    assert batch["input_ids"].tolist() == [ids] and batch["counted"].tolist() == [marks]
    whole = dpce.term_texts(run, run.records["forget"], "sentence")
    assert whole.counted.tolist() == [len(ids)]


def test_texts_without_their_term_are_left_out_and_named(caplog):
    rows = (f"the nurse left {BLANK} .", "he", "she"), (f"the day left {BLANK} .", "he", "she")
    run = asked(wordpiece(), (*rows[0], "nurse"), (*rows[1], "nurse"))
    with caplog.at_level(logging.WARNING):
        assert len(dpce.term_texts(run, run.records["forget"], "token").lengths) == 1
    assert "1 record: 'r1'" in caplog.text and "left" not in caplog.text.split("'r1'")[1]
    with pytest.raises(UserError) as error:
        one = asked(wordpiece(), (*rows[1], "nurse"))
        dpce.term_texts(one, one.records["forget"], "token")
    (problem,) = error.value.problems
    assert problem.what == "no term stands in the text that is about it" and "r0" in problem.found


def test_words_are_told_apart_by_letters_alone():
    """`He` and `he` are one word, of two texts; the vectors are means over them."""
    rows = (f"{BLANK} said that the nurse left", "He", "She", "nurse"), (
        f"the nurse said that {BLANK} left", "he", "she", "nurse",
    )  # fmt: skip
    run = asked(wordpiece(), *rows)
    sentences = dpce.Sentences.of(run, run.records["forget"])
    assert (sentences.words, sentences.count) == ([0, 0, 1, 1], 2)
    assert sentences.examples.counted.tolist() == [1] * 4
    whole = sentences.whole()
    assert whole.counted.tolist() == whole.lengths.tolist()


@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
def test_vectors_are_renewed_before_each_epoch_from_the_model_as_it_is(architecture):
    tokenizer = wordpiece()
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=16, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None, eos_token_id=None, cls_token_id=None, sep_token_id=None,
    )  # fmt: skip
    model = AutoModelForMaskedLM.from_config(config).eval()
    run = asked(tokenizer, (f"the nurse said that {BLANK} left", "himself", "she", "nurse"))
    run.model, run.device, run.spent = model, torch.device("cpu"), lambda tokens: None
    run.arithmetic, run.reference = torch.no_grad, None
    objective = dpce.objective(run, dpce.Settings())
    terms = objective.parts["terms"]
    batch = terms.examples.batch(range(1))
    first = float(terms.loss(model, batch).detach())
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.1)
    held = float(terms.loss(model, batch).detach())
    assert objective.refresh(1) == {}
    renewed = float(terms.loss(model, batch).detach())
    assert first > 0 and len({first, held, renewed}) == 3
    ids = run.encode(run.records["forget"]).token_ids[0]  # `himself` in two pieces
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        of_himself = torch.stack([one[0, 5:7].mean(0) for one in states])
        masked = torch.tensor([[*ids[:5], *[tokenizer.mask_token_id] * 2, *ids[7:]]])
        she = torch.tensor([[*ids[:5], tokenizer.convert_tokens_to_ids("she"), *ids[7:]]])
        of_her = torch.stack(
            [one[0, 5] for one in model(input_ids=she, output_hidden_states=True).hidden_states]
        )
        nurse = torch.stack(
            [one[0, 2] for one in model(input_ids=masked, output_hidden_states=True).hidden_states]
        )
    wanted = sum(((one * nurse).sum(1) ** 2).sum() for one in (of_himself, of_her))
    assert renewed == pytest.approx(float(wanted), rel=1e-4)
