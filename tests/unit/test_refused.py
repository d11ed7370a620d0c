"""Steps that refuse: what a request leaves must still be there to fit and to measure on, and a
model must be what its settings say."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from stepping import call, scores

from palimpsest.data.shards import place
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import MAX_SHOWN, Problem, UserError

FAIRNESS = {
    "groups": ["city"],
    "eps": 0.0,
    "cost_fp": 1.0,
    "cost_fn": 1.0,
    "cells": "pattern",
    "realise": "mix",
    "epsilon_curve": [0.0],
}


@pytest.fixture
def index(tmp_path) -> pd.DataFrame:
    """8 valid and 8 test records, each city with two of either label; in p all positives of valid
    are ann's."""
    frame = pd.DataFrame(
        {
            "split": ["valid"] * 8 + ["test"] * 8,
            "city": ["p", "p", "q", "q"] * 4,
            "label": [0, 1] * 8,
        }
    )
    frame["owner"] = [
        "ann" if row == ("valid", "p", 1) else "bob"
        for row in zip(frame["split"], frame["city"], frame["label"], strict=True)
    ]
    frame["record_id"] = [f"id{number}" for number in range(len(frame))]
    write_parquet(frame, tmp_path / "index")
    scores(tmp_path / "scores", "1x1", {1: [0.2, 0.9, 0.6, 0.7] * 4}, frame["record_id"].tolist())
    (tmp_path / "ledger").write_text("request\towners\nr1\tann\n")
    return frame


@pytest.mark.parametrize(
    ("step", "outputs"), [("decide", ["output", "rules"]), ("epsilon", ["output"])]
)
def test_a_rule_is_fitted_only_where_every_group_has_both_labels_left(
    index, tmp_path, step, outputs
):
    """Before the request it can be fitted; after it no positive is left in p, and nothing is
    written."""
    files = [f"--{name}={tmp_path / name}" for name in ("scores", "index", "ledger")]
    written = [tmp_path / f"{step}-{name}" for name in outputs]
    files += [f"--{name}={path}" for name, path in zip(outputs, written, strict=True)]
    wanted = {
        "implementation": "palimpsest.methods.base_postprocessed",
        "fitted": True,
        "fairness": FAIRNESS,
    }
    wanted |= {"seed": 1, "method": "base_postprocessed", "sharding": "1x1"}
    call(step, *files, **wanted, state="r0")
    for path in written:
        path.unlink()
    with pytest.raises(UserError) as raised:
        call(step, *files, **wanted, state="r1")
    (problem,) = raised.value.problems
    assert (
        problem.where == "groups.city, after request r1"
        and problem.what == "a group without positives in split 'valid'"
    )
    assert problem.found == "'p': 2 negatives, 0 positives" and not any(
        path.exists() for path in written
    )


def test_of_families_that_nothing_is_fitted_on_what_is_defined_is_measured(index, tmp_path, caplog):
    """Group p has no label 1 on test: no TPR, and no gap of the family, for which the log has the
    reason; everything else has a row."""
    left = index[(index["split"] == "valid") | (index["city"] == "q") | (index["label"] == 0)]
    decided = {"decision_0": 1.0, "decision_1": 0.0, "score_0": 1.0, "score_1": 0.0}
    write_parquet(
        left[["record_id", "split"]].assign(sharding="1x1", fitted_on="", **decided),
        tmp_path / "decisions",
    )
    (tmp_path / "rules").write_text("[]")
    files = ["--index", tmp_path / "index"]
    for name in ("decisions", "rules"):
        files += ["--given", name, tmp_path / name]
    wanted = {
        "study": "s",
        "seed": 1,
        "method": "sisa_vote",
        "state": "r2",
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
        bootstrap=20,
        level=0.95,
        cost_fp=1.0,
        cost_fn=1.0,
        measurer="palimpsest.tracks.classification.measure",
    )
    rows = read_parquet(tmp_path / "out")
    rows = rows[rows["group"].str.startswith("city")]
    of = {
        split: set(zip(part["metric"], part["group"], strict=True))
        for split, part in rows.groupby("set")
    }
    need_both = (
        "equalized_odds_max", "equalized_odds_mean", "equal_opportunity",
        "equal_opportunity_ratio", "equalized_odds_ratio",
    )  # fmt: skip
    lost = of["valid"] - of["test"] - {("tpr", "city=p")}
    assert {name for name, _ in lost} >= {*need_both[:3]} and of["test"] < of["valid"]
    assert lost <= {(name, "city") for name in need_both}, "a quotient of zeros is not defined"
    assert rows["value"].notna().all()
    assert "equalized_odds_max of city is not defined on test" in caplog.text


def test_all_fitted_families_are_looked_at_before_anything_is_trained(index, tmp_path):
    records = index.assign(text="x", town=["a", "b"] * 8)
    write_parquet(records.assign(owner="o"), tmp_path / "records")
    groups = {"place": {"column": "city"}, "town": {"column": "town", "fine": True}}
    files = ("--records", tmp_path / "records", "--output", tmp_path / "out")
    files += ("--sizes", tmp_path / "sizes")
    with pytest.raises(UserError) as raised:
        call(
            "index",
            *files,
            groups=groups | {"place": {"column": "city", "fine": True}},
            fitted=["place", "town"],
        )
    assert {problem.where for problem in raised.value.problems} == {"groups.town"} and len(
        raised.value.problems
    ) == 2
    call(
        "index",
        *files,
        groups=groups | {"place": {"column": "city", "fine": True}},
        fitted=["place"],
    )


@pytest.mark.parametrize(
    ("ledger", "what", "found"),
    [
        (
            "r1\tann\tbob\tcid\n",
            "a request leaves no record in split train or test",
            "it leaves no records at all",
        ),
        (
            "r1\tann\nr2\tcid\n",
            "a request leaves no record in split test",
            "it leaves 1 train, 1 valid",
        ),
        (
            "r1\tcid\nr2\tnob\u0435dy\n",
            "the data hold no record of this owner",
            "'nob\u0435dy', written 'nob\\u0435dy'",
        ),
    ],
)
def test_requests_that_cannot_be_met(tmp_path, ledger, what, found):
    """Requests before it count too; an owner that looks like another is told by its codes."""
    owners = {"ann": ["train", "valid", "test"], "bob": ["train", "valid"], "cid": ["test"]}
    rows = [
        {"record_id": f"{owner}{n}", "owner": owner, "split": split}
        for owner, splits in owners.items()
        for n, split in enumerate(splits)
    ]
    write_parquet(pd.DataFrame(rows), tmp_path / "records")
    (tmp_path / "ledger").write_text("request\towners\n" + ledger, encoding="utf-8")
    last = ledger.strip().split("\n")[-1].split("\t")[0]
    files = [f"--{name}={tmp_path / name}" for name in ("records", "ledger")]
    with pytest.raises(UserError) as raised:
        call("request", *files, "--request", last, "--output", tmp_path / "out")
    (problem,) = raised.value.problems
    assert (problem.what, problem.found) == (what, found) and problem.where.endswith(
        f"request {last}"
    )
    assert problem.remedy and not (tmp_path / "out").exists()


def test_owners_of_requests_count_though_the_source_lost_them(tmp_path):
    """Whoever was alone in a slice may be forgotten and leave the source: the slice is empty from
    then on, which is no fault."""
    owners = [f"o{number}" for number in range(20)]
    alone = next(owner for owner in owners if place(owner, "1x2", "s", 1) == (1, 1))
    others = [owner for owner in owners if place(owner, "1x2", "s", 1) == (1, 2)]
    rows = [
        {"record_id": owner, "owner": owner, "text": "x", "label": 0, "split": "train"}
        for owner in others
    ]
    write_parquet(pd.DataFrame(rows), tmp_path / "records")
    files = [
        "--records",
        tmp_path / "records",
        "--output",
        tmp_path / "slice.parquet",
        "--digest",
        tmp_path / "slice.json",
    ]
    wanted = {"salt": "s", "seed": 1, "sharding": "1x2", "shard": 1, "slice": 1}
    with pytest.raises(UserError, match="a slice has no owner"):
        call("slice", *files, **wanted, state="r0")
    (tmp_path / "ledger").write_text(f"request\towners\nr1\t{alone}\n")
    call("slice", *files, "--ledger", tmp_path / "ledger", **wanted, state="r1")
    assert (
        len(read_parquet(tmp_path / "slice.parquet")) == 0
        and json.loads((tmp_path / "slice.json").read_text())["owners"] == 0
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architecture": "gpt3"}, "there is no architecture of this name"),
        ({"config": {"n_layr": 2}}, "did you mean 'n_layer'?"),
        ({"config": {"vocab_size": 50}}, "takes no such setting"),
        ({"config": {"n_layer": "two"}}, "expected int, got str"),
        ({"config": {"n_head": 3, "n_embd": 16}}, "divisible"),
        ({"config": {"activation_function": "gelu_nwe"}}, "gelu_nwe"),
    ],
)
def test_a_model_that_cannot_be_built_is_explained(changes, said):
    from palimpsest.models.classifier import make_classifier
    from palimpsest.models.tokenizers import train_wordpiece

    settings = {
        "init": "scratch",
        "architecture": "gpt2",
        "config": {"n_layer": 1, "n_embd": 16, "n_head": 2},
        "max_length": 8,
    }
    with pytest.raises(UserError) as raised:
        make_classifier(settings | changes, train_wordpiece(["a b"], 30, True), 2, "x")
    (problem,) = raised.value.problems
    assert said in str(problem) and problem.where.startswith("model.") and problem.remedy


def test_a_flood_of_problems_is_cut_and_counted():
    problems = [Problem(f"what {number}", "here") for number in range(MAX_SHOWN + 3)]
    assert str(UserError(problems)).endswith(f"what {MAX_SHOWN - 1}\n- and 3 more, not shown here")
    assert str(UserError(problems[:MAX_SHOWN])).endswith(f"what {MAX_SHOWN - 1}")
