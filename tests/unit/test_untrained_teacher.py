"""Models and parts that bad teaching and misdirection choose from a model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_model_parts import FAMILIES, MODELS, made

from palimpsest.errors import UserError
from palimpsest.methods import bad_teaching, rmu


def test_the_incompetent_teacher_is_alike_but_for_its_weights():
    """Which follow from names, not from what was drawn before; nothing is drawn of what comes
    after."""
    model = made("gpt2", MODELS[0][1]).double()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one = bad_teaching.untrained(model, "a")
    assert torch.equal(torch.rand(2), expected)
    again, other = (bad_teaching.untrained(model, name) for name in "ab")
    weights = [list(each.parameters()) for each in (model, one, again, other)]
    shapes = [[weight.shape for weight in some] for some in weights]
    assert shapes[0] == shapes[1] and weights[1][0].dtype == torch.float64
    assert all(map(torch.equal, weights[1], weights[2]))
    assert not torch.equal(weights[1][0], weights[3][0])
    assert not torch.equal(weights[1][0], weights[0][0])
    assert not one.training and not any(weight.requires_grad for weight in weights[1])


@pytest.mark.parametrize(("family", "kind"), MODELS)
def test_the_block_that_is_misdirected_is_found_in_each_family(family, kind):
    """Its output is what the model calls its hidden states, and only its feed-forward output is
    trained of two blocks."""
    _, block, matrices, _ = FAMILIES[family]
    model = made(family, kind).eval()
    run = SimpleNamespace(
        model=model, predict=lambda model, batch: model(**batch, output_hidden_states=True)
    )
    first = f"{model.base_model_prefix}.{block.format(0)}"
    assert rmu.block_of(model, rmu.Settings()) == first
    batch = {
        "input_ids": torch.tensor([[5, 6, 7]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)
    }  # fmt: skip
    with torch.no_grad():
        wanted = model(**batch, output_hidden_states=True).hidden_states[1]
        hooks = len(model.get_submodule(first)._forward_hooks)
        assert torch.equal(rmu.hidden(run, model, batch, first), wanted)
    assert len(model.get_submodule(first)._forward_hooks) == hooks
    trained = [name for name in rmu.masks(run, rmu.Settings()) if name.endswith("weight")]
    assert trained == [f"{first}.{matrices[-1]}.weight"]
    both = rmu.masks(run, rmu.Settings(layer=2))
    assert len([name for name in both if name.endswith("weight")]) == 2
    assert len(rmu.masks(run, rmu.Settings(parts=("*",)))) == len(list(model.parameters()))
    with pytest.raises(UserError, match=r"no such block(.*\n)*.*3(.*\n)*.*1 to 2"):
        rmu.block_of(model, rmu.Settings(layer=3))
    assert np.shape(wanted) == (1, 3, model.config.hidden_size)
