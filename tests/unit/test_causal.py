"""Causal models from scratch and from folders: names decide the weights, a saved folder scores the
same, failures say what to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.errors import UserError
from palimpsest.models.causal import load_causal, make_causal
from palimpsest.models.making import save_model_folder
from palimpsest.models.tokenizers import encode, load_tokenizer, train_wordpiece
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.likelihood import counted_logits
from palimpsest.tracks.causal.tokens import score_tokens

SIZES = {
    "gpt2": {"n_layer": 1, "n_embd": 16, "n_head": 2},
    "llama": {
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
}
TEXTS = ["the cat sat", "the dog sat on the mat and the cat", "a mat"]


@pytest.fixture(scope="module")
def tokenizer():
    return train_wordpiece(TEXTS, 200, True)


def scratch(architecture, tokenizer, *names):
    config = SIZES[architecture] | {"initializer_range": 0.3}
    return make_causal(
        {"init": "scratch", "architecture": architecture, "config": config, "max_length": 32},
        tokenizer,
        *names,
    )


def likelihoods(model, tokenizer):
    ids, _ = encode(tokenizer, TEXTS, 32)
    return score_tokens(
        *counted_logits(
            model.eval(), LanguageModellingExamples(ids, tokenizer.pad_token_id).batch(np.arange(3))
        )
    )[0]


@pytest.mark.parametrize("architecture", SIZES)
def test_names_decide_the_weights_whatever_was_drawn_before(architecture, tokenizer):
    first = scratch(architecture, tokenizer, "study", 1).state_dict()
    torch.rand(7)
    again, other = (
        scratch(architecture, tokenizer, "study", 1).state_dict(),
        scratch(architecture, tokenizer, "study", 2).state_dict(),
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("architecture", SIZES)
def test_a_saved_folder_is_a_start_that_says_the_same(architecture, tokenizer, tmp_path):
    model = scratch(architecture, tokenizer, "study", 1)
    save_model_folder(model, tokenizer, tmp_path)
    before = likelihoods(model, tokenizer)
    loaded = load_causal(tmp_path, load_tokenizer(tmp_path))
    start = make_causal({"init": str(tmp_path), "max_length": 32}, tokenizer, "another study", 2)
    assert torch.equal(likelihoods(loaded, tokenizer), before) and torch.equal(
        likelihoods(start, tokenizer), before
    )


@pytest.mark.parametrize("architecture", SIZES)
def test_a_start_in_half_precision_is_trained_in_float32(architecture, tokenizer, tmp_path):
    """As many models of the hub are kept: an update of 1e-5 is less than the last bit of most
    weights in bfloat16."""
    save_model_folder(scratch(architecture, tokenizer, "study", 1).bfloat16(), tokenizer, tmp_path)
    start = make_causal({"init": str(tmp_path), "max_length": 32}, tokenizer, "study", 2)
    assert {
        parameter.dtype
        for parameter in (*start.parameters(), *load_causal(tmp_path, tokenizer).parameters())
    } == {torch.float32}


def test_room_for_every_token(tokenizer, tmp_path):
    save_model_folder(scratch("gpt2", tokenizer, "study", 1), tokenizer, tmp_path)
    larger = load_tokenizer(tmp_path)
    larger.add_special_tokens({"additional_special_tokens": ["<|question|>"]})
    model = load_causal(tmp_path, larger)
    assert (
        model.get_input_embeddings().num_embeddings
        == len(larger)
        == model.get_output_embeddings().out_features
        == len(tokenizer) + 1
    )


def test_a_model_that_cannot_be_had_says_what_to_do(tokenizer, tmp_path):
    with pytest.raises(UserError, match="give a folder"):
        load_causal(tmp_path / "nowhere", tokenizer)
