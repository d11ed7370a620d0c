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
        """The files that a job needs, by what they are to it."""
        return {}

    def settings(self, w) -> dict:
        """What the step is told, as JSON."""
        return {}

    def marks(self, w) -> list[str]:
        """What the step is not told and yet makes a job anew when it changes: digests of the owners
        whom a request names, of files that are no inputs."""
        return []

    def arguments(self, w) -> str:
        """Further arguments of the command. By themselves they are no reason to run again: they
        tell where something lies that counts elsewhere, or how a job is run."""
        return ""

    def told(self, w) -> str:
        """The settings as the command has them."""
        return as_json(self.settings(w))

    def counts(self, w) -> str:
        """All that makes a job anew beside settings and inputs: its marks, and a digest of what the
        code of the step does, and the modules that its settings name."""
        modules = modules_named(self.told(w)) if self.names_modules else ()
        return ", ".join([digest_of(self.step, *modules), *self.marks(w)])

    @classmethod
    def counts_alike(cls) -> str | None:
        """``counts`` where it is one for all jobs of all studies: that of the code alone."""
        own = cls.counts is Want.counts and cls.marks is Want.marks and not cls.names_modules
        return digest_of(cls.step) if own else None


def as_json(settings: dict) -> str:
    """Settings of a step as one plain, sorted string: equal values are equal, however the YAML
    looks.

    A brace before a word, which JSON has inside texts alone, is written by its code: Snakemake
    would take it for a wildcard.
    """
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return re.sub(r"\{(?=\s*\w)", r"\\u007b", text)


@cache
def digest_of(step: str, *modules: str) -> str:
    """Digest of what the code of a step does, and that of the modules that it is told of."""
    return code_digest(f"palimpsest.steps.{step}", *modules)


def owners_digest(owners: list[str]) -> str:
    return f"{len(owners)} owners, {seed_of(*owners):016x}" if owners else "nobody"


def argument(name: str, values: Iterable[str]) -> str:
    """``--name value ...``, or nothing where there are no values."""
    values = list(values)
    return f"--{name} {shlex.join(values)}" if values else ""
