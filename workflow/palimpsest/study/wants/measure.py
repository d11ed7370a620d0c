"""Decisions, scores and reports -> numbers -> the one tidy table."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.data.ledger import START
from palimpsest.methods.registry import facts, method_of
from palimpsest.metrics import described
from palimpsest.study import paths
from palimpsest.study.plan import SINGLE
from palimpsest.study.study import Study
from palimpsest.study.wants.decide import OfState
from palimpsest.study.wants.methods import (
    before,
    frozen,
    method_folder,
    methods_in,
    numbers_in,
    started_from,
)
from palimpsest.study.wants.scores import ensemble_scores, scored_as, told_scores
from palimpsest.study.wants.want import Files, Want, argument


@cache
def metrics_described(study: Study) -> dict:
    """What the study's metrics are, for pages that explain them."""
    steps = ["remember"] if study.track == "causal" else ["measure", "membership"]
    return described("cost", *steps)


def still_there(study: Study, files: dict[str, str]) -> list[str]:
    """files: path -> the name of its numbers. Paths of those that are made and, of those that a
    purge froze, of those that are there."""
    gone = frozen(study)
    return [path for path, name in files.items() if name not in gone or Path(path).is_file()]


def metric_files(study: Study) -> list[str]:
    """Every file of numbers that the table is made of."""
    files = {
        f"{study.path(paths.SEED, seed=seed)}/metrics/{name}.parquet": name
        for seed in study.plan.seeds
        for state in study.plan.shown
        for name in numbers_in(study, state, START)
    }
    return still_there(study, files)


class Numbers(OfState):
    """What all numbers of a job are labelled with."""

    def labels(self, w) -> dict:
        labels = {"seed": int(w.seed), "state": w.state}
        return {"study": self.study.name, "model": self.study.model_name, **labels}

    def intervals(self) -> dict:
        return self.study.chosen("evaluation", "bootstrap", "level")


class Measure(Numbers):
    """Of classifiers."""

    step = "measure"

    def inputs(self, w) -> Files:
        return {"oracle": self.oracle(w)}

    def oracle(self, w) -> list[str]:
        """The oracle's decisions in the same state, where it is another model than the base."""
        if "oracle" not in methods_in(self.study, w.state):
            return []
        return [self.path(paths.DECISIONS, seed=w.seed, method="oracle", state=w.state)]

    def settings(self, w):
        return {
            **self.labels(w),
            **self.intervals(),
            "method": w.method,
            "families": sorted(self.config["groups"]),
            "classes": self.config["data"]["classes"],
            **self.study.chosen("fairness", "cost_fp", "cost_fn"),
        }

    marks = Want.marks  # decisions have left the forgotten out

    def arguments(self, w):
        return argument("oracle", self.oracle(w))


class Remember(Numbers):
    """Of causal models."""

    step = "remember"

    def inputs(self, w) -> Files:
        own = (self.study, w.seed, w.method, w.state)
        oracle = (self.study, w.seed, "oracle", w.state)
        return {
            **{name: told_scores(*own, name) for name in ("heldout", "trained", "forget")},
            "oracle": [] if w.state == START else told_scores(*oracle, "forget"),
            "oracle_heldout": [] if w.state == START else told_scores(*oracle, "heldout"),
            "base": self.base(w),
        }

    def base(self, w) -> list[str]:
        """The base's scores of the forgotten, where a purge has left any."""
        if self.study.is_purged:
            return []
        return told_scores(self.study, w.seed, "base", w.state, "forget")

    def settings(self, w):
        more = {"method": w.method, "shards": SINGLE, "space": self.study.space}
        return {**self.labels(w), **self.intervals(), **more}

    def arguments(self, w):
        given = self.inputs(w)
        names = ("forget", "oracle", "oracle_heldout", "base")
        told = [argument(name.replace("_", "-"), given[name]) for name in names if given[name]]
        return " ".join([*told, super().arguments(w)])


class Membership(Numbers):
    """Of single models and of ensembles, before and after a request."""

    step = "membership"

    def inputs(self, w) -> Files:
        first, forget = before(self.study, w.state), f"forget-{w.state}"
        scores = (self.study, w.seed, w.sharding)
        return {
            "forget_before": ensemble_scores(*scores, first, forget),
            "forget_after": ensemble_scores(*scores, w.state, forget),
            "heldout_before": ensemble_scores(*scores, first),
            "heldout_after": ensemble_scores(*scores, w.state),
        }

    def methods(self, w) -> dict[str, str]:
        """What the models are called before the request and after it."""
        states = {"before": before(self.study, w.state), "after": w.state}
        single = w.sharding == SINGLE
        return {
            when: scored_as(SINGLE, state) if single else "sisa_mean"
            for when, state in states.items()
        }

    def settings(self, w):
        return {**self.labels(w), **self.intervals(), "methods": self.methods(w)}


class MembershipOfMethod(Membership):
    """Of what a method made, beside what it started from."""

    def inputs(self, w) -> Files:
        started = started_from(self.study, w.method, w.state)
        sets = {"forget": f"forget-{w.state}", "heldout": "heldout"}
        states = {"before": started, "after": w.state}
        return {
            f"{name}_{when}": [self.scores(w, state, set_)]
            for name, set_ in sets.items()
            for when, state in states.items()
        }

    def scores(self, w, state: str, set_: str) -> str:
        model = "base" if state == START else w.method
        return self.path(paths.SCORES, seed=w.seed, model=model, version=state, set=set_)

    def methods(self, w):
        return {"before": w.method, "after": w.method}


class Cost(Numbers):
    """Of what was trained again for a request."""

    step = "cost"

    def inputs(self, w) -> Files:
        names = self.plan.trained_for(int(w.seed), w.sharding, w.state)
        return {"trained": [self.study.report(w.seed, name) for name in names]}

    def settings(self, w):
        epochs = self.config["training"]["epochs"]
        return {**self.labels(w), "sharding": w.sharding, "epochs": epochs}

    marks, arguments = Want.marks, Want.arguments  # reports are not of owners


class CostOfMethod(Cost):
    """Of what a method trained for a request: its model, and those that it had trained beside
    it."""

    def inputs(self, w) -> Files:
        own = method_folder(w.method, w.state)
        beside = () if method_of(w.method).others else method_of(w.method).beside
        folders = [own, *(f"{own}/{name}" for name in beside)]
        return {"trained": [self.study.report(w.seed, folder) for folder in folders]}

    def settings(self, w):
        return {**self.labels(w), "method": w.method}


class Tabulate(Want):
    step = "tabulate"

    def inputs(self, w) -> Files:
        return {"metrics": metric_files(self.study)}

    def settings(self, w):
        return {
            "families": self.config["fairness"]["groups"],
            "states": self.plan.shown,
            "level": self.config["evaluation"]["level"],
            "metrics": metrics_described(self.study),
            "methods": facts(self.config["methods"]),
        }
