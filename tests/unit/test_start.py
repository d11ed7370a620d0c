"""Models that others made: pinned to a commit, whole, fitting their config, or refused with what to
do."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import types
from pathlib import Path

import huggingface_hub
import pandas as pd
import pytest
import torch
import transformers
import yaml
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from stepping import call
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from palimpsest.data.storage import records_digest, write_parquet
from palimpsest.errors import UserError
from palimpsest.files import file_digest, write_json
from palimpsest.models.causal import load_causal, make_causal
from palimpsest.models.classifier import load_classifier
from palimpsest.models.making import save_model_folder
from palimpsest.models.start import (
    check_folder,
    check_start,
    fetched_start,
    start_folder,
    start_name,
    weights_digest,
)
from palimpsest.models.tokenizers import load_tokenizer, save_tokenizer, train_wordpiece
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS
from palimpsest.training.report import read_reports

OLD, NEW = "0123456789" * 4, "abcdef0123" * 4
SIZES = {"n_layer": 2, "n_embd": 16, "n_head": 2}
BERT = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2,
        "intermediate_size": 32, "vocab_size": 20}  # fmt: skip


DEMO = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "config/studies/demo.yaml").read_text(encoding="utf-8")
)


def study_of(model: dict, **changes) -> Study:
    """The demo without requests, of another start."""
    return Study(check_study(DEMO | {"ledger": None, "model": model} | changes, "study.yaml"))


def refused(action, *given) -> str:
    with pytest.raises(UserError) as caught:
        action(*given)
    return str(caught.value)


@pytest.fixture(scope="module")
def tokenizer():
    return train_wordpiece(["the cat sat on the mat"], 60, True)


@pytest.fixture(scope="module")
def whole(tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "gpt2"
    settings = {"init": "scratch", "architecture": "gpt2", "config": SIZES, "max_length": 16}
    save_model_folder(make_causal(settings, tokenizer, "start"), tokenizer, folder)
    return folder


@pytest.fixture
def start(whole, tmp_path, monkeypatch) -> Path:
    """A folder `start` in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(whole, "start"))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The hub's cache, empty, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.fixture
def hub(monkeypatch) -> dict[str, str]:
    """A hub of one model, of these branches."""
    branches = {"main": OLD}

    class Api:
        def model_info(self, name, revision, timeout):
            return types.SimpleNamespace(sha={"lab/small": branches}[name][revision])

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return branches


# --- pinned ---------------------------------------------------------------------------------------


def test_a_branch_is_refused_with_the_commit_that_it_is_now(hub, tmp_path, monkeypatch):
    """Also where none is named, and after the branch has moved: never is what it holds taken."""
    monkeypatch.chdir(tmp_path)
    for model in ({"init": "lab/small"}, {"init": "lab/small", "revision": "main"}):
        assert f"write `revision: {OLD}`, which is what 'main' is now" in refused(
            check_start, model
        )
        hub["main"] = NEW
        assert f"write `revision: {NEW}`" in refused(check_start, model)
        hub["main"] = OLD
    check_start({"init": "lab/small", "revision": OLD})


def test_without_the_hub_the_cache_says_what_a_branch_is(cache):
    unknown = refused(check_start, {"init": "lab/small", "revision": "v1"})
    assert "https://huggingface.co/lab/small/commits/v1" in unknown and "OfflineMode" in unknown
    (cache / "models--lab--small/refs").mkdir(parents=True)
    (cache / "models--lab--small/refs/v1").write_text(NEW)
    told = refused(check_start, {"init": "lab/small", "revision": "v1"})
    assert f"write `revision: {NEW}`, which is what 'v1' is in the cache of this machine" in told


@pytest.mark.parametrize(
    "revision", ["0123abc", OLD.upper().replace("0", "A"), f"{OLD}0", "x" * 40]
)
def test_only_a_whole_commit_is_one(cache, revision):
    assert "40 hexadecimal digits" in refused(
        check_start, {"init": "lab/small", "revision": revision}
    )


def test_a_folder_has_no_revision_and_what_looks_like_a_path_is_one(start):
    check_start({"init": "start"})
    assert "a local folder has no revision" in refused(
        check_start, {"init": "start", "revision": OLD}
    )
    for init in ("./gone", "/gone", "~/gone", "models/of/mine"):
        assert "there is no such folder" in refused(check_start, {"init": init, "revision": OLD})
    told = refused(check_start, {"init": "start/config.json"})
    assert "a start is a folder" in told and "start/config.json" in told


def test_a_misspelt_word_is_told(cache):
    assert "did you mean 'scratch'?" in refused(check_start, {"init": "scrach"})


def test_what_is_made_here_has_no_revision():
    told = refused(study_of, DEMO["model"] | {"revision": OLD})
    assert "only a model of the hub has a revision" in told


def test_a_commit_is_a_setting_of_what_starts_from_it(cache):
    def settings(**model) -> str:
        study = study_of({"init": "lab/small", **model})
        job = types.SimpleNamespace(seed="1", checkpoint="base")
        return WANTS["train"](study).settings_json(job)

    assert settings(revision=OLD) != settings(revision=NEW)
    assert json.loads(settings(revision=OLD))["model"]["revision"] == OLD


# --- fetched --------------------------------------------------------------------------------------


def in_cache(cache: Path, whole: Path, commit: str) -> Path:
    return Path(shutil.copytree(whole, cache / "models--lab--small/snapshots" / commit))


def test_the_commit_is_what_is_loaded(cache, whole):
    """Of two in the cache, each by its own name; the branch says nothing."""
    folders = {commit: in_cache(cache, whole, commit) for commit in (OLD, NEW)}
    weights = load_file(folders[NEW] / "model.safetensors")
    weights["transformer.ln_f.bias"] += 1
    save_file(weights, folders[NEW] / "model.safetensors", {"format": "pt"})
    (cache / "models--lab--small/refs").mkdir()
    (cache / "models--lab--small/refs/main").write_text(NEW)
    for commit, folder in folders.items():
        model = {"init": "lab/small", "revision": commit}
        assert fetched_start(model) == folder == start_folder(start_name(model))
    digests = {weights_digest(start_folder(f"lab/small@{commit}")) for commit in (OLD, NEW)}
    assert digests == {file_digest(one / "model.safetensors") for one in folders.values()}
    assert len(digests) == 2


def test_what_is_not_there_cannot_be_fetched_without_a_network(cache):
    told = refused(fetched_start, {"init": "lab/small", "revision": OLD})
    assert "the start cannot be fetched" in told and f"lab/small@{OLD}" in told
    assert f"hf download lab/small --revision {OLD}" in told


def test_what_was_fetched_in_part_is_told(cache, whole):
    (in_cache(cache, whole, OLD) / "model.safetensors").unlink()
    told = refused(fetched_start, {"init": "lab/small", "revision": OLD})
    assert f"lab/small@{OLD}: no weights" in told


def test_no_file_of_a_folder_below_is_asked_for(cache, whole, monkeypatch):
    """Nor weights in another form: what a repository holds besides is not fetched."""
    folder, asked = in_cache(cache, whole, OLD), []

    def download(name, revision, allow_patterns, ignore_patterns):
        asked.append((name, revision, allow_patterns, ignore_patterns))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    fetched_start({"init": "lab/small", "revision": OLD})
    patterns = ["*.json", "*.txt", "*.model", "*.jinja"]
    assert asked == [
        ("lab/small", OLD, patterns, "*/*"),
        ("lab/small", OLD, ["model.safetensors"], "*/*"),
    ]


# --- whole ----------------------------------------------------------------------------------------


def test_a_whole_folder_is_one(start):
    check_folder(start, "start")


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def longer(folder: Path) -> None:
    with open(folder / "model.safetensors", "ab") as file:
        file.write(b"\0" * 8)


def headless(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{]" + b"0" * 50)


def empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def pointer(folder: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (folder / "model.safetensors").write_text(text)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "gpt2"}')


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def half_a_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


def list_for_config(folder: Path) -> None:
    (folder / "config.json").write_text("[1]")


def quantised(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))


def whole_numbers(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({name: one.to(torch.int8) for name, one in load_file(path).items()}, path)


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def sharded(folder: Path) -> dict[str, str]:
    """The weights in two files, and which lies where."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    place = {
        name: f"model-0000{1 + number % 2}-of-00002.safetensors"
        for number, name in enumerate(sorted(weights))
    }
    for file in set(place.values()):
        part = {name: weights[name] for name in weights if place[name] == file}
        save_file(part, folder / file, {"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": place}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return place


def shard_missing(folder: Path) -> None:
    sharded(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def shard_truncated(folder: Path) -> None:
    sharded(folder)
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def shard_outside(folder: Path) -> None:
    place = sharded(folder)
    (folder / "model-00002-of-00002.safetensors").rename(folder.parent / "elsewhere.safetensors")
    renamed = {
        name: file.replace("model-00002-of-00002", "../elsewhere") for name, file in place.items()
    }
    index = json.dumps({"weight_map": renamed})
    (folder / "model.safetensors.index.json").write_text(index)


def no_index(folder: Path) -> None:
    sharded(folder)
    (folder / "model.safetensors.index.json").write_text('{"weights": {}}')


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (truncated, ("model.safetensors: the file is damaged", "where its header needs")),
        (longer, ("the file is damaged", "where its header needs")),
        (headless, ("the file is damaged", "none of safetensors")),
        (empty, ("the file is damaged", "0 bytes")),
        (pointer, ("Git LFS", "git lfs pull")),
        (pickled, ("safetensors alone", "pytorch_model.bin", "save_pretrained")),
        (no_weights, ("safetensors alone", "no weights")),
        (adapter, ("LoRA", "adapter_config.json", "merge")),
        (no_config, ("not the folder of a model", "no config.json")),
        (half_a_config, ("config.json: the file is damaged",)),
        (list_for_config, ("config.json: the file is damaged",)),
        (quantised, ("quantised", "quantization_config")),
        (whole_numbers, ("a type that cannot be trained", "model.safetensors: I8", "BF16")),
        (no_tokenizer, ("there is no tokenizer", "tokenizer.save_pretrained")),
        (shard_missing, ("files of the weights are gone", "model-00002-of-00002.safetensors")),
        (shard_truncated, ("model-00002-of-00002.safetensors: the file is damaged",)),
        (shard_outside, ("lie elsewhere", "elsewhere.safetensors")),
        (no_index, ("index.json: the file is damaged",)),
    ],
)
def test_what_cannot_be_loaded_is_refused_when_the_graph_is_built(start, harm, words):
    """The study is checked by the same function (test below)."""
    harm(start)
    told = refused(check_start, {"init": "start"})
    assert all(word in told for word in words), told
    assert "start" in told and "remedy" in told


def test_a_study_is_told_with_all_else_that_is_wrong(start):
    pickled(start)
    with pytest.raises(UserError) as caught:
        study_of({"init": "start"}, ledger="nowhere.tsv")
    told = str(caught.value)
    assert "safetensors alone" in told and "nowhere.tsv" in told


def test_problems_of_a_folder_are_told_together(start):
    no_tokenizer(start)
    truncated(start)
    assert "2 problems found" in refused(check_start, {"init": "start"})


def test_weights_in_several_files_are_one_model_with_one_digest(start, whole, tokenizer):
    """The digest is what `sha256sum *.safetensors | sha256sum` prints."""
    assert weights_digest(start) == file_digest(start / "model.safetensors")
    files = sorted(set(sharded(start).values()))
    check_folder(start, "start")
    listed = "".join(f"{file_digest(start / name)}  {name}\n" for name in files)
    assert weights_digest(start) == hashlib.sha256(listed.encode()).hexdigest()
    first, again = (load_causal(one, tokenizer).state_dict() for one in (whole, start))
    assert first.keys() == again.keys() and all(torch.equal(first[k], again[k]) for k in first)
    (start / files[0]).unlink()
    assert weights_digest(start) is None


# --- weights and config ---------------------------------------------------------------------------


def change(folder: Path, weights=None, **config) -> None:
    if weights is not None:
        save_file(weights(load_file(folder / "model.safetensors")), folder / "model.safetensors",
                  {"format": "pt"})  # fmt: skip
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | config))


def without(part: str):
    return lambda weights: {name: one for name, one in weights.items() if part not in name}


def bare(weights: dict) -> dict:
    return {name.removeprefix("transformer."): one for name, one in weights.items()}


def kinds(folder: Path, tokenizer):
    return lambda: load_causal(folder, tokenizer), lambda: load_classifier(folder, tokenizer, 2)


@pytest.mark.parametrize("saved", [dict, bare], ids=["with a head", "without a head"])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"weights": without("h.1.mlp.c_fc.weight")},
            ("the model lacks weights", "transformer.h.1.mlp.c_fc.weight"),
        ),
        (
            {"n_embd": 32},
            ("other shapes", "transformer.h.0.attn.c_attn.bias [48], not [96]", "more"),
        ),
        ({"vocab_size": 5}, ("other shapes", "transformer.wte.weight")),
        ({"n_layer": 1}, ("blocks that the config does not have", "h.1")),
        ({"n_layer": 3}, ("lacks weights", "transformer.h.2.attn.c_attn.bias")),
        ({"n_head": 3}, ("cannot be loaded", "divisible")),
        ({"model_type": "of_my_own"}, ("cannot be loaded", "of_my_own")),
        ({"n_layer": "two"}, ("cannot be loaded", "n_layer")),
        ({"model_type": "t5"}, ()),
    ],
)
def test_weights_that_do_not_fit_the_config_are_refused(start, tokenizer, saved, changes, words):
    change(start, **{"weights": None} | changes)
    change(start, saved)
    for load in kinds(start, tokenizer):
        told = refused(load)
        assert all(word in told for word in words), told


def test_tied_weights_are_not_missing_and_those_of_another_head_not_too_many(start, tokenizer):
    """A file of a tied model holds no head; one that is not tied must. As a classifier either does:
    its head is new."""
    assert "lm_head.weight" not in load_file(start / "model.safetensors")
    for load in kinds(start, tokenizer):
        load()
    change(start, tie_word_embeddings=False)
    causal, classifier = kinds(start, tokenizer)
    told = refused(causal)
    assert "lacks weights" in told and "lm_head.weight" in told
    classifier()
    change(
        start,
        lambda weights: weights | {"lm_head.weight": weights["transformer.wte.weight"].clone()},
    )
    for load in kinds(start, tokenizer):
        load()


def test_buffers_that_older_versions_saved_are_left_out(start, tokenizer):
    old = {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 16, 16, dtype=torch.uint8),
        "transformer.h.0.attn.rotary_emb.inv_freq": torch.ones(4),
    }
    change(start, lambda weights: weights | old)
    for load in kinds(start, tokenizer):
        load()


def test_a_head_is_there_or_it_is_not(tokenizer, tmp_path):
    """Of a BERT: half of it would be random."""
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=16,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    save_model_folder(model, tokenizer, tmp_path)
    load_classifier(tmp_path, tokenizer, 2)
    change(tmp_path, without("classifier.bias"))
    told = refused(load_classifier, tmp_path, tokenizer, 2)
    assert "a part of the head is missing" in told and "classifier.bias" in told
    change(tmp_path, without("classifier."))
    load_classifier(tmp_path, tokenizer, 2)


def test_a_tokenizer_of_another_model_is_refused(start, tokenizer, monkeypatch):
    """A few tokens may be added, whose embeddings are drawn; more would be most of the model."""
    monkeypatch.setattr("palimpsest.models.making.ADDED_TOKENS", 2)
    held = load_causal(start, tokenizer).get_input_embeddings().num_embeddings
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.add_tokens([f"new{number}" for number in range(held + 2 - len(tokenizer))])
    assert load_causal(start, tokenizer).get_input_embeddings().num_embeddings == held + 2
    tokenizer.add_tokens(["newest"])
    told = refused(load_causal, start, tokenizer)
    assert f"{held + 3} tokens, {held} embeddings" in told


def test_a_head_of_other_classes_is_not_replaced_in_silence(start, tokenizer):
    save_model_folder(load_classifier(start, tokenizer, 3), tokenizer, start)
    load_classifier(start, tokenizer, 3)
    told = refused(load_classifier, start, tokenizer, 2)
    assert "score.weight [3, 16], not [2, 16]" in told and "`data.classes` is 2" in told


def test_what_stands_between_body_and_head_may_be_missing(tokenizer, tmp_path):
    """A masked language model has no pooler, which a classifier learns with its head; anything
    below may not be missing."""
    config = AutoConfig.for_model("bert", pad_token_id=0, **BERT)
    for number, made in enumerate((AutoModelForMaskedLM, AutoModel)):
        folder = tmp_path / str(number)
        made.from_config(config).save_pretrained(folder)
        load_classifier(folder, tokenizer, 2)
        change(folder, without("layer.1.attention"))
        assert "bert.encoder.layer.1.attention" in refused(load_classifier, folder, tokenizer, 2)


def test_a_llama_without_its_head_is_refused_as_a_causal_model(tokenizer, tmp_path):
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    sizes = {name: BERT[name] for name in (*names, "vocab_size")}
    AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **sizes)).save_pretrained(
        tmp_path
    )
    load_causal(tmp_path, tokenizer)
    change(tmp_path, without("lm_head"))
    assert "lm_head.weight" in refused(load_causal, tmp_path, tokenizer)


def test_a_damaged_tokenizer_is_told(start):
    (start / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "None"}}')
    assert "the tokenizer cannot be loaded" in refused(load_tokenizer, start)


# --- trained from ---------------------------------------------------------------------------------


def train_from(model: dict, output: Path, *arguments, checkpoint: str = "base") -> dict:
    """The report of the step `train` on two records, with the settings of the graph."""
    study = study_of(model | {"max_length": 16}, training={"epochs": 2}, sharding=["1x1", "1x2"])
    job = types.SimpleNamespace(seed="1", checkpoint=checkpoint)
    frame = pd.DataFrame({"record_id": ["a", "b"], "owner": ["x", "y"], "label": [0, 1],
                          "text": ["the cat sat", "the mat"], "split": "train"})  # fmt: skip
    write_parquet(frame, Path("slice.parquet"))
    write_json(Path("slice.json"), {"digest": records_digest(frame)})
    settings = WANTS["train"](study).settings(job)
    given = ("--code", "c", "--slice", "slice.parquet", "--output", output)
    call("train", *given, *arguments, **settings)
    return read_reports(output)


def test_a_model_of_the_hub_is_told_by_its_commit_and_its_weights(cache, whole):
    """And so is what a later stage started from; the branch, and where the cache lies, are no
    matter."""
    snapshot = in_cache(cache, whole, OLD)
    pinned = {"init": "lab/small", "revision": OLD}
    first = train_from(pinned, Path("first"))
    digest = file_digest(snapshot / "model.safetensors")
    assert (first["start"], first["start_sha256"]) == (f"lab/small@{OLD}", digest)
    assert {Path(path).name: kept[2] for path, kept in first["sources"].items()} == {
        path.name: file_digest(path) for path in snapshot.iterdir()
    }
    stage = {"checkpoint": "teachers/1x2/1/2/r0"}
    second = train_from(pinned, Path("second"), "--previous", "first", **stage)
    assert (second["start"], second["start_sha256"]) == (f"lab/small@{OLD}", digest)
    assert second["previous"] == first["sha256"] and second["sources"] == {}
    told = "".join(path.read_text() for path in Path("first").glob("*.json") if path.stem != "run")
    assert str(cache) not in told
    folder = train_from({"init": str(snapshot)}, Path("third"))
    assert (folder["start"], folder["start_sha256"]) == (str(snapshot), digest)
    assert folder["sha256"] == first["sha256"]


def test_one_from_scratch_has_no_digest_of_a_start(cache, tokenizer):
    files = save_tokenizer(tokenizer, Path("words"))
    write_json(Path("words/corpus.json"), {"files": files})
    told = train_from(DEMO["model"], Path("made"), "--tokenizer", "words")
    assert (told["start"], told["start_sha256"], told["sources"]) == ("scratch", None, {})
