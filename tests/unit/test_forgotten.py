"""What a request cost and what the loss still tells, by hand: with requests before and after it,
several shards, slices and labels."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from stepping import call, scores

from palimpsest.data.storage import read_parquet, write_parquet

# r2 asks for x; w was forgotten before, u is later.
INDEX = pd.DataFrame(
    [
        ("m1", "x", "train", 1), ("m2", "x", "train", 0), ("m3", "x", "train", 0),
        ("mv", "x", "valid", 1), ("k1", "y", "train", 1), ("ov", "y", "valid", 1),
        ("o1", "y", "test", 1), ("o2", "z", "test", 0), ("o3", "u", "test", 0),
        ("g1", "w", "test", 1),
    ],
    columns=["record_id", "owner", "split", "label"],
)  # fmt: skip
SIDES = {"forget": ["m1", "m2", "m3"], "heldout": ["o1", "o2", "o3"]}
MEASURER = "palimpsest.tracks.classification.membership"


@pytest.fixture(autouse=True)
def enough(few_are_enough):
    pass


def membership(folder, before: dict, after: dict, **changes) -> pd.DataFrame:
    """before, after: sharding -> shard -> probability of class 1, of three members and of three
    outsiders."""
    write_parquet(INDEX, folder / "index")
    (folder / "ledger").write_text("request\towners\nr1\tw\nr2\tx\nr3\tu\n")
    options = [f"--index={folder / 'index'}", f"--ledger={folder / 'ledger'}"]
    for when, said in (("before", before), ("after", after)):
        for number, (side, ids) in enumerate(SIDES.items()):
            options += ["--given", f"{when}/{side}"]
            for sharding, shards in said.items():
                told = {shard: p[3 * number : 3 * number + 3] for shard, p in shards.items()}
                options.append(scores(folder / f"{side}-{when}-{sharding}", sharding, told, ids))
    wanted = {"study": "s", "seed": 1, "state": "r2", "model": "m", "bootstrap": 200, "level": 0.95}
    wanted |= {"method": {"before": "sisa_mean", "after": "oracle"}, "measurer": MEASURER}
    call("measure", *options, "--output", folder / "out", **wanted | changes)
    return read_parquet(folder / "out").set_index(["set", "shards"])


def test_members_are_trained_records_and_outsiders_those_that_nobody_forgot_by_then(tmp_path):
    """Probabilities of the true label, before, 1x1: members 0.9, 0.7 and 0.65, outsiders 0.8, 0.6
    and 0.5: 7 of 9 pairs. 2x1, the mean of both shards: 0.5, 0.4 and 0.25 against 0.45, 0.3 and
    0.2: 6 (by the first shard 6.5, by mean logarithms 4.5). After, members are below all."""
    one = {1: [0.9, 0.3, 0.35, 0.8, 0.4, 0.5]}
    two = {1: [0.9, 0.6, 0.75, 0.4, 0.7, 0.8], 2: [0.1, 0.6, 0.75, 0.5, 0.7, 0.8]}
    after = [0.1, 0.9, 0.9, 0.95, 0.05, 0.05]
    later = {"1x1": {1: after}, "2x1": {1: after, 2: after}}
    rows = membership(tmp_path, {"1x1": one, "2x1": two}, later)
    assert rows["value"].to_dict() == pytest.approx({
        ("forget_before", "1x1"): 7 / 9, ("forget_before", "2x1"): 6 / 9,
        ("forget", "1x1"): 0, ("forget", "2x1"): 0,
    })  # fmt: skip
    methods = {set_: set(part["method"]) for set_, part in rows.groupby(level="set")}
    assert methods == {"forget_before": {"sisa_mean"}, "forget": {"oracle"}}
    assert set(rows["n"]) == {3} and set(rows["request"]) == {"r2"}


def test_members_and_outsiders_are_drawn_apart_and_alike_for_all_seeds(tmp_path):
    """Both have the same three losses. Were they drawn together, every sample would have 1/2."""
    said = {"1x1": {1: [0.9, 0.5, 0.3, 0.9, 0.5, 0.3]}}
    rows, other = membership(tmp_path, said, said), membership(tmp_path, said, said, seed=4)
    value, low, high = rows.loc[("forget", "1x1"), ["value", "ci_low", "ci_high"]]
    assert value == 0.5 and low < 0.3 and high > 0.7
    ends = ["value", "ci_low", "ci_high"]
    pd.testing.assert_frame_equal(rows[ends], other[ends], check_exact=True)
    narrow = membership(tmp_path, said, said, level=0.2).loc[("forget", "1x1")]
    assert low < narrow["ci_low"] < narrow["ci_high"] < high


def test_a_request_without_training_records_has_no_members(tmp_path):
    (tmp_path / "ledger").write_text("request\towners\nr1\tz\n")
    write_parquet(INDEX, tmp_path / "index")
    files = [f"--{name}={tmp_path / name}" for name in ("index", "ledger")]
    for when in ("before", "after"):
        for side in SIDES:
            files += ["--given", f"{when}/{side}", "-"]
    call("measure", *files, "--output", tmp_path / "out", state="r1", measurer=MEASURER)
    assert read_parquet(tmp_path / "out").empty


def cost(folder, full: int = 1000, **settings) -> pd.DataFrame:
    reports = {"full": {"records": 100, "tokens": full}, "a": {"tokens": 100}, "b": {"tokens": 50}}
    for name, report in [*reports.items(), ("evidence", {"owners": ["x", "y"]})]:
        (folder / name).write_text(json.dumps(report))
    files = ["--full", folder / "full", "--evidence", folder / "evidence"]
    files += ["--trained", folder / "a", folder / "b", "--output", folder / "out"]
    call("cost", *files, **{"study": "s", "seed": 1, "state": "r1", "model": "m"} | settings)
    return read_parquet(folder / "out")


def test_the_expected_cost_of_slices_by_hand(tmp_path):
    """Two shards of three slices, 4 epochs: each stage trains 2. One of 2 owners lies in the first
    j slices of a shard with 1 - (1 - j/6)^2: 11/36, 20/36 and 27/36; a stage costs j/3 of all.
    2 (1/3 11/36 + 2/3 20/36 + 27/36) = 22/9 epochs of 4: 11/18. Of one (1/6, 2/6, 3/6) 7/18."""
    rows = cost(tmp_path, sharding="2x3", epochs=4)
    assert set(rows["method"]) == {"sisa"} and set(rows["shards"]) == {"2x3"}
    curve = rows[rows["metric"] == "expected_curve"].set_index("n")["value"].sort_index()
    assert curve.index.min() == 1 and curve.index.max() == 20 and curve.is_monotonic_increasing
    assert curve[[1, 2]].tolist() == pytest.approx([7 / 18, 11 / 18])
    rest = rows[rows["metric"] != "expected_curve"].set_index("metric")
    assert rest["value"].to_dict() == pytest.approx(
        {"retrained_tokens": 150, "retrained_share": 0.15, "expected_share": 11 / 18}
    )
    assert set(rest["n"]) == {2} and set(rest["group"]) == {""}
    assert set(rows["group"]) == {"", *(f"owners={count}" for count in curve.index)}


def test_a_single_model_is_the_oracles_and_a_method_has_no_expectation(tmp_path):
    """Of one shard and slice all is trained again, whoever asks."""
    single = cost(tmp_path, sharding="1x1", epochs=4)
    assert set(single["method"]) == {"oracle"} and set(single["shards"]) == {"1x1"}
    expected = single[single["metric"].str.startswith("expected")]["value"]
    np.testing.assert_allclose(expected, 1)
    method = cost(tmp_path, method="npo")
    assert set(method["method"]) == {"npo"} and set(method["shards"]) == {"1x1"}
    assert method["metric"].tolist() == ["retrained_share", "retrained_tokens"]


def test_beside_a_base_that_was_never_trained_a_cost_is_no_share(tmp_path):
    for settings in ({"method": "pcgu"}, {"sharding": "1x1", "epochs": 0}):
        assert cost(tmp_path, full=0, **settings)["metric"].tolist() == ["retrained_tokens"]
