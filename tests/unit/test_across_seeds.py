"""Numbers of all seeds together: by hand, and in the table beside those over seeds."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
import pytest
from stepping import call, tidy

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.metrics.margins import LEAST
from palimpsest.report.tables import ALL_SEEDS, row, table

WHERE = {"study": "s", "request": "r1", "method": "npo", "shards": "1x1", "model": "gpt2"}
# p = 1/2 and 3/4 have margins 0 and log 3
LIKELIER = {"oracle": (0.5, 0.75), "base": (0.75, 0.75), "npo": (0.5, 0.75)}


def scores(path, probability: float) -> None:
    """Of a text of two tokens, and of a false answer, which does not count."""
    logp = np.full(2, log(probability), dtype=np.float32)
    values = {"logp": logp, "correct": logp < 0, "mean": logp, "deviation": np.ones(2, "float32")}
    rows = [{"record_id": "f1", "kind": "", "number": 0, **values},
            {"record_id": "f1", "kind": "perturbed", "number": 1, **values}]  # fmt: skip
    write_parquet(pd.DataFrame(rows), path)


def test_klom_of_two_seeds_by_hand(tmp_path):
    """The oracle's margins 0 and log 3: mean log 3 / 2, variance (log 3)^2 / 2. NPO's are the same:
    0. The base's are log 3 twice, of the least deviation."""
    given = []
    for method, by_seed in LIKELIER.items():
        for seed, probability in enumerate(by_seed, 1):
            scores(tmp_path / f"{method}{seed}", probability)
            given += ["--given", f"{method}/seed{seed}", tmp_path / f"{method}{seed}"]
    index = pd.DataFrame({"record_id": ["f1"], "owner": ["f"], "split": ["train"]})
    write_parquet(index, tmp_path / "index")
    (tmp_path / "ledger").write_text("request\towners\nr1\tf\n")
    more = ["--index", tmp_path / "index", "--ledger", tmp_path / "ledger"]
    call(
        "measure", *given, *more, "--output", tmp_path / "out", study="s", state="r1", model="gpt2",
        seeds=[1, 2], methods=["base", "npo"], bootstrap=20, level=0.95,
        measurer="palimpsest.tracks.causal.across",
    )  # fmt: skip
    found = read_parquet(tmp_path / "out").set_index("method")
    variance = log(3) ** 2 / 2
    far = log(LEAST / variance**0.5) + (variance + log(3) ** 2 / 4) / (2 * LEAST**2) - 0.5
    assert found["value"].to_dict() == pytest.approx({"base": far, "npo": 0}, rel=1e-5, abs=1e-9)
    assert set(found["seed"]) == {ALL_SEEDS} and set(found["metric"]) == {"klom"}
    assert set(found["n"]) == {1}


def test_a_number_of_all_seeds_stands_beside_the_means_and_is_in_none():
    def of_seed(seed, metric: str, value: float):
        return table([row(WHERE | {"seed": seed}, "forget", metric, value, 100, (0.1, 0.9))])

    frames = [of_seed(seed, "probability", value) for seed, value in ((1, 0.4), (2, 0.6))]
    found = tidy([*frames, of_seed(ALL_SEEDS, "klom", 0.5)])
    over = found[found["seed"] == ALL_SEEDS].set_index("metric")["value"]
    assert over.to_dict() == pytest.approx({"probability": 0.5, "klom": 0.5})
    assert len(found) == 4 and found.set_index("metric").loc["klom", "ci_low"] == 0.1
