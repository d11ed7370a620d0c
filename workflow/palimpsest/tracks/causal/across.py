"""Token scores of all seeds -> numbers that one seed alone does not have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palimpsest.data.shards import SINGLE
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.margins import klom, margins
from palimpsest.metrics.memorization import probability_per_text
from palimpsest.randomness import numpy_generator
from palimpsest.report.tables import ALL_SEEDS, row
from palimpsest.tracks.causal.stored import ANSWER, read_token_rows, token_scores_of
from palimpsest.tracks.measured import Given, Measured, whose


def measure(given: Given, settings: dict) -> Measured:
    """settings: also `seeds` and `methods`; given: scores of what is forgotten, as METHOD/seedN.

    KLOM is of length-normalised probabilities of answers: the paper's margin is that of a class.
    """
    found = {
        method: np.stack(
            [answers_of(given[f"{method}/seed{seed}"], given) for seed in settings["seeds"]]
        )
        for method in ("oracle", *settings["methods"])
    }
    texts = found["oracle"].shape[1]
    if not texts:  # a request may have no training records
        return Measured([])
    names = (settings["study"], "bootstrap", "forget", texts)
    weights = bootstrap_weights(texts, settings["bootstrap"], numpy_generator(*names))
    rows = []
    for method in settings["methods"]:
        ends = interval(klom(found["oracle"], found[method], weights), settings["level"])
        where = whose({**settings, "method": method, "seed": ALL_SEEDS}, SINGLE)
        value = klom(found["oracle"], found[method])
        rows.append(row(where, "forget", "klom", value, texts, ends))
    return Measured(rows)


def answers_of(files: list[Path], given: Given) -> np.ndarray:
    """(n,) margins of the true answers, by record."""
    scored = read_token_rows(files)
    kept = (scored["kind"] == ANSWER) & ~scored["record_id"].isin(given.shown)
    if not kept.any():
        return np.zeros(0)
    return margins(probability_per_text(token_scores_of(scored[kept])))
