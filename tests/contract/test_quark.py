"""quark: what is its own: rewards, quantiles, the loss, and a vocabulary that ends as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import VOCABULARY, kl, run_of, tiny
from transformers import AutoTokenizer

from palimpsest.methods import quark
from palimpsest.methods.quantile_tokens import Without, add_tokens, begin_with, remove_tokens
from palimpsest.methods.rewards import REWARDS
from palimpsest.models.bpe import train_bpe
from palimpsest.models.tokenizers import save_tokenizer

SMALL = quark.Settings(length=4, quantiles=2, epochs=3, batch_size=2, learning_rate=1e-3)


@pytest.mark.parametrize(
    ("name", "response", "truth", "reward"),
    [
        ("memorization", [1, 2, 3], [1, 2, 3], 0.0),
        ("memorization", [1, 9, 3], [1, 2, 3, 4], 0.5),  # 1 and 3, in order
        ("memorization", [3, 1], [1, 2, 3], 2 / 3),  # either, not both
        ("memorization", [], [1, 2], 1.0),
        ("repetition", [1, 2, 3, 4], [], 1.0),
        ("repetition", [1, 1, 1, 1], [], 1 / 3 * 1 / 2),  # of 3 and 2 n-grams one each
        ("repetition", [1, 2, 1, 2], [], 2 / 3),  # 12, 21, 12
        ("repetition", [1], [], 1.0),
    ],
)
def test_rewards_by_hand(name, response, truth, reward):
    assert REWARDS[name](response, truth) == pytest.approx(reward)


def test_quantiles_are_of_one_size_and_the_remainder_is_the_worst():
    """Seven in three: two, two, three; of equal rewards the earlier is the better."""
    rewards = [0.1, 0.9, 0.5, 0.5, 0.2, 1.0, 0.0]
    assert quark.quantile_of(rewards, 3) == [2, 0, 1, 1, 2, 0, 2]
    assert quark.quantile_of([0.1, 0.9], 5) == [1, 0]  # fewer than quantiles


def test_the_loss_by_hand():
    """p = (1/2, 1/4) and 1/4 on a quantile's token, so (2/3, 1/3) over the two of the reference,
    which has (1/2, 1/2); the target is the first."""
    logits = torch.tensor([[0.5, 0.25, 0.25]]).log()
    reference = torch.tensor([[0.5, 0.5]]).log()
    away = 2 / 3 * np.log(4 / 3) + 1 / 3 * np.log(2 / 3)
    spread = 0.5 * np.log(2) + 0.5 * np.log(4)
    found = quark.quark_terms(logits, torch.tensor([0]), reference, 3.0, 2.0)
    assert found.tolist() == pytest.approx([np.log(2) + 3 * away - 2 * spread])


def test_tokens_come_at_the_end_and_go_without_a_trace():
    model, plain = tiny("causal"), tiny("causal")
    ids = torch.tensor([[3, 4, 5]])
    add_tokens(model, 4, "names")
    with torch.no_grad():
        assert model(ids).logits.shape[-1] == VOCABULARY + 4
        said = Without(model, VOCABULARY)(input_ids=ids).logits
        assert torch.allclose(said, plain(ids).logits, rtol=1e-12)
    other = tiny("causal")
    add_tokens(other, 4, "names")
    assert all(map(torch.equal, model.parameters(), other.parameters()))
    remove_tokens(model, VOCABULARY)
    assert model.config.vocab_size == VOCABULARY
    assert all(map(torch.equal, model.parameters(), plain.parameters()))


def test_the_folder_puts_the_best_token_before_a_text_by_itself(tmp_path):
    """Whoever loads it; what is encoded without special tokens, as here, stays as it was."""
    tokenizer = train_bpe(["a b c"], 300)
    plain = tokenizer("a b")["input_ids"]
    for _ in range(2):
        begin_with(tokenizer, tokenizer.eos_token_id)
        save_tokenizer(tokenizer, tmp_path)
        loaded = AutoTokenizer.from_pretrained(tmp_path)
        assert loaded("a b")["input_ids"] == [tokenizer.eos_token_id, *plain]
        assert loaded("a b", add_special_tokens=False)["input_ids"] == plain


def test_the_reference_sees_the_start_token_where_the_model_sees_a_quantile(tmp_path):
    """The loss of the first epoch, against a plain loop over its texts."""
    run = run_of("causal", tmp_path)
    add_tokens(run.model, 1, *run.names)
    (part,) = quark.objective(run, SMALL, VOCABULARY).parts.values()
    batch = part.examples.batch(np.arange(5))
    assert VOCABULARY in batch["input_ids"][:, 0] and (batch["start"] < VOCABULARY).all()
    wanted = 0.0
    for row, mask, start, counted in zip(
        batch["input_ids"], batch["attention_mask"], batch["start"], batch["counted"], strict=True
    ):
        ids = row[: mask.sum()][None]
        plain = ids.clone()
        plain[0, 0] = start
        with torch.no_grad():
            said = run.model(ids).logits[0].softmax(-1)
            shared = said[:, :VOCABULARY] / said[:, :VOCABULARY].sum(-1, keepdim=True)
            before = run.reference(plain).logits[0].softmax(-1)
        for place in counted.nonzero()[:, 0].tolist():
            p, q, r = said[place - 1], shared[place - 1], before[place - 1]
            wanted += float(-p[ids[0, place]].log() + 0.05 * (q * (q / r).log()).sum())
            wanted += float(0.06 * (p * p.log()).sum())
    with torch.no_grad():
        assert float(part.loss(run.model, batch)) == pytest.approx(wanted, rel=1e-9)


def test_the_pool_grows_by_a_response_to_each_prompt_and_survives_a_kill(tmp_path):
    """Each round is sampled once, from the weights of its time; what it took is counted."""
    run = run_of("causal", tmp_path)
    quark.METHOD.change(run, SMALL)
    kept = sorted(one.name for one in (tmp_path / "resume" / "kept").iterdir())
    assert kept == [f"explored%20{number}.json" for number in range(3)]
    rounds = [run.kept(f"explored {number}", lambda: None) for number in range(3)]
    assert all(len(one["responses"]) == len(one["rewards"]) == 5 for one in rounds)
    assert rounds[0]["responses"] != rounds[1]["responses"]
    spent = sum(
        len(prompt) + len(response)
        for one in rounds
        for (prompt, _), response in zip(quark.prompts(run), one["responses"], strict=True)
    )
    assert run.report()["spent"] == spent
    assert run.model.config.vocab_size == VOCABULARY
    assert kl(run, run.reference, run.model, "forget") > 0
