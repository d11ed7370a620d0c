"""Scores -> decisions of one method in one state: it is fitted on validation records and decides on
all held-out records."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd

from palimpsest.data.groups import check_calibration
from palimpsest.data.ledger import START, add_ledger, forgotten_owners, ledger_of
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.ensemble.scores import present, read_scores
from palimpsest.files import write_json
from palimpsest.methods.decision import Calibration, Decisions

SPLITS = ("valid", "test")


def add_arguments(parser) -> None:
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="the oldest state first"
    )
    parser.add_argument("--index", type=Path, required=True)
    add_ledger(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rules", type=Path, required=True, help="json of what was fitted")


def run(args) -> None:
    """settings: `implementation` (of the method), `fitted`, `state` and the study's `fairness`
    section."""
    settings = args.settings
    decide = importlib.import_module(settings["implementation"]).decide
    forgotten = (
        [] if settings["state"] == START else forgotten_owners(ledger_of(args), settings["state"])
    )
    index = present(read_parquet(args.index), forgotten, SPLITS)
    if settings["fitted"]:
        check_calibration(
            index, settings["fairness"]["groups"], after=settings["state"] if forgotten else ""
        )
    frames, rules = [], []
    for sharding, probabilities in read_scores(args.scores, index["record_id"].tolist()).items():
        for family in settings["fairness"]["groups"] if settings["fitted"] else [""]:
            calibration = None
            if settings["fitted"]:
                rows, labels = (index["split"] == "valid").to_numpy(), index["label"].to_numpy()
                calibration = Calibration(rows, labels, index[family].to_numpy(dtype=str))
            decisions = decide(probabilities, calibration, settings["fairness"])
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
