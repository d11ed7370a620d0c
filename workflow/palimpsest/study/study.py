"""A study as the graph knows it: what it says, which versions it needs, where its files lie."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from palimpsest.audit.purges import purged_upto
from palimpsest.data.canaries import Canaries
from palimpsest.data.ledger import START, read_ledger
from palimpsest.data.sources import locate_all
from palimpsest.models.folder import loaded_files
from palimpsest.study import paths
from palimpsest.study.load import served_shardings, together, tokenizer_of
from palimpsest.study.plan import Plan
from palimpsest.tracks import ENCODING, module_of, track_of


class Study:
    """One study, and all that follows from it and from its ledger without reading any record.

    ``config`` is a checked study (load.py). Files are looked for in the working directory: the
    ledger, the sources, the record of purges. One UserError tells what is wrong with any of them.
    """

    def __init__(self, config: dict):
        self.config = config
        self.name = config["study"]
        self.track = track_of(config["track"])
        self.options = config["options"]
        self.tokenizer = tokenizer_of(config)
        self.recipe = config["model"].get("recipe")
        corpus = config["tokenizers"].get(self.tokenizer, {"corpus": []})["corpus"]
        located = [source for source in corpus if "lexicon" not in source]
        sources, mirror = config["data"].get("sources", []), config["mirror"]
        requests, self.sources, self.corpus = together(
            lambda: read_ledger(config["ledger"]),
            lambda: locate_all(sources, mirror, Path()),
            lambda: locate_all(located, mirror, Path()),
        )
        self.folder = self.path(paths.STUDY)
        purged = purged_upto(Path(self.folder), requests, config["salt"], config["ledger"])
        self.served = served_shardings(config)
        self.plan = Plan(config | {"sharding": self.served}, requests, purged)

    def __repr__(self) -> str:
        return f"Study({self.name!r})"

    def path(self, template: str, **names) -> str:
        """A template of paths.py, filled in."""
        return template.format(study=self.name, **names)

    def weights(self, seed: int | str, folder: str) -> str:
        """The weights of a folder of a seed: 'base', 'teachers/3x2/1/2/r0', 'methods/npo/r1'."""
        return f"{self.path(paths.SEED, seed=seed)}/{folder}/{paths.WEIGHTS}"

    def report(self, seed: int | str, folder: str) -> str:
        """What the step that wrote such a folder says of it."""
        return f"{self.path(paths.SEED, seed=seed)}/{folder}/{paths.REPORT}"

    def module(self, part: str) -> str:
        """A module of the folder of its track."""
        return module_of(self.config["track"], part)

    @property
    def compares(self) -> bool:
        """Whether it keeps all states, and base and oracles to compare with."""
        return self.config["requests"] == "all"

    @property
    def is_purged(self) -> bool:
        return self.plan.purged != START

    @cached_property
    def head(self) -> dict:
        """Settings of a model's head."""
        return self.chosen("data", *self.track.head)

    @cached_property
    def model(self) -> dict:
        """What a step that builds a model is told of it."""
        useless = set(ENCODING) - set(self.track.encoding)
        return {key: value for key, value in self.config["model"].items() if key not in useless}

    @cached_property
    def encoding(self) -> dict:
        """What a step that encodes texts is told of the model."""
        return {key: self.model[key] for key in self.track.encoding if key in self.model}

    @cached_property
    def model_name(self) -> str:
        """What tables call the model."""
        model = self.config["model"]
        return model.get("architecture", Path(model["init"]).name)

    @cached_property
    def start_files(self) -> list[Path]:
        """Files of the local folder that models start from, if it is one."""
        init = self.config["model"]["init"]
        return [] if init in ("scratch", "pretrained") else loaded_files(Path(init))

    @cached_property
    def space(self) -> int:
        """How many secrets there could be, where some are planted; else 0."""
        data = self.config["data"]
        return Canaries(**data["canaries"]).space if "canaries" in data else 0

    def chosen(self, section: str, *keys: str) -> dict:
        """Some settings of a section."""
        return {key: self.config[section][key] for key in keys}
