"""Membership inference on what a request asked to forget, before it and after it: does the loss
still tell that it was trained on?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palimpsest.data.ledger import forgotten_owners, read_ledger
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.membership import loss_auroc
from palimpsest.randomness import numpy_generator
from palimpsest.scoring.ensembles import present, read_scores
from palimpsest.tables import row, table


def add_arguments(parser) -> None:
    for when in ("before", "after"):
        parser.add_argument(
            f"--forget-{when}",
            type=Path,
            nargs="+",
            required=True,
            help="scores of the forget set, oldest version first",
        )
        parser.add_argument(
            f"--heldout-{when}",
            type=Path,
            nargs="+",
            required=True,
            help="scores of the held-out set",
        )
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `study`, `seed`, `state`, `methods` (`before` and `after`: what the models are
    called), `model`, `bootstrap`, `level`.

    Members are the request's training records, non-members the test records of owners that nobody
    forgot. Rows: set 'forget' after the request, 'forget_before' before it.
    """
    wanted = args.settings
    index, requests = read_parquet(args.index), read_ledger(args.ledger)
    owners = next(request.owners for request in requests if request.name == wanted["state"])
    members = index[(index["split"] == "train") & index["owner"].isin(owners)]
    if members.empty:
        write_parquet(table([]), args.output)
        return
    rows = []
    for when, set_ in (("before", "forget_before"), ("after", "forget")):
        gone = forgotten_owners(requests, wanted["state"])
        outsiders = present(index, gone, ("test",))
        inside = _losses(getattr(args, f"forget_{when}"), members)
        outside = _losses(getattr(args, f"heldout_{when}"), outsiders)
        for sharding, losses in inside.items():
            rows.append(
                _row(losses, outside[sharding], sharding, set_, wanted["methods"][when], wanted)
            )
    write_parquet(table(rows), args.output)


def _losses(paths: list[Path], records) -> dict[str, np.ndarray]:
    """Sharding -> (n,) -log of the mean probability of the true label, in nats."""
    labels = records["label"].to_numpy()
    ensembles = read_scores(paths, records["record_id"].tolist())
    return {
        name: -np.log(p.mean(axis=0)[np.arange(len(labels)), labels])
        for name, p in ensembles.items()
    }


def _row(
    inside: np.ndarray, outside: np.ndarray, sharding: str, set_: str, method: str, wanted: dict
) -> dict:
    names = (wanted["study"], "bootstrap", "membership", wanted["state"])
    weights = [
        bootstrap_weights(len(losses), wanted["bootstrap"], numpy_generator(*names, side))
        for side, losses in (("members", inside), ("outsiders", outside))
    ]
    spread = interval(loss_auroc(inside, outside, *weights), wanted["level"])
    where = {
        "study": wanted["study"],
        "seed": wanted["seed"],
        "request": wanted["state"],
        "shards": sharding,
    }
    where |= {"method": method, "model": wanted["model"]}
    return row(where, set_, "membership_auroc", loss_auroc(inside, outside), len(inside), spread)
