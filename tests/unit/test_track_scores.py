"""What a track's `score` gives of each text: in the order of the texts, without dropout."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.tracks.causal import extracted
from palimpsest.tracks.causal import memory as causal
from palimpsest.tracks.causal import score as causal_score
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.classification import memory as classification
from palimpsest.tracks.classification import score as classification_score
from palimpsest.tracks.classification.examples import ClassificationExamples


class FirstToken(torch.nn.Module):
    """Log-odds of class 1 are the first token less 3; in training it says nothing of use."""

    config, device = SimpleNamespace(num_labels=2), torch.device("cpu")

    def forward(self, input_ids, attention_mask):
        odds = input_ids[:, 0].float() - 3 + 100 * self.training
        return SimpleNamespace(logits=torch.stack([torch.zeros_like(odds), odds], dim=1))


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_a_classifier_scores_texts_in_their_order(batch_size):
    """Texts of lengths 3, 1, 4 and 2, that begin with 1, 5, 2 and 4."""
    examples = ClassificationExamples([[1, 7, 7], [5], [2, 7, 7, 7], [4, 7]], [0, 0, 1, 1], 0)
    given = None, {"batch_size": batch_size}
    found = classification_score.score(FirstToken().train(), None, examples, *given)
    odds = np.array([1, 5, 2, 4]) - 3.0
    logp = {0: -np.log1p(np.exp(odds)), 1: odds - np.log1p(np.exp(odds))}
    assert list(found) == ["logp_0", "logp_1"]
    for label in (0, 1):
        assert found[f"logp_{label}"] == pytest.approx(logp[label], rel=1e-6)
    known = classification.memory(FirstToken().train(), examples)
    wanted = (logp[0][0] + logp[0][1] + logp[1][2] + logp[1][3]) / 4
    assert known == pytest.approx({"log_likelihood": wanted}, rel=1e-6)
    assert classification.extractable(None, None, examples, 4) == {}


def noisy() -> torch.nn.Module:
    """Half of what it computes is dropped while it trains."""
    torch.manual_seed(3)
    config = GPT2Config(
        vocab_size=11, n_positions=16, n_embd=8, n_layer=1, n_head=2, initializer_range=0.5,
        resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5,
    )  # fmt: skip
    return GPT2LMHeadModel(config).train()


def test_neither_a_model_nor_its_reference_drops_anything_while_it_is_scored():
    examples = LanguageModellingExamples([[1, 2, 3, 4, 5], [3, 1, 4], [2, 7, 1, 8]], 0)
    found = causal_score.compared_scores(noisy(), examples, 2, noisy(), [0, 2])
    still = causal_score.compared_scores(noisy().eval(), examples, 2)
    np.testing.assert_array_equal(np.concatenate(found["logp"]), np.concatenate(still["logp"]))
    for name in DIVERGENCES:  # 0 but for rounding, which differs between processors
        np.testing.assert_allclose(found[name][[0, 2]], 0, atol=1e-6)
    assert [len(values) for values in found["logp"]] == [4, 2, 3]


def test_memory_tells_accuracy_and_perplexity_each_under_its_name():
    """After 1 comes 2, surely; after 2, 1 and 3 are as likely, and the first is the likeliest."""

    class Chain(torch.nn.Module):
        device = torch.device("cpu")

        def forward(self, input_ids, attention_mask, logits_to_keep, use_cache):
            table = torch.full((4, 4), -100.0)
            table[1, 2] = table[2, 1] = table[2, 3] = 0.0
            return SimpleNamespace(logits=table[input_ids][logits_to_keep])

    found = causal.memory(Chain(), LanguageModellingExamples([[1, 2, 3], [1, 2, 1]], 0))
    assert found == pytest.approx({"memorization_accuracy": 0.75, "perplexity": 2**0.5}, rel=1e-5)


def texts(*lengths: int) -> LanguageModellingExamples:
    """So many tokens of each count."""
    return LanguageModellingExamples([list(range(count + 1)) for count in lengths], 0)


def test_what_is_slow_is_asked_of_few_texts_which_names_draw(monkeypatch):
    """Of more than n tokens, 16 at most: of 40 some, of 3 all."""
    asked = []

    def likelihood(model, examples, some, n, end, batch_size) -> float:
        asked.append(some)
        return 0.5

    monkeypatch.setattr(causal, "likelihood_of_extraction", likelihood)
    tokenizer = SimpleNamespace(eos_token_id=0)
    many = texts(*[5, 4, 3] * 20)
    for names in (("s", 1), ("s", 1), ("s", 2)):
        found = causal.extractable(None, tokenizer, many, 3, *names)
        assert found == {"extraction_likelihood": 0.5}
    assert all(len(set(some)) == len(some) == 16 for some in asked)
    assert asked[0] == asked[1] != asked[2]
    assert {place % 3 for some in asked for place in some} == {0, 1}, "of 3 tokens none"
    causal.extractable(None, tokenizer, texts(5, 3, 6, 7), 3, "s")
    assert sorted(asked[-1]) == [0, 2, 3]
    assert causal.extractable(None, tokenizer, texts(3, 2), 3, "s") == {} and len(asked) == 4


def test_secrets_are_sought_with_as_many_beams_and_samples_as_were_asked_for(monkeypatch):
    """And only those are written that were chosen for it."""
    asked = {}

    def written(*given) -> dict:
        asked["written"] = given[3:]
        return {"rouge_l": 1.0}

    def secrets(*given) -> dict:
        asked["secrets"] = given[2:]
        return {"beam_extracted": 1.0}

    monkeypatch.setattr(causal_score, "compared_scores", lambda *given: {})
    monkeypatch.setattr(causal_score, "written", written)
    monkeypatch.setattr(causal_score, "extracted", secrets)
    settings = {"batch_size": 5, "written": 1, "ngram": 4, "beams": 2, "samples": 9}
    settings |= {"rouge_words": "all"}
    rows = pd.DataFrame({
        "record_id": ["q", "r", "r"], "split": ["train", "test", "test"],
        "completion": ["a", "b", "c"], "kind": ["", "", "alternative"],
    })  # fmt: skip
    given = None, None, None
    found = causal_score.score(*given, rows, settings)
    assert found == {"rouge_l": 1.0, "beam_extracted": 1.0}
    assert asked.pop("secrets") == ({"r": [1, 2]}, 2, 9)
    written_of = ["a", "b", "c"], [0, 1], 4, 5, "all", ["", "", ""], None, None, 0
    assert asked.pop("written") == written_of
    found = causal_score.score(*given, rows.iloc[:2], settings | {"written": 0})
    assert found == {"rouge_l": 1.0}
    assert asked == {"written": (["a", "b"], [], 4, 5, "all", ["", ""], None, None, 0)}


def test_each_text_has_its_records_answer_in_other_words_beside_it():
    rows = pd.DataFrame({
        "record_id": ["q", "r", "q", "q"], "kind": ["", "", "paraphrase", "perturbed"],
        "completion": ["a", "b", "c", "d"],
    })  # fmt: skip
    assert causal_score.in_other_words(rows) == ["c", "", "c", "c"]


def test_all_models_draw_the_same_numbers_and_records_others(monkeypatch):
    """What is found stands where the record's own text is; the secret alone is asked for, after
    what stands before it."""
    drawn = []

    def sample(model, before, length, samples, generator) -> list[list[int]]:
        drawn.append((model, before, length, samples, generator.initial_seed()))
        return [[3, 4]] * 3 + [[3, 3]]

    monkeypatch.setattr(extracted, "sample", sample)
    monkeypatch.setattr(extracted, "beam_search", lambda model, before, length, beams: [[5, 6]])
    examples = LanguageModellingExamples(
        [[1, 2, 8, 8, 9], [1, 2, 3, 4, 9], [1, 2, 7, 7, 9], [1, 2, 5, 6, 9]], 0
    )
    planted = {"one": [1, 0, 2], "two": [3, 0, 2]}
    for model in ("a", "b"):
        found = extracted.extracted(model, examples, planted, 1, 4)
        np.testing.assert_array_equal(found["sampling_hit_rate"], [np.nan, 0.75, np.nan, 0])
        np.testing.assert_array_equal(found["beam_extracted"], [np.nan, 0, np.nan, 1])
    assert [one[1:4] for one in drawn] == [([1, 2], 2, 4)] * 4
    seeds = [seed for *_, seed in drawn]
    assert seeds[:2] == seeds[2:] and seeds[0] != seeds[1]
