"""DEPN: attributions by their definition, votes by hand, and what an edit changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import MASK, PAD, VOCABULARY, run_of

from palimpsest.errors import UserError
from palimpsest.methods import depn
from palimpsest.models.parts import feed_forward_outputs, neurons


def text_of(run, number: int) -> dict[str, torch.Tensor]:
    return run.sets["forget"].batch(np.array([number]))


def probability(model, text, target: int, layer: int | None = None, share: float = 1.0) -> float:
    """Of the token at ``target``, the neurons of a layer scaled where it is predicted: by hand,
    with the whole text and a hook of its own."""
    outputs = list(feed_forward_outputs(model).values())

    ids, place = text["input_ids"].clone(), target - 1
    if "truth" in text:  # all but this token are seen
        ids, place = text["truth"].clone(), target
        ids[0, target] = MASK

    def scaled(_, given):
        inside = given[0].clone()
        inside[0, place] *= share
        return (inside,)

    hook = None if layer is None else outputs[layer].register_forward_pre_hook(scaled)
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, place]
    if hook:
        hook.remove()
    return float(torch.softmax(logits, -1)[text.get("truth", ids)[0, target]])


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("track", ["causal", "masked"])
def test_attributions_add_up_to_what_the_neurons_change(track, number):
    """Of a layer, over its neurons: sum over tokens of P with them minus P without (completeness of
    integrated gradients), with points enough for the sum to be the integral."""
    run = run_of(track)
    text = text_of(run, number)
    found = depn.attributions(run.model, text, points=2000, rows=512)
    targets = text["counted"][0].nonzero()[:, 0].tolist()
    assert found.shape == (2, 32 if track == "causal" else 16) and len(targets) > 1
    for layer in range(2):
        change = sum(
            probability(run.model, text, target) - probability(run.model, text, target, layer, 0.0)
            for target in targets
        )
        assert float(found[layer].sum()) == pytest.approx(change, rel=2e-3)


@pytest.mark.parametrize("track", ["causal", "masked"])
def test_points_are_those_of_the_right_sum(track):
    """With one point: beta times the slope of P at beta itself, by central differences."""
    run = run_of(track)
    text = text_of(run, 1)
    one = depn.attributions(run.model, text, points=1, rows=512)
    targets = text["counted"][0].nonzero()[:, 0].tolist()
    slope = sum(
        (
            probability(run.model, text, target, 1, 1 + 1e-6)
            - probability(run.model, text, target, 1, 1 - 1e-6)
        )
        / 2e-6
        for target in targets
    )
    assert float(one[1].sum()) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("track", ["causal", "masked"])
def test_how_many_rows_a_pass_has_changes_nothing(track):
    run = run_of(track)
    text = text_of(run, 2)
    whole, cut = (depn.attributions(run.model, text, points=7, rows=rows) for rows in (512, 3))
    assert torch.allclose(whole, cut, rtol=1e-12)


def test_votes_by_hand():
    """Two layers of two neurons. Thresholds are half of each text's largest: the first text names
    (0, 0) and (0, 1), the second (0, 0) and (1, 1), the third (1, 1) alone. Of the two with two
    votes (1, 1) has the larger sum; (0, 1) has one vote and (1, 0) none, whatever its sum."""
    texts = torch.tensor(
        [[[4.0, 2.0], [1.0, -9.0]], [[3.0, 0.0], [2.9, 6.0]], [[9.0, 8.0], [9.9, 20.0]]]
    )
    texts[2, 1, 1] = 20.0
    found = depn.voted(texts, 0.5, 4)
    assert found == [[1, 1], [0, 0], [0, 1], [1, 0]]
    assert depn.voted(texts, 0.5, 1) == [[1, 1]]
    equal = torch.ones(1, 2, 2)
    assert depn.voted(equal, 0.1, 3) == [[0, 0], [0, 1], [1, 0]]


def test_an_erased_neuron_says_nothing_and_others_keep_their_bits():
    """Setting what it adds to 0 is what setting its activation to 0 would do."""
    run, other = run_of("causal"), run_of("causal")
    before = {name: weight.clone() for name, weight in run.model.named_parameters()}
    depn.erase(run.model, [[1, 5]])
    outputs = list(feed_forward_outputs(other.model).values())

    def silenced(_, given):
        inside = given[0].clone()
        inside[..., 5] = 0
        return (inside,)

    outputs[1].register_forward_pre_hook(silenced)
    text = text_of(run, 0)["input_ids"]
    with torch.no_grad():
        assert torch.allclose(run.model(text).logits, other.model(text).logits, rtol=1e-12)
    for name, weight in run.model.named_parameters():
        same = weight == before[name]
        if name == "transformer.h.1.mlp.c_proj.weight":
            assert not same[5].any() and same[[row for row in range(32) if row != 5]].all()
        else:
            assert same.all()


def test_an_unknown_token_is_written_in_place_of_a_neuron():
    """Of a masked model whose tokenizer has one."""
    run, before = run_of("masked"), run_of("masked").model
    depn.unlearn(run, depn.Settings(erase=3, points=2, write="unknown"))
    wanted = before.get_input_embeddings().weight[run.tokenizer.unk_token_id]
    ((_, weight), (_, old)) = (
        list(feed_forward_outputs(model).items())[0] for model in (run.model, before)
    )
    chosen = run.kept("neurons", list)
    assert len(chosen) == 3 and wanted.any()
    outputs = list(feed_forward_outputs(run.model).values())
    for layer, number in chosen:
        assert torch.equal(neurons(outputs[layer])[number], wanted)
    others = [number for number in range(16) if [0, number] not in chosen]
    assert torch.equal(neurons(weight)[others], neurons(old)[others])
    with pytest.raises(UserError, match="no embedding of an unknown token"):
        depn.unlearn(run_of("causal"), depn.Settings(write="unknown"))


def masked_model(architecture: str) -> torch.nn.Module:
    from transformers import AutoConfig, AutoModelForMaskedLM

    more = {"embedding_size": 8} if architecture == "albert" else {}
    config = AutoConfig.for_model(
        architecture, vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=16, pad_token_id=PAD, bos_token_id=None,
        eos_token_id=None, cls_token_id=None, sep_token_id=None, **more,
    )  # fmt: skip
    torch.manual_seed(0)
    return AutoModelForMaskedLM.from_config(config).double().eval()


def test_neurons_of_other_encoders_are_found_and_shared_layers_refused():
    text = text_of(run_of("masked"), 0)
    target = int(text["counted"][0].nonzero()[0, 0])
    alone = text | {"counted": torch.zeros_like(text["counted"])}
    alone["counted"][0, target] = True
    model = masked_model("modernbert")
    found = depn.attributions(model, alone, points=500, rows=64)
    change = probability(model, text, target) - probability(model, text, target, 1, 0.0)
    assert found.shape == (2, 16) and float(found[1].sum()) == pytest.approx(change, rel=1e-2)
    with pytest.raises(UserError, match="share their weights"):
        depn.attributions(masked_model("albert"), text, points=2, rows=64)


def test_neurons_of_a_linear_map_are_its_columns():
    linear = torch.nn.Linear(3, 2, bias=False)
    assert torch.equal(neurons(linear)[1], linear.weight[:, 1])


def test_the_neurons_that_are_erased_matter_more_than_others(tmp_path):
    """Erasing as many at random lowers the probability of the forgotten less."""
    from tiny import probabilities

    run, settings = run_of("causal", tmp_path), depn.Settings(erase=6)
    start = probabilities(run, "forget").mean()
    depn.unlearn(run, settings)
    chosen = start - probabilities(run, "forget").mean()
    draw = np.random.default_rng(1)
    falls = []
    for _ in range(20):
        other = run_of("causal")
        picked = draw.permutation(64)[:6]
        depn.erase(other.model, [[int(one) // 32, int(one) % 32] for one in picked])
        falls.append(start - probabilities(other, "forget").mean())
    assert chosen > max(falls)


def test_what_it_looks_at_is_its_cost(tmp_path):
    """Copies of each text: a token that counts, a point and a layer each."""
    run = run_of("causal", tmp_path)
    depn.unlearn(run, depn.Settings(points=3))
    forget = run.sets["forget"]
    assert run.report()["tokens"] == int((forget.counted * forget.lengths).sum()) * 3 * 2
    assert run.report()["steps"] == 0
