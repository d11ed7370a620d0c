"""The step that writes the tidy table, the summary and the small tables, on the invented study of test_selections."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
from test_selections import ENSEMBLES, SETTINGS, example, select, value

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.figures import FIGURES
from palimpsest.methods.registry import METHODS
from palimpsest.steps import tabulate
from palimpsest.summary import Section, as_html, as_markdown, summarise, too_fine
from palimpsest.tables import row, table


@pytest.fixture(scope="module")
def study():
    return example()


def tabulate_into(folder, frames, epsilon):
    files = []
    for number, frame in enumerate(frames):
        files.append(folder / f"{number}.parquet")
        write_parquet(frame, files[-1])
    write_parquet(epsilon, folder / "epsilon.parquet")
    names = {name: folder / f"metrics.{name}" for name in ("parquet", "csv", "summary", "html")}
    figures = [folder / f"{name}.csv" for name in FIGURES]
    tabulate.run(Namespace(settings=SETTINGS, metrics=files, epsilon=[folder / "epsilon.parquet"], figure=figures, **names))
    return names


def test_the_step_writes_table_summary_and_figures(tmp_path, study):
    """From the rows of single seeds the step makes what the example holds, rows over seeds included; an empty file adds nothing."""
    metrics, epsilon = study
    seeds = metrics[metrics["seed"] != "all"]
    files = tabulate_into(tmp_path, [table([]), seeds[seeds["seed"] == "2"], seeds[seeds["seed"] == "1"]], epsilon)
    pd.testing.assert_frame_equal(read_parquet(files["parquet"]), metrics)
    text = pd.read_csv(files["csv"], dtype={"seed": str}, keep_default_na=False, na_values={"value": [""], "ci_low": [""], "ci_high": [""]})
    pd.testing.assert_frame_equal(text, metrics, check_dtype=False, rtol=1e-8)
    for name in FIGURES:
        assert (tmp_path / f"{name}.csv").read_text().startswith(",".join(select(name, study).columns))


def test_equal_numbers_give_equal_bytes(tmp_path, study):
    metrics, epsilon = study
    seeds = metrics[metrics["seed"] != "all"]
    for name, frame in (("one", seeds), ("two", seeds.sample(frac=1, random_state=3))):
        (tmp_path / name).mkdir()
        tabulate_into(tmp_path / name, [frame], epsilon)
    for file in ("metrics.csv", "metrics.parquet", "metrics.html", *(f"{name}.csv" for name in FIGURES)):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_intervals_stay_within_the_range_of_their_metric():
    """0.02 +- 0.03 is cut to [0, 0.05] for a gap, 0.99 +- 0.03 to [0.96, 1] for a share; a cost may be above 1."""
    where = {"study": "s", "seed": 1, "request": "r0", "method": "base", "shards": "1x1", "model": "gpt2"}
    rows = [
        row(where, "test", metric, value, 100, (value - 0.03, value + 0.03))
        for metric, value in (("equalized_odds_max", 0.02), ("agreement", 0.99), ("fit_cost", 0.99))
    ]
    merged = tabulate.tidy([table(rows)], level=0.95)
    ends = merged[merged["seed"] == "all"].set_index("metric")[["ci_low", "ci_high"]]
    np.testing.assert_allclose(ends.loc["equalized_odds_max"], [0, 0.05], atol=1e-12)
    np.testing.assert_allclose(ends.loc["agreement"], [0.96, 1])
    np.testing.assert_allclose(ends.loc["fit_cost"], [0.96, 1.02])


def test_summary_has_a_row_for_each_method_and_sharding(study):
    sections = summarise(study[0], SETTINGS)
    assert [section.heading for section in sections[1:]] == ["Groups: identity", "Groups: place of birth", "Fitted and held out"]
    shown = sections[1].table
    assert len(shown) == 3 + 5 * len(ENSEMBLES)
    mean = shown[(shown["method"] == METHODS["sisa_mean"].label) & (shown["shards × slices"] == "3 × 2")].squeeze()
    number = value(study, "accuracy", method="sisa_mean", shards="3x2")
    assert mean["accuracy"].startswith(f"{number:.3f} [")
    assert mean["retrained share"].startswith(f"{value(study, 'retrained_share', method='sisa', shards='3x2', set='train'):.3f} [")


def costs(middle, half):
    return pd.Series({"value": middle, "ci_low": middle - half, "ci_high": middle + half})


def test_when_a_pattern_is_too_fine():
    """Above 1/20 always, up to 1/300 never, between where what is held out lies above the whole fitted interval (0.20 + 0.03)."""
    same, above, near = costs(0.20, 0.03), costs(0.24, 0.04), costs(0.22, 0.04)
    assert too_fine(1 / 19, same, same) and not too_fine(1 / 20, same, same)
    assert too_fine(1 / 299, same, above) and not too_fine(1 / 299, same, near)
    assert not too_fine(1 / 300, same, above) and not too_fine(1 / 100, above, same)


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
