"""What the repository keeps of a study says what the study's own table says."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from palimpsest.attacks.registry import facts as attack_facts
from palimpsest.data.storage import write_parquet
from palimpsest.engine.cli import main
from palimpsest.files import file_digest
from palimpsest.methods.registry import facts
from palimpsest.report.tables import COLUMNS, row, table
from palimpsest.steps.readme import forgetting, kept, results_table

SETTINGS = {
    "states": ["r0", "r2"], "family": "town", "methods": {}, "attacks": {},
    "kept": "palimpsest.tracks.classification.kept",
}  # fmt: skip


def numbers() -> pd.DataFrame:
    """Two seeds and their mean of a study with two families, the state before, and an attack."""
    rows = []
    for seed in ("1", "2", "all"):
        where = {"study": "s", "seed": seed, "request": "r2", "shards": "1x1", "model": "m"}
        for place, method in enumerate(("base", "oracle")):
            mine = where | {"method": method}
            rows += [
                row(mine, "test", "accuracy", 0.8 + place / 10, 40, (0.7, 0.95)),
                row(mine, "test", "equalized_odds_max", 0.25, 40, (0.2, 0.3), "town"),
                row(mine, "test", "tpr", 1 / 3, 9, (0.1, 0.6), "town=NA"),
                # another family, metric, set, state, and an attacked model
                row(mine, "test", "equalized_odds_max", 0.5, 40, (0.4, 0.6), "age"),
                row(mine, "test", "macro_f1", 0.5, 40, (0.4, 0.6)),
                row(mine, "valid", "accuracy", 0.5, 40, (0.4, 0.6)),
                row(mine | {"request": "r0"}, "test", "accuracy", 0.5, 40, (0.4, 0.6)),
                row(mine | {"attack": "relearn"}, "test", "accuracy", 0.5, 40, (0.4, 0.6)),
            ]
    return table(rows).assign(direction="up", source="s")[COLUMNS]


def keep(folder: Path, metrics: pd.DataFrame | None = None, **settings) -> pd.DataFrame:
    metrics = numbers() if metrics is None else metrics
    write_parquet(metrics, folder / "metrics.parquet")
    said = {name: name for name in ("study", "request", "issued", "code", "versions", "settings")}
    certificate = {**said, "data": {"after": "d"}, "digest": "e", "owners": ["a", "b"]}
    (folder / "r2.json").write_text(json.dumps(certificate))
    ends = {"table": folder / "kept.csv", "provenance": folder / "kept.json"}
    arguments = {"metrics": folder / "metrics.parquet", "certificate": folder / "r2.json", **ends}
    options = [word for name, path in arguments.items() for word in (f"--{name}", str(path))]
    assert main(["keep", "--settings", json.dumps(SETTINGS | settings), *options]) == 0
    return metrics


def test_what_pages_show_is_kept_of_each_seed_and_no_more(tmp_path):
    keep(tmp_path)
    rows, said = kept(tmp_path / "kept.csv", tmp_path / "kept.json")
    assert list(rows.columns) == COLUMNS
    assert len(rows) == 3 * 2 * 3
    assert set(rows["group"]) == {"", "town", "town=NA"}
    assert set(rows["seed"]) == {"1", "2", "all"} and said["seeds"] == ["1", "2"]
    assert (rows["request"] == "r2").all() and (rows["attack"] == "").all()


def test_the_page_is_the_same_from_what_is_kept_as_from_the_study(tmp_path):
    metrics = keep(tmp_path)
    rows, said = kept(tmp_path / "kept.csv", tmp_path / "kept.json")
    shown = results_table(rows, said["states"], said["family"])
    assert shown == results_table(metrics, SETTINGS["states"], SETTINGS["family"])
    assert "0.900 [0.700, 0.950] | 0.250 [0.200, 0.300]" in shown


def test_it_is_said_where_the_numbers_are_from_but_not_who_was_forgotten(tmp_path):
    keep(tmp_path)
    said = json.loads((tmp_path / "kept.json").read_text())
    assert said["metrics"] == file_digest(tmp_path / "metrics.parquet")
    assert said["certificate"]["code"] == "code" and said["certificate"]["digest"] == "e"
    assert "owners" not in said["certificate"]


def test_of_causal_studies_what_comes_back_after_attacks_is_kept_too(tmp_path):
    """And shown: the most that any attack brings back, of what it does not give the oracle."""
    rows = []
    for seed in ("1", "2", "all"):
        where = {"study": "s", "seed": seed, "request": "r2", "shards": "1x1", "model": "m"}
        for method in ("base", "npo"):
            mine = where | {"method": method}
            rows += [
                row(mine, "forget", "probability", 0.1, 40, (0.05, 0.2)),
                row(mine, "retain", "probability", 0.9, 40, (0.8, 0.95)),
                row(mine, "forget", "perplexity", 3.0, 40, (2.0, 4.0)),  # not shown
            ]
        attacked = where | {"method": "npo"}
        for attack, value in (("relearn", 0.5), ("quantize", 0.3), ("prefix", 0.6)):
            rows.append(row(attacked | {"attack": attack}, "forget", "probability", value, 40))
            rows.append(row(attacked | {"attack": attack}, "retain", "probability", value, 40))
        oracle = where | {"method": "oracle", "attack": "prefix"}  # begun, it goes on by itself
        rows.append(row(oracle, "forget", "probability", 0.5, 40))
    metrics = table(rows).assign(direction="up", source="s")[COLUMNS]
    methods = facts(["base", "oracle", "npo"])
    attacks = attack_facts(["relearn", "quantize", "prefix"])
    told = {"methods": methods, "attacks": attacks, "kept": "palimpsest.tracks.causal.kept"}
    keep(tmp_path, metrics, **told)
    rows, _ = kept(tmp_path / "kept.csv", tmp_path / "kept.json")
    assert len(rows) == 3 * (2 * 2 + 4)
    files = (tmp_path / "kept.csv", tmp_path / "kept.json")
    settings = {"width": 7.0, "dpi": 60}
    shown = forgetting(*files, settings, tmp_path / "depth.svg").splitlines()
    head = "| method | forget: probability | retain: probability | after the worst attack |"
    assert shown[0] == head
    assert shown[2:] == [
        "| base (nothing forgotten) | 0.100 [0.050, 0.200] | 0.900 [0.800, 0.950] | – |",
        "| NPO | 0.100 [0.050, 0.200] | 0.900 [0.800, 0.950] | 0.500, relearning |",
    ]
    assert "relearning" in (tmp_path / "depth.svg").read_text().lower()
