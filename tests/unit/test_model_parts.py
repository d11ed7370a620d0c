"""Parts of models, by the names that families give them: feed-forward layers, and what adapters are
put on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from palimpsest.errors import UserError
from palimpsest.methods import localised
from palimpsest.models.adapters import taken_off, with_adapters
from palimpsest.models.parts import blocks, feed_forward_outputs

SMALL = {
    "num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16,
}  # fmt: skip
BERT = ("encoder.layer.{}", ("intermediate.dense", "output.dense"), 6)
# Of each family: its settings; what its blocks are called without the model's own name; the
# matrices of a feed-forward layer, the last of them its output; how many matrices a block has.
FAMILIES = {
    "gpt2": ({"n_layer": 2, "n_embd": 8, "n_head": 2}, "h.{}", ("mlp.c_fc", "mlp.c_proj"), 4),
    "gpt_neox": (SMALL, "layers.{}", ("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"), 4),
    "llama": (SMALL, "layers.{}", ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"), 7),
    "opt": (SMALL | {"word_embed_proj_dim": 4}, "decoder.layers.{}", ("fc1", "fc2"), 6),
    "bert": (SMALL, *BERT),
    "roberta": (SMALL, *BERT),
    "electra": (SMALL, *BERT),
    "distilbert": (
        {"n_layers": 2, "dim": 8, "n_heads": 2, "hidden_dim": 16},
        "transformer.layer.{}",
        ("ffn.lin1", "ffn.lin2"),
        6,
    ),
}
CAUSAL = ("gpt2", "gpt_neox", "llama", "opt")
MODELS = [(family, AutoModelForSequenceClassification) for family in FAMILIES] + [
    (family, AutoModelForCausalLM) for family in CAUSAL
]


def made(family: str, kind) -> torch.nn.Module:
    common = {"vocab_size": 30, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return kind.from_config(AutoConfig.for_model(family, **common, **FAMILIES[family][0]))


@pytest.mark.parametrize(("family", "kind"), MODELS)
def test_feed_forward_layers_are_known_in_each_family(family, kind):
    """They are what localised unlearning trains by default."""
    _, block, matrices, _ = FAMILIES[family]
    model = made(family, kind)
    names = [f"{model.base_model_prefix}.{block.format(number)}" for number in range(2)]
    assert blocks(model) == names
    trained = localised.masks(SimpleNamespace(model=model), localised.Settings())
    weights = [name for name in trained if name.endswith("weight")]
    assert weights == [f"{name}.{one}.weight" for name in names for one in matrices]
    outputs = feed_forward_outputs(model)
    assert list(outputs) == [f"{name}.{matrices[-1]}" for name in names]
    assert all(model.get_submodule(name) is module for name, module in outputs.items())


@pytest.mark.parametrize(("family", "kind"), MODELS)
def test_adapters_are_on_the_linear_maps_of_blocks_and_never_on_a_head(family, kind):
    model = made(family, kind)
    inside = tuple(f"{block}." for block in blocks(model))
    vector = taken_off(with_adapters(model, 2, 4, 0.0, "names"))
    assert len(vector) == 2 * FAMILIES[family][3]
    assert all(name.startswith(inside) for name in vector)


def test_a_model_without_known_feed_forward_layers_is_refused_with_what_to_do():
    block = torch.nn.ModuleDict({"dense": torch.nn.Linear(2, 2)})
    model = torch.nn.Module()
    model.blocks, model.config = torch.nn.ModuleList([block]), SimpleNamespace(model_type="odd")
    model.base_model = model
    with pytest.raises(UserError, match=r"not known(.*\n)*.*odd(.*\n)*.*`parts`"):
        feed_forward_outputs(model)
