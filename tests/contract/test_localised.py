"""Localised unlearning: what is named is trained, all else keeps its bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import run_of

from palimpsest.errors import UserError
from palimpsest.methods import localised
from palimpsest.models.parts import parameters_named


@pytest.mark.parametrize(
    ("parts", "trained"),
    [
        (("*.mlp",), {"h.0.mlp", "h.1.mlp"}),
        (("transformer.h.1", "transformer.wpe.weight"), {"h.1.", "wpe"}),
        (("transformer.h.[0]*.attn.c_attn",), {"h.0.attn.c_attn"}),
    ],
)
def test_parameters_outside_of_the_parts_keep_their_bits(parts, trained, tmp_path):
    run = run_of("causal", tmp_path)
    before = {name: weight.detach().clone() for name, weight in run.model.named_parameters()}
    settings = localised.Settings(parts=parts, epochs=3, learning_rate=1e-2, weight_decay=0.5)
    localised.METHOD.change(run, settings)
    for name, weight in run.model.named_parameters():
        inside = any(one in name for one in trained)
        assert torch.equal(weight, before[name]) != inside, name


def test_a_pattern_that_names_nothing_is_told_with_what_there_is():
    with pytest.raises(UserError, match=r"names no part(.*\n)*.*\*\.ffn(.*\n)*.*transformer\.wte"):
        parameters_named(run_of("causal").model, ("*.mlp", "*.ffn"))


def test_the_loss_by_hand():
    """p = 1/2, 1/4 and 1/1000: log 2, -log(3/4), and nothing of what is below the bar of log p =
    -5; where p rounds to 1 it is still a number, and pulls."""
    p = np.array([[0.5, 0.5], [0.75, 0.25], [0.999, 0.001]])
    logits, targets = torch.tensor(np.log(p)), torch.tensor([0, 1, 1])
    found = float(localised.unsaid_sum(logits, targets, -5.0))
    assert found == pytest.approx(np.log(2) - np.log(0.75))
    assert float(localised.unsaid_sum(logits, targets, -9.0)) == pytest.approx(
        found - np.log(0.999)
    )
    sure = torch.tensor([[60.0, 0.0]], requires_grad=True)
    loss = localised.unsaid_sum(sure, torch.tensor([0]), -5.0)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(60) and sure.grad.tolist() == [[1.0, -1.0]]
