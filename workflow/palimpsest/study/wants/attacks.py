"""Attacks on models after unlearning, and on those that they are compared with."""

from __future__ import annotations

import importlib
from pathlib import Path

from palimpsest.attacks.contract import PromptAttack, WeightAttack
from palimpsest.attacks.registry import attack_of
from palimpsest.data.shards import SINGLE
from palimpsest.methods.settings import options_of
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.data import content, located, source_template, to_fetch
from palimpsest.study.wants.methods import attack_folder, attacked, model_folder, with_text
from palimpsest.study.wants.train import reports_of, slice_files
from palimpsest.study.wants.want import Files, Want, argument
from palimpsest.training.settings import settings_of


def attack_reports(study: Study) -> list[str]:
    """Reports of attacks on weights of models of the newest state."""
    latest = study.plan.latest
    return [
        study.report(seed, attack_folder(attack, model, latest))
        for seed in study.plan.seeds
        for model, attack in attacked(study, latest)
        if attack_of(attack).on == "weights"
    ]


def made_of(attack: str) -> WeightAttack | PromptAttack:
    return importlib.import_module(attack_of(attack).module).ATTACK


def encoding(study: Study, attack: str) -> dict:
    """How texts are encoded for models after an attack ('' for none), or under one."""
    plain = study.encoding
    made = made_of(attack) if attack else None
    if made is None or made.template is None:
        return plain
    settings = settings_of(made.Settings, options_of(attack, study.config["attacks"]))
    return plain | {"prompt": made.template(settings, plain["prompt"])}


def asked_sets(study: Study, attack: str, end: str) -> str:
    """Template, with {set}, of the sets that models are scored on after or under an attack, or
    (``end`` is json) of their digests."""
    if attack and attack_of(attack).on == "prompts":
        template = paths.REWORDED if end == "parquet" else paths.REWORDED_DIGEST
        return study.path(template, attack=attack, set="{set}")
    return study.path(paths.SET if end == "parquet" else paths.SET_DIGEST, set="{set}")


class Attack(Want):
    step = "attack"
    names_modules = True
    undated = frozenset({"model", "forget", "retain", "extra"})
    named = ("forget", "retain", "extra")

    def model(self, w) -> str:
        return self.study.weights(w.seed, model_folder(w.attacked, w.state))

    def forgotten(self, template: str, w) -> list[str]:
        """Sets of all requests up to the state whose text is still there."""
        return [self.path(template, request=name) for name in with_text(self.study, w.state)]

    def inputs(self, w) -> Files:
        left = self.plan.checkpoint(int(w.seed), SINGLE, 1, 1, w.state).slices
        return {
            "model": [self.model(w)],
            "reports": reports_of(self.study, [self.model(w)]),
            "forget": self.forgotten(paths.FORGET, w),
            "forget_digests": self.forgotten(paths.FORGET_DIGEST, w),
            "retain": slice_files(self.study, w.seed, left, "parquet"),
            "retain_digests": slice_files(self.study, w.seed, left, "json"),
            "extra": [self.path(paths.EXTRA, state=w.state)],
            "extra_digest": [self.path(paths.EXTRA_DIGEST, state=w.state)],
        }

    def settings(self, w):
        return {
            "study": self.study.seed_name,
            "seed": int(w.seed),
            "attack": w.attack,
            "implementation": attack_of(w.attack).module,
            "attacked": w.attacked,
            "state": w.state,
            "options": options_of(w.attack, self.config["attacks"]),
            "track": self.study.module("model"),
            "memory": self.study.module("memory"),
            "head": self.study.head,
            "model": self.study.encoding,
            "ngram": self.config["evaluation"]["ngram"],
            **self.study.chosen("training", "threads", "gpus", "precision"),
        }

    def arguments(self, w):
        return f"{argument('model', [str(Path(self.model(w)).parent)])} {self.resuming(w)}"


class Reword(Want):
    """A set as an attack on prompts asks for it."""

    step = "reword"
    names_modules = True
    undated = frozenset({"records"})

    def inputs(self, w) -> Files:
        fetched = to_fetch(self.study.sources, source_template(self.study))
        return {
            "records": [self.path(paths.SET, set=w.set)],
            "digest": [self.path(paths.SET_DIGEST, set=w.set)],
            "fetched": fetched if made_of(w.attack).readers else [],
        }

    def settings(self, w):
        data = self.config["data"]
        reads = made_of(w.attack).readers
        return {
            "implementation": attack_of(w.attack).module,
            "options": options_of(w.attack, self.config["attacks"]),
            "template": self.study.encoding["prompt"],
            "data": data if reads else {},
        }

    def marks(self, w):
        report = self.path(paths.RECORDS_REPORT)
        reads = made_of(w.attack).readers
        return content(self.study.sources, source_template(self.study), report) if reads else []

    def arguments(self, w):
        reads = made_of(w.attack).readers
        files = located(self.study.sources, source_template(self.study)) if reads else []
        given = [argument("records", [self.path(paths.SET, set=w.set)])]
        return " ".join(filter(None, [*given, argument("source", files)]))
