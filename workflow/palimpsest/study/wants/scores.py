"""Forward passes: which models are scored on which sets. A track decides whether a job scores one
set, so that models which a request did not change keep their scores, or all sets of a state."""

from __future__ import annotations

import shlex
from pathlib import Path

from palimpsest.attacks.registry import attack_of, split
from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE
from palimpsest.methods.registry import is_method, method_of
from palimpsest.methods.trials import is_trial
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.attacks import asked_sets, encoding, made_of
from palimpsest.study.wants.judges import judge_argument, judge_files, named
from palimpsest.study.wants.methods import (
    attack_folder,
    chosen_beside,
    method_folder,
    model_folder,
    part_of,
    tuning_seed,
    with_text,
)
from palimpsest.study.wants.train import reports_of
from palimpsest.study.wants.want import Files, Want, argument
from palimpsest.tracks import Track

TEACHERS = "teachers-"  # and a sharding: the folder below scores/ of an ensemble
HELDOUT, FORGET = "heldout", "forget"  # all that is forgotten in a state


def scored_as(sharding: str, state: str) -> str:
    """Folder below scores/ of the teachers of a sharding."""
    if sharding != SINGLE:
        return f"{TEACHERS}{sharding}"
    return "base" if state == START else "oracle"


def ensemble_scores(
    study: Study, seed: int | str, sharding: str, state: str, set_: str = "heldout"
) -> list[str]:
    """Scores of an ensemble in a state, the oldest first: where two files hold scores of one shard,
    the later file counts."""
    return [
        study.path(paths.SCORES, seed=seed, model=scored_as(sharding, since), state=since, set=set_)
        for since in study.plan.ensemble_states(int(seed), sharding, state)
    ]


def state_scores(study: Study, seed: int | str, model: str, state: str, set_: str) -> list[str]:
    """Scores of a set by a model in a state; none of forgotten text where all of it is gone."""
    if set_ == FORGET and not with_text(study, state):
        return []
    return [study.path(paths.SCORES, seed=seed, model=model, state=state, set=set_)]


def scored_together(track: Track) -> list[str]:
    """Names of the files that a job writes; `{set}` where it scores any one set."""
    return [*track.sets, FORGET] if track.scored == "state" else ["{set}"]


def score_log(track: Track) -> str:
    """Path of the log of a job."""
    job = "{state}/{set}" if track.scored == "set" else "{state}"
    return f"{paths.STUDY}/logs/score/seed{{seed}}/{{model}}/{job}.log"


def briefly(study: Study, model: str) -> bool:
    """Whether a model is scored on answers alone, and on no held-out text: after an attack, where
    the study says so."""
    return bool(split(model)[1]) and study.config["evaluation"]["after_attacks"] == "answers"


class Score(Want):
    step = "score"
    names_modules = True
    undated = frozenset({"models", "sets", "reference", "judges"})

    def sharding(self, w) -> str:
        return w.model.removeprefix(TEACHERS) if w.model.startswith(TEACHERS) else SINGLE

    def folders(self, w) -> dict[int, str]:
        """Shard -> folder of the models that one score file is about.

        For a request after a purge there are fewer of them; the held-out scores of the purged ones
        were made before.
        """
        model, attack = split(w.model)
        if attack:
            on_weights = attack_of(attack).on == "weights"
            left = attack_folder(attack, model, w.state)
            return {1: left if on_weights else model_folder(model, w.state)}
        if model == "base":
            return {1: "base"}
        if is_method(w.model) and method_of(w.model).trains:
            return {1: method_folder(w.model, w.state)}
        seed = int(w.seed)
        every = self.plan.teachers(seed, self.sharding(w), w.state)
        if getattr(w, "set", "heldout") == "heldout":
            return every
        return {shard: name for shard, name in every.items() if not self.plan.gone(seed, name)}

    def models(self, w) -> list[str]:
        return [self.study.weights(w.seed, folder) for folder in self.folders(w).values()]

    def sets(self, w) -> list[list[str]]:
        """Names of the sets that each file of scores is about."""
        if self.study.track.scored == "set":
            return [[w.set]]
        forgotten = [f"forget-{name}" for name in with_text(self.study, w.state)]
        plain = {name: [name] for name in self.study.track.sets}
        if briefly(self.study, w.model):
            plain[HELDOUT] = []
        sets = [*plain.values(), forgotten]
        aside = paths.ASIDE_NAME if is_trial(w.model) else "{set}"
        return [[aside.format(set=name) for name in names] for names in sets]

    def reference(self, w) -> list[str]:
        """The oracle, where models are compared with it; trials are with the base."""
        attack = split(w.model)[1]
        alike = not attack or attack_of(attack).beside_oracle
        if w.state == START or not self.study.track.beside_oracle or not alike:
            return []
        if is_trial(w.model):
            return [self.study.weights(w.seed, paths.BASE_NAME)]
        return [self.study.weights(w.seed, paths.ORACLE_NAME.format(state=w.state))]

    def inputs(self, w) -> Files:
        models, reference = self.models(w), self.reference(w)
        sets = [name for names in self.sets(w) for name in names]
        attack = split(w.model)[1]
        found, digests = (asked_sets(self.study, attack, end) for end in ("parquet", "json"))
        return {
            "models": models,
            "reports": reports_of(self.study, models, reference),
            "digests": [digests.format(set=name) for name in sets],
            "sets": [found.format(set=name) for name in sets],
            "candidates": self.candidates(w),
            "reference": reference,
            **judge_files(self.study, self.study.judges),
        }

    def candidates(self, w) -> list[str]:
        attack = split(w.model)[1]
        whole = not attack or getattr(made_of(attack), "answers", True)
        whole = whole and not briefly(self.study, w.model)
        return [self.path(paths.CANDIDATES)] if self.study.track.candidates and whole else []

    def settings(self, w):
        return {
            "sharding": self.sharding(w),
            "shards": list(self.folders(w)),
            "track": self.study.module("model"),
            "score": self.study.score,
            "head": self.study.head,
            "model": encoding(self.study, split(w.model)[1]),
            **self.study.chosen("evaluation", "batch_size", *self.study.track.evaluation),
            **self.study.chosen("training", "threads", "gpus"),
            **self.judged(),
            **self.aside(w),
            **self.reported(w),
        }

    def reported(self, w) -> dict:
        """In a study that tunes, by what records are drawn that no number of this model counts:
        trials are compared with the models of one seed alone."""
        if not self.study.tuning or not self.study.track.parts or is_trial(w.model):
            return {}
        beside = w.model in chosen_beside(self.study) and w.state != START
        if beside and int(w.seed) == tuning_seed(self.study):
            return {}
        return {"reported": part_of(self.study)}

    def aside(self, w) -> dict:
        """In a study that tunes, of which records models write on: as many that count and, of those
        that trials are compared with, as many again by which settings are chosen."""
        writes = "written" in self.study.track.evaluation
        if not self.study.tuning or is_trial(w.model) or not writes:
            return {}
        both = w.model in chosen_beside(self.study)
        return {"aside": part_of(self.study) | {"both": both}}

    def judged(self) -> dict:
        """The judges, and how many samples they see."""
        judges = named(list(self.study.judges))
        return judges and judges | self.study.chosen("evaluation", "judged")

    def arguments(self, w):
        found = asked_sets(self.study, split(w.model)[1], "parquet")
        sets = ([found.format(set=name) for name in names] for names in self.sets(w))
        folders = {"model": self.models(w), "reference": self.reference(w)}
        options = [
            *(f"--records {shlex.join(files)}" for files in sets),
            argument("candidates", self.candidates(w)),
            judge_argument(self.study, self.study.judges),
            *(
                argument(name, (str(Path(path).parent) for path in files))
                for name, files in folders.items()
            ),
        ]
        return " ".join(filter(None, options))
