"""The price of fairness: cost and gap of the FairSISA rules as functions of the allowed gap, on
fitted and on held-out records."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd

from palimpsest.data.groups import check_calibration
from palimpsest.data.ledger import START, add_ledger, forgotten_owners, ledger_of
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.ensemble.scores import present, read_scores
from palimpsest.methods.decision import Calibration
from palimpsest.metrics.fairness import equalized_odds_max


def add_arguments(parser) -> None:
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="the oldest state first"
    )
    parser.add_argument("--index", type=Path, required=True)
    add_ledger(parser)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `seed`, `method`, `implementation`, `state`, `sharding` and the study's `fairness`
    section.

    One row for each family, allowed gap and set.
    """
    settings, fairness = args.settings, args.settings["fairness"]
    forgotten = (
        [] if settings["state"] == START else forgotten_owners(ledger_of(args), settings["state"])
    )
    index = present(read_parquet(args.index), forgotten, ("valid", "test"))
    check_calibration(
        index,
        fairness["groups"],
        splits=("valid", "test"),
        after=settings["state"] if forgotten else "",
    )
    labels = index["label"].to_numpy()
    (probabilities,) = read_scores(args.scores, index["record_id"].tolist()).values()
    decide = importlib.import_module(settings["implementation"]).decide
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
                        "seed": settings["seed"],
                        "method": settings["method"],
                        "shards": settings["sharding"],
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
