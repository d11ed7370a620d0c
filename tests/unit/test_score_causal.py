"""What one forward pass says of each counted token: by hand, against plain loops, and that neither
batches nor padding change it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.tokens import score_tokens, token_scores

ARCHITECTURES = {
    "gpt2": {"n_layer": 2, "n_embd": 16, "n_head": 2},
    "llama": {
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 32,
    },
}
FIELDS = ("logp", "correct", "mean", "deviation")


def tiny_model(architecture: str = "gpt2"):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=40,
        max_position_embeddings=16,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
        initializer_range=0.5,
        **ARCHITECTURES[architecture],
    )
    return AutoModelForCausalLM.from_config(config)


def examples(count: int = 9) -> LanguageModellingExamples:
    """Texts of 2 to 11 tokens, the pad id among them; of each a random half counts, and always its
    last token."""
    draw = np.random.default_rng(5)
    ids = [draw.integers(0, 40, size=draw.integers(2, 12)).tolist() for _ in range(count)]
    return LanguageModellingExamples(
        ids, 0, [[*(draw.random(len(row) - 1) < 0.5).tolist(), True] for row in ids]
    )


class Chain(torch.nn.Module):
    """p(next | token): after 0 come 0, 1, 2 with 1/2, 1/4, 1/4; after 1 with 1/3 each; after 2 with
    1/8, 1/8, 3/4."""

    table = torch.tensor([[1 / 2, 1 / 4, 1 / 4], [1 / 3, 1 / 3, 1 / 3], [1 / 8, 1 / 8, 3 / 4]])
    device = torch.device("cpu")

    def forward(self, input_ids, attention_mask, logits_to_keep, use_cache):
        return SimpleNamespace(logits=self.table.log()[input_ids][logits_to_keep])


def test_scores_by_hand():
    """(0, 1, 0, 2): after 0 log p is -log 2 with 1/2 and -2 log 2 with 1/2, so mu = -1.5 log 2 and
    sigma = 0.5 log 2; after 1 all is -log 3, sigma is 0, and of the three likeliest tokens 0 is the
    lowest. (1, 2): the tie again, and 2 is not the lowest."""
    scores = token_scores(Chain(), LanguageModellingExamples([[0, 1, 0, 2], [1, 2]], pad_id=0), 2)
    assert scores.offsets.tolist() == [0, 3, 4] and scores.offsets.dtype == np.int64
    assert np.exp(scores.logp).tolist() == pytest.approx([1 / 4, 1 / 3, 1 / 4, 1 / 3])
    assert scores.correct.tolist() == [False, True, False, False]
    assert (scores.mean / -math.log(2)).tolist() == pytest.approx(
        [1.5, math.log2(3), 1.5, math.log2(3)]
    )
    assert (scores.deviation / math.log(2)).tolist() == pytest.approx([0.5, 0, 0.5, 0], abs=1e-6)
    assert [getattr(scores, field).dtype for field in FIELDS] == [
        np.float32,
        bool,
        np.float32,
        np.float32,
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("batch_size", [1, 4, 9])
def test_scores_are_those_of_a_plain_loop(architecture, batch_size):
    """A text at a time, a token at a time, in float64, with the moments as they are defined; texts
    come back in the order given."""
    model, data = tiny_model(architecture), examples()
    found, wanted = token_scores(model, data, batch_size), {field: [] for field in FIELDS}
    for ids, answer in zip(data.token_ids, data.answers, strict=True):
        for place in range(1, len(ids)):
            if answer[place]:
                with torch.no_grad():
                    log_p = torch.log_softmax(
                        model(torch.tensor([ids[:place]])).logits[0, -1].double(), 0
                    ).numpy()
                p = np.exp(log_p)
                wanted["logp"].append(log_p[ids[place]])
                wanted["correct"].append(np.argmax(log_p) == ids[place])
                wanted["mean"].append(p @ log_p)
                wanted["deviation"].append(math.sqrt(p @ log_p**2 - (p @ log_p) ** 2))
    assert found.offsets.tolist() == [0, *np.cumsum(data.counted)]
    assert found.correct.tolist() == wanted.pop("correct")
    for field, values in wanted.items():
        np.testing.assert_allclose(getattr(found, field), values, atol=2e-5, err_msg=field)


def test_scores_do_not_depend_on_what_else_is_there():
    """Alone, beside longer texts, with another pad id."""
    model, data = tiny_model(), examples()
    together = token_scores(model, data, 9)
    other = token_scores(model, LanguageModellingExamples(data.token_ids, 7, data.answers), 9)
    alone = token_scores(
        model, LanguageModellingExamples(data.token_ids[3:4], 0, data.answers[3:4]), 1
    )
    for field in FIELDS:
        np.testing.assert_allclose(getattr(together, field), getattr(other, field), atol=1e-5)
        np.testing.assert_allclose(
            getattr(together.take([3]), field), getattr(alone, field), atol=1e-5
        )


def test_accuracy_from_one_pass_is_that_of_one_token_generations():
    """Memorization accuracy: T - 1 generations of one token a text, or one forward pass. Half of
    each text is what the model would say."""
    model, ids = tiny_model().eval(), [[5], [9], [31]]
    for text in ids:
        for place in range(1, 12):
            said = greedy_token(model, text)
            text.append(said if place % 2 else (said + 1) % 40)
    naive = [
        [greedy_token(model, text[:place]) == text[place] for place in range(1, 12)] for text in ids
    ]
    scores = token_scores(model, LanguageModellingExamples(ids, pad_id=0), 2)
    assert (
        scores.per_text(scores.correct).tolist() == np.mean(naive, axis=1).tolist() == [6 / 11] * 3
    )


def greedy_token(model, prefix: list[int]) -> int:
    ids = torch.tensor([prefix])
    made = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=1,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return int(made[0, -1])


def test_scores_of_half_precision_logits_are_float32():
    """log softmax in bfloat16 would be off by one per cent; of logits that bfloat16 holds exactly,
    nothing is lost."""
    logits = torch.tensor([[1.0, 2.0, 4.0]])
    for exact, half in zip(
        score_tokens(logits, torch.tensor([1])),
        score_tokens(logits.bfloat16(), torch.tensor([1])),
        strict=True,
    ):
        assert exact.dtype == half.dtype and torch.equal(exact, half)


def test_a_certain_prediction_has_no_spread():
    """exp(-200) is 0 in float32: 0 times a finite log-probability is 0, so mu and sigma are 0 and
    the other token costs 200."""
    found = score_tokens(torch.tensor([[200.0, 0.0], [200.0, 0.0]]), torch.tensor([0, 1]))
    assert [values.tolist() for values in found] == [[0, -200], [True, False], [0, 0], [0, 0]]


def test_tokens_that_cannot_be_said_have_no_part_in_the_moments():
    """A vocabulary filled up to a round size has logits of -inf: 0 log 0 = 0. What is no number
    stays none."""
    logits = torch.log(torch.tensor([[1.0, 3.0]]))
    filled = torch.cat([logits, torch.full((1, 2), -torch.inf)], dim=1)
    for plain, found in zip(
        score_tokens(logits, torch.tensor([1])),
        score_tokens(filled, torch.tensor([1])),
        strict=True,
    ):
        assert torch.equal(plain, found)
    assert score_tokens(filled, torch.tensor([2]))[0].item() == -torch.inf
    assert all(
        score_tokens(torch.tensor([[0.0, torch.nan]]), torch.tensor([0]))[field].isnan().all()
        for field in (0, 2, 3)
    )


def test_nothing_to_score():
    scores = token_scores(Chain(), LanguageModellingExamples([], pad_id=0), 2)
    assert scores.offsets.tolist() == [0] and len(scores.logp) == 0
