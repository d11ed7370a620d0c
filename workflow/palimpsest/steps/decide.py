"""Scores -> decisions of one method in one state: on validation records it is fitted, on all
held-out records it decides."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd

from palimpsest.data.groups import check_calibration
from palimpsest.data.ledger import START, forgotten_owners, read_ledger
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.ensemble.scores import present, read_scores
from palimpsest.files import write_json
from palimpsest.methods.decision import Calibration, Decisions

SPLITS = ("valid", "test")


def add_arguments(parser) -> None:
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="oldest version first"
    )
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rules", type=Path, required=True, help="json of what was fitted")


def run(args) -> None:
    """settings: `implementation` (of the method), `fitted`, `state` and the study's `fairness`
    section."""
    wanted = args.settings
    decide = importlib.import_module(wanted["implementation"]).decide
    forgotten = (
        []
        if wanted["state"] == START
        else forgotten_owners(read_ledger(args.ledger), wanted["state"])
    )
    index = present(read_parquet(args.index), forgotten, SPLITS)
    if wanted["fitted"]:
        check_calibration(
            index, wanted["fairness"]["groups"], after=wanted["state"] if forgotten else ""
        )
    frames, rules = [], []
    for sharding, probabilities in read_scores(args.scores, index["record_id"].tolist()).items():
        for family in wanted["fairness"]["groups"] if wanted["fitted"] else [""]:
            calibration = None
            if wanted["fitted"]:
                rows, labels = (index["split"] == "valid").to_numpy(), index["label"].to_numpy()
                calibration = Calibration(rows, labels, index[family].to_numpy(dtype=str))
            decisions = decide(probabilities, calibration, wanted["fairness"])
            frames.append(_frame(index, decisions, sharding, family))
            rules.append(
                {
                    "sharding": sharding,
                    "fitted_on": family,
                    "facts": decisions.facts,
                    "rule": decisions.rule,
                }
            )
    write_parquet(pd.concat(frames, ignore_index=True), args.output)
    write_json(args.rules, rules)


def _frame(index: pd.DataFrame, decisions: Decisions, sharding: str, family: str) -> pd.DataFrame:
    frame = index[["record_id", "split"]].assign(sharding=sharding, fitted_on=family)
    for name, values in (("decision", decisions.probability), ("score", decisions.score)):
        for label in range(values.shape[1]):
            frame[f"{name}_{label}"] = values[:, label]
    return frame
