"""Likelihoods of tokens, by hand and against transformers, and the causal loss: what it counts, and
that no batch or split changes it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from looping import train

from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.likelihood import counted_logits
from palimpsest.tracks.causal.model import predict
from palimpsest.tracks.causal.tokens import score_tokens
from palimpsest.training import loop
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood

language_modelling_loss = negative_log_likelihood(predict)

SETTINGS = {
    "batch_size": 6,
    "micro_batch_size": None,
    "learning_rate": 0.01,
    "warmup_share": 0.0,
    "weight_decay": 0.0,
    "clip_norm": 1e9,
    "precision": "no",
    "threads": 1,
    "gpus": 0,
    "checkpoint_seconds": 1e9,
}
ARCHITECTURES = {
    "gpt2": {
        "n_layer": 2, "n_embd": 16, "n_head": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    },
    "llama": {
        "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "gpt_neox": {
        "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "opt": {
        "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2, "ffn_dim": 32,
        "word_embed_proj_dim": 16, "dropout": 0.0,
    },
    # squashes its logits after the head, so that hidden states times head would not be what it says
    "gemma2": {
        "num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 32,
        "final_logit_softcapping": 0.5,
    },
}  # fmt: skip


def tiny_model(architecture: str = "gpt2"):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=40,
        max_position_embeddings=16,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
        initializer_range=0.3,
        **ARCHITECTURES[architecture],
    )
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager")


def examples(count: int = 22, answers: bool = False) -> LanguageModellingExamples:
    """Texts of 2 to 11 tokens, the pad id among them; of an answer a random half counts, and always
    its last token."""
    draw = np.random.default_rng(5)
    ids = [draw.integers(0, 40, size=draw.integers(2, 12)).tolist() for _ in range(count)]
    kept = [[*(draw.random(len(row) - 1) < 0.5).tolist(), True] for row in ids]
    return LanguageModellingExamples(ids, pad_id=0, answers=kept if answers else None)


def token_log_probabilities(model, batch) -> torch.Tensor:
    """(N,) of the counted tokens, in nats."""
    return score_tokens(*counted_logits(model, batch))[0]


class Chain(torch.nn.Module):
    """p(next | token): after 0 come 0, 1, 2 with 1/2, 1/4, 1/4; after 1 with 1/8, 1/8, 3/4; after 2
    with 1/3 each."""

    table = torch.tensor([[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 8, 3 / 4], [1 / 3, 1 / 3, 1 / 3]])

    def forward(self, input_ids, attention_mask, logits_to_keep, use_cache):
        return SimpleNamespace(logits=self.table.log()[input_ids][logits_to_keep])


def test_likelihood_by_hand():
    """(0, 1, 2, 1) costs p(1|0) p(2|1) p(1|2) = 1/4 3/4 1/3 and (1, 0) costs p(0|1) = 1/8; the last
    two columns of (1, 0) are padding."""
    batch = LanguageModellingExamples([[0, 1, 2, 1], [1, 0]], pad_id=0).batch(np.array([0, 1]))
    assert token_log_probabilities(Chain(), batch).exp().tolist() == pytest.approx(
        [1 / 4, 3 / 4, 1 / 3, 1 / 8]
    )
    assert language_modelling_loss(Chain(), batch).item() == pytest.approx(
        math.log(4 * 4 / 3 * 3 * 8)
    )


def test_only_answers_count_by_hand():
    """Of (0, 1, 2, 1) the third token counts alone: 3/4; of (1, 0, 0) both after the first: 1/8 and
    1/2; the first never counts."""
    data = LanguageModellingExamples(
        [[0, 1, 2, 1], [1, 0, 0]], 0, [[False, False, True, False], [True, True, True]]
    )
    assert token_log_probabilities(
        Chain(), data.batch(np.array([0, 1]))
    ).exp().tolist() == pytest.approx([3 / 4, 1 / 8, 1 / 2])
    assert data.counted.tolist() == [1, 2] and data.lengths.tolist() == [4, 3]
    assert data.counted is data.counted and data.lengths is data.lengths


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_is_that_of_transformers(architecture):
    """Which shifts inside the model and leaves out labels of -100; its mean times the number
    counted is the sum."""
    model, data = tiny_model(architecture).eval(), examples(answers=True)
    batch = data.batch(np.arange(22))
    labels = batch["input_ids"].masked_fill(~batch["counted"], -100)
    theirs = model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels
    ).loss
    ours = language_modelling_loss(model, batch)
    assert ours.item() == pytest.approx(theirs.item() * data.counted.sum(), rel=1e-5)
    assert -token_log_probabilities(model, batch).sum().item() == pytest.approx(
        ours.item(), rel=1e-5
    )


def test_logits_exist_only_where_the_loss_counts():
    model, data, seen = tiny_model(), examples(answers=True), []
    model.lm_head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    logits, targets = counted_logits(model, data.batch(np.arange(22)))
    assert (
        seen == [(data.counted.sum(), 16)]
        and logits.shape == (data.counted.sum(), 40)
        and targets.shape == logits.shape[:1]
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_does_not_change_a_likelihood(architecture):
    """A short text costs the same alone and beside a long one, also where it holds the pad id."""
    model, data = (
        tiny_model(architecture).eval(),
        LanguageModellingExamples([[3, 0, 7, 0], list(range(1, 13))], pad_id=0),
    )
    alone = torch.cat([token_log_probabilities(model, data.batch(np.array([i]))) for i in (0, 1)])
    together = token_log_probabilities(model, data.batch(np.array([0, 1])))
    assert len(alone) == 3 + 11 and torch.allclose(alone, together, atol=1e-5)


def test_what_comes_later_does_not_change_a_likelihood():
    """A model that saw the token that it is asked for would be too good; the shift must not let
    it."""
    model = tiny_model().eval()
    data = LanguageModellingExamples([[3, 9, 7, 5, 2], [3, 9, 7, 8, 1]], pad_id=0)
    first, second = token_log_probabilities(model, data.batch(np.array([0, 1]))).view(2, 4)
    assert torch.allclose(first[:2], second[:2], atol=1e-6) and not torch.allclose(
        first[2:], second[2:], atol=1e-3
    )


@pytest.mark.parametrize("answers", [False, True])
def test_sum_over_splits_is_the_whole(answers):
    model, data = tiny_model().eval(), examples(answers=answers)
    whole = language_modelling_loss(model, data.batch(np.arange(22)))
    parts = sum(
        language_modelling_loss(model, data.batch(part))
        for part in np.array_split(np.arange(22), 5)
    )
    assert parts.item() == pytest.approx(whole.item(), rel=1e-5)


def test_splitting_a_batch_does_not_change_the_update(tmp_path, monkeypatch):
    """Micro-batches count unlike numbers of tokens, so a mean of their means would differ. With
    SGD: Adam would blow up rounding."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )

    def run(folder, **changes):
        settings = SETTINGS | changes
        return train(
            tiny_model(),
            Objective({"train": Part(examples(answers=True), language_modelling_loss)}),
            settings,
            2,
            ("s",),
            tmp_path / folder,
            "print",
        )[0]

    whole, split = run("a"), run("b", micro_batch_size=2)
    assert all(
        torch.allclose(a, b, atol=1e-6)
        for a, b in zip(whole.parameters(), split.parameters(), strict=True)
    )
    assert not torch.allclose(next(whole.parameters()), next(tiny_model().parameters()), atol=1e-3)


def test_the_loop_learns_texts_by_heart(tmp_path):
    """40 ids: a guess costs log 40 = 3.7 nats a token, and more from so wide a start; learnt by
    heart a text costs next to nothing."""
    model, report = train(
        tiny_model(),
        Objective({"train": Part(examples(6), language_modelling_loss)}),
        SETTINGS,
        120,
        ("s",),
        tmp_path,
        "print",
    )
    assert report["curve"][0][1] > 3 and report["curve"][-1][1] < 0.1
    assert report["tokens"] == 120 * examples(6).lengths.sum()


def test_what_cannot_count_is_refused():
    with pytest.raises(
        ValueError, match="no token counts in 2 of 3 texts; the first of them is number 1"
    ):
        LanguageModellingExamples([[4], [4, 5], []], pad_id=0)
    with pytest.raises(ValueError, match="no token counts in 1 of 1"):
        LanguageModellingExamples([[4, 5]], 0, [[True, False]])
    with pytest.raises(ValueError, match="each token"):
        LanguageModellingExamples([[4, 5, 6]], 0, [[True, False]])
    batch = LanguageModellingExamples([[1, 2]], 0).batch(np.array([0]))
    with pytest.raises(ValueError, match="first token"):
        counted_logits(Chain(), batch | {"counted": torch.tensor([[True, True]])})
