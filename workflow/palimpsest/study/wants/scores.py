"""Forward passes: which models are scored on which sets.

Of classifiers once per model and set: the models that a request left alone keep the scores they
have. Of causal models once per model and state, all sets of it in one job, beside the oracle.
"""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import START
from palimpsest.methods.registry import is_method, method_of
from palimpsest.study import paths
from palimpsest.study.plan import SINGLE
from palimpsest.study.study import Study
from palimpsest.study.wants.methods import method_folder
from palimpsest.study.wants.train import reports_of
from palimpsest.study.wants.want import Files, Want, argument
from palimpsest.tracks import SCORERS, TRACKS

TEACHERS = "teachers-"  # and a sharding: the folder below scores/ of an ensemble


def scored_as(sharding: str, version: str) -> str:
    """Folder below scores/ of the teachers of a sharding."""
    if sharding != SINGLE:
        return f"{TEACHERS}{sharding}"
    return "base" if version == START else "oracle"


def ensemble_scores(
    study: Study, seed: int | str, sharding: str, state: str, set_: str = "heldout"
) -> list[str]:
    """Scores of an ensemble in a state, oldest version first; later ones take precedence shard by
    shard."""
    return [
        study.path(
            paths.SCORES, seed=seed, model=scored_as(sharding, version), version=version, set=set_
        )
        for version in study.plan.ensemble_versions(int(seed), sharding, state)
    ]


class Scored(Want):
    """What both kinds of tracks share."""

    step = "score"
    names_modules = True

    def sharding(self, w) -> str:
        return w.model.removeprefix(TEACHERS) if w.model.startswith(TEACHERS) else SINGLE

    def folders(self, w) -> dict[int, str]:
        """Shard -> folder of the models that one score file is about.

        A request that comes after a purge finds fewer of them; the held-out scores of those that
        are gone were made before.
        """
        if w.model == "base":
            return {1: "base"}
        if is_method(w.model) and method_of(w.model).trains:
            return {1: method_folder(w.model, w.version)}
        seed = int(w.seed)
        found = self.plan.teachers(seed, self.sharding(w), w.version)
        if getattr(w, "set", "heldout") == "heldout":
            return found
        return {shard: name for shard, name in found.items() if not self.plan.gone(seed, name)}

    def models(self, w) -> list[str]:
        return [self.study.weights(w.seed, folder) for folder in self.folders(w).values()]

    def settings(self, w):
        return {
            "sharding": self.sharding(w),
            "shards": list(self.folders(w)),
            "track": TRACKS[self.study.track],
            "scorer": SCORERS[self.study.track],
            "head": self.study.head,
            "model": self.study.encoding,
            **self.study.chosen("evaluation", "batch_size"),
            **self.study.chosen("training", "threads", "gpus"),
        }

    def arguments(self, w):
        return argument("model", (str(Path(path).parent) for path in self.models(w)))


class Score(Scored):
    undated = frozenset({"models", "records"})

    def inputs(self, w) -> Files:
        models = self.models(w)
        return {
            "models": models,
            "reports": reports_of(self.study, models),
            "digest": [self.path(paths.SET_DIGEST, set=w.set)],
            "records": [self.path(paths.SET, set=w.set)],
        }


# --- causal models --------------------------------------------------------------------------------


def told_requests(study: Study, state: str) -> list[str]:
    """Requests up to a state whose text is still there."""
    order = study.plan.order
    return study.plan.names[order[study.plan.purged] + 1 : order[state] + 1]


def told_scores(study: Study, seed: int | str, model: str, state: str, set_: str) -> list[str]:
    """Scores of a set by a causal model: `forget` is all that is forgotten in the state."""
    if set_ == "forget" and not told_requests(study, state):
        return []
    return [study.path(paths.SCORES, seed=seed, model=model, version=state, set=set_)]


class ScoreCausal(Scored):
    undated = frozenset({"models", "heldout", "trained", "forget", "reference"})

    def oracle(self, w) -> list[str]:
        """What models are held against."""
        return [] if w.version == START else [self.study.weights(w.seed, f"oracle/{w.version}")]

    def inputs(self, w) -> Files:
        models, oracle = self.models(w), self.oracle(w)
        requests = told_requests(self.study, w.version)
        sets = ["heldout", "trained", *(f"forget-{name}" for name in requests)]
        files = [self.path(paths.SET, set=name) for name in sets]
        return {
            "models": models,
            "reports": reports_of(self.study, models, oracle),
            "digests": [self.path(paths.SET_DIGEST, set=name) for name in sets],
            "heldout": files[:1],
            "trained": files[1:2],
            "forget": files[2:],
            "candidates": [self.path(paths.CANDIDATES)],
            "reference": oracle,
        }

    def settings(self, w):
        asked = self.study.chosen("evaluation", "written", "ngram", "beams", "samples")
        return {**asked, **super().settings(w)}

    def arguments(self, w):
        folders = [str(Path(path).parent) for path in self.oracle(w)]
        return f"{super().arguments(w)} {argument('reference', folders)}"
