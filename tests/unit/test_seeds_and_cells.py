"""From the tidy table to cells: seeds merged, numbers written, and each column its own number."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
from stepping import DESCRIBED, SHOWN, tidy

from palimpsest.data.storage import write_parquet
from palimpsest.methods.registry import METHODS
from palimpsest.report.cells import interval, lookup, number, retrained, shown
from palimpsest.report.tables import row, table, write_csv
from palimpsest.steps import tabulate
from palimpsest.tracks.causal import summary
from palimpsest.tracks.causal.checks import doubts
from palimpsest.tracks.causal.summary import memorization, planted

NONE = (np.nan, np.nan)
FILES = ("parquet", "csv", "summary", "html", "findings")  # that the step writes
WHERE = {"study": "s", "request": "r1", "method": "npo", "shards": "1x1", "model": "gpt2"}


def one(set_: str, metric: str, value: float, ends=NONE, group: str = "", n: int = 9, **where):
    return row(WHERE | {"seed": 1} | where, set_, metric, value, n, ends, group)


def merged(*rows: dict) -> pd.DataFrame:
    return tidy([table(rows)]).query("seed == 'all'")


def test_n_is_the_mean_over_seeds_rounded():
    """A hash puts other owners into a shard with each seed: 100, 103 and 105 records."""
    rows = [one("test", "accuracy", 0.5, n=n, seed=seed) for seed, n in enumerate((100, 103, 105))]
    assert merged(*rows)["n"].tolist() == [103]
    assert merged(rows[0], one("test", "accuracy", 0.5, n=101, seed=9))["n"].tolist() == [100]
    assert merged(rows[1], one("test", "accuracy", 0.5, n=104, seed=9))["n"].tolist() == [104]


def test_numbers_are_merged_only_where_all_but_the_seed_is_the_same():
    """Two rows that differ in one key stay two."""
    same = {"ends": (0.4, 0.6), "seed": 1}
    first = one("test", "tpr", 0.5, **same, group="city=p")
    changes = [
        {"request": "r2"}, {"method": "kga"}, {"shards": "2x1"}, {"model": "llama"}, {"study": "t"},
    ]  # fmt: skip
    others = [one("test", "tpr", 0.7, **same | changed, group="city=p") for changed in changes]
    others.append(one("valid", "tpr", 0.7, **same, group="city=p"))
    others.append(one("test", "tpr", 0.7, **same, group="city=q"))
    others.append(one("test", "fpr", 0.7, **same, group="city=p"))
    for other in others:
        assert sorted(merged(first, other)["value"]) == [0.5, 0.7]


def test_the_step_takes_the_level_of_the_study(tmp_path):
    """Of two seeds, 0.4 and 0.6, standard error 0.1: t of one degree of freedom is 1 at 50 %."""
    rows = [one("forget", "probability", value, seed=value) for value in (0.4, 0.6)]
    write_parquet(table(rows), tmp_path / "in")
    told = {"states": ["r0", "r1"], "families": [], "metrics": DESCRIBED, "methods": SHOWN}
    told |= {"attacks": {}, "summary": summary.__name__}
    files = {name: tmp_path / name for name in FILES}
    files["data"], ends = tmp_path / "records.json", []
    files["data"].write_text("{}")
    for level in ({"level": 0.5}, {}):
        tabulate.run(
            Namespace(
                settings=told | level,
                metrics=[tmp_path / "in"],
                evidence=[],
                choices=[],
                blocks=[],
                described=None,
                **files,
            )
        )
        merged = pd.read_csv(tmp_path / "csv").query("seed == 'all'").squeeze()
        ends.append([merged["ci_low"], merged["ci_high"]])
    assert ends == [pytest.approx([0.4, 0.6]), [0, 1]]


def test_the_csv_of_the_table_has_nine_digits_and_others_as_many_as_are_asked_for(tmp_path):
    frame = pd.DataFrame({"a": [1 / 3, 2e-7 / 3, 2e5 / 3]})
    for digits, said in ((3, ["0.333", "6.67e-08", "6.67e+04"]), (1, ["0.3", "7e-08", "7e+04"])):
        write_csv(frame, tmp_path / "csv", digits)
        assert (tmp_path / "csv").read_text().split("\n") == ["a", *said, ""]
    write_parquet(table([one("test", "accuracy", 1 / 3)]), tmp_path / "in")
    told = {"states": ["r1"], "families": [], "metrics": DESCRIBED, "methods": SHOWN}
    told |= {"attacks": {}, "summary": summary.__name__}
    files = {name: tmp_path / name for name in FILES}
    files["data"] = tmp_path / "records.json"
    files["data"].write_text("{}")
    tabulate.run(
        Namespace(
            settings=told,
            metrics=[tmp_path / "in"],
            evidence=[],
            choices=[],
            blocks=[],
            described=None,
            **files,
        )
    )
    assert (tmp_path / "csv").read_text().count(",0.333333333,") == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"), (0.0005, "0.001"), (0.0004, "4e-04"), (-0.0004, "-4e-04"), (0.04, "0.040"),
        (999.9, "999.900"), (1000.0, "1,000"), (-1234.6, "-1,235"), (-12.5, "-12.500"),
        (1234567.8, "1,234,568"), (np.inf, "∞"), (-np.inf, "-∞"), (np.nan, "–"),
    ],
)  # fmt: skip
def test_a_number_in_a_cell(value, text):
    assert number(value) == text


def test_an_interval_is_shown_low_end_first_and_only_where_there_is_a_spread():
    assert interval(0.5, 0.4, 0.7) == "0.500 [0.400, 0.700]"
    assert interval(0.5, 0.5, 0.5) == interval(0.5, *NONE) == "0.500"


def test_a_cell_is_looked_up_in_its_own_set():
    now = table([one("test", "kl", 0.1), one("valid", "kl", 0.2, (0.1, 0.3))])
    key = "npo", "1x1", "", "kl"
    found = {set_: shown(lookup(now, set_), *key) for set_ in ("test", "valid", "retain")}
    assert found == {"test": "0.100", "valid": "0.200 [0.100, 0.300]", "retain": "–"}
    assert shown(lookup(now, "test"), "npo", "2x1", "", "kl") == "–"


def test_the_price_is_that_of_what_was_trained():
    """The base's is none, whatever is told of it; that of teachers is what SISA trained again, of a
    single one what the oracle did."""
    told = {
        ("oracle", "1x1"): 1.0, ("sisa", "1x1"): 0.9, ("sisa", "3x1"): 0.3, ("oracle", "3x1"): 0.8,
        ("npo", "1x1"): 0.05, ("base", "1x1"): 0.7,
    }  # fmt: skip
    rows = [
        one("train", metric, value * times, method=method, shards=shards)
        for (method, shards), value in told.items()
        for metric, times in (("retrained_share", 1), ("retrained_tokens", 50))
    ]
    train = lookup(table(rows), "train")
    cells = {
        ("base", "1x1"): "–", ("oracle", "1x1"): "1.000", ("npo", "1x1"): "0.050",
        ("kga", "1x1"): "–", ("sisa_vote", "3x1"): "0.300", ("sisa_mean", "1x1"): "1.000",
        ("fairsisa_ensemble", "3x1"): "0.300",
    }  # fmt: skip
    assert {key: retrained(train, *key) for key in cells} == cells


NUMBERS = {
    "forget: probability": ("forget", "probability"),
    "forget: perplexity": ("forget", "perplexity"),
    "forget: KL to oracle": ("forget", "kl"), "forget: EL": ("forget", "extraction_likelihood"),
    "forget: truth ratio": ("forget", "truth_ratio_indifference"),
    "forget quality": ("forget", "forget_quality"), "membership": ("forget", "membership_auroc"),
    "retain: probability": ("retain", "probability"), "retain: KL to oracle": ("retain", "kl"),
    "model utility": ("test", "model_utility"), "test: perplexity": ("test", "perplexity"),
    "share": ("train", "retrained_share"),
}  # fmt: skip


def test_each_column_of_what_is_remembered_is_its_own_number():
    """Each number another, also those without a column; what a single method has is shown."""
    metrics = {"membership_tpr", "extraction_strength", "truth_ratio_preference"}
    metrics |= {metric for _, metric in NUMBERS.values()}
    sets = ("forget", "retain", "test", "holdout", "train")
    keys = [(set_, metric) for set_ in sets for metric in sorted(metrics)]
    values = {key: round(1.5 + place / 8, 3) for place, key in enumerate(keys)}
    rows = [one(*key, value) for key, value in values.items()]
    rows.append(one("forget", "probability", 0.25, method="base"))
    base, npo = memorization(table(rows)).to_dict("records")
    titles = {title: f"{values[key]:.3f}" for title, key in NUMBERS.items()}
    assert npo == {"method": METHODS["npo"].label} | titles and list(npo) == ["method", *NUMBERS]
    nothing = dict.fromkeys(NUMBERS, "–")
    assert base == {"method": METHODS["base"].label} | nothing | {"forget: probability": "0.250"}


def test_a_doubt_is_of_base_and_oracle_each_by_its_own_number():
    """A method may do what it likes; and what was never seen is looked for in holdout first."""
    told = {
        ("base", "forget", "probability"): 0.9, ("oracle", "forget", "probability"): 0.3,
        ("oracle", "holdout", "probability"): 0.28, ("oracle", "valid", "probability"): 0.1,
        ("base", "forget", "forget_quality"): 0.01, ("oracle", "forget", "forget_quality"): 1.0,
        ("base", "test", "model_utility"): 0.4, ("oracle", "test", "model_utility"): 0.0,
        ("npo", "forget", "probability"): 0.1, ("npo", "forget", "forget_quality"): 0.9,
    }  # fmt: skip

    def said(**changes) -> list[str]:
        numbers = told | {tuple(key.split("__")): value for key, value in changes.items()}
        rows = [one(*key, value, method=method) for (method, *key), value in numbers.items()]
        return list(doubts(tidy([table(rows)])))

    assert said() == []
    assert "unseen ones less" in said(oracle__forget__probability=0.331)[0]
    assert said(oracle__forget__probability=0.329) == []
    assert "p = 0.060" in said(base__forget__forget_quality=0.06)[0]
    assert "has 0.009" in said(base__test__model_utility=0.009)[0]


def test_secrets_stand_by_set_and_number_of_repetitions_beam_before_sampled():
    """4 before 16, as numbers go; what is forgotten before the controls."""
    told = {"exposure_sampled": 3.2, "beam_extraction": 0.5, "sampling_extraction": 0.125}
    rows = [
        one(set_, metric, value + more, group=f"repetitions={count}")
        for more, set_ in ((0, "controls"), (0.25, "forget"))
        for count in (16, 4)
        for metric, value in told.items()
    ]
    shown = planted(table(rows))
    titles = [f"{set_}, {count} ×" for set_ in ("forget", "controls") for count in (4, 16)]
    assert shown.columns.tolist() == ["method", *titles]
    cells = ["3.5 bits, 75%, 38%"] * 2 + ["3.2 bits, 50%, 12%"] * 2
    assert shown.iloc[0].tolist() == [METHODS["npo"].label, *cells]
