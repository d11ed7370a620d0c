"""Numbers of decisions by hand, whatever the order of files; and what intervals depend on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from stepping import call

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import UserError

# p: of three positives one is found, of two negatives none is called so. q: the one positive is
# found, and one of the two negatives is called so.
RECORDS = pd.DataFrame(
    [
        ("a", 1, "p", "old", 1, 0.9, 1), ("b", 1, "p", "young", 0, 0.4, 1),
        ("c", 0, "p", "old", 0, 0.2, 0), ("d", 0, "p", "old", 0, 0.5, 0),
        ("e", 1, "q", "old", 1, 0.8, 0), ("f", 0, "q", "young", 1, 0.7, 1),
        ("g", 0, "q", "young", 0, 0.1, 0), ("h", 1, "p", "old", 0, 0.3, 0),
    ],
    columns=["record_id", "label", "city", "age", "decided", "score", "oracle"],
)  # fmt: skip
WANTED = {
    "study": "s", "seed": 1, "method": "npo", "state": "r1", "model": "m", "classes": 2,
    "families": ["city", "age"], "bootstrap": 400, "level": 0.95, "cost_fp": 1.0, "cost_fn": 3.0,
    "measurer": "palimpsest.tracks.classification.measure",
}  # fmt: skip


def two(values, name: str) -> dict:
    return {f"{name}_0": 1 - np.asarray(values, float), f"{name}_1": np.asarray(values, float)}


def frame(records: pd.DataFrame, decided: str = "decided", fitted_on: str = "") -> pd.DataFrame:
    told = two(records[decided], "decision") | two(records["score"], "score")
    return records[["record_id", "split"]].assign(sharding="3x2", fitted_on=fitted_on, **told)


def twice(records: pd.DataFrame) -> pd.DataFrame:
    """The same records of either split: numbers of both are the same."""
    other = records["record_id"].str.upper()
    return pd.concat([records.assign(split="test"), records.assign(split="valid", record_id=other)])


def measured(folder, records, decisions, oracle=None, rules=(), **changes) -> pd.DataFrame:
    """The rows; the index lies in another order than the decisions."""
    index = records.assign(owner="x").drop(columns=["decided", "score", "oracle"], errors="ignore")
    write_parquet(index.iloc[::-1], folder / "index")
    write_parquet(decisions, folder / "decisions")
    (folder / "rules").write_text(json.dumps(list(rules)))
    files = {name: folder / name for name in ("decisions", "rules")}
    if oracle is not None:
        write_parquet(oracle, folder / "oracle")
        files["oracle/decisions"] = folder / "oracle"
    given = [part for name, file in files.items() for part in ("--given", name, file)]
    given += ["--index", folder / "index", "--output", folder / "out"]
    call("measure", *given, **WANTED | changes)
    return read_parquet(folder / "out")


def test_measure_by_hand_of_what_is_not_fitted(tmp_path):
    """Right are a, c, d, e and g, 5 of 8. Each of b and h costs 3, f costs 1. Of 4 times 4 pairs a
    and e are above all of 4, b and h above 2, c and g: 12 of 16. The oracle decides otherwise of b
    and e."""
    records = twice(RECORDS)
    oracle = frame(records, "oracle").sort_values("score_1")
    rows = measured(tmp_path, records, frame(records), oracle)
    assert set(rows["shards"]) == {"3x2"}
    sets = {name: part.set_index(["metric", "group"]) for name, part in rows.groupby("set")}
    assert sets["valid"]["value"].to_dict() == sets["test"]["value"].to_dict()
    rows = sets["test"]
    wanted = {
        ("accuracy", ""): 5 / 8, ("micro_f1", ""): 5 / 8,
        ("balanced_accuracy", ""): (2 / 4 + 3 / 4) / 2, ("macro_f1", ""): (4 / 7 + 6 / 9) / 2,
        ("auroc", ""): 12 / 16, ("fit_cost", ""): 7 / 8, ("agreement", ""): 6 / 8,
        ("tpr", "city=p"): 1 / 3, ("tpr", "city=q"): 1, ("fpr", "city=p"): 0,
        ("fpr", "city=q"): 1 / 2,
        ("positive_rate", "city=p"): 1 / 5, ("positive_rate", "city=q"): 2 / 3,
        ("group_accuracy", "city=p"): 3 / 5, ("group_accuracy", "city=q"): 2 / 3,
        ("equalized_odds_max", "city"): 2 / 3, ("equalized_odds_mean", "city"): 7 / 12,
        ("demographic_parity", "city"): 7 / 15, ("worst_group_accuracy", "city"): 3 / 5,
        ("jensen_shannon", ""): 0, ("kl", ""): 0, ("jensen_shannon_reversed", ""): 0,
        ("tpr", "age=old"): 2 / 3, ("tpr", "age=young"): 0, ("fpr", "age=old"): 0,
        ("fpr", "age=young"): 1 / 2,
        ("positive_rate", "age=old"): 2 / 5, ("positive_rate", "age=young"): 1 / 3,
        ("group_accuracy", "age=old"): 4 / 5, ("group_accuracy", "age=young"): 1 / 3,
        ("equalized_odds_max", "age"): 2 / 3, ("equalized_odds_mean", "age"): 7 / 12,
        ("demographic_parity", "age"): 1 / 15, ("worst_group_accuracy", "age"): 1 / 3,
        ("equal_opportunity", "city"): 2 / 3, ("equal_opportunity_ratio", "city"): 1 / 3,
        ("equalized_odds_ratio", "city"): 0, ("demographic_parity_ratio", "city"): 3 / 10,
        ("equal_opportunity", "age"): 2 / 3, ("equal_opportunity_ratio", "age"): 0,
        ("equalized_odds_ratio", "age"): 0, ("demographic_parity_ratio", "age"): 5 / 6,
    }  # fmt: skip
    assert rows["value"].to_dict() == pytest.approx(wanted, abs=1e-12)
    for city, positives, negatives in (("p", 3, 2), ("q", 1, 2)):
        both = positives + negatives
        sizes = {"tpr": positives, "fpr": negatives, "positive_rate": both, "group_accuracy": both}
        for metric, size in sizes.items():
            found = rows.loc[(metric, f"city={city}")]
            assert found["n"] == size
            assert np.isnan(found[["ci_low", "ci_high"]].to_numpy(dtype=float)).all() == (size < 3)
    assert rows.loc[("accuracy", ""), "n"] == 8


@pytest.mark.parametrize("classes", [2, 3])
def test_records_of_no_group_count_in_all_but_the_family(tmp_path, classes):
    """Without d and g (negatives, decided rightly): of p four records, two decided rightly, and of
    q two, of which one. What all records say stays as it is, and so does the other family."""
    records = RECORDS.assign(split="test")
    ungrouped = records.assign(city=records["city"].mask(records["record_id"].isin(["d", "g"]), ""))
    decisions = frame(records)
    if classes == 3:
        decisions = decisions.assign(decision_2=0.0, score_2=0.0)
    whole, rows = (
        measured(tmp_path, some, decisions, classes=classes).set_index(["metric", "group"])
        for some in (records, ungrouped)
    )
    accuracy = rows.loc["group_accuracy"][["value", "n"]]
    assert accuracy.loc[["city=p", "city=q"]].to_numpy().tolist() == [[0.5, 4], [0.5, 2]]
    assert rows.loc[("worst_group_accuracy", "city"), "n"] == 6 and "city=" not in accuracy.index
    elsewhere = [key for key in rows.index if not key[1].startswith("city")]
    pd.testing.assert_frame_equal(rows.loc[elsewhere], whole.loc[elsewhere])
    if classes == 2:  # all negatives of p but c are gone
        assert rows.loc[("fpr", "city=p"), "value"] == 0
        assert rows.loc[("fpr", "city=q"), "value"] == 1


def test_a_family_of_which_no_record_of_a_split_has_a_group_has_no_numbers_there(tmp_path):
    records = RECORDS.assign(split="test", city="")
    rows = measured(tmp_path, records, frame(records))
    assert not rows["group"].str.startswith("city").any() and (rows["group"] == "age").any()


def test_of_three_classes_there_are_accuracies_by_group_and_neither_gaps_nor_costs(tmp_path):
    """AUROC of each class against the rest: 1, then of 0.2 against 0.3 and 0.1, and 1. F1: 2 / 3,
    nothing, and 1. Of city p one of two is decided rightly, of q the only one."""
    records = pd.DataFrame(
        {"record_id": ["a", "b", "c"], "label": [0, 1, 2], "city": ["p", "p", "q"]}
    )
    told = {"decision_0": [1.0, 1, 0], "decision_1": [0.0] * 3, "decision_2": [0.0, 0, 1]}
    told |= {"score_0": [0.6, 0.5, 0.1], "score_1": [0.3, 0.2, 0.1], "score_2": [0.1, 0.3, 0.8]}
    records = records.assign(split="test")
    decisions = records[["record_id", "split"]].assign(sharding="1x1", fitted_on="", **told)
    rows = measured(tmp_path, records, decisions, classes=3, families=["city"])
    grouped = rows[rows["group"] != ""].set_index(["metric", "group"])["value"]
    assert grouped.to_dict() == {
        ("worst_group_accuracy", "city"): 0.5,
        ("group_accuracy", "city=p"): 0.5,
        ("group_accuracy", "city=q"): 1.0,
    }
    rows = rows[rows["group"] == ""].set_index("metric")["value"]
    assert rows.to_dict() == pytest.approx({
        "accuracy": 2 / 3, "micro_f1": 2 / 3, "balanced_accuracy": 2 / 3, "macro_f1": 5 / 9,
        "auroc": 5 / 6,
    })  # fmt: skip


def fitted(tmp_path, shardings=("3x2",), **changes) -> pd.DataFrame:
    many = pd.concat([RECORDS] * 20, ignore_index=True)
    records = twice(many.assign(record_id=[f"r{number}" for number in range(len(many))]))
    facts = [{"sharding": "3x2", "fitted_on": "city", "facts": {"random_share": 0.1}, "rule": {}}]
    decided = frame(records, fitted_on="city")
    decisions = pd.concat([decided.assign(sharding=one) for one in shardings], ignore_index=True)
    rows = measured(tmp_path, records, decisions, None, facts, **changes)
    return rows.set_index(["set", "metric", "group"])


def test_a_gap_has_an_interval_on_others_alone_and_chance_is_shown_of_its_own(tmp_path):
    rows = fitted(tmp_path)
    for metric in ("equalized_odds_max", "equalized_odds_mean", "demographic_parity"):
        assert np.isnan(rows.loc[("valid", metric, "city"), "ci_low"])
        value, low = rows.loc[("test", metric, "city"), ["value", "ci_low"]]
        assert low < value
    assert rows.loc[("valid", "random_share", "city"), "value"] == 0.1
    chance = [key for key in rows.index if key[1].endswith("by_chance")]
    assert set(chance) == {("valid", f"{what}_by_chance", "city") for what in ("cost", "gap")}
    assert set(rows.index.get_level_values("group")) == {"city", "city=p", "city=q"}


def test_a_lower_level_has_narrower_intervals_within_the_wider(tmp_path):
    """Every one of them, and less that is by chance."""
    wide, narrow = fitted(tmp_path), fitted(tmp_path, level=0.5)
    some = wide["ci_high"] > wide["ci_low"]
    assert some.sum() > 10
    assert (wide["ci_low"] < narrow["ci_low"])[some].all()
    assert (narrow["ci_high"] < wide["ci_high"])[some].all()
    for metric in ("cost_by_chance", "gap_by_chance"):
        values = [rows.loc[("valid", metric, "city"), "value"] for rows in (narrow, wide)]
        assert values[0] < values[1]


def test_of_several_shardings_each_record_counts_once(tmp_path):
    """What is fitted and held out are as many, so that chance shows no less of either."""
    (tmp_path / "alone").mkdir()
    alone = fitted(tmp_path / "alone")
    both = fitted(tmp_path, shardings=("3x2", "5x1"))
    for metric in ("cost_by_chance", "gap_by_chance", "random_share"):
        key = ("valid", metric, "city")
        for _, found in both.loc[[key]].iterrows():
            assert (found["value"], found["n"]) == tuple(alone.loc[key, ["value", "n"]])


def test_samples_are_the_same_for_all_methods_and_seeds_and_others_for_each_set(tmp_path):
    """So that methods and seeds differ by what they say alone."""
    one, other = fitted(tmp_path), fitted(tmp_path, method="kga", seed=5)
    ends = ["value", "ci_low", "ci_high"]
    pd.testing.assert_frame_equal(one[ends], other[ends], check_exact=True)
    pairs = [one.loc[(set_, "accuracy", "city"), ends].tolist() for set_ in ("valid", "test")]
    assert pairs[0][0] == pairs[1][0] and pairs[0] != pairs[1]


def test_a_group_that_a_request_left_without_a_label_is_named_with_the_request(tmp_path):
    """Where a rule was fitted on the groups; else what is left has its rows, and no gap."""
    records = twice(RECORDS.assign(label=0))
    with pytest.raises(UserError, match="after request r1(.*\n)*.*0 positives"):
        measured(tmp_path, records, frame(records, fitted_on="city"))
    told = set(measured(tmp_path, records, frame(records))["metric"])
    assert {"fpr", "demographic_parity", "worst_group_accuracy"} <= told
    assert not {"tpr", "equalized_odds_max", "equalized_odds_mean"} & told
