"""Continuations against one prefix at a time with transformers' generate, beam search against every
suffix there is, sampling by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from palimpsest.metrics.extraction import beam_extracted, extraction_likelihood, sampling_hit_rate
from palimpsest.models.generation import (
    _drawn,
    beam_search,
    greedy_continuations,
    greedy_suffixes,
    sample,
    sample_each,
)
from palimpsest.randomness import torch_generator
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.tokens import token_scores

LLAMA = {
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
}
ARCHITECTURES = {
    "gpt2": {"n_layer": 2, "n_embd": 16, "n_head": 2},
    "llama": LLAMA,
    "gpt_neox": {
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "opt": {
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "ffn_dim": 32,
        "word_embed_proj_dim": 16,
    },
    # sees five positions back alone, the padding not among them
    "mistral": {**LLAMA, "sliding_window": 5},
}
PIECES, LENGTH = 12, 14
NONE = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}


def tiny_model(architecture: str = "gpt2"):
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=PIECES,
        max_position_embeddings=LENGTH,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
        initializer_range=0.7,
        **ARCHITECTURES[architecture],
    )
    return AutoModelForCausalLM.from_config(config).eval()


def generate(model, prefix: list[int], count: int, **settings) -> list[list[int]]:
    """Continuations as transformers makes them."""
    ids = torch.tensor([prefix])
    made = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, **{**NONE, **settings}
    )
    return made[:, len(prefix) :].tolist()


def naive_suffixes(model, ids: list[int], **settings) -> list[list[int]]:
    return [
        generate(model, ids[:prefix], len(ids) - prefix, **settings)[0]
        for prefix in range(1, len(ids))
    ]


def texts(model) -> list[list[int]]:
    """Texts of 2 to LENGTH tokens; what the model would say stands in some of them for a while, so
    that prefixes share continuations."""
    draw = np.random.default_rng(3)
    known = [4, *generate(model, [4], 5)[0]]
    return [
        draw.integers(0, PIECES, LENGTH).tolist(),
        [*known, *draw.integers(0, PIECES, 7).tolist()],
        draw.integers(0, PIECES, 2).tolist(),
        [*draw.integers(0, PIECES, 4).tolist(), *known, 4],
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_suffixes_are_those_of_one_prefix_at_a_time(architecture):
    model = tiny_model(architecture)
    given = texts(model)
    wanted = [naive_suffixes(model, ids) for ids in given]
    assert len({token for suffix in wanted[0] for token in suffix}) > 3, (
        "a model that always says the same tests nothing"
    )
    for batch_size in (1, 3, 64):
        assert greedy_suffixes(model, given, batch_size) == wanted
    shortest = [3, 1, 1, 5]
    later = [suffixes[first - 1 :] for suffixes, first in zip(wanted, shortest, strict=True)]
    assert greedy_suffixes(model, given, 3, shortest=shortest) == later


def test_an_end_of_text_ends_a_suffix():
    """Whether the model says it where the text does not, or the text holds it; it stands in the
    suffix, as generate leaves it there."""
    model = tiny_model()
    given = texts(model)
    for eos_id in {given[1][2], greedy_suffixes(model, given)[0][0][1]}:
        wanted = [naive_suffixes(model, ids, eos_token_id=eos_id) for ids in given]
        assert greedy_suffixes(model, given, eos_id=eos_id) == wanted
        assert any(
            len(suffix) < len(ids) - i
            for ids, made in zip(given, wanted, strict=True)
            for i, suffix in enumerate(made, start=1)
        )


def test_extraction_likelihood_from_suffixes():
    """Equal to that of the naive way; 1 for a text that the model knows by heart, which takes one
    pass and no generation."""
    model = tiny_model()
    given = [*texts(model)[:2], [7, *generate(model, [7], LENGTH - 1)[0]]]
    values = [
        extraction_likelihood(suffixes, ids, 2)
        for suffixes, ids in zip(greedy_suffixes(model, given), given, strict=True)
    ]
    assert values == [extraction_likelihood(naive_suffixes(model, ids), ids, 2) for ids in given]
    assert values[2] == 1 and 0 < values[1] < 1

    passes = []
    model.register_forward_pre_hook(lambda *_: passes.append(1))
    greedy_suffixes(model, given[2:])
    assert len(passes) == 1


def test_first_tokens_give_the_memorization_accuracy_of_one_pass():
    model = tiny_model()
    given = texts(model)
    scores = token_scores(model, LanguageModellingExamples(given, pad_id=0), 2)
    pairs = zip(given, greedy_suffixes(model, given), strict=True)
    firsts = [
        suffix[0] == ids[place]
        for ids, suffixes in pairs
        for place, suffix in enumerate(suffixes, start=1)
    ]
    assert scores.correct.tolist() == firsts and 0 < sum(firsts) < len(firsts)


def test_what_the_model_was_doing_does_not_matter():
    """Dropout of a model in training would change its continuations."""
    model = tiny_model()
    given = texts(model)
    wanted = greedy_suffixes(model, given)
    assert greedy_suffixes(model.train(), given) == wanted


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_continuations_of_prompts(architecture):
    model, prompts = tiny_model(architecture), [[3, 1, 4, 1, 5], [9], [2, 6, 5]]
    wanted = [generate(model, prompt, 8)[0] for prompt in prompts]
    assert all(
        greedy_continuations(model, prompts, [8] * len(prompts), batch_size) == wanted
        for batch_size in (1, 2, 3)
    )
    eos_id = wanted[0][2]
    ended = [
        suffix[: suffix.index(eos_id) + 1] if eos_id in suffix else suffix for suffix in wanted
    ]
    assert (
        greedy_continuations(model, prompts, [8] * len(prompts), eos_id=eos_id) == ended != wanted
    )


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_wide_beam_finds_every_suffix(architecture):
    """As wide as there are suffixes, a beam search lists them all by their likelihood, computed
    here one suffix at a time."""
    model, prefix = tiny_model(architecture), [3, 1, 4]
    every = [list(suffix) for suffix in itertools.product(range(PIECES), repeat=2)]
    data = LanguageModellingExamples(
        [prefix + suffix for suffix in every], 0, [[False] * 3 + [True] * 2] * len(every)
    )
    scores = token_scores(model, data, 64)
    likelihood = dict(zip(map(tuple, every), scores.per_text(scores.logp), strict=True))
    found = beam_search(model, prefix, 2, PIECES**2 + 5)
    assert sorted(found) == every
    assert (np.diff([likelihood[tuple(suffix)] for suffix in found]) <= 1e-6).all()


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_narrow_beam_is_that_of_transformers(architecture):
    model, prefix = tiny_model(architecture), [3, 1, 4]
    for beams in (2, 5):
        found = beam_search(model, prefix, 6, beams)
        assert found == generate(model, prefix, 6, num_beams=beams, num_return_sequences=beams)
        assert beam_extracted(found, found[-1]) and len(found) == beams
    assert beam_search(model, prefix, 6, 1) == generate(model, prefix, 6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_samples_of_many_texts_are_those_of_one_at_a_time(architecture):
    """Of unlike lengths, in batches of any size; an end of text ends one, and stands in it."""
    model, prompts, steps = tiny_model(architecture), texts(tiny_model()), [1, 3, 7, 5]
    prompts = [ids[: LENGTH - count] for ids, count in zip(prompts, steps, strict=True)]
    draws = [("sampled", number) for number in range(4)]
    wanted = [
        sample(model, prompt, count, 1, torch_generator(*draw))[0]
        for prompt, count, draw in zip(prompts, steps, draws, strict=True)
    ]
    uniform = [
        torch.rand(count, dtype=torch.float64, generator=torch_generator(*draw))
        for count, draw in zip(steps, draws, strict=True)
    ]
    for batch_size in (1, 2, 3, 64):
        assert sample_each(model, prompts, uniform, batch_size=batch_size) == wanted
    end = wanted[2][3]
    ended = [ids[: ids.index(end) + 1] if end in ids else ids for ids in wanted]
    assert sample_each(model, prompts, uniform, end) == ended != wanted


def test_what_cannot_be_sampled_from_is_refused():
    model, numbers = tiny_model(), torch.zeros(3, dtype=torch.float64)
    for prompt, uniform in ([], numbers), ([1] * LENGTH, numbers), ([1], numbers[:0]):
        with pytest.raises(ValueError, match="cannot be continued"):
            sample_each(model, [[1], prompt], [numbers, uniform])


def test_draws_by_hand():
    """p = 0, 1/2, 1/4, 1/4 cumulates to 0, 1/2, 3/4, 1: the first of these that is above the
    uniform number, so that 0 draws no 0.

    Of the two likeliest of the second row, 2/3 and 1/3. At temperature 1/2 the squares, 0, 1/4,
    1/16, 1/16, so 0, 2/3, 1/6, 1/6.
    """
    numbers = torch.tensor([0, 0.4999, 0.5001, 0.7499, 0.7501, 1 - 2**-53], dtype=torch.float64)
    logits = torch.tensor([0, 0.5, 0.25, 0.25]).log().expand(6, 4)
    assert _drawn(logits, numbers, 1.0, None).tolist() == [1, 1, 2, 2, 3, 3]
    assert _drawn(
        torch.tensor([0.25, 0.24, 0.5, 0.01]).log().expand(6, 4), numbers, 1.0, 2
    ).tolist() == [2, 2, 2, 0, 0, 0]
    assert _drawn(logits, numbers, 0.5, None).tolist() == [1, 1, 1, 2, 2, 3]
    assert _drawn(logits, numbers, 1.0, 99).tolist()[:2] == [1, 1]


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_samples_are_as_frequent_as_they_are_likely(architecture):
    """4,000 draws: a share is off by more than four times its standard deviation, sqrt(p (1 - p) /
    4,000), once in 16,000."""
    model, prefix, count = tiny_model(architecture), [3, 1, 4], 4000
    samples = sample(
        model, prefix, 2, count, torch_generator("test", architecture), batch_size=1500
    )
    best = beam_search(model, prefix, 2, 5)
    data = LanguageModellingExamples(
        [prefix + suffix for suffix in best], 0, [[False] * 3 + [True] * 2] * 5
    )
    for suffix, p in zip(
        best,
        np.exp(np.add.reduceat(token_scores(model, data, 5).logp, range(0, 10, 2))),
        strict=True,
    ):
        assert p > 0.005 and abs(sampling_hit_rate(samples, suffix) - p) < 4 * np.sqrt(
            p * (1 - p) / count
        )


def test_samples_follow_from_their_generator_alone():
    model, prefix = tiny_model(), [3, 1, 4]
    state = torch.get_rng_state()
    first = sample(model, prefix, 6, 10, torch_generator("a"))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert sample(model, prefix, 6, 10, torch_generator("a"), batch_size=3) == first
    assert sample(model, prefix, 6, 10, torch_generator("b")) != first
    assert {len(suffix) for suffix in first} == {6} and len(first) == 10


def test_samples_of_the_likeliest_token_are_greedy():
    model, prefix = tiny_model(), [3, 1, 4]
    wanted = generate(model, prefix, 6) * 3
    assert sample(model, prefix, 6, 3, torch_generator("a"), top_k=1) == wanted
    assert sample(model, prefix, 6, 3, torch_generator("a"), temperature=1e-4) == wanted


def test_defects_of_a_caller():
    model, generator = tiny_model(), torch_generator("a")
    with pytest.raises(ValueError, match="two tokens"):
        greedy_suffixes(model, [[1, 2], [1]])
    with pytest.raises(ValueError, match="a context of 14"):
        greedy_suffixes(model, [[1] * 16])
    with pytest.raises(ValueError, match="10 tokens cannot be continued by 6"):
        greedy_continuations(model, [[1] * 10], [6])
    # the last token is said, never read
    assert len(greedy_continuations(model, [[1] * 10], [5])[0]) == 5
    with pytest.raises(ValueError, match="0 tokens"):
        beam_search(model, [], 2, 3)
    with pytest.raises(ValueError, match="by 0"):
        sample(model, [1], 0, 3, generator)
    with pytest.raises(ValueError, match="temperature"):
        sample(model, [1], 2, 3, generator, temperature=0)


def test_each_text_is_continued_by_what_it_has_room_for():
    """12 tokens and 2 more fill the context of 14, as do 2 and 12: none is asked for what another
    needs."""
    model, texts = tiny_model(), ([1] * (LENGTH - 2), [2, 2])
    found = greedy_continuations(model, texts, [2, LENGTH - 2], 2)
    assert list(map(len, found)) == [2, LENGTH - 2]
    assert found == [
        greedy_continuations(model, [ids], [count])[0]
        for ids, count in zip(texts, (2, LENGTH - 2), strict=True)
    ]
