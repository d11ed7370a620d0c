"""Which jobs go to a cluster together, as one submission: those that take seconds.

Groups follow one another: data, trainings, then scores, methods and controls, then numbers, then
certificates. No job depends on one of a later group, so that none can wait for itself, however a
profile cuts a group into submissions (`group-components`).

A submission that fails is made again as a whole. So models that take long to train are submitted
one by one, each method apart from the others, and numbers apart from models.
"""

from __future__ import annotations

from palimpsest.attacks.registry import split
from palimpsest.methods.registry import is_method, method_of
from palimpsest.study.resources import Estimates

DATA, TRAININGS, SCORES, METHODS, CONTROLS, NUMBERS, CERTIFICATES = GROUPS = (
    "data", "trainings", "scores", "methods", "controls", "numbers", "certificates"
)  # fmt: skip
FIXED = {
    **dict.fromkeys(("tokenizer", "records", "index", "describe", "request", "slice"), DATA),
    **dict.fromkeys(("plain_set", "extra_set", "sample_set", "forget_set", "fingerprint"), DATA),
    **dict.fromkeys(("decide", "epsilon", "measure", "measure_around"), NUMBERS),
    "certificate": CERTIFICATES,
}


def group_of(rule: str, estimates: Estimates, w) -> str | None:
    """The group of a job, by the rule and the wildcards; None for one that is submitted alone."""
    if rule in FIXED:
        return FIXED[rule]
    if not estimates.is_short:
        return None
    if rule == "train":
        return TRAININGS
    if rule in ("unlearn", "auxiliary"):
        return _of_model(w.method) if rule == "unlearn" else METHODS
    return _of_model(split(w.model)[0] if rule == "score" else w.attacked)


def _of_model(name: str) -> str:
    """Of what is made of a model: a control needs all methods that it is compared with."""
    if not (is_method(name) and method_of(name).trains):
        return SCORES
    return CONTROLS if method_of(name).others else METHODS
