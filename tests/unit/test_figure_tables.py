"""The small tables of figures: what they are made of, and how they are read back."""

from __future__ import annotations

import json
from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
from stepping import SHOWN, tidy
from test_selections import SELECTIONS

from palimpsest.data.storage import write_parquet
from palimpsest.report.tables import row, table
from palimpsest.steps import draw
from palimpsest.steps.draw import read, watched

SETTINGS = {"states": ["r0", "r1", "r2"], "families": ["city"]}
SETS = {"test": 0.3, "valid": 0.1}
ITEMS = {"r1": (0.0, 1.0), "r2": (0.6, 0.4)}


def one(method: str, set_: str, metric: str, value: float, group: str = "", **where) -> dict:
    """Its interval reaches 0.1 down and 0.2 up."""
    at = {"study": "s", "seed": 1, "request": "r2", "method": method, "shards": "1x1", "model": "m"}
    return row(at | where, set_, metric, value, 9, (value - 0.1, value + 0.2), group)


def shown(figure: str, rows: list[dict], further: pd.DataFrame | None = None) -> list[dict]:
    metrics = tidy([table(rows)])
    return SELECTIONS[figure](metrics, further, SETTINGS).to_dict("records")


def test_whiskers_of_the_tradeoff_reach_down_and_up():
    """Accuracy 0.8 and gap 0.3 of test; of valid others."""
    rows = [one("base", "test", "accuracy", 0.8), one("base", "valid", "accuracy", 0.7)]
    rows += [one("base", set_, "equalized_odds_max", gap, "city") for set_, gap in SETS.items()]
    (found,) = shown("tradeoff", rows)
    assert found == {"method": "base", "shards": "1x1", "family": "city", "n": 9, "seeds": 1} | {
        "accuracy": 0.8, "accuracy_low": pytest.approx(0.7), "accuracy_high": 1.0,
        "gap": 0.3, "gap_low": pytest.approx(0.2), "gap_high": pytest.approx(0.5),
    }  # fmt: skip


def test_of_groups_true_positives_stand_before_false_ones():
    rows = [one("base", "test", metric, 0.4, "city=p") for metric in ("fpr", "tpr")]
    assert [found["metric"] for found in shown("groups", rows)] == ["tpr", "fpr"]


def test_shards_shows_teachers_of_one_shard_where_there_is_nothing_else():
    """As a study has them that keeps the newest state alone; beside an oracle they are left out."""
    rows = [one("sisa_vote", "test", "accuracy", 0.8)]
    assert [found["method"] for found in shown("shards", rows)] == ["sisa_vote"]
    rows.append(one("oracle", "test", "accuracy", 0.8))
    assert [found["method"] for found in shown("shards", rows)] == ["oracle"]


def test_models_after_an_attack_stand_in_no_figure(tmp_path):
    rows = [one("npo", set_, "probability", 0.5) for set_ in ("forget", "retain")]
    rows += [told | {"attack": "relearn", "value": 0.9} for told in rows]
    write_parquet(tidy([table(rows)]), tmp_path / "metrics")
    settings = SETTINGS | {"figure": "palimpsest.plots.frontier", "further": "", "width": 7.0}
    settings |= {"dpi": 60, "methods": SHOWN, "attacks": {}, "least": 9}
    settings |= {"study": "s", "shows": "forgetting", "caption": "It shows."}
    files = {"metrics": tmp_path / "metrics", "epsilon": [], "training": [], "truth": []}
    files |= {
        "data": tmp_path / "csv",
        "output": [tmp_path / "figure.svg"],
        "page": tmp_path / "page",
    }
    draw.run(Namespace(settings=settings, **files))
    (found,) = read(tmp_path / "csv").to_dict("records")
    assert (found["method"], found["forget"], found["retain"]) == ("npo", 0.5, 0.5)


def test_the_expected_cost_is_that_of_a_request_that_is_shown():
    """Of seven the last six; by r1 it was 0.1, by r2 0.2."""
    states = [f"r{number}" for number in range(8)]
    rows = [
        one("sisa", "train", metric, number / 10, group, shards="2x1", request=states[number])
        for number in range(1, 8)
        for metric, group in (("expected_curve", "owners=1"), ("retrained_share", ""))
    ]
    found = SELECTIONS["cost"](tidy([table(rows)]), None, SETTINGS | {"states": states})
    assert found.loc[found["metric"] == "expected_curve", "value"].tolist() == [0.2]
    assert found["request"].unique().tolist() == ["", *states[2:]]


def test_a_sequence_begins_where_something_is_forgotten():
    """r1 names owners without training records: of it there is retained text alone."""
    rows = [one("oracle", "retain", "probability", 0.8, request="r1")]
    rows += [one("oracle", set_, "probability", 0.5) for set_ in ("forget", "retain")]
    metrics = tidy([table(rows)])
    found = SELECTIONS["sequence"](metrics, None, SETTINGS | {"orders": {}})
    assert found[["set", "request"]].to_numpy().tolist() == [["forget", "r2"], ["retain", "r2"]]


def test_the_expected_cost_is_one_curve_over_all_seeds():
    """Of each sharding and number of owners one point, which belongs to no request."""
    rows = [
        one("sisa", "train", metric, share, group, seed=seed, shards=shards, request=request)
        for seed in (1, 2)
        for request in ("r1", "r2")
        for shards, share in (("2x1", 0.5), ("4x1", 0.25))
        for metric, group in (("expected_curve", "owners=1"), ("retrained_share", ""))
    ]
    found = [one for one in shown("cost", rows) if one["metric"] == "expected_curve"]
    assert [(one["shards"], one["seed"], one["request"]) for one in found] == [
        ("2x1", "all", ""), ("4x1", "all", ""),
    ]  # fmt: skip


def test_a_line_of_a_curve_takes_nothing_from_the_line_before():
    """Seed 1 alone has retained text: its perplexity there is 3, whatever seed 2 had before."""
    rows = [
        (seed, "r2", "kga", update, set_, "perplexity", value, 9, False)
        for seed, set_, value in ((1, "forget", 5.0), (2, "forget", 9.0), (1, "retain", 3.0))
        for update in (0, 10)
    ]
    columns = ["seed", "request", "method", "update", "set", "metric", "value", "n", "stopped"]
    told = [one("oracle", set_, "perplexity", 2.0) for set_ in ("forget", "retain")]
    found = shown("curves", told, pd.DataFrame(rows, columns=columns))
    assert [(one["set"], one["low"], one["value"], one["high"]) for one in found] == [
        *[("forget", 5.0, 7.0, 9.0)] * 2, *[("retain", 3.0, 3.0, 3.0)] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize("metric", ["exposure", "exposure_sampled"])
def test_exposure_is_shown_exact_or_sampled(metric):
    rows = [one("npo", set_, metric, 2.0, "repetitions=4") for set_ in ("forget", "controls")]
    rows.append(one("npo", "forget", "beam_extraction", 1.0, "repetitions=4"))
    found = shown("canaries", rows)
    assert [(one["set"], one["metric"], one["repetitions"]) for one in found] == [
        ("forget", metric, 4), ("controls", metric, 4),
    ]  # fmt: skip


def test_truth_ratios_are_those_of_the_newest_state():
    """Two items each; in r1 others."""
    rows = [(request, value) for request, values in ITEMS.items() for value in values]
    told = pd.DataFrame(rows, columns=["request", "preference"])
    told = told.assign(seed=1, method="npo", set="forget")
    (found,) = SELECTIONS["truth_ratio"](None, told, SETTINGS).to_dict("records")
    assert (found["quarter"], found["median"], found["high"]) == pytest.approx((0.45, 0.5, 0.59))


def test_what_a_figure_is_told_of_training():
    """Numbers of memory by set, method and request, how many records they are of, and
    whether the method stopped by itself; what it watches by itself is no set's."""
    numbers = {"update": 6, "forget_memorization_accuracy": 0.5, "retain_perplexity": 2.0}
    report = {"names": ["study", "3", "npo", "r2"], "watched": [numbers | {"gap_difference": 0.1}]}
    report["watched"].append({"update": 12, "extra_perplexity": 4.0})
    report |= {"looked_at": {"forget": 48, "retain": 200, "extra": 36}, "stopped": True}
    found = watched([json.loads(json.dumps(report))])
    assert found.to_numpy().tolist() == [
        ["3", "r2", "npo", "", 6, "forget", "memorization_accuracy", 0.5, 48, True],
        ["3", "r2", "npo", "", 6, "retain", "perplexity", 2.0, 200, True],
        ["3", "r2", "npo", "", 12, "extra", "perplexity", 4.0, 36, True],
    ]
    names = ["seed", "request", "method", "attack", "update", "set", "metric", "value"]
    assert found.columns.tolist() == [*names, "n", "stopped"]


def test_of_what_an_attack_shows_the_rest_is_watched():
    """Of 48 records 25 are shown to the model again, and are a set of their own."""
    numbers = {"update": 4, "forget_perplexity": 2.0, "relearnt_perplexity": 1.0}
    report = {"names": ["study", "3", "relearn", "npo", "r2"], "watched": [numbers]}
    report |= {"looked_at": {"forget": 23, "relearnt": 25}, "stopped": False}
    found = watched([report])[["set", "attack", "n"]].to_numpy().tolist()
    assert found == [["forget", "relearn", 23], ["relearnt", "relearn", 25]]


def test_the_table_of_a_figure_is_read_as_it_stands(tmp_path):
    """A group may be called NA or 1; an empty text is one, an empty number is none."""
    lines = ["group,seed,request,value,ci_low", "NA,1,,0.5,", "None,all,r1,1,0.25", ""]
    (tmp_path / "csv").write_text("\n".join(lines))
    found = read(tmp_path / "csv")
    assert found[["group", "seed", "request"]].to_numpy().tolist() == [
        ["NA", "1", ""], ["None", "all", "r1"],
    ]  # fmt: skip
    assert found["value"].tolist() == [0.5, 1.0] and np.isnan(found["ci_low"][0])


# --- social bias ----------------------------------------------------------------------------------

SS, LMS = "stereotype_score", "language_modeling_score"


def biased(method: str, ss: float, lms: float, group: str = "", **where) -> list[dict]:
    scores = {SS: ss, LMS: lms, "icat": 2 * lms * min(ss, 1 - ss)}
    return [one(method, "stereoset", key, value, group, **where) for key, value in scores.items()]


def test_bias_and_utility_are_paired_along_the_share_of_blocks():
    """Of parts of the data, and of other methods, nothing; the base is on no line."""
    told = {"k": None, "blocks": "rows", "learning_rate": 0.03, "whole": False}
    partitions = {
        "pcgu": told | {"share": 0.1}, "pcgu-rows_few": told | {"share": 0.01},
        "pcgu-whole": told | {"share": 1.0, "learning_rate": 0.003, "whole": True},
    }  # fmt: skip
    rows = [*biased("base", 0.7, 0.9), *biased("pcgu", 0.6, 0.8), *biased("npo", 0.5, 0.5)]
    rows += biased("pcgu-rows_few", 0.65, 0.85) + biased("pcgu-whole", 0.5, 0.6)
    rows += biased("pcgu", 0.1, 0.1, "domain=gender") + biased("pcgu", 0.2, 0.2, request="r1")
    found = SELECTIONS["bias_utility"](
        tidy([table(rows)]), None, SETTINGS | {"partitions": partitions}
    )
    columns = ["method", "line", "by", "amount", "rate", "lms", "ss"]
    assert found[columns].to_numpy().tolist() == [
        ["pcgu-rows_few", "rows", "share", 0.01, 0.03, 0.85, 0.65],
        ["pcgu", "rows", "share", 0.1, 0.03, 0.8, 0.6],
        ["pcgu-whole", "whole", "share", 1.0, 0.003, 0.6, 0.5],
        ["base", "base", "share", 0.0, 0.0, 0.9, 0.7],
    ]
    base = found.set_index("method").loc["base"]
    ends = [base[name] for name in ("lms_low", "lms_high", "ss_low", "ss_high")]
    assert ends == pytest.approx([0.8, 1.0, 0.6, 0.9]) and (base["n"], base["seeds"]) == (9, 1)


def test_numbers_of_blocks_are_told_as_such():
    told = {"k": 7, "share": 0.1, "blocks": "columns", "learning_rate": 0.03, "whole": False}
    settings = SETTINGS | {"partitions": {"pcgu": told}}
    rows = biased("pcgu", 0.6, 0.8)
    (found,) = SELECTIONS["bias_utility"](tidy([table(rows)]), None, settings).to_dict("records")
    assert (found["line"], found["by"], found["amount"]) == ("columns", "k", 7)


def test_each_direction_begins_with_the_base():
    variants = {
        "pcgu": {"side": "lower", "epochs": 5, "learning_rate": 0.03},
        "pcgu-raise_1": {"side": "raise", "epochs": 1, "learning_rate": 0.06},
    }
    rows = [*biased("base", 0.7, 0.9), *biased("pcgu", 0.6, 0.8), *biased("pcgu-raise_1", 0.4, 0.7)]
    settings = SETTINGS | {"directions": variants}
    gaps = {"base": 0.5, "pcgu": 0.2, "pcgu-raise_1": 0.3}
    for method, gap in gaps.items():
        rows.append(one(method, "pronouns", "pronoun_preference", gap, "about=forgotten"))
        rows.append(one(method, "pronouns", "pronoun_preference", 0.9))  # of all pairs
    found = SELECTIONS["directions"](tidy([table(rows)]), None, settings)
    columns = ["metric", "side", "epochs", "method", "rate", "value"]
    assert found.loc[found["metric"] == SS, columns].to_numpy().tolist() == [
        [SS, "lower", 0, "base", 0, 0.7], [SS, "lower", 5, "pcgu", 0.03, 0.6],
        [SS, "raise", 0, "base", 0, 0.7], [SS, "raise", 1, "pcgu-raise_1", 0.06, 0.4],
    ]  # fmt: skip
    assert found.loc[found["metric"] == LMS, "value"].tolist() == [0.9, 0.8, 0.9, 0.7]
    gaps = found.loc[found["metric"] == "pronoun_preference", "value"].tolist()
    assert gaps == [0.5, 0.2, 0.5, 0.3]


def test_a_change_by_domain_stands_between_two_intervals_and_has_none():
    rows = [
        one for domain, base in (("race", 0.6), ("gender", 0.7))
        for one in biased("base", base, 0.9, f"domain={domain}")
        + biased("pcgu", 0.55, 0.9, f"domain={domain}")
    ]  # fmt: skip
    found = SELECTIONS["domains"](tidy([table([*rows, *biased("pcgu", 0.1, 0.9)])]), None, SETTINGS)
    assert found[["group", "method", "value", "base"]].to_numpy().tolist() == [
        ["gender", "pcgu", 0.55, 0.7], ["race", "pcgu", 0.55, 0.6],
    ]  # fmt: skip
    assert found["change"].tolist() == pytest.approx([-0.15, -0.05])
    assert found.loc[0, ["base_low", "base_high"]].tolist() == pytest.approx([0.6, 0.9])
    assert not any(name.startswith("change_") for name in found)


def test_methods_are_shown_by_their_icat_the_best_first():
    """.42, .48 and .64: of the one that is ruined, .5 at chance in either way is not the best."""
    rows = [*biased("base", 0.7, 0.7), *biased("npo", 0.5, 0.48), *biased("pcgu", 0.4, 0.8)]
    found = shown("baselines", rows)
    order = ["pcgu", "npo", "base"]
    assert [(one["metric"], one["method"]) for one in found] == [
        (metric, method) for metric in ("icat", SS, LMS) for method in order
    ]
    assert [one["value"] for one in found[:3]] == pytest.approx([0.64, 0.48, 0.42])


def test_changed_blocks_are_shares_of_their_layer_and_kind_and_no_record_is_told(tmp_path):
    """1 and 3 of 4 rows with two seeds: half of them. What was left out is no number."""
    for seed, changed in ((1, 1), (2, 3)):
        blocks = [{"tensor": "layers.0.mlp.weight", "changed": changed, "blocks": 4}]
        blocks.append({"tensor": "embeddings.words.weight", "changed": 0, "blocks": 10})
        noted = {"blocks": blocks, "left_out": [{"record_id": "ann-1", "why": "lengths"}]}
        report = {"names": ["s", str(seed), "pcgu", "r2"], "noted": noted}
        (tmp_path / f"{seed}.json").write_text(json.dumps(report))
    files = {"training": [tmp_path / "1.json", tmp_path / "2.json"], "epsilon": [], "truth": []}
    told = draw.further_table(Namespace(**files), "blocks")
    assert "ann-1" not in told.to_csv()
    found = SELECTIONS["where"](None, told, SETTINGS).to_dict("records")
    assert found == [
        {"method": "pcgu", "layer": "embeddings", "kind": "words", "changed": 0, "value": 0,
         "n": 10, "seeds": 2},
        {"method": "pcgu", "layer": "0", "kind": "mlp", "changed": 2, "value": 0.5, "n": 4,
         "seeds": 2},
    ]  # fmt: skip
