"""Attacks on models after unlearning, and on those that they are compared with."""

from __future__ import annotations

from pathlib import Path

from palimpsest.attacks.registry import attack_of
from palimpsest.data.shards import SINGLE
from palimpsest.methods.settings import options_of
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.methods import attack_folder, attacked, model_folder, with_text
from palimpsest.study.wants.shared import saving
from palimpsest.study.wants.train import reports_of, slice_files
from palimpsest.study.wants.want import Files, Want, argument


def attack_reports(study: Study) -> list[str]:
    """Reports of attacks on models of the newest state."""
    latest = study.plan.latest
    return [
        study.report(seed, attack_folder(attack, model, latest))
        for seed in study.plan.seeds
        for model, attack in attacked(study, latest)
    ]


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
        return f"{argument('model', [str(Path(self.model(w)).parent)])} {saving(self.study)}"
