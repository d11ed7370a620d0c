"""A study as the graph sees it: its settings, its states, the paths of its files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from palimpsest.data.canaries import Canaries
from palimpsest.data.details import read_details
from palimpsest.data.facts import has_new_answers
from palimpsest.data.ledger import START, read_ledger
from palimpsest.data.readers import NAMING
from palimpsest.data.sources import locate_all
from palimpsest.data.spans import SPANS
from palimpsest.errors import Problem, UserError
from palimpsest.models.folder import loaded_files
from palimpsest.models.start import check_start, is_given
from palimpsest.study import paths
from palimpsest.study.judging import RECORDS, seen_by_judges
from palimpsest.study.load import served_shardings, together
from palimpsest.study.plan import Plan
from palimpsest.study.purges import check_secret, purged_upto
from palimpsest.study.recipes import judges_of, recipe_of, tokenizer_name, tokenizer_of
from palimpsest.study.tuning import trial_options
from palimpsest.tracks import ENCODING, module_of, track_of

Sources = list[tuple[dict, list[Path] | None]]  # each with its files, or None where it is fetched


class Study:
    """One study, and all that follows from it and from its ledger without reading any record.

    ``config`` is a checked study (load.py), ``results`` the folder below which all is made. Files
    are looked for in the working directory: the ledger, the sources, the start, the record of
    purges. One UserError lists all that is wrong with them.
    """

    def __init__(self, config: dict, results: str = paths.RESULTS):
        self.config, self.results = config, results
        self.name = config["study"]
        self.seed_name = config.get("seed_name", self.name)
        self.track = track_of(config["track"])
        self.tuning = config.get("tuning")
        self.options = config["options"] | trial_options(config)
        self.tokenizer = tokenizer_of(config)
        self.recipe = recipe_of(config)
        self.judges = judges_of(config)
        corpus = config["tokenizers"].get(tokenizer_name(config), {"corpus": []})["corpus"]
        located = [source for source in corpus if "lexicon" not in source]
        sources, mirror = config["data"].get("sources", []), config["mirror"]
        of_judges = [
            [entry["source"] for entry in judge["examples"]] for judge in config["judges"].values()
        ]
        requests, self.sources, self.corpus, examples, *_ = together(
            lambda: read_ledger(config["ledger"], config.get("same_owner")),
            lambda: locate_all(sources, mirror, Path()),
            lambda: locate_all(located, mirror, Path()),
            lambda: together(
                *(lambda some=some: locate_all(some, mirror, Path()) for some in of_judges)
            ),
            lambda: check_key(config["certificates"]["key"]),
            lambda: check_start(config["model"]),
        )
        self.examples: dict[str, Sources] = dict(zip(self.judges, examples, strict=True))
        check_unseen(self.corpus, self.sources, self.examples, config)
        self.folder = self.path(paths.STUDY)
        check_secret(Path(self.folder), config["salt"])
        purged = purged_upto(Path(self.folder), requests, config["ledger"])
        self.details = read_details(config["certificates"]["details"], requests)
        self.served = served_shardings(config)
        self.plan = Plan(config | {"sharding": self.served}, requests, purged, results)

    def __repr__(self) -> str:
        return f"Study({self.name!r})"

    def path(self, template: str, **names) -> str:
        """A template of paths.py, filled in."""
        return paths.placed(self.results, template, study=self.name, **names)

    def weights(self, seed: int | str, folder: str) -> str:
        """The weights of a folder of a seed: 'base', 'teachers/3x2/1/2/r0', 'methods/npo/r1'."""
        return f"{self.path(paths.SEED, seed=seed)}/{folder}/{paths.WEIGHTS}"

    def report(self, seed: int | str, folder: str) -> str:
        """The report on such a folder of the step that wrote it."""
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

    @property
    def score(self) -> str:
        """The module of its track that scores texts."""
        if self.config["data"]["reader"] in NAMING:
            return self.module("score_names")
        if self.has_new_answers:
            return self.module("score_facts")
        data = self.config["data"]
        spans = SPANS in data.get("columns", {}) and "blanks" not in data
        return self.module("score_spans" if spans else "score")

    @property
    def has_new_answers(self) -> bool:
        """Whether its data have answers that changed."""
        return has_new_answers(self.config["data"])

    @cached_property
    def head(self) -> dict:
        """Settings of a model's head."""
        return self.chosen("data", *self.track.head)

    @cached_property
    def model(self) -> dict:
        """The settings of the model, for a step that builds it."""
        useless = {"parameters", *ENCODING} - set(self.track.encoding)
        settings = {key: one for key, one in self.config["model"].items() if key not in useless}
        return settings | ({"recipe": self.recipe} if self.recipe else {})

    @cached_property
    def encoding(self) -> dict:
        """The settings of the model, for a step that encodes texts."""
        return {key: self.model[key] for key in self.track.encoding if key in self.model}

    @cached_property
    def model_name(self) -> str:
        """The name of the model in tables."""
        model = self.config["model"]
        return model.get("architecture", Path(model["init"]).name)

    @cached_property
    def start_files(self) -> list[Path]:
        """Files of the local folder that models start from, if it is one."""
        model = self.config["model"]
        return loaded_files(Path(model["init"])) if is_given(model) else []

    @cached_property
    def space(self) -> int:
        """Number of possible secrets, where some are planted; else 0."""
        data = self.config["data"]
        return Canaries(**data["canaries"]).space if "canaries" in data else 0

    def chosen(self, section: str, *keys: str) -> dict:
        """Some settings of a section."""
        return {key: self.config[section][key] for key in keys}


def check_unseen(corpus: Sources, sources: Sources, examples: dict, config: dict) -> None:
    """A UserError where a tokenizer or a judge would be trained on the records or on the names of
    their owners: a glob, a folder or a link leads to the file of a source, or to a table of
    requests."""
    kept = {path.resolve(): RECORDS for _, files in sources for path in files or ()}
    tables = {"ledger": config["ledger"], "certificates.details": config["certificates"]["details"]}
    kept |= {Path(path).resolve(): f"the table `{key}`" for key, path in tables.items() if path}
    found = {
        str(path): kept[path.resolve()]
        for _, files in corpus
        for path in files or ()
        if path.resolve() in kept
    }
    problems = list(seen_by_judges(config["judges"], examples, kept))
    if found:
        what = (
            "a tokenizer must not be trained on the records: it would have seen what is forgotten"
        )
        problems.append(
            Problem(
                what,
                f"{config['study']}, corpus of its tokenizer",
                "; ".join(f"{path}, {role}" for path, role in found.items()),
                "text that nobody can ask to delete",
                "name the files of the corpus one by one, or move it into a folder of its own",
            )
        )
    if problems:
        raise UserError(problems)


def check_key(key: str | None) -> None:
    """A UserError where certificates are to be signed with a key that is not there: now, rather
    than after all has been computed."""
    if key is not None and not Path(key).expanduser().is_file():
        what, remedy = "there is no such key to sign certificates with", "correct the path, or null"
        raise UserError(Problem(what, "certificates.key", key, remedy=remedy))
