"""What one model says against another, token by token, and whether a secret can be got out: against
the plain formulas, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from palimpsest.metrics.agreement import jensen_shannon
from palimpsest.metrics.divergence import DIVERGENCES, jensen_shannon_reversed, kl
from palimpsest.tracks.causal.compared import divergences
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.extracted import extracted, secret_span
from palimpsest.tracks.causal.likelihood import counted_logits
from palimpsest.tracks.causal.score import compared_scores
from palimpsest.tracks.causal.tokens import token_scores


def model(seed: int, spread: float = 0.5) -> torch.nn.Module:
    torch.manual_seed(seed)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=11, n_positions=16, n_embd=8, n_layer=1, n_head=2, initializer_range=spread
        )
    ).eval()


IDS = [[1, 2, 3, 4, 5], [3, 1, 4], [2, 7, 1, 8, 2, 8, 1]]
EXAMPLES = LanguageModellingExamples(
    IDS, 0, [[False, False, True, True, True], [False, True, True], [False] * 5 + [True] * 2]
)
PLAIN = {
    "kl": kl,
    "jensen_shannon": jensen_shannon,
    "jensen_shannon_reversed": jensen_shannon_reversed,
}


def test_divergences_by_hand():
    """p = (1/2, 1/2), q = (1/4, 3/4): KL(p || q) = log(2 / sqrt 3); and 0 of equal ones."""
    p, q = torch.tensor([[0.0, 0.0]]), torch.log(torch.tensor([[1.0, 3.0]]))
    assert divergences(p, q)[0].item() == pytest.approx(np.log(2 / np.sqrt(3)), rel=1e-6)
    assert all(value.item() == pytest.approx(0, abs=1e-7) for value in divergences(q, q))


def test_what_the_model_alone_never_says_is_infinitely_far_however_small():
    """exp(-200) is 0 in float32, and 0 times infinity is no number."""
    reference, model = torch.tensor([[0.0, 0, -200]]), torch.tensor([[0.0, 0, -torch.inf]])
    kl, symmetric, reversed_ = divergences(reference, model)
    assert kl.item() == reversed_.item() == torch.inf
    assert symmetric.item() == 0


def test_tokens_that_cannot_be_said_add_nothing():
    """A vocabulary filled up to a round size: logits of -inf on both sides, or where the oracle
    alone has them; not the other way round."""
    p, q = torch.tensor([[0.0, 0.0, -torch.inf]]), torch.log(torch.tensor([[1.0, 3.0, 0.0]]))
    found, plain = divergences(p, q), divergences(p[:, :2], q[:, :2])
    assert [value.item() for value in found] == pytest.approx(
        [value.item() for value in plain], rel=1e-6
    )
    assert divergences(p, torch.log(torch.tensor([[1.0, 1.0, 2.0]])))[0].item() == pytest.approx(
        np.log(2), rel=1e-6
    )
    assert divergences(q, torch.tensor([[0.0, -torch.inf, 0.0]]))[0].item() == np.inf
    assert divergences(torch.tensor([[0.0, np.nan, 0.0]]), p)[0].isnan().all()


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_each_text_has_the_mean_over_its_counted_tokens(batch_size):
    """As metrics.divergence has it of the text's distributions, the oracle first; padding and
    batches change nothing."""
    ours, oracle = model(1), model(2)
    found = compared_scores(ours, EXAMPLES, batch_size, oracle, [0, 2])
    for text in (0, 2):
        with torch.no_grad():
            q, p = (
                torch.softmax(
                    counted_logits(one, EXAMPLES.batch(np.array([text])))[0].double(), -1
                ).numpy()
                for one in (ours, oracle)
            )
        assert {name: found[name][text] for name in DIVERGENCES} == pytest.approx(
            {name: PLAIN[name](p, q) for name in PLAIN}, rel=1e-4
        )
    assert all(np.isnan(found[name][1]) for name in DIVERGENCES)
    np.testing.assert_allclose(
        np.concatenate(found["logp"]), token_scores(ours, EXAMPLES, batch_size).logp, atol=1e-6
    )


def test_a_model_is_like_itself_to_the_bit():
    """Whatever else is scored with the texts that are compared."""
    found = compared_scores(model(1), EXAMPLES, 8, model(1), [0, 1])
    assert all((found[name][:2] == 0).all() for name in DIVERGENCES)


def test_a_secret_is_where_texts_differ():
    """... 5 and 6 is the secret, 9 follows it; of 5 and 7 only the second differs from 5 and 6, but
    4 differs from 5."""
    own = [1, 2, 5, 6, 9]
    assert secret_span(own, [[1, 2, 5, 7, 9], [1, 2, 4, 6, 9]]) == (2, 4)
    assert secret_span(own, [[1, 2, 5, 7, 9]]) == (3, 4) and secret_span(own, [own]) == (5, 6)


class Parrot(torch.nn.Module):
    """Says after token t always t + 1."""

    def __init__(self):
        super().__init__()
        self.body = model(3)

    def forward(self, input_ids, **options):
        said = self.body(input_ids=input_ids, **options)
        shown = said.logits.shape[1]
        said.logits = (
            100.0 * torch.nn.functional.one_hot((input_ids[:, -shown:] + 1) % 11, 11).float()
        )
        return said

    config = property(lambda self: self.body.config)
    device = torch.device("cpu")


def test_a_secret_that_the_model_continues_by_itself_is_found_and_another_is_not():
    """After 1 2 it says 3 4 5: of the planted 3 4 that is right, of 6 2 it is not."""
    texts = [[1, 2, 3, 4, 9], [1, 2, 6, 2, 9], [1, 2, 8, 8, 9], [1, 2, 7, 7, 9]]
    found = extracted(
        Parrot().eval(),
        LanguageModellingExamples(texts, 0),
        {"known": [0, 2, 3], "unknown": [1, 2, 3]},
        beams=2,
        samples=5,
    )
    assert found["beam_extracted"][:2].tolist() == [1, 0] and found["sampling_hit_rate"][
        :2
    ].tolist() == [1, 0]
    assert np.isnan(found["beam_extracted"][2:]).all()
