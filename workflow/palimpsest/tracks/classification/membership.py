"""Membership inference on what a request asked to forget, before it and after it: does the loss
still reveal that it was trained on?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palimpsest.ensemble.scores import present, read_scores
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.classification import can_tell
from palimpsest.metrics.membership import loss_auroc
from palimpsest.randomness import numpy_generator
from palimpsest.report.tables import row
from palimpsest.tracks.measured import Given, Measured, whose


def measure(given: Given, settings: dict) -> Measured:
    """given: before/forget and after/forget, scores of the forget set by the models before the
    request and after it; before/heldout and after/heldout, of the held-out set. settings: `method`
    says what the models are called, `before` and `after`.

    Members are the request's training records, non-members the test records of owners who are not
    forgotten; where there are too few of either to tell, the number is NaN. Rows: set 'forget'
    after the request, 'forget_before' before it.
    """
    index, state = given.index, settings["state"]
    owners = next(request.owners for request in given.requests if request.name == state)
    members = index[(index["split"] == "train") & index["owner"].isin(owners)]
    if members.empty:
        return Measured([])
    outsiders = present(index, given.forgotten(state), ("test",))
    rows = []
    for when, set_ in (("before", "forget_before"), ("after", "forget")):
        inside = _losses(given[f"{when}/forget"], members)
        outside = _losses(given[f"{when}/heldout"], outsiders)
        of_model = settings | {"method": settings["method"][when]}
        for sharding, losses in inside.items():
            rows.append(_row(losses, outside[sharding], whose(of_model, sharding), set_, settings))
    return Measured(rows)


def _losses(paths: list[Path], records) -> dict[str, np.ndarray]:
    """Sharding -> (n,) -log of the mean probability of the true label, in nats."""
    labels = records["label"].to_numpy()
    ensembles = read_scores(paths, records["record_id"].tolist())
    return {
        name: -np.log(p.mean(axis=0)[np.arange(len(labels)), labels])
        for name, p in ensembles.items()
    }


def _row(inside: np.ndarray, outside: np.ndarray, where: dict, set_: str, settings: dict) -> dict:
    if not can_tell(len(inside), len(outside)):
        return row(where, set_, "membership_auroc", np.nan, len(inside))
    names = (settings["study"], "bootstrap", "membership", settings["state"])
    weights = [
        bootstrap_weights(len(losses), settings["bootstrap"], numpy_generator(*names, side))
        for side, losses in (("members", inside), ("outsiders", outside))
    ]
    spread = interval(loss_auroc(inside, outside, *weights), settings["level"])
    return row(where, set_, "membership_auroc", loss_auroc(inside, outside), len(inside), spread)
