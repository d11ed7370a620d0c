"""Judges, below results/pretrained/: classifiers of text, made once for all studies that name
them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from palimpsest.errors import Problem, UserError
from palimpsest.study import paths
from palimpsest.study.recipes import COMPUTED
from palimpsest.study.study import Sources, Study
from palimpsest.study.wants.data import content, fetch_settings, located, to_fetch
from palimpsest.study.wants.want import Files, Want, argument
from palimpsest.training.settings import OfJudge

TRAINING = {field.name for field in fields(OfJudge)}
MODULE = "palimpsest.judges.judge"
LEARNT = ("examples", "held_out", "vocab_size", "lowercase", "architecture", "config", "max_length")


def judge_folders(study: Study, names: Iterable[str]) -> list[str]:
    missing = [name for name in names if name not in study.judges]
    if missing:
        what, allowed = "a trial asks for a judge that is not defined", ", ".join(study.judges)
        remedy = "define it under `judges`"
        raise UserError(Problem(what, "tuning.ranges", ", ".join(missing), allowed, remedy))
    return [study.path(paths.JUDGE, judge=study.judges[name]) for name in names]


def judge_files(study: Study, names: Iterable[str]) -> Files:
    """Weights and reports of judges, as inputs of a job that uses them: its dates are told by the
    reports alone."""
    folders = judge_folders(study, names)
    return {
        "judges": [f"{folder}/{paths.WEIGHTS}" for folder in folders],
        "judge_reports": [f"{folder}/{paths.REPORT}" for folder in folders],
    }


def judge_argument(study: Study, names: Iterable[str]) -> str:
    return argument("judges", judge_folders(study, names))


def named(names: list[str]) -> dict:
    """The settings of a job that uses judges; none of one that does not, whose code then has no
    part in theirs."""
    return {"judges": {"module": MODULE, "names": names}} if names else {}


def examples_template(study: Study, called: str) -> str:
    return study.path(paths.EXAMPLES, judge=called, file="{file}")


def examples_of(study: Study, called: str) -> Sources:
    """The sources of a judge, by what it is called, in the order of its entries."""
    return study.examples[name_of(study, called)]


def name_of(study: Study, called: str) -> str:
    return next(name for name, one in study.judges.items() if one == called)


class FetchExamples(Want):
    step = "fetch"

    def settings(self, w):
        return fetch_settings(examples_of(self.study, w.judge), w.file)


class Judge(Want):
    step = "judge"

    def inputs(self, w) -> Files:
        template = examples_template(self.study, w.judge)
        fetched = to_fetch(examples_of(self.study, w.judge), template)
        return {"examples": list(dict.fromkeys(fetched))}  # entries may be of one file

    def settings(self, w):
        """All but where the examples are, and whether label 1 is wanted, which is for those that
        use it."""
        name = name_of(self.study, w.judge)
        judge = self.config["judges"][name]
        entries = [
            {key: value for key, value in entry.items() if key != "source"}
            for entry in judge["examples"]
        ]
        return {
            "name": name,
            "training": {key: value for key, value in judge.items() if key in TRAINING},
            **{key: judge[key] for key in LEARNT},
            "examples": entries,
            **self.study.chosen("training", *COMPUTED),
        }

    def marks(self, w):
        template = examples_template(self.study, w.judge)
        report = f"{self.path(paths.JUDGE, judge=w.judge)}/{paths.RUN}"
        return content(examples_of(self.study, w.judge), template, report)

    def arguments(self, w):
        template = examples_template(self.study, w.judge)
        entries = ([one] for one in examples_of(self.study, w.judge))
        files = (argument("examples", located(entry, template)) for entry in entries)
        return " ".join([*files, self.resuming(w)])
