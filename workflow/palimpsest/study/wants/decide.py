"""Scores of classifiers -> decisions: votes, means, post-processors."""

from __future__ import annotations

from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE
from palimpsest.methods.registry import method_of
from palimpsest.study import paths
from palimpsest.study.wants.data import OfLedger, forgotten, request_files
from palimpsest.study.wants.scores import ensemble_scores
from palimpsest.study.wants.want import Files


class OfState(OfLedger):
    """A job about a state: the owners who are forgotten in it are left out, or are its only
    subject."""

    def marks(self, w):
        return [forgotten(self.study, w.state)]

    def fairness(self, without: str) -> dict:
        return {key: value for key, value in self.config["fairness"].items() if key != without}


class Decide(OfState):
    step = "decide"
    names_modules = True
    named = ("scores",)

    def inputs(self, w) -> Files:
        """The scores of teachers depend on evidence of the requests already, others do not."""
        needs = method_of(w.method).needs
        requests = request_files(self.study, w.state) if needs in ("base", "model") else []
        return {"scores": self.scores(w), "requests": requests}

    def scores(self, w) -> list[str]:
        needs = method_of(w.method).needs
        if needs == "model":
            names = {"model": w.method, "state": w.state, "set": "heldout"}
            return [self.path(paths.SCORES, seed=w.seed, **names)]
        if needs == "base":
            return ensemble_scores(self.study, w.seed, SINGLE, START)
        shardings = self.config["sharding"] if needs == "teachers" else [SINGLE]
        by_sharding = (ensemble_scores(self.study, w.seed, one, w.state) for one in shardings)
        return [path for scores in by_sharding for path in scores]

    def settings(self, w):
        method = method_of(w.method)
        # A model that a method made decides as the base does.
        decides = method_of("base" if method.trains else w.method).module
        return {
            "implementation": decides,
            "fitted": method.fitted,
            "state": w.state,
            "fairness": self.fairness(without="epsilon_curve") if method.fitted else {},
        }


class Epsilon(OfState):
    step = "epsilon"
    names_modules = True
    named = ("scores",)

    def inputs(self, w) -> Files:
        return {"scores": ensemble_scores(self.study, w.seed, w.sharding, w.state)}

    def settings(self, w):
        return {
            "seed": int(w.seed),
            "method": w.method,
            "implementation": method_of(w.method).module,
            "state": w.state,
            "sharding": w.sharding,
            "fairness": self.fairness(without="eps"),
        }
