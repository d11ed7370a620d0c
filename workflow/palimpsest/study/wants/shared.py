"""Tokenizers and pretrained starts: below results/pretrained/, owned once, whoever names them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from palimpsest.errors import Problem, UserError
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.data import content, fetch_settings, located, to_fetch
from palimpsest.study.wants.want import Files, Want, argument

TRAINED = ("batch_size", "learning_rate", "warmup_share", "weight_decay")  # keys of a recipe


def tokenizer_file(name: str) -> str:
    return f"{paths.TOKENIZER.format(tokenizer=name)}/{paths.TOKENIZER_FILE}"


def recipe_weights(name: str) -> str:
    return f"{paths.RECIPE.format(recipe=name)}/{paths.WEIGHTS}"


class OfCorpus(Want):
    """What is trained on the corpus of the study's tokenizer."""

    @property
    def template(self) -> str:
        return paths.CORPUS.format(tokenizer=self.study.tokenizer, file="{file}")

    @property
    def fetched(self) -> list[str]:
        return to_fetch(self.study.corpus, self.template)

    def marks(self, w):
        folder = paths.TOKENIZER.format(tokenizer=self.study.tokenizer)
        return content(self.study.corpus, self.template, f"{folder}/{paths.CORPUS_REPORT}")

    def arguments(self, w):
        return f"--corpus {shlex.join(located(self.study.corpus, self.template))}"


class FetchCorpus(Want):
    step = "fetch"

    def settings(self, w):
        return fetch_settings(self.study.corpus, w.file)


class Tokenizer(OfCorpus):
    step = "tokenizer"
    names_modules = True

    def inputs(self, w) -> Files:
        return {"corpus": self.fetched}

    def settings(self, w=None):
        tokenizer = self.config["tokenizers"][self.study.tokenizer]
        corpus = [
            source
            | ({"lexicon": f"palimpsest.data.{source['lexicon']}"} if "lexicon" in source else {})
            for source in tokenizer["corpus"]
        ]
        return tokenizer | {"corpus": corpus}


class Pretrain(OfCorpus):
    step = "pretrain"
    undated = frozenset({"tokenizer"})

    def inputs(self, w) -> Files:
        folder = paths.TOKENIZER.format(tokenizer=self.study.tokenizer)
        return {
            "tokenizer": [f"{folder}/{paths.TOKENIZER_FILE}"],
            "reports": [f"{folder}/{paths.CORPUS_REPORT}"],
            "corpus": self.fetched,
        }

    def settings(self, w=None):
        recipe = self.config["pretraining"][self.study.recipe]
        training = {key: recipe[key] for key in TRAINED}
        corpus = self.config["tokenizers"][self.study.tokenizer]["corpus"]
        return {
            "name": self.study.recipe,
            "training": training | {"micro_batch_size": None, "clip_norm": 1.0},
            "columns": sorted({source["column"] for source in corpus if "column" in source}),
            **{key: value for key, value in recipe.items() if key not in TRAINED},
            **self.study.chosen("training", "threads", "gpus", "precision"),
        }

    def arguments(self, w):
        start = argument("tokenizer", [paths.TOKENIZER.format(tokenizer=self.study.tokenizer)])
        return f"{super().arguments(w)} {start} {saving(self.study)}"


def saving(study: Study) -> str:
    """How often a training saves its state: no bit of the model depends on it."""
    return f"--checkpoint-seconds {study.config['training']['checkpoint_seconds']}"


# --- who owns them --------------------------------------------------------------------------------


def owners(studies: Iterable[Study]) -> dict[str, Study]:
    """Name of a tokenizer or recipe -> the first study that names it. A UserError where another one
    means something else by it."""
    found: dict[str, tuple[Study, dict]] = {}
    problems = []
    for study in studies:
        for name, definition in definitions(study).items():
            owner, known = found.setdefault(name, (study, definition))
            differ = [
                key for key in {**known, **definition} if known.get(key) != definition.get(key)
            ]
            if differ:
                what = "two studies of this run mean different things by one name"
                where = f"results/pretrained/{name}, of the studies {owner.name} and {study.name}"
                remedy = "rename it in one of them, make them equal, or run the studies one by one"
                problems.append(
                    Problem(what, where, ", ".join(sorted(differ)) + " differ", remedy=remedy)
                )
    if problems:
        raise UserError(problems)
    return {name: owner for name, (owner, _) in found.items()}


def definitions(study: Study) -> dict[str, dict]:
    """All that a study says of the tokenizer and the recipe that it uses."""
    found = {}
    if study.tokenizer:
        tokenizer = Tokenizer(study)
        files = {"files": located(study.corpus, tokenizer.template)}
        found[study.tokenizer] = {"kind": "tokenizer", **tokenizer.settings(), **files}
    if study.recipe:
        of_tokenizer = {f"tokenizer.{key}": value for key, value in found[study.tokenizer].items()}
        found[study.recipe] = {"kind": "recipe", **Pretrain(study).settings(), **of_tokenizer}
    return found
