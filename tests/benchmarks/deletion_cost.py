"""What one deletion costs with five shards of three slices: against training from scratch, and
against what theory expects.

Run by hand: ``PYTHONPATH=workflow python tests/benchmarks/deletion_cost.py`` (a forum of 600
invented owners), or with ``--mirror FOLDER`` for HateXplain, in which each post is an owner. The
workflow runs in a fresh copy, in a temporary folder.

How to read it: *planned* takes each owner as the only one who asks, under three seeds, and counts
the tokens of the stages that the plan trains again; the share is that of training one model from
scratch on what remains. The interval (95 %) is that of the mean over requests. *expected* is
`metrics.cost.expected_cost` (Bourtoule et al. 2021, for owners placed by a hash), in which every
slice is as large as any other. *Trained* serves ``--real`` requests one after another in the
workflow and sets the tokens that `training.json` counts beside the plan's; these must be equal.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from graph import clone

from palimpsest.data.ledger import HEADER, START, Request
from palimpsest.data.shards import SINGLE, parse_sharding, place
from palimpsest.data.storage import read_parquet
from palimpsest.metrics.cost import expected_cost, full_cost
from palimpsest.models.tokenizers import encode, load_tokenizer
from palimpsest.randomness import numpy_generator
from palimpsest.study.load import check_study
from palimpsest.study.plan import Plan
from palimpsest.study.recipes import tokenizer_of
from palimpsest.training.report import read_reports
from palimpsest.training.schedule import stage_epochs

SHARDING, SEEDS, STUDY = "5x3", (1, 2, 3), "deletion"


def write_study(folder: Path, mirror: Path | None) -> dict:
    """The demo's study with more owners, or HateXplain's, reduced to what trains."""
    name = "hatexplain.yaml" if mirror else "demo.yaml"
    study = yaml.safe_load((folder / "config/studies" / name).read_text(encoding="utf-8"))
    study |= {
        "study": STUDY,
        "seeds": list(SEEDS),
        "sharding": [SHARDING],
        "methods": ["oracle", "sisa_vote"],
        "ledger": "ledger.tsv",
    }
    if mirror:
        study["mirror"] = str(mirror.resolve())
    else:
        study["data"] |= {"owners": 600, "posts": 9000}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    write_ledger(folder, [])
    return study


def write_ledger(folder: Path, requests: list[Request]) -> None:
    lines = [HEADER, *("\t".join((request.name, *request.owners)) for request in requests), ""]
    (folder / "ledger.tsv").write_text("\n".join(lines), encoding="utf-8")


def snakemake(folder: Path, *targets: str) -> None:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "all",
        "--configfile",
        "study.yaml",
        "--",
        *targets,
    ]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])


def train_tokens(folder: Path, study: dict) -> pd.Series:
    """Tokens of the training records of each owner."""
    tokenizer = tokenizer_of(check_study(study, "study.yaml"))
    records = f"results/{STUDY}/data/records.parquet"
    snakemake(folder, records, f"results/pretrained/{tokenizer}/tokenizer.json")
    frame = read_parquet(folder / records)
    frame = frame[frame["split"] == "train"]
    ids, _ = encode(
        load_tokenizer(folder / "results" / "pretrained" / tokenizer),
        frame["text"].tolist(),
        study["model"]["max_length"],
    )
    return pd.Series([len(row) for row in ids], index=frame["owner"]).groupby(level=0).sum()


def cells_of(study: dict, seed: int, sharding: str, tokens: pd.Series) -> np.ndarray:
    """(S, R) training tokens of each slice before any request."""
    cells = np.zeros(parse_sharding(sharding), dtype=np.int64)
    for owner, count in tokens.items():
        shard, slice_ = place(owner, sharding, study["salt"], seed)
        cells[shard - 1, slice_ - 1] += count
    return cells


def planned_tokens(
    plan: Plan, seed: int, sharding: str, state: str, tokens: pd.Series, cells: np.ndarray
) -> int:
    """Tokens of all stages that exist because of ``state``, by what is left in their slices
    then."""
    left = cells.copy()
    for request in plan.requests[: plan.order[state]]:
        left -= cells_of(plan.study, seed, sharding, tokens[list(request.owners)])
    epochs = stage_epochs(plan.study["training"]["epochs"], left.shape[1])
    stages = [plan.parse(name)[1:3] for name in plan.trained_for(seed, sharding, state)]
    return int(sum(epochs[stage - 1] * left[shard - 1, :stage].sum() for shard, stage in stages))


def planned(study: dict, tokens: pd.Series, requests: int) -> None:
    """Print the share that each of ``requests`` owners would cost alone, next to the
    expectation."""
    shards, slices = parse_sharding(SHARDING)
    epochs = study["training"]["epochs"]
    expected = expected_cost(
        len(tokens), shards, slices, stage_epochs(epochs, slices), 1
    ) / full_cost(len(tokens) - 1, epochs)
    print(
        f"{len(tokens)} owners, {tokens.sum():,} training tokens, {SHARDING}, {epochs} epochs; "
        "shares of training from scratch"
    )
    print(f"{'seed':>6}{'requests':>10}{'expected':>10}{'mean':>8}{'interval':>18}{'off by':>8}")
    pooled = []
    for seed in SEEDS:
        asking = numpy_generator("benchmark", "deletion", seed).permutation(tokens.index)[:requests]
        cells = {
            sharding: cells_of(study, seed, sharding, tokens) for sharding in (SHARDING, SINGLE)
        }
        shares = []
        for owner in asking:
            plan = Plan(study, [Request("r1", (owner,))])
            ours, full = (
                planned_tokens(plan, seed, sharding, "r1", tokens, found)
                for sharding, found in cells.items()
            )
            shares.append(ours / full)
        pooled += shares
        _line(str(seed), shares, expected)
    _line("all", pooled, expected)


def _line(title: str, shares: list[float], expected: float) -> None:
    mean, half = np.mean(shares), 1.96 * np.std(shares, ddof=1) / np.sqrt(len(shares))
    interval = f"[{mean - half:.4f}, {mean + half:.4f}]"
    print(
        f"{title:>6}{len(shares):>10}{expected:>10.4f}{mean:>8.4f}{interval:>18}"
        f"{mean / expected - 1:>+8.1%}",
        flush=True,
    )


def trained(folder: Path, study: dict, tokens: pd.Series, count: int) -> None:
    """Serve ``count`` requests of one owner each in the workflow; print planned and trained tokens,
    and the time it took."""
    seed = SEEDS[0]
    owners = numpy_generator("benchmark", "deletion", "real").permutation(tokens.index)[:count]
    plan = Plan(study, [Request(f"r{number}", (owner,)) for number, owner in enumerate(owners, 1)])
    write_ledger(folder, plan.requests)
    cells = cells_of(study, seed, SHARDING, tokens)
    reports = {
        (state, sharding): [
            f"results/{STUDY}/seed{seed}/{name}" for name in plan.trained_for(seed, sharding, state)
        ]
        for state in plan.names
        for sharding in (SHARDING, SINGLE)
    }
    snakemake(folder, *(f"{path}/training.json" for paths in reports.values() for path in paths))
    print(
        f"\n{'request':>8}{'stages':>8}{'planned':>12}{'trained':>12}{'from scratch':>14}"
        f"{'share':>8}{'of seconds':>12}"
    )
    for state in plan.names:
        sums = {}
        for sharding in (SHARDING, SINGLE):
            found = [read_reports(folder / path) for path in reports[state, sharding]]
            sums[sharding] = [sum(report[key] for report in found) for key in ("tokens", "seconds")]
        (ours, seconds), (full, full_seconds) = sums[SHARDING], sums[SINGLE]
        counted, stages = (
            planned_tokens(plan, seed, SHARDING, state, tokens, cells),
            len(reports[state, SHARDING]),
        )
        name = "(start)" if state == START else state
        print(
            f"{name:>8}{stages:>8}{counted:>12,}{ours:>12,}{full:>14,}"
            f"{ours / full:>8.3f}{seconds / full_seconds:>12.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--mirror", type=Path, help="folder that holds hatexplain/, wikitext2/ and novels/"
    )
    parser.add_argument(
        "--requests", type=int, default=600, help="owners whose deletion is planned, for each seed"
    )
    parser.add_argument("--real", type=int, default=5, help="requests that are served")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = clone(Path(scratch) / "workflow")
        study = write_study(folder, wanted.mirror)
        tokens = train_tokens(folder, study)
        planned(study, tokens, wanted.requests)
        if wanted.real:
            trained(folder, study, tokens, wanted.real)


if __name__ == "__main__":
    main()
