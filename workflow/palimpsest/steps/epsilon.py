"""The price of fairness: cost and gap of the FairSISA rules over the gap that is allowed, fitted
and held out."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd

from palimpsest.data.groups import check_calibration
from palimpsest.data.ledger import START, forgotten_owners, read_ledger
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.ensemble.scores import present, read_scores
from palimpsest.methods.decision import Calibration
from palimpsest.metrics.fairness import equalized_odds_max


def add_arguments(parser) -> None:
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="oldest version first"
    )
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `seed`, `method`, `implementation`, `state`, `sharding` and the study's `fairness`
    section.

    A row a family, allowed gap and set.
    """
    wanted, fairness = args.settings, args.settings["fairness"]
    forgotten = (
        []
        if wanted["state"] == START
        else forgotten_owners(read_ledger(args.ledger), wanted["state"])
    )
    index = present(read_parquet(args.index), forgotten, ("valid", "test"))
    check_calibration(
        index,
        fairness["groups"],
        splits=("valid", "test"),
        after=wanted["state"] if forgotten else "",
    )
    labels = index["label"].to_numpy()
    (probabilities,) = read_scores(args.scores, index["record_id"].tolist()).values()
    decide = importlib.import_module(wanted["implementation"]).decide
    rows = []
    for family in fairness["groups"]:
        groups = index[family].to_numpy(dtype=str)
        calibration = Calibration((index["split"] == "valid").to_numpy(), labels, groups)
        for eps in fairness["epsilon_curve"]:
            decisions = decide(probabilities, calibration, fairness | {"eps": eps})
            positive = decisions.probability[:, 1]
            for split in ("valid", "test"):
                part = (index["split"] == split).to_numpy()
                wrong = (
                    fairness["cost_fn"] * (labels == 1) * (1 - positive)
                    + fairness["cost_fp"] * (labels == 0) * positive
                )
                rows.append(
                    {
                        "seed": wanted["seed"],
                        "method": wanted["method"],
                        "shards": wanted["sharding"],
                        "family": family,
                        "eps": eps,
                        "set": split,
                        "cost": wrong[part].mean(),
                        "gap": float(
                            equalized_odds_max(labels[part], positive[part], groups[part])
                        ),
                    }
                )
    write_parquet(pd.DataFrame(rows), args.output)
