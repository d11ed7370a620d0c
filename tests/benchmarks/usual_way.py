"""A sample of tofu-small by this workflow, and the same work done the usual way: processor time.

Run by hand: ``PYTHONPATH=workflow python tests/benchmarks/usual_way.py --mirror FOLDER
--pretrained FOLDER``, with the mirror of the data and a folder ``results/pretrained`` in which the
study's start lies; without the latter the start is trained first. Neither it nor figures count.
``--study`` names another file; ``--authors``, ``--questions``, ``--epochs``, ``--trials`` and
``--budget`` size the sample.

The sample: base, oracle, gradient_difference and npo, each of these two with its trials, and
relearning after all but the trials, for one seed. (a) is `snakemake --cores 1`, up to the table of
all numbers: data, tuning, intervals and Snakemake itself count. (b) is plain.py, started anew for
each training and for each metric of each model. Both train from the same start on the same records,
in the same number of updates of as many texts, under the settings that (a) drew, and measure the
same texts; both have one thread. Neither computes the extraction likelihood (a generation a token;
extraction.py compares that). Of what (a) computes, (b) leaves out: the base before the request,
fluency, divergences but KL, perplexity, the spread by bootstrap, what is watched in training, and
exact memorization and extraction strength of all but the forget set. What it writes is as long as
the longest answer of a batch, not 200 tokens as in the benchmark.

Before the totals, what both compute is compared: plain.py's metrics of the base that (a) trained
with (a)'s table, within 1e-3; and the probability of the forget set under both bases, which were
trained in another order, within 0.05.

How to read it: seconds of the processor by kind of work; ``ratio`` is (b) over (a). ``at work``
leaves out of (b) what each process takes to start: until its model was loaded (measuring), or a
training of one update (training); it is what (b) would cost if starting were free. ``a process a
model`` starts once for all metrics of a model. Small samples are mostly starts, for (b): larger
ones tell more. With ``--each N``, of models that are trained alike, and of those that are measured
on the same texts, N are done in (b), and the others counted with their mean.

``--results results/tofu-small`` takes (a) from a run that is there, whole or not, instead of the
sample: seconds of the processor as the steps' logs tell them, of all seeds, attacks and methods
(but training by others than those of the sample is left out on both sides); Snakemake itself is not
among them. Give it ``--each 1``, and ``--study`` with the file that the run was made from.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import pandas as pd
import torch
import yaml
from demo import SAID, used
from graph import clone
from plain import MEASURES, load, measured
from targets import verdict
from transformers import AutoTokenizer

from palimpsest.data.storage import read_parquet
from palimpsest.study.load import check_study
from palimpsest.study.recipes import recipe_of

REPOSITORY = Path(__file__).resolve().parents[2]
PLAIN = Path(__file__).with_name("plain.py")
TARGET = 3.0
STUDY, STATE = "sample", "forget"
METHODS = ("gradient_difference", "npo")
FORGOTTEN = ("author-199", "author-200")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
# metric of plain.py -> of the table
SAME = {
    "probability": "probability",
    "rouge": "rouge_l_recall",
    "truth_ratio": "truth_ratio_indifference",
    "exact_memorization": "exact_memorization",
    "extraction_strength": "extraction_strength",
    "kl": "kl",
    "loss": "membership_auroc",
    "zlib": "membership_auroc_zlib",
    "min_k": "membership_auroc_min_k",
    "min_k_plus_plus": "membership_auroc_min_k_plus_plus",
}
TRAINING = ("train", "unlearn", "unlearn_tuned", "attack")
MEASURING = ("score", "measure")


def write_mirror(folder: Path, mirror: Path, questions: int) -> Path:
    """A mirror with the first test questions alone."""
    (folder / "tofu").mkdir(parents=True)
    for path in mirror.iterdir():
        if path.name != "tofu":
            (folder / path.name).symlink_to(path.resolve())
    for path in (mirror / "tofu").glob("*.json"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        asked = path.name.startswith(("real_authors", "world_facts"))
        text = "".join(lines[:questions] if asked else lines)
        (folder / "tofu" / path.name).write_text(text, encoding="utf-8")
    return folder


def write_study(folder: Path, mirror: Path, wanted) -> None:
    """A sample of the study: its last authors, two of whom ask to be forgotten."""
    study = yaml.safe_load(wanted.study.read_text(encoding="utf-8"))
    study |= {
        "study": STUDY,
        "seeds": [1],
        "ledger": "ledger.tsv",
        "mirror": str(mirror),
        "sharding": ["1x1"],
        "methods": ["base", "oracle", *METHODS],
        "options": {name: study["options"].get(name, {}) for name in METHODS},
        "attacks": {"relearn": study["attacks"]["relearn"]},
    }
    study["data"]["authors"] = {
        "train": [f"{201 - wanted.authors}-200"],
        "extra": ["1-2"],
        "holdout": ["21-22"],
        "valid": ["51-51"],
    }
    study["training"]["epochs"] = wanted.epochs
    study["evaluation"]["ngram"] = 1000  # no text is so long: extraction likelihood is of none
    ranges = {name: study["tuning"]["ranges"][name] for name in METHODS}
    study["tuning"] |= {"trials": wanted.trials, "budget": wanted.budget, "ranges": ranges}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    (folder / "ledger.tsv").write_text(
        "\t".join(["request\towners\n" + STATE, *FORGOTTEN]) + "\n", encoding="utf-8"
    )


def spent(command: list[str], folder: Path) -> float:
    """Processor seconds of a command and what it started."""
    began = used()
    environment = os.environ | ONE_THREAD
    environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), environment.get("PATH", "")]
    )
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return used() - began


def snakemake(folder: Path, *targets: str) -> float:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    return spent([*command, "--configfile", "study.yaml"], folder)


class Job(NamedTuple):
    """A job of (a): its step, the model that it was about, the state, and processor seconds."""

    step: str
    model: str
    state: str
    seconds: float


def jobs_of(results: Path) -> list[Job]:
    """Those whose logs are there."""
    found = []
    for path in results.glob("logs/**/*.log"):
        for step, *_, seconds, _ in SAID.findall(path.read_text(encoding="utf-8")):
            where = path.relative_to(results / "logs").with_suffix("").parts
            model = where[2] if len(where) > 2 else ""
            if step == "attack":
                model = f"{where[3]}+{where[2]}"
            found.append(Job(step, model, where[-1], float(seconds)))
    return found


class Usual:
    """(b), in a folder of its own, after (a)."""

    def __init__(self, of_workflow: Path, state: str, folder: Path, start: Path):
        self.seed, self.folder, self.start = of_workflow / "seed1", folder, start
        self.state = state
        self.records = read_parquet(of_workflow / "data/records.parquet").set_index("record_id")
        candidates = read_parquet(of_workflow / "data/candidates.parquet")
        self.texts = candidates.set_index(["record_id", "kind", "number"])["completion"]
        self.aside = set(
            pd.concat([read_parquet(path) for path in of_workflow.glob("sets/tuning-*.parquet")])[
                "record_id"
            ]
        )
        self.trained: dict[str, float] = {}  # model -> seconds
        self.measured: dict[str, dict[str, float]] = defaultdict(dict)  # metric -> model -> seconds
        self.started: list[float] = []  # by measures, until they had a model

    def rows(self, model: str) -> list[dict]:
        """The texts that (a)'s numbers of a model are of."""
        frames = []
        for name in ("forget", "trained", "heldout"):
            frame = read_parquet(self.seed / f"scores/{model}/{self.state}/{name}.parquet")
            frames.append(frame.assign(set={"forget": "forget", "trained": "retain"}.get(name, "")))
        rows = pd.concat(frames)
        if "-trial" not in model:
            rows = rows[~rows["record_id"].isin(self.aside)]
        rows = rows[~rows["record_id"].isin(self.shown(model))]
        found = []
        for one in rows.to_dict("records"):
            record = self.records.loc[one["record_id"]]
            answer = one["kind"] == ""
            key = one["record_id"], one["kind"], one["number"]
            found.append(
                {
                    "set": one["set"] or record["part"] or record["split"],
                    "id": one["record_id"],
                    "kind": "answer" if answer else one["kind"],
                    "prompt": record["prompt"],
                    "completion": record["completion"] if answer else self.texts[key],
                    "written": answer and pd.notna(one["rouge_l"]),
                }
            )
        return found

    def report(self, model: str) -> dict:
        """training.json of a model of (a)."""
        name, _, attack = model.partition("+")
        where = f"attacks/{attack}/{name}" if attack else f"methods/{name}"
        return json.loads((self.seed / where / self.state / "training.json").read_text("utf-8"))

    def shown(self, model: str) -> list[str]:
        return self.report(model)["shown"] if "+" in model else []

    def learns(self, ids) -> list[dict]:
        return self.records.loc[list(ids), ["prompt", "completion"]].to_dict("records")

    def train(self, name: str, start: Path, method: str, sets: dict, settings: dict) -> None:
        texts = self.folder / f"{name}.json"
        texts.write_text(json.dumps(sets), encoding="utf-8")
        command = [sys.executable, PLAIN, "train", "--method", method]
        command += ["--settings", json.dumps(settings), "--model", start, "--texts", texts]
        command += ["--output", self.folder / name]
        self.trained[name] = spent(list(map(str, command)), self.folder)

    def learn(self, name: str, start: Path, ids, settings: dict) -> None:
        self.train(name, start, "learn", {"learn": self.learns(ids)}, settings)

    def train_all(self, training: dict, models: list[str]) -> None:
        """models: the base and the oracle among them, those that others start from first."""
        records = self.records[self.records["split"] == "train"]
        forgotten = read_parquet(self.seed / f"scores/base/{self.state}/forget.parquet")
        goes = records.index.isin(forgotten["record_id"])
        forget, retain = records.index[goes], records.index[~goes]
        sets = {"forget": self.learns(forget), "retain": self.learns(retain)}
        for model in models:
            if model in ("base", "oracle"):
                ids = records.index if model == "base" else retain
                self.learn(model, self.start, ids, training)
                continue
            report = self.report(model)
            settings = report["options"] | {"steps": report["steps"]}
            if "+" in model:
                start = self.folder / model.partition("+")[0]
                self.learn(model, start, report["shown"], settings)
            else:
                method = model.partition("-")[0]
                self.train(model, self.folder / "base", method, sets, settings)

    def measure(self, model: str) -> dict[str, dict[str, float]]:
        texts, values = self.folder / "texts.json", {}
        texts.write_text(json.dumps(self.rows(model)), encoding="utf-8")
        for name in MEASURES:
            output = self.folder / "values.json"
            command = [sys.executable, PLAIN, "measure", "--name", name, "--model"]
            command += [self.folder / model, "--oracle", self.folder / "oracle"]
            command += ["--texts", texts, "--output", output]
            self.measured[name][model] = spent(list(map(str, command)), self.folder)
            told = json.loads(output.read_text(encoding="utf-8"))
            values[name] = told["values"]
            self.started.append(told["started"])
        return values

    def idle(self) -> float:
        """What a training of one update takes, on one text: starting."""
        one = {"batch_size": 1, "steps": 1, "learning_rate": 0.0, "weight_decay": 0.0}
        self.learn("idle", self.start, self.records.index[:1], one)
        return self.trained.pop("idle")


def of_training(model: str) -> str:
    """Models of one kind are trained alike: as many updates, of the same loss."""
    name, _, attack = model.partition("+")
    return attack or re.sub(r"-trial\d+$", "", name)


def of_texts(model: str) -> str:
    """Models of one kind are measured on as many texts."""
    if "+" in model:
        return "attacked"
    return "trial" if re.search(r"[-_]trial\d+$", model) else "whole"


def some(models: list[str], kind, counts: dict[str, int], each: int | None) -> dict[str, float]:
    """The first models of each kind -> how many models each of them stands for."""
    groups: dict[str, list[str]] = defaultdict(list)
    for model in models:
        groups[kind(model)].append(model)
    return {
        model: counts[name] / len(group[:each])
        for name, group in groups.items()
        for model in group[:each]
    }


def check_numbers(usual: Usual, base: Path, oracle: Path) -> None:
    """SystemExit where a metric of (a)'s base is another in (b)."""
    model, tokenizer = load(base), AutoTokenizer.from_pretrained(base)
    rows = usual.rows("base")
    table = read_parquet(usual.seed / f"metrics/base/{usual.state}.parquet")
    told = table.set_index(["set", "metric"])["value"]
    print(f"\nOf the base of (a): {'forget, here':>30}{'table':>10}{'sets':>6}")
    for name, metric in SAME.items():
        values = measured(model, name, rows, tokenizer, oracle)
        apart = {one: abs(value - told[one, metric]) for one, value in values.items()}
        print(f"{name:20}{values['forget']:>30.5f}{told['forget', metric]:>10.5f}{len(values):>6}")
        if not max(apart.values()) < 1e-3:
            sys.exit(f"{name} differs: {apart}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--results", type=Path, help="of a run, instead of a sample")
    parser.add_argument("--pretrained", type=Path, help="results/pretrained of another run")
    default = REPOSITORY / "config/studies/tofu-small.yaml"
    parser.add_argument("--study", type=Path, default=default)
    parser.add_argument("--authors", type=int, default=10)
    parser.add_argument("--questions", type=int, default=20, help="of each test set")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--each", type=int, help="models of a kind that (b) measures; all")
    wanted = parser.parse_args()
    if not (wanted.mirror or wanted.results):
        parser.error("give --mirror, or --results")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        compare(Path(scratch), wanted)


def compare(scratch: Path, wanted) -> None:
    if wanted.results:
        results, total = wanted.results.resolve(), None
        study = yaml.safe_load(wanted.study.read_text(encoding="utf-8"))
        study = check_study(study, str(wanted.study))
    else:
        results, total, study = sampled(scratch, wanted)
    start = results.parent / "pretrained" / recipe_of(study)
    jobs = jobs_of(results)
    (state,) = {job.state for job in jobs if job.step == "score"} - {"r0"}
    known = {"base", "oracle", *METHODS, "relearn"}
    trainings = [job for job in jobs if job.step in TRAINING and of_training(job.model) in known]
    scorings = [job for job in jobs if job.step == "score" and job.state == state]

    usual = Usual(results, state, scratch, start)
    check_numbers(usual, results / "seed1/base", results / "seed1/oracle" / state)
    models = [path.parent.name for path in results.glob(f"seed1/scores/*/{state}")]
    models = [model for model in models if of_training(model) in known]
    models.sort(key=lambda name: ("+" in name, name not in ("base", "oracle"), name))
    training, measuring = (
        some(models, kind, Counter(kind(job.model) for job in found), wanted.each)
        for kind, found in ((of_training, trainings), (of_texts, scorings))
    )
    usual.train_all(study["training"], list(training))
    values = {model: usual.measure(model) for model in measuring}
    bases = [
        read_parquet(usual.seed / f"metrics/base/{state}.parquet")
        .set_index(["set", "metric"])
        .loc[("forget", "probability"), "value"],
        values["base"]["probability"]["forget"],
    ]
    print("\nprobability of the forget set under the bases: {:.4f} (a), {:.4f} (b)".format(*bases))
    if abs(bases[0] - bases[1]) > 0.05:
        sys.exit("the bases differ")

    ours = {"training": trainings, "measuring": [job for job in jobs if job.step in MEASURING]}
    ours["all else"] = [job for job in jobs if job.step not in TRAINING + MEASURING]
    show(ours, total, usual, training, measuring)


def sampled(scratch: Path, wanted) -> tuple[Path, float, dict]:
    """Run (a) -> its results, its processor seconds, the study."""
    folder = clone(scratch / "workflow")
    mirror = write_mirror(scratch / "mirror", wanted.mirror, wanted.questions)
    write_study(folder, mirror, wanted)
    study = check_study(yaml.safe_load((folder / "study.yaml").read_text("utf-8")), "study.yaml")
    if wanted.pretrained:
        shutil.copytree(wanted.pretrained, folder / "results/pretrained")
    snakemake(folder, f"results/pretrained/{recipe_of(study)}/model.safetensors")
    results = folder / "results" / STUDY
    return results, snakemake(folder, f"results/{STUDY}/tables/metrics.parquet"), study


def show(
    jobs: dict[str, list[Job]],
    total: float | None,
    usual: Usual,
    training: dict[str, float],
    measuring: dict[str, float],
) -> None:
    """The tables. jobs: of (a), by kind of work; total: all of (a), Snakemake too; training,
    measuring: for how many models each stands that (b) did."""
    ours = {name: sum(job.seconds for job in found) for name, found in jobs.items()}
    if total is None:
        total = sum(ours.values())
    ours["all else"] = total - ours["training"] - ours["measuring"]
    parts = {"training": (training, usual.trained)}
    parts |= {name: (measuring, taken) for name, taken in usual.measured.items()}
    sums = {}
    print(f"\n{'(b), seconds a process':34}{'processes':>10}{'mean':>8}{'sum':>9}")
    for name, (weights, taken) in parts.items():
        count = round(sum(weights.values()))
        sums[name] = sum(weight * taken[model] for model, weight in weights.items())
        print(f"{name:34}{count:>10}{sums[name] / count:>8.1f}{sums[name]:>9.1f}")
    models, trainings = (round(sum(one.values())) for one in (measuring, training))
    starting, idle, processes = mean(usual.started), usual.idle(), models * len(MEASURES)
    theirs = {"training": sums.pop("training"), "measuring": sum(sums.values()), "all else": 0.0}
    at_work = {
        "training": theirs["training"] - idle * trainings,
        "measuring": theirs["measuring"] - starting * processes,
        "all else": 0.0,
    }
    by_step: dict[str, list[float]] = defaultdict(list)
    for job in (job for found in jobs.values() for job in found):
        by_step[job.step].append(job.seconds)
    print(f"\n{'(a), seconds a job':34}{'jobs':>10}{'mean':>8}{'sum':>9}")
    for name, taken in sorted(by_step.items(), key=lambda item: -sum(item[1])):
        print(f"{name:34}{len(taken):>10}{mean(taken):>8.1f}{sum(taken):>9.1f}")
    print(f"\n{'processor seconds':24}{'(a)':>9}{'(b)':>9}{'ratio':>8}{'at work':>9}{'ratio':>8}")
    for name in (*ours, "total"):
        a, b, c = (sum(one.values()) if name == "total" else one[name]
                   for one in (ours, theirs, at_work))  # fmt: skip
        print(f"{name:24}{a:>9.1f}{b:>9.1f}{b / a:>8.2f}{c:>9.1f}{c / a:>8.2f}")
    whole = sum(theirs.values())
    once = whole - starting * (processes - models)
    print(f"\na process a metric, {processes} of {starting:.1f} s to start: "
          f"{whole / total:.2f}x, {verdict(whole / total, TARGET)}")  # fmt: skip
    print(f"a process a model: {once / total:.2f}x, {verdict(once / total, TARGET)}")


if __name__ == "__main__":
    main()
