"""Auto-Debias: divergences by hand, whole words of all kinds of tokenizers, and a search whose best
prompt is known."""

from __future__ import annotations

import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from test_dpce import asked
from test_masked import byte_level, sentence_pieces, wordpiece

from palimpsest.data.blanks import BLANK
from palimpsest.errors import UserError
from palimpsest.methods import auto_debias
from palimpsest.methods.auto_debias import Settings, divergences
from palimpsest.methods.biased_prompts import (
    Frame,
    beam_search,
    frames,
    known,
    scores,
    whole_words,
)
from palimpsest.training.progress import Progress

HALVES = torch.tensor([[0.5, 0.5]]).log()
QUARTERS = torch.tensor([[0.75, 0.25]]).log() + 3  # logits: a constant changes nothing


def test_divergences_by_hand():
    """m = (5/8, 3/8)."""
    released = (
        5 / 8 * math.log(5 / 4) + 3 / 8 * math.log(3 / 4)
        + 5 / 8 * math.log(5 / 6) + 3 / 8 * math.log(3 / 2)
    ) / 2  # fmt: skip
    true = (
        math.log(4 / 5) / 2 + math.log(4 / 3) / 2 + 3 / 4 * math.log(6 / 5) + math.log(2 / 3) / 4
    ) / 2
    for kind, wanted in (("released", released), ("jensen_shannon", true)):
        assert float(divergences(HALVES, QUARTERS, kind)) == pytest.approx(wanted, rel=1e-5)
        assert float(divergences(QUARTERS, HALVES, kind)) == pytest.approx(wanted, rel=1e-5)
        assert float(divergences(HALVES, HALVES + 1, kind)) == pytest.approx(0, abs=1e-6)
    assert released > true


def test_the_true_one_has_a_bound_and_the_released_one_has_none():
    apart = torch.tensor([[60.0, 0.0]])
    other = apart.flip(1)
    assert float(divergences(apart, other, "jensen_shannon")) == pytest.approx(math.log(2))
    assert float(divergences(apart, other, "released")) == pytest.approx(30 - math.log(2))


@pytest.mark.parametrize("kind", ["released", "jensen_shannon"])
def test_a_step_against_it_brings_both_nearer(kind):
    one, other = HALVES.clone().requires_grad_(), QUARTERS.clone().requires_grad_()
    before = divergences(one, other, kind).sum()
    before.backward()
    after = divergences(one - one.grad, other - other.grad, kind)
    assert 0 < after.item() < before.item()


WHOLE = ["the", "nurse", "said", "that", "he", "she", "left", "him"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (wordpiece, [*WHOLE, "self", "her", "mon", "day"]),
        (byte_level, ["h", "he", "s", "sh", "she"]),
        (sentence_pieces, WHOLE),
    ],
)
def test_whole_words_are_pieces_with_all_of_a_word_and_the_space_before_it(make, words):
    """Neither `##self`, nor a letter to which SentencePiece needs a space of its own, nor RoBERTa's
    `he` without one."""
    tokenizer = make()
    found = whole_words(asked(tokenizer), 10**6)
    assert [tokenizer.decode([one]).strip() for one in found] == words
    assert whole_words(asked(tokenizer), 2) == found[:2]


def test_words_that_are_several_pieces_or_unknown_are_none_to_tell_apart():
    run = asked(wordpiece())
    tokenizer = run.tokenizer
    found = known(run, ["nurse", "himself", "welder", "monday", "mon"], "he")
    assert tokenizer.convert_ids_to_tokens(found) == ["nurse", "mon"]
    with pytest.raises(UserError) as error:
        known(run, ["nurse", "himself"], "he")
    assert error.value.problems[0].found == "1 of 2"
    with pytest.raises(UserError, match="too few words"):
        known(run, [], "he")
    run = asked(sentence_pieces())
    assert len(known(run, ["nurse", "said", "self", "x"], "he")) == 2


@pytest.mark.parametrize("make", [wordpiece, byte_level, sentence_pieces])
def test_frames_are_what_stands_around_a_prompt(make):
    """Of each pair once, whichever is advantaged, the mask behind the prompt."""
    tokenizer = make()
    run = asked(tokenizer)
    sides = {"advantaged": ["she", "he", "he"], "disadvantaged": ["he", "she", "him"]}
    found = frames(run, pd.DataFrame(sides), ".", "he")
    assert len(found) == 2 and all(len(pair) == 2 for pair in found)
    ids, place = found[0][0].text([7, 8], tokenizer.mask_token_id)
    assert ids[place - 2 : place + 1] == [7, 8, tokenizer.mask_token_id]
    whole = tokenizer("she .")["input_ids"] if make is wordpiece else tokenizer("she.")["input_ids"]
    assert [*ids[: place - 2], *ids[place + 1 :]] == whole


def test_the_search_keeps_the_best_of_each_length():
    """A prompt is worth its words; 5 after 1 is worth 20 more, which a beam of one never sees."""

    def scored(prompts) -> np.ndarray:
        return np.array([sum(one) + 20.0 * (one[-2:] == (1, 5)) for one in prompts])

    assert beam_search([1, 5, 3], 2, 1, scored) == [(5,), (5, 5)]
    found = beam_search([1, 5, 3], 2, 3, scored)
    assert found == [(5,), (3,), (1,), (1, 5), (5, 5), (5, 3)]


class Biased(torch.nn.Module):
    """Tokens 5 to 9. Of words 8 and 9 the mask is 8 where he (1) began and a 6 stands in the
    prompt; more so with each 6 behind it. Otherwise it says nothing."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    @property
    def base_model(self):
        return self

    def forward(self, input_ids, attention_mask, return_dict=True):
        sixes = (input_ids == 6).sum(1) * (input_ids[:, 0] == 1)
        logits = torch.zeros(*input_ids.shape, 10)
        logits[..., 8] = self.weight * sixes[:, None]
        return SimpleNamespace(last_hidden_state=logits)


class Head(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Biased()

    @property
    def base_model(self):
        return self.body

    def forward(self, **given):
        return SimpleNamespace(logits=self.body(**given).last_hidden_state)


def test_the_search_finds_the_prompt_that_tells_two_words_apart_most(capsys):
    """And reads as much whatever the number of rows in a pass, and says how far it is."""
    spent = []
    run = SimpleNamespace(
        model=Head(), device=torch.device("cpu"), arithmetic=nullcontext, spent=spent.append
    )
    pairs = [(Frame((1,), ()), Frame((2,), ())), (Frame((1, 3), (4,)), Frame((2, 3), (4,)))]
    found = [
        auto_debias.searched(
            run, Settings(length=3, beam=2, rows=rows, divergence=kind), pairs, [5, 6, 7], 0, [8, 9]
        )
        for rows in (1000, 2)
        for kind in ("released", "jensen_shannon")
    ]
    assert found[0][::2] == [(6,), (6, 6), (6, 6, 6)]
    assert capsys.readouterr().err.count("search: step 15/15, ") == len(found)
    assert all(one == found[0] for one in found[1:])
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    (value,) = scores(
        run, pairs, 0, 8, lambda one, other: divergences(one[:, [8, 9]], other[:, [8, 9]],
        "released"), Progress(1), [(6, 6)],
    )  # fmt: skip
    wanted = float(divergences(logits[1:], logits[:1], "released"))
    assert value == pytest.approx(wanted, rel=1e-6)
    # tokens of 3, 6 and 6 prompts of 1 to 3 words, and of the mask and both frames
    assert sum(spent[:-4]) == 4 * 2 * (3 * (3 + 5) + 6 * (4 + 6) + 6 * (5 + 7))


def test_prompts_are_read_after_both_words_of_each_pair():
    tokenizer = wordpiece()
    run = asked(tokenizer, (f"the nurse said that {BLANK} left", "he", "she", "nurse"))
    run.sets = {"forget": run.encode(run.records["forget"])}
    pairs = frames(run, run.records["forget"], ".", "left")
    nurse, said = tokenizer.convert_tokens_to_ids(["nurse", "said"])
    both = auto_debias.read(run, [(nurse, said), (said,)], pairs)
    batch = both.batch(np.array([0]))
    for name, word in (("input_ids", "he"), ("other_input_ids", "she")):
        told = tokenizer.convert_ids_to_tokens(batch[name][0].tolist())
        assert told == ["[CLS]", word, "nurse", "said", "[MASK]", ".", "[SEP]"]
    assert batch["counted"][0].tolist() == [False] * 4 + [True] + [False] * 2
    assert both.counted.tolist() == [1, 1] and both.lengths.tolist() == [14, 12]
