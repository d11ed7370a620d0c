"""Steps by hand: what a state is put together from, what a request cost, and what the loss still
tells."""

from __future__ import annotations

import importlib
import json
import zlib

import numpy as np
import pandas as pd
import pytest
from stepping import call, scores

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.engine.cli import STEPS, main
from palimpsest.ensemble.scores import read_scores
from palimpsest.errors import UserError
from palimpsest.steps.slice import check_sharding
from palimpsest.tracks.causal.score import texts as scored_texts

MEASURER = "palimpsest.tracks.classification.measure"


def test_a_state_takes_each_shard_from_its_latest_version(tmp_path):
    """r0 scored shards 1 and 2, r1 shard 2 anew; a forgotten record is left out, and the order is
    the asker's."""
    old = scores(
        tmp_path / "r0.parquet", "2x1", {1: [0.1, 0.2, 0.3], 2: [0.4, 0.5, 0.6]}, ["a", "b", "c"]
    )
    new = scores(tmp_path / "r1.parquet", "2x1", {2: [0.7, 0.8, 0.9]}, ["a", "b", "c"])
    (joined,) = read_scores([old, new], ["c", "a"]).values()
    assert joined[:, :, 1] == pytest.approx(np.array([[0.3, 0.1], [0.9, 0.7]]))


def test_a_record_without_a_score_stops(tmp_path):
    path = scores(tmp_path / "r0.parquet", "1x1", {1: [0.1]}, ["a"])
    with pytest.raises(ValueError, match="1 records are missing"):
        read_scores([path], ["a", "b"])


def test_cost_by_hand(tmp_path):
    """10 owners' records of 100 at 2 epochs; a full retraining took 1000 tokens, the two stages
    150: a share of 0.15. One owner, S = 2, R = 1: each shard is hit with 1/2, so half of a full
    retraining is expected."""
    reports = {
        "full": {"records": 100, "tokens": 1000},
        "a": {"tokens": 100},
        "b": {"tokens": 50},
    }
    for name, report in reports.items():
        (tmp_path / name).write_text(json.dumps(report))
    (tmp_path / "evidence").write_text(json.dumps({"owners": ["x"]}))
    files = [
        "--full",
        tmp_path / "full",
        "--evidence",
        tmp_path / "evidence",
        "--trained",
        tmp_path / "a",
        tmp_path / "b",
    ]
    call(
        "cost",
        *files,
        "--output",
        tmp_path / "out",
        study="s",
        seed=1,
        state="r1",
        sharding="2x1",
        epochs=2,
        model="m",
    )
    rows = read_parquet(tmp_path / "out")
    values = rows[rows["group"] == ""].set_index("metric")["value"]
    assert values.to_dict() == pytest.approx(
        {"retrained_tokens": 150, "retrained_share": 0.15, "expected_share": 0.5}
    )
    curve = rows[rows["metric"] == "expected_curve"].set_index("n")["value"]
    assert curve.to_dict() == pytest.approx({owners: 1 - 0.5**owners for owners in range(1, 11)})


def test_measure_by_hand(tmp_path):
    """400 fitted records, half of each label and city; every second positive is found, and no
    negative: gap 0, cost 1/4.

    100 are held out. Their cost by chance: 100 draws that are wrong with 1/4, variance 3/16, so
    0.25 + 1.96 sqrt(3/1600) = 0.335. Gap: 25 positives a city, TPR of variance 0.25 / 25 each, 0.02
    their difference; 97.5 % of normal numbers are below 2.2414 standard deviations in size: 0.317.
    """
    fitted = pd.DataFrame({"label": [0, 0, 1, 1] * 100, "city": ["p", "q"] * 200, "split": "valid"})
    held_out = fitted.head(100).assign(split="test")
    index = pd.concat([fitted, held_out], ignore_index=True).assign(owner="x")
    index["record_id"] = [f"r{n}" for n in range(len(index))]
    write_parquet(index, tmp_path / "index")
    found = (index["label"] == 1) & (np.arange(len(index)) // 4 % 2 == 0)
    names = {
        f"{kind}_{label}": (found if label else ~found).astype(float)
        for kind in ("decision", "score")
        for label in (0, 1)
    }
    write_parquet(
        index[["record_id", "split"]].assign(sharding="1x1", fitted_on="city", **names),
        tmp_path / "decisions",
    )
    facts = {"random_share": 0.0, "patterns_per_record": 0.01}
    (tmp_path / "rules").write_text(
        json.dumps([{"sharding": "1x1", "fitted_on": "city", "facts": facts, "rule": {}}])
    )
    files = ["--index", tmp_path / "index"]
    for name in ("decisions", "rules"):
        files += ["--given", name, tmp_path / name]
    wanted = {
        "study": "s",
        "seed": 1,
        "method": "fairsisa_ensemble",
        "state": "r0",
        "model": "m",
        "families": ["city"],
        "classes": 2,
    }
    call(
        "measure",
        *files,
        "--output",
        tmp_path / "out",
        **wanted,
        bootstrap=2000,
        level=0.95,
        cost_fp=1.0,
        cost_fn=1.0,
        measurer=MEASURER,
    )
    rows = read_parquet(tmp_path / "out").set_index(["set", "metric", "group"])
    valid, test = rows.loc["valid"], rows.loc["test"]
    assert valid.loc[("equalized_odds_max", "city"), "value"] == 0
    assert valid.loc[("equalized_odds_max", "city"), ["ci_low", "ci_high"]].isna().all()
    assert test.loc[("equalized_odds_max", "city"), "ci_high"] > 0.2
    assert valid.loc[("gap_by_chance", "city"), "value"] == pytest.approx(0.317, abs=0.03)
    assert valid.loc[("cost_by_chance", "city"), "value"] == pytest.approx(
        0.25 + 1.96 * np.sqrt(3 / 16 / 100), abs=0.01
    )
    assert "gap_by_chance" not in test.index.get_level_values("metric")
    assert (
        valid.loc[("random_share", "city"), "n"]
        == valid.loc[("patterns_per_record", "city"), "n"]
        == 400
    )
    assert not ((rows["value"] < rows["ci_low"]) | (rows["value"] > rows["ci_high"])).any()


def test_measure_holds_scores_against_the_oracles(tmp_path):
    """Both score (1/4, 3/4) of the first record; of the second the oracle (1/2, 1/2), the method
    (1/4, 3/4). With m = (3/8, 5/8):

    KL(oracle || method) = log(2) / 2 + log(2/3) / 2 = log(4/3) / 2, and the mean over both half of
    it (0.072; the other way round 0.065). Reversed: 3/8 log(3/4 * 3/2) + 5/8 log(5/4 * 5/6),
    halved, and halved again for the mean; the standard one KL(p || m) + KL(q || m), halved twice.
    One score of 0 makes the first two infinite: then there are the others alone.
    """
    index = pd.DataFrame({"record_id": ["a", "b"], "label": [0, 1], "split": "test", "owner": "x"})
    write_parquet(index, tmp_path / "index")
    (tmp_path / "rules").write_text("[]")

    def decided(name: str, *positive: float) -> None:
        scores = {
            "score_0": [1 - p for p in positive],
            "score_1": list(positive),
            "decision_0": 0.0,
            "decision_1": 1.0,
        }
        write_parquet(
            index[["record_id", "split"]].assign(sharding="1x1", fitted_on="", **scores),
            tmp_path / name,
        )

    def measured() -> dict[str, float]:
        given = {"decisions": "decisions", "rules": "rules", "oracle/decisions": "oracle"}
        files = ["--index", tmp_path / "index"]
        for name, file in given.items():
            files += ["--given", name, tmp_path / file]
        wanted = {
            "study": "s",
            "seed": 1,
            "method": "kga",
            "state": "r1",
            "model": "m",
            "families": [],
            "classes": 2,
        }
        call(
            "measure",
            *files,
            "--output",
            tmp_path / "out",
            **wanted,
            bootstrap=20,
            level=0.95,
            cost_fp=1.0,
            cost_fn=1.0,
            measurer=MEASURER,
        )
        return read_parquet(tmp_path / "out").set_index("metric")["value"].to_dict()

    decided("oracle", 3 / 4, 1 / 2)
    decided("decisions", 3 / 4, 3 / 4)
    found = measured()
    reversed_ = (3 / 8 * np.log(9 / 8) + 5 / 8 * np.log(25 / 24)) / 4
    standard = (
        np.log(4 / 3) / 2 + np.log(4 / 5) / 2 + np.log(2 / 3) / 4 + np.log(6 / 5) * 3 / 4
    ) / 4
    assert {
        name: found[name]
        for name in ("kl", "jensen_shannon_reversed", "jensen_shannon", "agreement")
    } == pytest.approx(
        {
            "kl": np.log(4 / 3) / 4,
            "jensen_shannon_reversed": reversed_,
            "jensen_shannon": standard,
            "agreement": 1,
        }
    )
    decided("decisions", 3 / 4, 1)
    assert {"jensen_shannon", "agreement"} <= set(found := measured()) and not {
        "kl",
        "jensen_shannon_reversed",
    } & set(found)


def test_sizes_are_those_of_completions_alone():
    """Also of the record's other completions: the prompt is not what is scored."""
    prompt, own, other = (
        "Where does Ann live, who was born in Bath?",
        "In York.",
        "In a city that nobody knows.",
    )
    records = pd.DataFrame({"record_id": ["a"], "prompt": [prompt], "completion": [own]})
    others = pd.DataFrame(
        {"record_id": ["a"], "kind": ["perturbed"], "number": [1], "completion": [other]}
    )
    found = scored_texts(records, others)
    assert found["prompt"].tolist() == [prompt] * 2
    assert found["compressed"].tolist() == [
        len(zlib.compress(text.encode())) for text in (own, other)
    ]


def test_membership_by_hand(tmp_path, few_are_enough):
    """Before, the two members have losses below both outsiders (AUROC 1); after, one lies between
    and one above: 1 of 4 pairs."""
    index = pd.DataFrame(
        {
            "record_id": ["m1", "m2", "o1", "o2"],
            "owner": ["x", "x", "y", "z"],
            "split": ["train", "train", "test", "test"],
            "label": 1,
        }
    )
    write_parquet(index, tmp_path / "index")
    (tmp_path / "ledger").write_text("request\towners\nr1\tx\n")
    outside = scores(tmp_path / "outside", "1x1", {1: [0.5, 0.6]}, ["o1", "o2"])
    before = scores(tmp_path / "before", "1x1", {1: [0.9, 0.8]}, ["m1", "m2"])
    after = scores(tmp_path / "after", "1x1", {1: [0.55, 0.2]}, ["m1", "m2"])
    call(
        "measure",
        *("--given", "before/forget", before, "--given", "after/forget", after),
        *("--given", "before/heldout", outside, "--given", "after/heldout", outside),
        "--index",
        tmp_path / "index",
        "--ledger",
        tmp_path / "ledger",
        "--output",
        tmp_path / "out",
        study="s",
        seed=1,
        state="r1",
        measurer="palimpsest.tracks.classification.membership",
        method={"before": "base", "after": "oracle"},
        model="m",
        bootstrap=50,
        level=0.95,
    )
    rows = read_parquet(tmp_path / "out").set_index("set")
    assert rows["value"].to_dict() == pytest.approx({"forget_before": 1.0, "forget": 0.25})
    assert rows["method"].to_dict() == {"forget_before": "base", "forget": "oracle"}


def test_more_slices_than_owners_and_empty_slices_are_named():
    with pytest.raises(UserError, match="more slices than owners"):
        check_sharding({"a": (1, 1), "b": (2, 1)}, "3x1", 1)
    with pytest.raises(UserError, match="shard 2 slice 2"):
        check_sharding({"a": (1, 1), "b": (2, 1), "c": (1, 2), "d": (1, 1)}, "2x2", 1)
    check_sharding({"a": (1, 1), "b": (2, 1)}, "2x1", 1)


def test_a_problem_is_told_without_a_traceback(tmp_path, capsys):
    """The owner is not in the data: the message names it, the request and the remedy; the evidence
    is not written."""
    write_parquet(
        pd.DataFrame({"record_id": ["a"], "owner": ["x"], "split": ["train"], "label": [1]}),
        tmp_path / "index",
    )
    (tmp_path / "ledger").write_text("request\towners\nr1\t$(touch y)\nr2\tnobody\n")
    files = [
        "--records",
        tmp_path / "index",
        "--ledger",
        tmp_path / "ledger",
        "--request",
        "r1",
        "--output",
        tmp_path / "out",
    ]
    assert main(["request", *map(str, files), "--settings", '{"salt": "s"}']) == 1
    said = capsys.readouterr().err
    assert (
        "2 problems found" in said
        and "$(touch y)" in said
        and "nobody" in said
        and "Traceback" not in said
    )
    assert not (tmp_path / "out").exists()


def test_help_says_what_each_step_does(capsys):
    """In the words of its own docstring, each from its own file."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for name in STEPS:
        said = importlib.import_module(f"palimpsest.steps.{name}").__doc__
        assert f"{name} {' '.join(said.split())}" in told
