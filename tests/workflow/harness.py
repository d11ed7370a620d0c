"""A clone of the workflow with a tiny study of its own, and the jobs that `snakemake` runs or would
run in it."""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import yaml

from forking import forked
from palimpsest.data.secret import FILE as SECRET
from palimpsest.data.secret import VARIABLE
from palimpsest.study.load import check_study
from palimpsest.study.recipes import tokenizer_of

REPOSITORY = Path(__file__).resolve().parents[2]
OWNERS = [f"owner{number:02}" for number in range(48)]
MARK = "quillwort"  # stands in every text, so that a text in a message is found
SPLITS = ("train",) * 7 + ("valid", "test", "test")
STUDY = {
    "study": "tiny",
    "salt": "tiny",
    "seeds": [1],
    "ledger": "ledger.tsv",
    "data": {
        "reader": "table",
        "sources": [{"path": "posts.csv"}],
        "columns": {"owner": "who", "text": "post", "label": "rude", "split": "part"},
        "keep": ["town"],
    },
    "groups": {"town": {"column": "town", "fine": True}},
    "tokenizers": {
        "words": {"algorithm": "wordpiece", "vocab_size": 100, "corpus": [{"path": "corpus.txt"}]}
    },
    "model": {
        "init": "scratch",
        "architecture": "gpt2",
        "config": {"n_layer": 1, "n_embd": 16, "n_head": 2, "resid_pdrop": 0.10},
        "tokenizer": "words",
        "max_length": 16,
    },
    "training": {"epochs": 2, "learning_rate": 0.01},
    "sharding": ["1x1", "3x2"],
    "methods": ["oracle", "sisa_vote", "fairsisa_aggregate_first"],
    "fairness": {"groups": ["town"], "epsilon_curve": [0.0, 0.5]},
    "evaluation": {"bootstrap": 20},
    "figures": {"formats": ["png"], "dpi": 40},
}
METHODS = STUDY["methods"]
FIGURES = {
    f"figures/{name}" for name in ("tradeoff", "groups", "shards", "cost", "epsilon", "membership")
}
TOKENIZER = tokenizer_of(check_study(STUDY, "study.yaml"))  # below results/pretrained/
REPORTED = {"tabulate"} | FIGURES  # what collects all numbers, and follows any of them
DATA = ("records", "index", "requests", "slices", "sets")  # the steps before any model


class Clone:
    """A folder in which `snakemake` is run as its user runs it: the workflow, a study, its ledger
    and its source."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.output = ""  # what the last command said

    @classmethod
    def make(
        cls, folder: Path, without: tuple[str, ...] = (), forget: str = "", **changes
    ) -> Clone:
        """A fresh clone; the source lacks the owners ``without``, and ``changes`` replace keys of
        the study."""
        folder.mkdir()
        shutil.copy(REPOSITORY / "Snakefile", folder)
        for name in ("workflow", "config", "envs", "profiles"):
            shutil.copytree(
                REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        clone = cls(folder)
        clone.write_study(deepcopy(STUDY) | changes)
        clone.write_ledger(forget)
        rows = posts()
        write_rows(folder / "posts.csv", [row for row in rows if row["who"] not in without])
        (folder / "corpus.txt").write_text(
            "".join(f"{word}\n" for word in sorted(set(" ".join(texts(rows)).split())))
        )
        return clone

    def copy(self, folder: Path) -> Clone:
        """All of it, dates and Snakemake's memory too, as `cp -a` does."""
        return Clone(shutil.copytree(self.folder, folder, symlinks=True))

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def secret(self) -> str:
        """With which its runs hash names."""
        return self.path(SECRET).read_text().strip()

    def write_study(self, study: dict) -> None:
        self.path("study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))

    def change_study(self, **changes) -> None:
        self.write_study(yaml.safe_load(self.path("study.yaml").read_text()) | changes)

    def write_ledger(self, requests: str) -> None:
        """``requests`` as 'r1 owner01 owner02; r2 owner03'."""
        lines = ["request owners", *filter(None, map(str.strip, requests.split(";")))]
        self.path("ledger.tsv").write_text(
            "".join(line.replace(" ", "\t") + "\n" for line in lines)
        )

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place where a file says ``old``."""
        text = self.path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} says {old!r} {text.count(old)} times"
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")

    def take_out(self, *owners: str) -> None:
        """Take the rows of ``owners`` out of the source."""
        with open(self.path("posts.csv"), newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["who"] not in owners]
        write_rows(self.path("posts.csv"), rows)

    def snakemake(
        self, *arguments: str, cores: int | None = 2, study: str | None = "study.yaml", **options
    ) -> int:
        """Exit status; stdout and stderr together are kept in ``output``. ``options`` are those of
        ``start``; without any, a dry run is a fork of a Snakemake that is there."""
        if {"--dry-run", "-n"} & set(arguments) and not options:
            command, environment = self._command(arguments, cores, study), self._environment({})
            status, self.output = forked("snakemake", command, self.folder, environment)
            return status
        started = self.start(
            *arguments,
            cores=cores,
            study=study,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )
        self.output, _ = started.communicate(timeout=3600)
        return started.returncode

    def start(
        self,
        *arguments: str,
        cores: int | None = 2,
        study: str | None = "study.yaml",
        variables: dict[str, str | None] | None = None,
        **options,
    ) -> subprocess.Popen:
        """The same, not waited for. ``variables`` stand in its environment, None for one that does
        not; ``options`` are those of Popen."""
        command = [sys.executable, "-m", "snakemake", *self._command(arguments, cores, study)]
        environment = self._environment(variables or {})
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **options)

    @staticmethod
    def _command(arguments: tuple[str, ...], cores: int | None, study: str | None) -> list[str]:
        command = [*(["--cores", str(cores)] if cores else []), "--nocolor", *arguments]
        return command + (["--configfile", study] if study else [])

    def _environment(self, variables: dict[str, str | None]) -> dict[str, str]:
        without = ("PYTHONPATH", "OMP_NUM_THREADS", VARIABLE)  # the tests' own
        environment = {name: value for name, value in os.environ.items() if name not in without}
        environment["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), environment.get("PATH", "")]
        )
        environment |= {"HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(self.folder / ".cache")}
        environment |= variables
        return {name: value for name, value in environment.items() if value is not None}

    def palimpsest(self, *arguments: str) -> int:
        """Exit status of `palimpsest ...`, by the code of this clone; what it said is kept in
        ``output``."""
        environment = dict(os.environ) | {
            "PYTHONPATH": str(self.folder / "workflow"),
            "HF_HOME": str(self.folder / ".cache"),
        }
        for name in ("OMP_NUM_THREADS", VARIABLE):
            environment.pop(name, None)
        command = [*arguments, "--configfile", "study.yaml"]
        status, self.output = forked("palimpsest", command, self.folder, environment)
        return status

    def jobs(self, *arguments: str) -> set[str]:
        """The jobs that would run, by the names of their logs: 'train/seed1/base'."""
        return self.run("--dry-run", *arguments)

    def run(self, *arguments: str) -> set[str]:
        """Run; the jobs that were started. They are held against Snakemake's own count, so that
        none can be missed."""
        status = self.snakemake("--printshellcmds", *arguments)
        assert status == 0, self.output
        pattern = (
            r"^(?:Shell command: )?python -m palimpsest \w+ .*> "
            r"results/(?:tiny|pretrained)/logs/(\S+)\.log 2>&1$"
        )
        jobs = re.findall(pattern, self.output, flags=re.MULTILINE)
        counts = dict(re.findall(r"^(\w+) +(\d+)$", self.output, flags=re.MULTILINE))
        targets = [
            name for name in ("all", "data", "teachers", "tables", "figures") if name in counts
        ]
        assert len(set(jobs)) == len(jobs) == int(counts.get("total", 0)) - len(targets), (
            self.output
        )
        return set(jobs)

    def digests(self) -> dict[str, tuple[str, int]]:
        """Model file -> its SHA-256 and date."""
        from palimpsest.files import file_digest

        models = sorted(self.path("results/tiny/seed1").rglob("model.safetensors"))
        return {
            str(path.relative_to(self.folder)): (file_digest(path), path.stat().st_mtime_ns)
            for path in models
        }


def posts() -> list[dict]:
    """The rows of the source: ten of each owner, rude or not; with what makes the file larger than
    a megabyte."""
    draw = random.Random(5)
    words = {0: ["kind", "warm", "fair", "calm"], 1: ["vile", "foul", "grim", "daft"]}
    rows = []
    for owner in OWNERS:
        for number, part in enumerate(SPLITS):
            rude, town = draw.randrange(2), draw.choice(["east", "west"])
            said = draw.choice(words[rude if draw.random() < 0.8 else 1 - rude])
            text = (
                f"{MARK} {said} {draw.choice(['baker', 'miller', 'sailor'])} "
                f"{draw.choice(['here', 'there', 'away'])} {number}"
            )
            rows.append(
                {
                    "who": owner,
                    "post": text,
                    "rude": rude,
                    "part": part,
                    "town": town,
                    "note": "x" * 2300,
                }
            )
    return rows


def texts(rows: list[dict]) -> list[str]:
    return [row["post"] for row in rows]


def write_rows(path: Path, rows: list[dict]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def make_start(folder: Path) -> None:
    """A model folder of the user's, whose weights are larger than a megabyte."""
    from palimpsest.models.classifier import make_classifier
    from palimpsest.models.making import save_model_folder
    from palimpsest.models.tokenizers import train_wordpiece

    tokenizer = train_wordpiece(
        [f"{MARK} kind warm fair calm vile foul grim daft here there away"], 60, True
    )
    sizes = {"n_layer": 1, "n_embd": 160, "n_head": 2, "resid_pdrop": 0.1}
    settings = {"init": "scratch", "architecture": "gpt2", "config": sizes, "max_length": 16}
    folder.mkdir()
    save_model_folder(make_classifier(settings, tokenizer, 2, "start"), tokenizer, folder)


def owner_in(sharding: str, shard: int, slice_: int, skip: tuple[str, ...] = ()) -> str:
    """The first owner that the hash puts into a slice."""
    from palimpsest.data.shards import place

    return next(
        o
        for o in OWNERS
        if o not in skip and place(o, sharding, STUDY["salt"], 1) == (shard, slice_)
    )


def certified(*requests: str) -> set[str]:
    """The jobs of certificates: they follow the numbers of the state that they speak of, and of no
    other."""
    return {f"{kind}/{name}" for name in requests for kind in ("certificates", "certificate_pages")}


def steps(jobs: set[str], *names: str) -> set[str]:
    """The jobs of some steps alone."""
    return {job for job in jobs if job.split("/")[0] in names}
