"""From scores to decisions and to the price of fairness: what a method is given, and what is kept
of what it says, with a method that notes the one and says the other as it is told to."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from stepping import call, scores

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.ensemble.scores import read_scores
from palimpsest.methods.decision import Decisions, binary

# A city has both labels in both splits. Gone is forgotten by r1, later not before r2.
INDEX = pd.DataFrame(
    [
        ("v1", "ann", "valid", 0, "p", "old"), ("v2", "ann", "valid", 1, "p", "young"),
        ("v3", "ben", "valid", 0, "q", "young"), ("v4", "later", "valid", 1, "q", "old"),
        ("t1", "ann", "test", 1, "p", "old"), ("t2", "ben", "test", 0, "p", "young"),
        ("t3", "ben", "test", 1, "q", "young"), ("t4", "ben", "test", 0, "q", "old"),
        ("t5", "ben", "test", 0, "q", "old"), ("g1", "gone", "valid", 1, "p", "old"),
        ("g2", "gone", "test", 1, "p", "old"), ("x1", "ben", "train", 1, "p", "old"),
    ],
    columns=["record_id", "owner", "split", "label", "city", "age"],
)  # fmt: skip
KEPT = ["v1", "v2", "v3", "v4", "t1", "t2", "t3", "t4", "t5"]
FAIRNESS = {
    "groups": ["city", "age"], "cost_fp": 1.0, "cost_fn": 3.0, "eps": 0.25,
    "epsilon_curve": [0.1, 0.4],
}  # fmt: skip
GIVEN: list = []


def decide(probabilities, calibration, settings) -> Decisions:
    """Of q positive in `valid`, half the time elsewhere; of all others as often as the gap."""
    GIVEN.append((probabilities, calibration, settings))
    if calibration is None:
        return Decisions(probabilities[1], probabilities[0])
    alone = np.where(calibration.rows, 1.0, 0.5)
    positive = np.where(calibration.groups == "q", alone, settings["eps"])
    return Decisions(binary(positive), probabilities[0], {"fit_cost": 0.5}, {"for": "auditors"})


@pytest.fixture
def files(tmp_path):
    """Of two teachers; those of the first say 0.1, 0.2, ... of class 1, the second 0.01 more."""
    GIVEN.clear()
    write_parquet(INDEX, tmp_path / "index")
    (tmp_path / "ledger").write_text("request\towners\nr1\tgone\nr2\tlater\n")
    first = [(place + 1) / 10 for place in range(9)]
    said = {1: [*first, 0.5, 0.5, 0.5], 2: [*(p + 0.01 for p in first), 0.5, 0.5, 0.5]}
    scores(tmp_path / "scores", "2x1", said, [*KEPT, "g1", "g2", "x1"])
    return tmp_path


def run(files, step: str, **settings) -> None:
    options = [f"--{name}={files / name}" for name in ("scores", "index", "ledger")]
    options += ["--output", files / "out", *(["--rules", files / "rules"] * (step == "decide"))]
    wanted = {"implementation": __name__, "state": "r1", "fairness": FAIRNESS}
    call(step, *options, **wanted | settings)


def test_a_fitted_method_learns_from_valid_records_for_each_family(files):
    """Of those that are not forgotten by then; trained records are nobody's to decide about."""
    run(files, "decide", fitted=True)
    assert len(GIVEN) == 2
    for family, (said, calibration, settings) in zip(FAIRNESS["groups"], GIVEN, strict=True):
        assert said[0, :, 1] == pytest.approx(np.arange(1, 10) / 10) and settings == FAIRNESS
        assert calibration.rows.tolist() == [True] * 4 + [False] * 5
        assert calibration.labels.tolist() == [0, 1, 0, 1, 1, 0, 1, 0, 0]
        assert calibration.groups.tolist() == INDEX[family].tolist()[:9]
    rows = read_parquet(files / "out")
    assert rows["record_id"].tolist() == KEPT * 2 and set(rows["sharding"]) == {"2x1"}
    assert rows["split"].tolist() == (["valid"] * 4 + ["test"] * 5) * 2
    assert rows["fitted_on"].tolist() == ["city"] * 9 + ["age"] * 9
    assert rows["decision_1"].tolist()[:9] == [0.25, 0.25, 1, 1, 0.25, 0.25, 0.5, 0.5, 0.5]
    assert rows["decision_0"].tolist() == (1 - rows["decision_1"]).tolist()
    assert rows["score_1"].tolist() == pytest.approx([*np.arange(1, 10) / 10] * 2)
    assert rows["score_0"].tolist() == pytest.approx((1 - rows["score_1"]).tolist())
    said = {"sharding": "2x1", "facts": {"fit_cost": 0.5}, "rule": {"for": "auditors"}}
    rules = [said | {"fitted_on": family} for family in FAIRNESS["groups"]]
    assert json.loads((files / "rules").read_text()) == rules


def test_teachers_stand_by_their_shards_the_tenth_after_the_ninth(tmp_path):
    """Whichever files they come from."""
    said = {shard: [shard / 20] for shard in range(1, 12)}
    late = {shard: said.pop(shard) for shard in (1, 2, 9)}
    files = [scores(tmp_path / f"{len(p)}", "11x1", p, ["a"]) for p in (said, late)]
    (found,) = read_scores(files, ["a"]).values()
    assert found[:, 0, 1] == pytest.approx(np.arange(1, 12) / 20)


def test_what_is_not_fitted_decides_once_and_sees_no_label(files):
    """Decisions here are the second teacher's, scores the first's."""
    run(files, "decide", fitted=False)
    ((_, calibration, _),) = GIVEN
    rows = read_parquet(files / "out")
    assert calibration is None and set(rows["fitted_on"]) == {""} and len(rows) == 9
    assert rows["decision_1"].tolist() == pytest.approx((rows["score_1"] + 0.01).tolist())


def test_cost_and_gap_over_the_allowed_gap_by_hand(files):
    """Of city, valid: p is positive with probability e, q always. A missed positive costs 3, a
    false one 1: v1 e, v2 3 (1 - e), v3 1, v4 0. Rates of p are e, of q 1: gap 1 - e. Test: q half
    the time. t1 3 (1 - e), t2 e, t3 1.5, t4 and t5 0.5 each; gap |1/2 - e|. In age nobody is of q:
    each is positive with e, and there is no gap."""
    run(files, "epsilon", seed=7, method="some", sharding="2x1")
    rows = read_parquet(files / "out")
    assert (rows[["seed", "method", "shards"]] == [7, "some", "2x1"]).all(axis=None)
    found = rows.set_index(["family", "eps", "set"])[["cost", "gap"]]
    wanted = {}
    for e in (0.1, 0.4):
        wanted["city", e, "valid"] = (4 - 2 * e) / 4, 1 - e
        wanted["city", e, "test"] = (5.5 - 2 * e) / 5, 0.5 - e
        wanted["age", e, "valid"] = (6 - 4 * e) / 4, 0
        wanted["age", e, "test"] = (6 - 3 * e) / 5, 0
    assert set(found.index) == set(wanted)
    for key, (cost, gap) in wanted.items():
        assert found.loc[key].tolist() == pytest.approx([cost, gap]), key
    assert all(calibration.rows.tolist() == [True] * 4 + [False] * 5 for _, calibration, _ in GIVEN)
    assert [settings["eps"] for *_, settings in GIVEN] == [0.1, 0.4] * 2
