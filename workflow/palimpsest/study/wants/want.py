"""What the jobs of one rule need: the questions that rules ask."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from functools import cache

from palimpsest.engine.asking import modules_named
from palimpsest.engine.provenance import code_digest
from palimpsest.randomness import seed_of
from palimpsest.study.study import Study

Files = dict[str, list[str]]


class Want:
    """What the jobs of one rule need in a study.

    ``w`` has the wildcards of a job, text, as attributes: ``w.seed``, ``w.state``.
    """

    step = ""  # the module of steps/ that the rule runs
    undated: frozenset[str] = frozenset()  # inputs whose date is no reason to run again
    named: tuple[str, ...] = ()  # inputs that the command of the rule calls by name
    names_modules = False  # whether its settings name modules of this package, which count, too

    def __init__(self, study: Study):
        self.study = study
        self.config = study.config
        self.plan = study.plan
        self.path = study.path

    def inputs(self, w) -> Files:
        """Input files of a job by their role, as in {"slices": [...], "start": [...]}."""
        return {}

    def settings(self, w) -> dict:
        """The settings of the step, as JSON values."""
        return {}

    def marks(self, w) -> list[str]:
        """Reasons to run a job again that are no settings of the step: digests of the owners that a
        request names, of files that are no inputs."""
        return []

    def arguments(self, w) -> str:
        """Further arguments of the command. They are no reason to run again: they say where files
        are that count elsewhere, or how a job is run."""
        return ""

    def settings_json(self, w) -> str:
        """The settings as the text of the command."""
        return as_json(self.settings(w))

    def code(self, w) -> str:
        """Digest of the code of the step and of the modules that its settings name."""
        modules = modules_named(self.settings_json(w)) if self.names_modules else ()
        return digest_of(self.step, *modules)

    def resuming(self, w) -> str:
        """Arguments of a training: how often it saves its state, which no bit of the model depends
        on, and the code by which alone a state leads to the same bits."""
        seconds = self.config["training"]["checkpoint_seconds"]
        return f"--checkpoint-seconds {seconds} --code {self.code(w)}"

    def counts(self, w) -> str:
        """All reasons to run a job again besides settings and inputs: its code and its marks."""
        return ", ".join([self.code(w), *self.marks(w)])

    @classmethod
    def counts_alike(cls) -> str | None:
        """``counts`` where it is the same for all jobs of all studies: the digest of the code
        alone; else None."""
        code_alone = cls.counts is Want.counts and cls.marks is Want.marks and not cls.names_modules
        return digest_of(cls.step) if code_alone else None


def as_json(settings: dict) -> str:
    """Settings of a step as one plain, sorted string of ASCII: equal values are equal, however the
    YAML looks, and every locale hands them on.

    A brace before a word, which JSON has inside texts alone, is escaped: Snakemake would take it
    for a wildcard.
    """
    text = json.dumps(settings, sort_keys=True)
    return re.sub(r"\{(?=\s*\w)", r"\\u007b", text)


@cache
def digest_of(step: str, *modules: str) -> str:
    """Digest of the code of a step and of ``modules``."""
    return code_digest(f"palimpsest.steps.{step}", *modules)


def owners_digest(owners: list[str]) -> str:
    return f"{len(owners)} owners, {seed_of(*owners):016x}" if owners else "nobody"


def argument(name: str, values: Iterable[str]) -> str:
    """``--name value ...``, or nothing where there are no values."""
    values = list(values)
    return f"--{name} {shlex.join(values)}" if values else ""
