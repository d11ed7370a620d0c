"""Tokenizers and pretrained models, below results/pretrained/: made once for all studies that name
them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from palimpsest.data.identity import digests
from palimpsest.errors import Problem, UserError
from palimpsest.models.start import is_given
from palimpsest.study import paths
from palimpsest.study.recipes import COMPUTED, learns, tokenizer_name
from palimpsest.study.study import Study
from palimpsest.study.wants.data import content, fetch_settings, located, to_fetch
from palimpsest.study.wants.judges import examples_template
from palimpsest.study.wants.want import Files, Want, argument
from palimpsest.tracks import module_of
from palimpsest.training.settings import OfRecipe

TRAINING = {field.name for field in fields(OfRecipe)}


def tokenizer_folder(study: Study) -> str:
    return study.path(paths.TOKENIZER, tokenizer=study.tokenizer)


def recipe_folder(study: Study) -> str:
    return study.path(paths.RECIPE, recipe=study.recipe)


def corpus_template(study: Study) -> str:
    return study.path(paths.CORPUS, tokenizer=study.tokenizer, file="{file}")


class OfCorpus(Want):
    """What is trained on the corpus of the study's tokenizer."""

    @property
    def definition(self) -> dict:
        """The entry of `tokenizers`."""
        return self.config["tokenizers"][tokenizer_name(self.config)]

    @property
    def fetched(self) -> list[str]:
        return to_fetch(self.study.corpus, corpus_template(self.study))

    def marks(self, w):
        report = f"{tokenizer_folder(self.study)}/{paths.CORPUS_REPORT}"
        return content(self.study.corpus, corpus_template(self.study), report)

    def arguments(self, w):
        return argument("corpus", located(self.study.corpus, corpus_template(self.study)))


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
        corpus = [
            source
            | ({"lexicon": f"palimpsest.data.{source['lexicon']}"} if "lexicon" in source else {})
            for source in self.definition["corpus"]
        ]
        return self.definition | {"corpus": corpus}


class Describe(Want):
    """Counts in the records, and in their texts as the tokenizer has them. Nothing that is trained
    or scored depends on it."""

    step = "describe"
    names_modules = True
    undated = frozenset({"tokenizer"})

    def inputs(self, w) -> Files:
        folder = tokenizer_folder(self.study) if self.study.tokenizer else ""
        return {
            "tokenizer": [f"{folder}/{paths.TOKENIZER_FILE}"] if folder else [],
            "reports": [f"{folder}/{paths.CORPUS_REPORT}"] if folder else [],
        }

    def settings(self, w):
        start = ("init", "revision") if is_given(self.config["model"]) else ()
        model = {key: one for key, one in self.config["model"].items() if key in start}
        return {
            "track": self.study.module("model"),
            "score": self.study.module("score"),
            "model": model | self.study.encoding,
            "classes": self.study.head.get("classes", 0),
        }

    def marks(self, w):
        """Digests of the tokenizer's files, where they are the user's."""
        named = [str(path) for path in self.study.start_files if path.suffix != ".safetensors"]
        return list(digests(named, {}).values())

    def arguments(self, w):
        candidates = [self.path(paths.CANDIDATES)] if self.study.track.candidates else []
        folder = [tokenizer_folder(self.study)] if self.study.tokenizer else []
        given = [argument("candidates", candidates), argument("tokenizer", folder)]
        return " ".join(filter(None, given))


class Pretrain(OfCorpus):
    step = "pretrain"
    names_modules = True
    undated = frozenset({"tokenizer"})

    def inputs(self, w) -> Files:
        folder = tokenizer_folder(self.study)
        return {
            "tokenizer": [f"{folder}/{paths.TOKENIZER_FILE}"],
            "reports": [f"{folder}/{paths.CORPUS_REPORT}"],
            "corpus": self.fetched,
        }

    def settings(self, w=None):
        name = self.config["model"]["recipe"]
        recipe, corpus = self.config["pretraining"][name], self.definition["corpus"]
        return {
            "name": name,
            "learns": module_of(learns(self.config), "pretraining"),
            "training": {key: value for key, value in recipe.items() if key in TRAINING},
            "columns": sorted({source["column"] for source in corpus if "column" in source}),
            **{key: value for key, value in recipe.items() if key not in TRAINING},
            **self.study.chosen("training", *COMPUTED),
        }

    def arguments(self, w):
        start = argument("tokenizer", [tokenizer_folder(self.study)])
        return f"{super().arguments(w)} {start} {self.resuming(w)}"


# --- who owns them --------------------------------------------------------------------------------


def owners(studies: Iterable[Study]) -> dict[str, Study]:
    """Name of a tokenizer, recipe or judge -> the first study that uses it. A UserError where
    another study takes the same text from elsewhere: one of the two would be trained on the files
    of the other."""
    owned: dict[str, Study] = {}
    problems = []
    for study in studies:
        for name, files in learnt_by_shared(study).items():
            owner = owned.setdefault(name, study)
            found = [learnt_by_shared(owner)[name], files]
            if found[0] != found[1]:
                what = "two studies of this run take one corpus from different places"
                where = f"{name}, of the studies {owner.name} and {study.name}"
                remedy = "give both the same `mirror`, or run the studies one by one"
                both = "; ".join(map(", ".join, found))
                problems.append(Problem(what, where, both, remedy=remedy))
    if problems:
        raise UserError(problems)
    return owned


def learnt_by_shared(study: Study) -> dict[str, list[str]]:
    """Files that the tokenizer, the recipe and the judges of a study learn from."""
    corpus = located(study.corpus, corpus_template(study))
    return {name: corpus for name in (study.tokenizer, study.recipe) if name} | {
        called: located(study.examples[name], examples_template(study, called))
        for name, called in study.judges.items()
    }


def called(study: Study, kind: str) -> list[str]:
    """What the `tokenizer`, the `recipe` or the judges (`judge`) of a study are called."""
    if kind == "judge":
        return list(study.judges.values())
    return [name for name in (getattr(study, kind),) if name]
