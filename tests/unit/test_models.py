"""Classifiers from scratch and from folders: the names decide the weights, padding does not count,
and a folder loads anywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from palimpsest.errors import UserError
from palimpsest.models.classifier import load_classifier, make_classifier
from palimpsest.models.making import check_context, save_model_folder
from palimpsest.models.tokenizers import encode, load_tokenizer, train_wordpiece
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.tracks.classification.score import log_probabilities

SIZES = {
    "gpt2": {"n_layer": 1, "n_embd": 16, "n_head": 2},
    "modernbert": {
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "bert": {
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "distilbert": {"n_layers": 1, "dim": 16, "n_heads": 2, "hidden_dim": 32},
}
TEXTS = ["the cat sat", "the dog sat on the mat and the cat", "a mat"]


@pytest.fixture(scope="module")
def tokenizer():
    return train_wordpiece(TEXTS, 200, True)


def scratch(architecture, tokenizer, *names):
    # else so small a model hardly hears its input
    config = SIZES[architecture] | {"initializer_range": 0.3}
    settings = {"init": "scratch", "architecture": architecture, "config": config, "max_length": 32}
    return make_classifier(settings, tokenizer, 2, *names)


def logits(model, tokenizer, texts):
    ids, _ = encode(tokenizer, texts, 32)
    return log_probabilities(
        model, ClassificationExamples(ids, [0] * len(ids), tokenizer.pad_token_id), 8
    )


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
def test_a_short_text_scores_the_same_alone_and_padded(architecture, tokenizer):
    model = scratch(architecture, tokenizer, "study", 1)
    together = logits(model, tokenizer, TEXTS)
    alone = np.concatenate([logits(model, tokenizer, [text]) for text in TEXTS])
    assert together == pytest.approx(alone, abs=1e-5)
    assert np.exp(together).sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert np.ptp(together[:, 0]) > 1e-3, "the text matters"


@pytest.mark.parametrize("architecture", ["gpt2", "modernbert"])
def test_a_saved_folder_loads_plainly_and_equal_models_are_equal_bytes(
    architecture, tokenizer, tmp_path
):
    model = scratch(architecture, tokenizer, "study", 1)
    for name in ("a", "b"):
        save_model_folder(model, tokenizer, tmp_path / name)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (
        tmp_path / "b" / "model.safetensors"
    ).read_bytes()
    assert not list((tmp_path / "a").glob(".*")), "nothing half-written stays"
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "a")
    assert logits(plain, AutoTokenizer.from_pretrained(tmp_path / "a"), TEXTS) == pytest.approx(
        logits(model, tokenizer, TEXTS), abs=1e-6
    )
    assert set(load_file(tmp_path / "a" / "model.safetensors")) <= set(model.state_dict())


@pytest.fixture
def decoder_folder(tmp_path):
    """A pretrained decoder as gpt2 comes: no pad token, an end of text, a language-model head."""
    words = {
        word: number for number, word in enumerate(["<|endoftext|>", "the", "cat", "sat", "dog"])
    }
    backend = Tokenizer(models.WordLevel(words, unk_token="<|endoftext|>"))
    from tokenizers.pre_tokenizers import Whitespace

    backend.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>").save_pretrained(
        tmp_path
    )
    config = AutoConfig.for_model(
        "gpt2",
        vocab_size=5,
        max_position_embeddings=32,
        bos_token_id=0,
        eos_token_id=0,
        **SIZES["gpt2"],
    )
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    return tmp_path


def test_a_decoder_without_pad_token_pools_its_last_real_token(decoder_folder):
    """Also where the text ends with the end-of-text token: with pad = end of text, the token before
    it would be pooled."""
    tokenizer = load_tokenizer(decoder_folder)
    model = load_classifier(decoder_folder, tokenizer, 2)
    assert model.config.pad_token_id == 5 and model.get_input_embeddings().num_embeddings == 6
    texts = ["the cat", "the dog sat the cat sat", "the cat <|endoftext|>"]
    together = logits(model, tokenizer, texts)
    alone = np.concatenate([logits(model, tokenizer, [text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-5)
    ids = torch.tensor([tokenizer(texts[2])["input_ids"]])
    hidden = model.transformer(ids).last_hidden_state[0, -1]
    assert together[2] == pytest.approx(
        torch.log_softmax(model.score(hidden), -1).detach().numpy(), abs=1e-5
    )


def test_a_local_folder_is_a_start_like_any_other(decoder_folder):
    tokenizer = load_tokenizer(decoder_folder)
    settings = {"init": str(decoder_folder), "max_length": 32}
    first, again = (
        make_classifier(settings, tokenizer, 2, "study", 1).state_dict() for _ in range(2)
    )
    saved = load_file(decoder_folder / "model.safetensors")
    assert torch.equal(
        first["transformer.h.0.attn.c_attn.weight"], saved["transformer.h.0.attn.c_attn.weight"]
    )
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_model_that_cannot_be_had_says_what_to_do(tmp_path, tokenizer):
    with pytest.raises(UserError, match="give a folder"):
        load_classifier(tmp_path / "nowhere", tokenizer, 2)


def test_pickled_weights_are_refused(decoder_folder, tokenizer):
    """A folder that has its weights as a pickle only is not loaded."""
    torch.save({}, decoder_folder / "pytorch_model.bin")
    (decoder_folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded"):
        load_classifier(decoder_folder, tokenizer, 2)


def test_the_context_is_what_the_config_says_by_any_name(tokenizer):
    settings = {
        "init": "scratch",
        "architecture": "gpt2",
        "max_length": 32,
        "config": {"n_layer": 1, "n_embd": 8, "n_head": 1},
    }
    assert make_classifier(settings, tokenizer, 2, "names").config.n_positions == 32
    for name in ("n_positions", "max_position_embeddings"):
        longer = make_classifier(
            settings | {"config": {**settings["config"], name: 64}}, tokenizer, 2, "names"
        )
        assert longer.config.n_positions == longer.transformer.wpe.num_embeddings == 64


def test_texts_longer_than_the_context_are_refused(tokenizer):
    settings = {
        "init": "scratch",
        "architecture": "gpt2",
        "max_length": 32,
        "config": {"n_layer": 1, "n_embd": 8, "n_head": 1},
    }
    model = make_classifier(settings, tokenizer, 2, "names")
    check_context(model, 32)
    with pytest.raises(
        UserError, match="longer than the model's context.*\n.*33.*\n.*at most 32 tokens"
    ):
        check_context(model, 33)
