"""What jobs ask a cluster for, by hand; and which go there together."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from palimpsest.errors import UserError
from palimpsest.methods.registry import METHODS
from palimpsest.study import resources
from palimpsest.study.load import check_study
from palimpsest.study.resources import DEFAULTS, NAMES, Estimates, given_shape, shape_of
from palimpsest.study.study import Study
from palimpsest.study.submissions import GROUPS, group_of
from palimpsest.study.wants.train import Train

STUDIES = Path(__file__).resolve().parents[2] / "config" / "studies"
PEOPLE = yaml.safe_load((STUDIES / "people.yaml").read_text())
BASE = SimpleNamespace(seed="1", checkpoint="base")
# GPT-2 of 1.3 billion parameters
LARGE = {"n_layer": 24, "n_embd": 2048, "n_head": 16, "n_positions": 1024}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """``make(model={...}, training={...})``: estimates of the study `people`, changed."""
    monkeypatch.chdir(tmp_path)
    Path("ledger.tsv").write_text("request\towners\nr1\tp0002\n")

    def made(**changes) -> Estimates:
        config = copy.deepcopy(PEOPLE) | {"ledger": "ledger.tsv"}
        for section, values in changes.items():
            config[section] = {**config[section], **values}
        return Estimates(Study(check_study(config, "study.yaml")))

    return made


def large(make, **training) -> Estimates:
    """Texts of 512 tokens, 16 of them at once."""
    return make(model={"config": LARGE, "max_length": 512}, training=training,
                tokenizers={"people-words": PEOPLE["tokenizers"]["people-words"]
                            | {"vocab_size": 50257}})  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "config", "vocabulary", "published"),
    [
        ("gpt2", {}, 50257, 124_439_808),
        ("gpt2", LARGE, 50257, 1_313_626_112),
        ("bert", {}, 30522, 108_891_648),
        # Llama 3.2: eight heads of keys, and no biases
        ("llama", {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
                   "num_key_value_heads": 8, "intermediate_size": 8192,
                   "tie_word_embeddings": True}, 128256, 1_235_814_400),
        ("qwen2", {"hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
                   "num_key_value_heads": 2, "intermediate_size": 4864,
                   "tie_word_embeddings": True}, 151936, 494_032_768),
    ],
)  # fmt: skip
def test_parameters_are_counted_from_a_config(architecture, config, vocabulary, published):
    counted = shape_of(architecture, config, vocabulary).parameters
    assert counted == pytest.approx(published, rel=1e-3)
    untied = shape_of(architecture, config | {"tie_word_embeddings": False}, vocabulary)
    assert untied.parameters - counted == vocabulary * untied.width


@pytest.mark.parametrize("architecture", DEFAULTS)
def test_what_a_config_leaves_out_is_what_transformers_takes(architecture):
    from transformers import AutoConfig

    config = AutoConfig.for_model(architecture).to_dict()
    shape = shape_of(architecture, {}, 1000)
    assert shape == shape_of(architecture, config | {"vocab_size": 1000}, 1000)
    assert {config.get(name) for name in NAMES["layers"]} >= {shape.layers}


def test_a_training_keeps_four_floats_a_parameter_and_what_a_pass_leaves(make):
    """By hand: 1,313.6 million parameters of 16 bytes are 21.0 GB. 8,192 tokens at once leave 10
    widths, 3 inner widths and 16 heads of 512 in each of 24 layers: 53,248 floats a layer, 41.9 GB;
    and 3 times 50,257 logits, 4.9 GB. With 0.6 GB for the process, and 1.3 times that: 89 GB."""
    estimates = large(make, batch_size=16)
    assert estimates.shape.parameters == 1_313_626_112
    assert estimates.of("train", BASE).mem_mb == 88_965
    pieces = large(make, batch_size=16, micro_batch_size=1).of("train", BASE)
    assert pieces.mem_mb == round(1.3 * (600 + 21_018.0 + 46_816.3 / 16))


def test_a_method_keeps_further_models(make):
    estimates = large(make, batch_size=16, micro_batch_size=1)
    floats = {
        method: estimates.of("unlearn", SimpleNamespace(method=method)).mem_mb
        for method in ("npo", "kga", "sham")
    }
    one = 1.3 * 4 * estimates.shape.parameters / 1e6
    # the rest is alike: npo takes batches of 8 here, as kga does
    assert floats["sham"] - floats["npo"] >= one
    assert floats["npo"] > estimates.of("train", BASE).mem_mb


def test_time_follows_from_the_operations(make):
    """By hand, of the small model: 2 layers of 12 * 128^2 weights, biases, and a head of 2,400
    pieces; 384 records of 48 tokens, 36 epochs; 6 operations, 30 thousand millions a second."""
    estimates = make()
    tokens = 36 * 384 * 48
    body = 2 * (12 * 128**2 + 9 * 128 + 512) + 96 * 128 + 2 * 128
    assert estimates.shape.parameters == body + 2400 * 128
    updates = tokens / (16 * 96)
    seconds = 6 * tokens * (body + 2400 * 128) / 30e9 + 0.02 * updates
    assert estimates.training_seconds == pytest.approx(seconds)
    assert estimates.of("train", BASE).minutes == round(3 + 2 * seconds / 60)
    third = SimpleNamespace(checkpoint="teachers/3x1/2/1/r0")
    assert estimates.of("train", third).minutes == round(3 + 2 * seconds / 3 / 60)

    slow, fast = large(make), large(make, gpus=1)
    assert slow.of("train", BASE).minutes > 24 * 60 > fast.of("train", BASE).minutes
    assert fast.of("train", BASE).mem_mb == slow.of("train", BASE).mem_mb


def test_what_a_method_reads_beside_the_data_takes_its_time(make):
    """By hand: 5,000 words, and 4 times 100 prompts with each of them; 6 texts of 9 tokens each; 2
    operations for each of the weights, the margin of 2."""
    estimates = make()
    tokens = 5000 * 401 * 6 * 9
    body = 2 * (12 * 128**2 + 9 * 128 + 512) + 96 * 128 + 2 * 128
    minutes = {
        name: estimates.of("unlearn", SimpleNamespace(method=name)).minutes
        for name in ("auto_debias", "sham")
    }
    searched = 2 * (2 * tokens * body / 30e9) / 60
    assert minutes["auto_debias"] - minutes["sham"] == pytest.approx(searched, abs=2)


def test_a_model_of_others_is_as_large_as_its_files(tmp_path, make):
    header = json.dumps({
        "__metadata__": {"format": "pt"},
        "wte.weight": {"dtype": "BF16", "shape": [1000, 64], "data_offsets": [0, 128_000]},
        "ln.bias": {"dtype": "F32", "shape": [64], "data_offsets": [128_000, 128_256]},
    }).encode()  # fmt: skip
    folder = tmp_path / "model"
    folder.mkdir()
    weights = len(header).to_bytes(8, "little") + header + bytes(128_256)
    (folder / "model.safetensors").write_bytes(weights)
    config = {"model_type": "gpt2", "n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 1000}
    (folder / "config.json").write_text(json.dumps(config))
    shape = given_shape({"init": str(folder)})
    assert (shape.parameters, shape.layers, shape.vocabulary) == (64_064, 3, 1000)


def test_a_model_that_is_not_fetched_has_the_size_that_the_study_says(make, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    hub = {"init": "somebody/model", "revision": "0" * 40}
    made = {"architecture", "config", "tokenizer"}
    model = {key: one for key, one in PEOPLE["model"].items() if key not in made}
    monkeypatch.setitem(PEOPLE, "model", model)
    unknown, told = make(model=hub), make(model=hub | {"parameters": 7_000_000_000})
    assert (unknown.shape.parameters, unknown.is_known) == (1_000_000_000, False)
    assert (told.shape.parameters, told.is_known) == (7_000_000_000, True)
    # it is no setting of a step
    settings = [Train(one.study).settings(BASE)["model"] for one in (unknown, told)]
    assert settings[0] == settings[1] and "parameters" not in settings[0]


def test_only_a_model_of_the_hub_is_told_its_size(make):
    with pytest.raises(UserError, match="only a model of the hub is told its size"):
        make(model={"parameters": 5})


# --- what goes together ---------------------------------------------------------------------------


def test_what_takes_seconds_goes_together(make):
    estimates = make()

    def group(rule, **wildcards):
        return group_of(rule, estimates, SimpleNamespace(**wildcards))

    assert estimates.is_short
    assert group("slice") == group("tokenizer") == "data"
    assert group("train", checkpoint="base") == "trainings"
    assert group("unlearn", method="npo") == group("auxiliary") == "methods"
    assert group("score", model="npo+relearn") == group("attack", attacked="npo") == "methods"
    assert group("score", model="base+relearn") == group("attack", attacked="oracle") == "scores"
    assert group("score", model="teachers-3x1") == "scores"
    assert group("unlearn", method="sham") == group("score", model="sham") == "controls"
    assert group("measure", method="npo") == "numbers"


def test_a_request_is_tuned_before_the_next(make):
    """Trials wait for no submission that waits for what is chosen among them."""
    estimates = make()
    estimates.study.tuning = {"ranges": {"npo": {}}}

    def group(rule, state="r2", **wildcards):
        return group_of(rule, estimates, SimpleNamespace(state=state, **wildcards))

    assert group("unlearn_tuned", method="npo-trial1") == group("score", model="npo-trial1")
    assert group("score", model="npo-trial1") == group("measure", method="npo-trial1")
    assert group("measure", method="base-tuning") == "trials-r2"
    assert group("unlearn_tuned", method="npo") == group("score", model="npo") == "methods-r2"
    assert group("unlearn_tuned", "r1", method="npo") == "methods-r1"
    assert group("unlearn_tuned", method="sham") == "controls-r2"
    assert group("auxiliary") == "auxiliaries-r2" and group("score", model="base") == "scores"
    assert group("measure", method="npo") == "numbers"


def test_what_takes_long_goes_alone(make):
    estimates = large(make)
    assert not estimates.is_short
    wildcards = SimpleNamespace(method="npo", model="npo", attacked="npo", checkpoint="base")
    alone = {rule: group_of(rule, estimates, wildcards) for rule in
             ("train", "unlearn", "auxiliary", "attack", "score", "slice", "measure")}  # fmt: skip
    assert {rule for rule, group in alone.items() if group} == {"slice", "measure"}


def test_every_method_has_a_group(make):
    estimates = make()
    groups = {group_of("score", estimates, SimpleNamespace(model=name)) for name in METHODS}
    assert groups == {"scores", "methods", "controls"} < set(GROUPS)


def test_margins_are_margins():
    assert resources.MEMORY_MARGIN > 1 and resources.TIME_MARGIN > 1
