"""Which jobs go to a cluster together, as one submission: those that take seconds.

Groups follow one another: data, trainings, then scores, methods and controls, then numbers, then
certificates. No job depends on one of a later group, so that none can wait for itself, however a
profile cuts a group into submissions (`group-components`).

In a study that tunes, the settings of a method follow from numbers of its trials, which start from
its model of the request before: what is made of models has a group for each request there.

A submission that fails is made again as a whole. So models that take long to train are submitted
one by one, each method apart from the others, and numbers apart from models.
"""

from __future__ import annotations

from palimpsest.attacks.registry import split
from palimpsest.methods.registry import is_method, method_of
from palimpsest.methods.trials import is_reserved, is_trial
from palimpsest.study.resources import Estimates

DATA, TRAININGS, SCORES, METHODS, CONTROLS, NUMBERS, CERTIFICATES = GROUPS = (
    "data", "trainings", "scores", "methods", "controls", "numbers", "certificates"
)  # fmt: skip
FIXED = {
    **dict.fromkeys(("tokenizer", "records", "index", "describe", "request", "slice"), DATA),
    **dict.fromkeys(("plain_set", "extra_set", "sample_set", "forget_set", "fingerprint"), DATA),
    **dict.fromkeys(("aside", "reword"), DATA),
    **dict.fromkeys(("decide", "epsilon", "measure", "measure_around", "measure_across"), NUMBERS),
    "certificate": CERTIFICATES,
}


def group_of(rule: str, estimates: Estimates, w) -> str | None:
    """The group of a job, by the rule and the wildcards; None for one that is submitted alone."""
    tunes = bool(estimates.study.tuning)
    if rule in ("decide", "measure") and tunes and is_reserved(w.method):
        return f"trials-{w.state}"
    if rule in FIXED:
        return FIXED[rule]
    if not estimates.is_short:
        return None
    if rule == "train":
        return TRAININGS
    group = _of_models(rule, w)
    if tunes and group != SCORES:
        kind = "auxiliaries" if rule == "auxiliary" else group
        return f"{kind}-{w.state}"
    return group


def _of_models(rule: str, w) -> str:
    """Of what is made of models: a control needs all methods that it is compared with."""
    if rule == "auxiliary":
        return METHODS
    name = split(w.model)[0] if rule == "score" else w.attacked if rule == "attack" else w.method
    if not (is_method(name) and method_of(name).trains):
        return SCORES
    if method_of(name).others:
        return CONTROLS
    return "trials" if is_trial(name) else METHODS
