"""What the jobs of a study ask a cluster for: memory and time of whatever loads a model, estimated
from the study before any input of a job is there.

Memory is that of the weights, of what their optimiser keeps, and of what a pass leaves for the
pass back. Time is that of the floating-point operations: 2 for each weight and token forwards, 4
backwards. Both are then raised by a margin, since a job that asks for too little is killed, and one
that asks for too much only waits longer. Plain Python: the shape of a model comes from its config.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

from palimpsest.data.shards import parse_sharding
from palimpsest.methods.registry import method_of
from palimpsest.methods.settings import chosen, options_of, read_besides
from palimpsest.models.start import CONFIG, is_given, start_folder, start_name, weight_files
from palimpsest.study import paths
from palimpsest.study.recipes import tokenizer_name
from palimpsest.study.study import Study
from palimpsest.study.wants.data import located

FLOAT = 4  # bytes: weights are kept in float32, whatever the precision
# floats for each weight: itself, its gradient, the two moments of AdamW
TRAINED, FROZEN = 4, 1
PROCESS_MB = 600  # torch and transformers, once imported
MEMORY_MARGIN, TIME_MARGIN = 1.3, 2.0
CPU_SPEED = 30e9  # floating-point operations a second, of a thread
GPU_SPEED = 5e12  # of a GPU
UPDATE_SECONDS = 0.02  # of an update or a pass, however small the model is
START_MINUTES = 3  # until a job computes: imports from a shared file system take a while
BYTES_A_TOKEN = 8  # of a source: text, as much again around it, and 4 letters a token
UNKNOWN_BYTES = 16e6  # of a source that is not there yet
FORGOTTEN = 1 / 20  # of the records, by one request
SHORT_MINUTES = 10  # a training of all records that takes no longer shares a submission

# What a config is taken to say where it says nothing: the defaults of transformers. Width, layers,
# heads, heads of keys, inner width (None: 4 widths), positions that have weights; then whether the
# inner layer has a gate, and whether the head has the weights of the embeddings.
DEFAULTS = {
    "bert": (768, 12, 12, None, 3072, 512, False, True),
    "gpt2": (768, 12, 12, None, None, 1024, False, True),
    "gpt_neo": (2048, 24, 16, None, None, 2048, False, True),
    "gpt_neox": (6144, 44, 64, None, 24576, 0, False, False),
    "llama": (4096, 32, 32, None, 11008, 0, True, False),
    "modernbert": (768, 22, 12, None, 1152, 0, True, True),
    "opt": (768, 12, 12, None, 3072, 2048, False, True),
    "qwen2": (4096, 32, 32, 32, 22016, 0, True, False),
    "roberta": (768, 12, 12, None, 3072, 512, False, True),
}
OTHERS = (4096, 32, 32, None, None, 0, True, True)  # of an architecture that is not listed
NAMES = {
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "keys": ("num_key_value_heads",),
    "inner": ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim"),
    "positions": ("n_positions", "max_position_embeddings"),
}
UNKNOWN_PARAMETERS = 1_000_000_000  # of a model of the hub that is not fetched


@dataclass(frozen=True)
class Shape:
    """The sizes of a transformer that decide what it takes."""

    parameters: int
    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int

    @property
    def floats_a_token(self) -> int:
        """What a layer keeps of a token for the pass back, besides attention: its normed inputs,
        queries, keys, values, what they give, and the inner layer before and after its bend."""
        return 10 * self.width + 3 * self.inner


def shape_of(architecture: str, config: Mapping, vocabulary: int, parameters: int = 0) -> Shape:
    """The shape of an architecture with settings of its transformers config. ``parameters``: their
    number, where it is known; else it is counted from the shape. Biases are counted for all
    architectures, which is less than a thousandth."""
    default = dict(zip((*NAMES, "gated", "tied"), DEFAULTS.get(architecture, OTHERS), strict=True))
    found = {
        key: next((config[name] for name in names if config.get(name) is not None), default[key])
        for key, names in NAMES.items()
    }
    width, layers, heads = found["width"], found["layers"], found["heads"]
    inner = found["inner"] or 4 * width
    keys = width * (found["keys"] or heads) // heads
    matrices = 2 * width * width + 2 * width * keys + (2 + default["gated"]) * width * inner
    vectors = 9 * width + inner
    learnt = found["positions"] if default["positions"] else 0
    counted = layers * (matrices + vectors) + (vocabulary + learnt) * width + 2 * width
    if not config.get("tie_word_embeddings", default["tied"]):
        counted += vocabulary * width
    return Shape(parameters or counted, width, layers, heads, inner, vocabulary)


@dataclass(frozen=True)
class Need:
    """What a job asks for."""

    mem_mb: int
    minutes: int


class Estimates:
    """What the jobs of one study ask for that load a model."""

    def __init__(self, study: Study):
        self.study, self.config = study, study.config
        self.training = study.config["training"]

    # --- what the study says ----------------------------------------------------------------------

    @cached_property
    def shape(self) -> Shape:
        model, recipe = self.config["model"], self.config["model"].get("recipe")
        if is_given(model):
            return given_shape(model)
        made = self.config["pretraining"][recipe] if recipe else model
        pieces = self.config["tokenizers"][tokenizer_name(self.config)]["vocab_size"]
        room = {"max_position_embeddings": model["max_length"]}
        return shape_of(made["architecture"], room | made["config"], pieces)

    @cached_property
    def is_known(self) -> bool:
        """Whether the size of the model is: told by the study, or read from its files."""
        model = self.config["model"]
        return "parameters" in model or not is_given(model) or bool(_files(model))

    @cached_property
    def tokens(self) -> int:
        """Of the records, once: by the bytes of the sources, or the settings of a reader that makes
        its records up."""
        data, length = self.config["data"], self.config["model"]["max_length"]
        if "sources" not in data:
            records = data.get("posts") or data.get("owners", 0) * data.get("records", 1)
            return records * length // 2
        files = located(self.study.sources, self.study.path(paths.SOURCE, file="{file}"))
        return int(sum(map(_bytes, files)) / BYTES_A_TOKEN)

    @cached_property
    def logits(self) -> int:
        """Of a position: what a head gives that names the next token."""
        return 0 if self.study.track.decides else self.shape.vocabulary

    def of(self, rule: str, w) -> Need:
        """What a job of a rule asks for, by its wildcards."""
        return getattr(self, f"of_{rule}")(w)

    # --- what a job takes -------------------------------------------------------------------------

    def need(self, floats: float, seconds: float, examples: float | None, learns=True) -> Need:
        """``floats``: kept for each weight of the model; ``examples`` of a pass."""
        length = self.config["model"]["max_length"]
        at_once = min((examples or 10**9) * length, max(self.tokens, length))
        shape = self.shape
        kept = shape.layers if learns else 1  # a pass forwards keeps one layer at a time
        activations = at_once * kept * (shape.floats_a_token + shape.heads * length)
        activations += at_once * self.logits * (3 if learns else 2)
        megabytes = PROCESS_MB + FLOAT * (floats * shape.parameters + activations) / 1e6
        minutes = START_MINUTES + TIME_MARGIN * seconds / 60
        return Need(round(MEMORY_MARGIN * megabytes), round(minutes))

    def seconds(self, tokens: float, batch: int | None, heads: bool = True) -> float:
        """To learn so many tokens. Embeddings are looked up, and a head is a matrix again: of every
        token, or where not ``heads`` of too few to count."""
        shape = self.shape
        body = shape.parameters - shape.vocabulary * shape.width
        operations = 6 * tokens * (max(body, 0) + heads * self.logits * shape.width)
        gpus, threads = self.training["gpus"], self.training["threads"]
        speed = GPU_SPEED * gpus if gpus else CPU_SPEED * threads
        updates = tokens / ((batch or 10**9) * self.config["model"]["max_length"])
        return operations / speed + UPDATE_SECONDS * updates

    @cached_property
    def training_seconds(self) -> float:
        """Of a model of all records."""
        epochs, batch = self.training["epochs"], self.training["batch_size"]
        return self.seconds(self.tokens * epochs, batch)

    @property
    def is_short(self) -> bool:
        """Whether to wait for a node would take longer than to train."""
        return self.training_seconds <= 60 * SHORT_MINUTES

    def of_train(self, w) -> Need:
        shards, _ = parse_sharding(self.study.plan.parse(w.checkpoint)[0])
        return self._training(self.training_seconds / shards)

    def of_auxiliary(self, w) -> Need:
        return self._training(self.training_seconds)

    def _training(self, seconds: float) -> Need:
        examples = self.training["micro_batch_size"] or self.training["batch_size"]
        return self.need(TRAINED, seconds, examples)

    def of_pretrain(self, w) -> Need:
        recipe = self.config["pretraining"][self.config["model"]["recipe"]]
        seconds = self.seconds(recipe["tokens"], recipe["batch_size"])
        return self.need(TRAINED, seconds, recipe["batch_size"])

    def of_judge(self, w) -> Need:
        """All its examples an epoch, in texts of half the tokens that they may have."""
        name = next(name for name, one in self.study.judges.items() if one == w.judge)
        judge = self.config["judges"][name]
        length, batch = judge["max_length"], judge["batch_size"]
        room = {"max_position_embeddings": length}
        shape = shape_of(judge["architecture"], room | judge["config"], judge["vocab_size"])
        files = located(self.study.examples[name], self.study.path(
            paths.EXAMPLES, judge=w.judge, file="{file}"))  # fmt: skip
        tokens = judge["epochs"] * sum(map(_bytes, dict.fromkeys(files))) / BYTES_A_TOKEN
        inside = shape.floats_a_token + shape.heads * length
        floats = TRAINED * shape.parameters + (batch or 10**4) * length * shape.layers * inside
        operations = 6 * tokens * max(shape.parameters - shape.vocabulary * shape.width, 0)
        gpus, threads = self.training["gpus"], self.training["threads"]
        speed = GPU_SPEED * gpus if gpus else CPU_SPEED * threads
        seconds = operations / speed + UPDATE_SECONDS * tokens / ((batch or 10**9) * length / 2)
        megabytes = PROCESS_MB + FLOAT * floats / 1e6
        minutes = START_MINUTES + TIME_MARGIN * seconds / 60
        return Need(round(MEMORY_MARGIN * megabytes), round(minutes))

    def of_unlearn(self, w) -> Need:
        """A method keeps the model before the request beside its own, two further models at most
        (methods/run.py), and the gradients of two parts of its loss. It passes over the data as
        often as two trainings; what it reads besides, forwards, takes a third of learning it."""
        method = method_of(w.method)
        further = len(method.auxiliaries) + method.teachers + 2 * method.others
        floats = TRAINED + FROZEN * (1 + min(2, further)) + 2
        settings = vars(chosen(w.method, self.study.options))
        besides = self.seconds(read_besides(w.method, self.study.options), None, heads=False) / 3
        return self._changing(floats, settings, 2 * self.training_seconds + besides)

    def of_attack(self, w) -> Need:
        settings = options_of(w.attack, self.config["attacks"])
        return self._changing(TRAINED, settings, self.training_seconds)

    def _changing(self, floats: float, settings: Mapping, seconds: float) -> Need:
        """A pass is of two parts, what is forgotten and what is retained, or of all that is
        forgotten."""
        examples = settings.get("micro_batch_size") or settings.get("batch_size", 32)
        if examples is None:
            examples = FORGOTTEN * self.tokens / self.config["model"]["max_length"]
        return self.need(floats, seconds, 2 * examples)

    def of_score(self, w) -> Need:
        """All records forwards, which takes a third of an epoch, and answers that are written; the
        oracle may stand beside the model."""
        batch = self.config["evaluation"]["batch_size"]
        written = 0 if self.study.track.decides else self.config["evaluation"]["written"]
        tokens = self.tokens + written * self.config["model"]["max_length"]
        return self.need(2 * FROZEN, self.seconds(tokens, batch), batch, learns=False)


# --- models that others made ----------------------------------------------------------------------


def given_shape(model: Mapping) -> Shape:
    """Of a local folder, or of a model of the hub in the cache of this machine, as its config and
    the headers of its weights say. One that is not there has the number of `parameters` that the
    study gives, or UNKNOWN_PARAMETERS, and the shape of a model of a billion."""
    told = model.get("parameters", 0)
    files = _files(model)
    if not files:
        return shape_of("", {"hidden_size": 2048, "num_hidden_layers": 16}, 128_000,
                        told or UNKNOWN_PARAMETERS)  # fmt: skip
    config = json.loads((files[0].parent / CONFIG).read_text(encoding="utf-8"))
    counted = told or sum(map(weights_in, files))
    return shape_of(config.get("model_type", ""), config, config.get("vocab_size", 0), counted)


def _files(model: Mapping) -> list[Path]:
    """The weights of a given model, as far as they are on this disk."""
    folder = start_folder(start_name(model))
    return [path for path in weight_files(folder) if path.is_file()]


def weights_in(path: Path) -> int:
    """How many numbers a file of safetensors holds, by its header."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(prod(one["shape"]) for name, one in header.items() if name != "__metadata__")


def _bytes(path: str) -> float:
    """Of a source."""
    return os.path.getsize(path) if os.path.isfile(path) else UNKNOWN_BYTES
