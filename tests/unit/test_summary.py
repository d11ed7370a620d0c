"""The step that writes the tidy table and the summary, on the invented study of test_selections."""

from __future__ import annotations

import json
from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
from stepping import DESCRIBED, SHOWN, tidy
from test_selections import ENSEMBLES, SETTINGS, example, judged, noted, value

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.methods.registry import METHODS
from palimpsest.report import summary
from palimpsest.report.summary import Section, as_html, as_markdown
from palimpsest.report.tables import row, table
from palimpsest.steps import tabulate
from palimpsest.tracks.classification import summary as of_classifiers
from palimpsest.tracks.classification.summary import too_fine
from palimpsest.tracks.masked import summary as of_masked

# methods of one model
SINGLE = 3 + sum(method.trains and "classification" in method.tracks for method in METHODS.values())


def summarise(metrics, settings, evidence=None):
    return summary.summarise(metrics, settings, of_classifiers, evidence)


@pytest.fixture(scope="module")
def study():
    return example()


PARTS = ("parquet", "csv", "summary", "html", "findings")


def tabulate_into(folder, frames, dropped=(), blocks=(), track=of_classifiers):
    files, data = [], folder / "records.json"
    data.write_text(json.dumps({"read": 1500, "dropped": dict(dropped)}))
    for number, frame in enumerate(frames):
        files.append(folder / f"{number}.parquet")
        write_parquet(frame, files[-1])
    names = {name: folder / f"metrics.{name}" for name in PARTS}
    tabulate.run(
        Namespace(
            settings=SETTINGS | {"metrics": DESCRIBED, "methods": SHOWN, "summary": track.__name__},
            metrics=files,
            evidence=[],
            choices=[],
            blocks=blocks,
            data=data,
            described=None,
            **names,
        )
    )
    return names


def test_a_request_without_training_records_is_told_at_the_top(study):
    for records, told in (({"test": 1}, True), ({"test": 1, "train": 2}, False)):
        first = summarise(study[0], SETTINGS, {"request": "r2", "records": records})[0]
        assert first.warnings == ((summary.UNTRAINED.format(request="r2"),) if told else ())
    assert summarise(study[0], SETTINGS)[0].warnings == ()


def test_a_base_that_was_given_is_told_at_the_top(study):
    title, *_ = summarise(study[0], SETTINGS | {"start": "bert-base-uncased"})
    assert title.text.startswith("The base is bert-base-uncased, as it was given")
    assert "no oracle" in title.text and "no oracle" not in summarise(study[0], SETTINGS)[0].text


def test_rows_that_are_no_records_are_counted_by_reason(study, tmp_path):
    """1,500 read, 3 + 1,200 left out, 297 records; a reason that met no row is told, too."""
    reasons = {"lang is 'a|b'": 3, "text is empty": 1200, "longer than 9 characters": 0}
    page = tabulate_into(tmp_path, study[:1], reasons)["summary"].read_text()
    assert "## Rows left out\n\nOf 1,500 rows of the source 297 are records." in page
    assert r"| lang is 'a\|b' | 3 |" in page and "| text is empty | 1,200 |" in page
    assert "| longer than 9 characters | 0 |" in page
    assert "left out" not in tabulate_into(tmp_path, study[:1])["summary"].read_text()


def test_changed_blocks_are_told_of_the_models_whose_reports_are_given(tmp_path):
    """19 of 60 with each of two seeds, and nothing without reports."""
    reports = [tmp_path / f"{number}.json" for number, _ in enumerate(noted())]
    for path, report in zip(reports, noted(), strict=True):
        path.write_text(json.dumps(report))
    metrics = judged()[lambda frame: frame["seed"] != "all"]
    page = tabulate_into(tmp_path, [metrics], blocks=reports, track=of_masked)["summary"]
    told = [line for line in page.read_text().splitlines() if line.startswith("- Where: ")]
    names = ["PCGU changed", "PCGU, columns some changed"]
    assert [line.removeprefix("- Where: ").partition(" 38")[0] for line in told] == names
    assert all(" 38 of 120 blocks of 2 models (0.317)" in line for line in told)
    page = tabulate_into(tmp_path, [metrics], track=of_masked)["summary"]
    assert "Where: " not in page.read_text()


def test_a_gap_that_is_not_defined_is_told_with_the_reason(study):
    """Two groups have no TPR on test; of the other family all is there. Nothing is fitted: there
    the step that decides refuses it."""
    metrics = study[0]
    gone = metrics["metric"].str.startswith("equalized_odds") & (metrics["group"] == "identity")
    names = sorted(metrics.loc[metrics["group"].str.startswith("identity="), "group"].unique())
    lacking = metrics["group"].isin(names[:2]) & (metrics["metric"] == "tpr")
    sections = {
        one.heading: one
        for one in summarise(metrics[~gone & ~lacking], SETTINGS | {"families": []})
    }
    told = sections["Groups: identity"]
    a, b = (name.partition("=")[2] for name in names[:2])
    assert told.text == (
        f"The equalized-odds gap is not defined: no test record of label 1 in {a!r}, {b!r}."
    )
    assert set(told.table["equalized-odds gap"]) == {"–"}
    assert sections["Groups: place of birth"].text == ""


def test_of_more_than_two_classes_the_summary_has_accuracies_by_group(study):
    metrics = study[0]
    renamed = {"tpr": "group_accuracy", "equalized_odds_max": "worst_group_accuracy"}
    three = metrics[~(metrics["metric"] == "fpr") & ~(metrics["metric"] == "equalized_odds_mean")]
    sections = summarise(
        three.assign(metric=three["metric"].replace(renamed)), SETTINGS | {"families": []}
    )
    told = next(one for one in sections if one.heading == "Groups: identity")
    assert "defined for two classes" in told.text and "equalized-odds gap" not in told.table
    two = next(
        one
        for one in summarise(metrics, SETTINGS | {"families": []})
        if one.heading == "Groups: identity"
    )
    assert list(told.table["lowest accuracy of a group"]) == list(two.table["equalized-odds gap"])


def test_the_step_writes_table_and_summary(tmp_path, study):
    """From the rows of single seeds the step makes what the example holds, rows over seeds
    included; an empty file adds nothing."""
    metrics, _ = study
    seeds = metrics[metrics["seed"] != "all"]
    files = tabulate_into(
        tmp_path, [table([]), seeds[seeds["seed"] == "2"], seeds[seeds["seed"] == "1"]]
    )
    pd.testing.assert_frame_equal(read_parquet(files["parquet"]), metrics)
    text = pd.read_csv(
        files["csv"],
        dtype={"seed": str},
        keep_default_na=False,
        na_values={"value": [""], "ci_low": [""], "ci_high": [""]},
    )
    pd.testing.assert_frame_equal(text, metrics, check_dtype=False, rtol=1e-8)


def test_equal_numbers_give_equal_bytes(tmp_path, study):
    metrics, _ = study
    seeds = metrics[metrics["seed"] != "all"]
    for name, frame in (("one", seeds), ("two", seeds.sample(frac=1, random_state=3))):
        (tmp_path / name).mkdir()
        tabulate_into(tmp_path / name, [frame])
    for file in (f"metrics.{name}" for name in PARTS):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), (
            file
        )


def test_intervals_stay_within_the_range_of_their_metric():
    """0.02 +- 0.03 is cut to [0, 0.05] for a gap, 0.99 +- 0.03 to [0.96, 1] for a share; a cost may
    be above 1."""
    where = {
        "study": "s",
        "seed": 1,
        "request": "r0",
        "method": "base",
        "shards": "1x1",
        "model": "gpt2",
    }
    rows = [
        row(where, "test", metric, value, 100, (value - 0.03, value + 0.03))
        for metric, value in (("equalized_odds_max", 0.02), ("agreement", 0.99), ("fit_cost", 0.99))
    ]
    merged = tidy([table(rows)], level=0.95)
    ends = merged[merged["seed"] == "all"].set_index("metric")[["ci_low", "ci_high"]]
    np.testing.assert_allclose(ends.loc["equalized_odds_max"], [0, 0.05], atol=1e-12)
    np.testing.assert_allclose(ends.loc["agreement"], [0.96, 1])
    np.testing.assert_allclose(ends.loc["fit_cost"], [0.96, 1.02])


def test_summary_has_a_row_for_each_method_and_sharding(study):
    sections = summarise(study[0], SETTINGS)
    assert [section.heading for section in sections[1:]] == [
        "Groups: identity",
        "Groups: place of birth",
        "Fitted and held out",
    ]
    shown = sections[1].table
    assert len(shown) == SINGLE + 5 * len(ENSEMBLES)
    mean = shown[
        (shown["method"] == METHODS["sisa_mean"].label) & (shown["shards × slices"] == "3 × 2")
    ].squeeze()
    number = value(study, "accuracy", method="sisa_mean", shards="3x2")
    assert mean["accuracy"].startswith(f"{number:.3f} [")
    assert mean["retrained share"].startswith(
        f"{value(study, 'retrained_share', method='sisa', shards='3x2', set='train'):.3f} ["
    )


def test_when_a_pattern_is_too_fine():
    """Above 1/20 always, up to 1/300 never, between where cost or gap held out is above what chance
    explains (0.23, 0.10)."""
    as_expected, dear, unfair = (
        [(0.23, 0.22), (0.10, 0.08)],
        [(0.23, 0.24), (0.10, 0.08)],
        [(0.23, 0.22), (0.10, 0.12)],
    )
    assert too_fine(1 / 19, 8, as_expected) and not too_fine(1 / 20, 8, as_expected)
    assert (
        too_fine(1 / 299, 8, dear)
        and too_fine(1 / 299, 8, unfair)
        and not too_fine(1 / 299, 8, as_expected)
    )
    assert not too_fine(1 / 300, 8, unfair)


def test_two_patterns_a_group_are_never_too_fine():
    """One bit of evidence: no cure would make it coarser, whatever the held-out gap."""
    assert not too_fine(1 / 10, 2, [(0.23, 0.3), (0.10, 0.4)]) and too_fine(
        1 / 10, 2.25, [(0.23, 0.2), (0.10, 0.05)]
    )


def flags(metrics, family):
    table_ = summarise(metrics, SETTINGS)[-1].table
    return table_[table_["groups"] == family].set_index(["method", "shards × slices"])["too fine"]


def test_the_warning_looks_at_cells_and_at_chance(study):
    """Three shards: 8 patterns of 300 records, 2 in each of four identities but 4 in each of two
    places of birth: only there a gap that is above chance (0.01 now, 1 then) counts; and with 40
    patterns in all, 10 an identity, it counts there too."""
    metrics = study[0]
    joint = METHODS["fairsisa_ensemble"].label, "3 × 2"
    low = metrics.assign(value=metrics["value"].mask(metrics["metric"] == "gap_by_chance", 0.01))
    high = metrics.assign(
        value=metrics["value"].mask(
            metrics["metric"].isin(["gap_by_chance", "cost_by_chance"]), 1.0
        )
    )
    assert flags(low, "identity")[joint] == "" and flags(low, "place of birth")[joint] == "WARNING"
    assert flags(high, "place of birth")[joint] == ""
    fine = (low["metric"] == "patterns_per_record") & (low["shards"] == "3x2")
    assert (
        flags(
            low.assign(value=low["value"].mask(fine, 40 / 1000), n=low["n"].mask(fine, 1000)),
            "identity",
        )[joint]
        == "WARNING"
    )


def test_a_fitted_gap_stands_alone_beside_what_chance_shows(study):
    row_ = summarise(study[0], SETTINGS)[-1].table.iloc[0]
    assert (
        row_["gap, by chance up to"] == "0.080"
        and "[" not in row_["gap, fitted"]
        and "[" in row_["gap, held out"]
    )


def test_of_equal_single_models_the_first_is_listed(study):
    """The votes of one teacher are the oracle's, and so are the three rules on them; another number
    of shards stays."""
    metrics = study[0]
    teachers = metrics["method"].map(
        lambda name: name in METHODS and METHODS[name].needs == "teachers"
    )
    parts = [metrics[~(teachers & (metrics["shards"] == "1x1"))]]
    for source, names in (
        ("oracle", ["sisa_vote", "sisa_mean"]),
        ("base_postprocessed", [n for n in METHODS if n.startswith("fairsisa")]),
    ):
        parts += [
            metrics[metrics["method"].eq(source) & metrics["set"].isin(["test", "valid"])].assign(
                method=name
            )
            for name in names
        ]
    shown = summarise(pd.concat(parts, ignore_index=True), SETTINGS)[1].table
    single = list(shown.loc[shown["shards × slices"] == "1 × 1", "method"])
    assert len(single) == SINGLE and single[:3] == [
        METHODS[name].label for name in ("base", "oracle", "base_postprocessed")
    ]
    assert len(shown) == SINGLE + 5 * (len(ENSEMBLES) - 1)


def test_the_summary_warns_of_patterns_that_are_too_fine(study):
    """The example has 2^S / 300 patterns a record: 1 in 9.4 with 5 shards."""
    fitted = summarise(study[0], SETTINGS)[-1]
    joint = fitted.table[fitted.table["method"] == METHODS["fairsisa_ensemble"].label]
    assert set(joint.loc[joint["shards × slices"] == "5 × 2", "too fine"]) == {"WARNING"}
    (line,) = [text for text in fitted.warnings if "(joint), 5 × 2, identity" in text]
    assert line.startswith("WARNING: ") and "9.4 fitted records" in line
    assert line in as_markdown([fitted]) and line in as_html([fitted])
    assert len(fitted.warnings) == (fitted.table["too fine"] == "WARNING").sum()


def test_names_from_data_stay_text():
    section = Section("<script>", "a & b", pd.DataFrame({"a": ["x|y", "<b>"]}))
    assert "| x\\|y |" in as_markdown([section])
    page = as_html([section])
    assert "<script>" not in page and "&lt;b&gt;" in page and "a &amp; b" in page
