"""Train replacements of a request again, in a temporary folder, and compare their bytes with what
lies there. Nothing below results/ is changed but the record of it and the certificate."""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

from palimpsest.audit.arguments import add_key, add_study, key_of, whole_study
from palimpsest.audit.filed import now, read_certificate
from palimpsest.audit.revision import check_revisable, revise
from palimpsest.audit.verification import (
    chain,
    differences,
    drawn,
    last,
    machine,
    record,
    unavailable,
    weights_of,
)
from palimpsest.errors import Problem, UserError, choose
from palimpsest.files import file_digest
from palimpsest.steps import train
from palimpsest.study import paths
from palimpsest.study.plan import Checkpoint, Plan
from palimpsest.study.study import Study
from palimpsest.study.wants.train import Train, fresh_start
from palimpsest.training.report import read_reports


def add_arguments(parser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="a request of the ledger")
    parser.add_argument(
        "--sample",
        type=_count,
        metavar="N",
        help="train only N of its replacements again, drawn by the time of day; each of them is "
        "compared, and so are the stages that it started from (default: all)",
    )
    add_study(parser)
    add_key(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of checkpoints: at least 1")
    return int(text)


def run(args) -> None:
    """settings: none; the study is named by the user."""
    config = whole_study(args)
    study = Study(config | ({"ledger": str(args.ledger)} if args.ledger else {}))
    plan, request = study.plan, args.request
    if request not in plan.names[1:]:
        where, allowed = f"ledger {study.config['ledger']}", ", ".join(plan.names[1:])
        remedy = choose(request, plan.names[1:])
        raise UserError(Problem("it has no such request", where, request, allowed, remedy))
    key = key_of(args)
    filed = certificate_of(plan, request)
    check_revisable(plan, key)
    claimed = {(one["seed"], one["checkpoint"]): one["sha256"] for one in filed["replaced"]}
    if not claimed:
        print(f"Request {request} replaced no model: there is nothing to train again.")
        return
    why = {key: unavailable(plan, *key, fresh_start(study)) for key in claimed}
    cannot = [
        {"seed": seed, "checkpoint": name, "why": why[seed, name]}
        for seed, name in claimed
        if why[seed, name]
    ]
    for one in cannot:
        print(f"cannot be verified: seed{one['seed']}/{one['checkpoint']}: {one['why']}")
    available = [key for key in claimed if not why[key]]
    if not available:
        remedy = "verify a later request, or bring back what is missing from a backup"
        what = "none of its replacements can be trained again"
        raise UserError(Problem(what, f"request {request}", remedy=remedy))
    date = now()
    chosen = drawn(available, args.sample, study.name, request, "verify", date)
    sample = args.sample if len(chosen) < len(available) else None
    earlier = last(plan, request, filed["replaced"]) if sample else None
    told_of_all = earlier and {*available} <= {
        (one["seed"], one["checkpoint"]) for one in earlier["checkpoints"]
    }
    compared, devices, problems = [], set(), []
    for seed, name, again in trained_again(study, chosen):
        weights, result = weights_of(plan, seed, name), again["sha256"]
        here, recorded = file_digest(weights), read_reports(weights.parent)
        told = {"of the file": here, "in its report": recorded["sha256"]}
        if (seed, name) in claimed:
            told["in the certificate"] = claimed[seed, name]
        equal = {*told.values()} == {result}
        entry = {"seed": seed, "checkpoint": name, "sha256": here, "again": result}
        compared.append(entry | {"equal": equal})
        devices.add(again["device"])
        print(f"{'equal' if equal else 'NOT EQUAL'}: seed{seed}/{name}, SHA-256 {result}")
        if not equal:
            found = ", ".join(f"{digest} {where}" for where, digest in told.items())
            problems.append(unequal(weights, found, result, differences(recorded, again)))
    verified = {
        "date": date,
        "machine": machine(", ".join(sorted(devices))),
        "sample": sample,
        "checkpoints": compared,
        "cannot": cannot,
    }
    those = f"{len(compared)} checkpoint{'' if len(compared) == 1 else 's'} of {request}"
    if sample:  # no stage is trained without those before it
        those += f" ({sample} drawn, and the stages that they started from)"
    if told_of_all and not problems:  # of a few it would tell less than is known
        stays = f"the record of {earlier['date']}, of all, stays"
        print(f"{those} with the bytes that training gives: {stays}")
        return
    path = record(plan, request, verified)
    revise(plan, {request: {"verified": verified}}, key)
    if problems:
        raise UserError(problems, done=f"{path} and the certificate say so")
    print(f"{those} with the bytes that training gives: {path}")


def certificate_of(plan: Plan, request: str) -> dict:
    path = plan.path(paths.CERTIFICATE, request=request)
    if not path.is_file():
        remedy = "run snakemake, which serves the request and writes it"
        raise UserError(Problem("there is no certificate", str(path), remedy=remedy))
    return read_certificate(path)


def unequal(weights: Path, found: str, result: str, differing: list[str]) -> Problem:
    """That training again gave other weights, and what may explain it."""
    if differing:
        remedy = f"what is not as training recorded it may explain it: {'; '.join(differing)}"
    else:
        remedy = (
            "all that training recorded is the same here, so the weights, or what is said of them, "
            "were changed afterwards: restore them from a backup, or remove their folder and run "
            "snakemake, which trains them anew"
        )
    what = "training it again gives other weights"
    return Problem(what, str(weights), found, f"{result} of training again", remedy)


def trained_again(study: Study, chosen: list[tuple[int, str]]) -> Iterator[tuple[int, str, dict]]:
    """Train checkpoints in temporary folders, each from those that it started from, which are
    trained again before it; -> (seed, name, report) of each of all these, once."""

    def shard(key: tuple[int, str]) -> tuple:
        seed, name = key
        return seed, *study.plan.parse(name)[:2]

    for (seed, *_), keys in groupby(chosen, shard):
        with tempfile.TemporaryDirectory(prefix="palimpsest-verify-") as folder:
            stages = [one for _, name in keys for one in chain(study.plan, seed, name)]
            for made in dict.fromkeys(stages):
                yield seed, made.name, trained(study, seed, made, Path(folder))


def trained(study: Study, seed: int, made: Checkpoint, folder: Path) -> dict:
    """Train one checkpoint below ``folder``, as its rule does but from what was trained there
    before; -> its report."""
    want, job = Train(study), SimpleNamespace(seed=seed, checkpoint=made.name)
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=json.loads)
    train.add_arguments(parser)
    given = ("--settings", want.settings_json(job), "--slice", *want.inputs(job)["slices"])
    output = folder / made.name
    again = parser.parse_args([*given, *shlex.split(want.arguments(job)), "--output", str(output)])
    again.previous = folder / made.previous if made.previous else None
    train.run(again)
    return read_reports(output)
