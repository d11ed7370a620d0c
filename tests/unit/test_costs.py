"""What a request will cost, told before, is what the cost table says afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from stepping import call
from told import OWNERS, owner_of, read, study_of, write_posts

from palimpsest.data.shards import parse_sharding
from palimpsest.data.storage import read_parquet
from palimpsest.engine.sealed import write_sealed
from palimpsest.files import read_json, write_json
from palimpsest.study import paths
from palimpsest.study.costs import Costs, told
from palimpsest.study.wants.train import slice_files
from palimpsest.training.schedule import stage_epochs

SHARDINGS = ("1x1", "3x2")


@pytest.fixture(autouse=True)
def posts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_posts()


def reports(study, states) -> set[str]:
    return {
        study.report(seed, one.name)
        for state in states
        for seed, one in study.plan.checkpoints(state)
    }


def train(study, *states: str) -> None:
    """Cut the slices of all checkpoints of some states, and write what their trainings report: a
    word is a token, and a text has two more."""
    for state in states:
        for seed, one in study.plan.checkpoints(state):
            sharding, *_, stage, _ = study.plan.parse(one.name)
            files = slice_files(study, seed, one.slices, "parquet")
            for name, path in zip(one.slices, map(Path, files), strict=True):
                _, shard, slice_, since = name.split("/")
                cell = {"sharding": sharding, "shard": int(shard), "slice": int(slice_)}
                if not path.is_file():
                    call(
                        "slice", "--records", study.path(paths.RECORDS), "--ledger", "ledger.tsv",
                        "--output", path, "--digest", path.with_suffix(".json"),
                        salt="small", seed=seed, state=since, **cell,
                    )  # fmt: skip
            texts = [text for path in files for text in read_parquet(Path(path))["text"]]
            tokens = sum(len(text.split()) + 2 for text in texts)
            epochs = stage_epochs(4, parse_sharding(sharding)[1])[stage - 1]
            found = {"tokens": tokens * epochs, "epochs": epochs, "records": len(texts)}
            write_sealed(Path(study.report(seed, one.name)), found)


def table(study, state: str, sharding: str) -> tuple[float, float]:
    """(tokens, share of a full retraining) that the cost table has afterwards, over the seeds."""
    evidence, tokens, shares = Path("evidence.json"), 0, []
    write_json(evidence, {"owners": ["somebody"]})
    for seed in study.plan.seeds:
        trained = [
            study.report(seed, name) for name in study.plan.trained_for(seed, sharding, state)
        ]
        full = study.report(seed, paths.ORACLE_NAME.format(state=state))
        labels = {"study": "small", "seed": seed, "state": state, "model": "gpt2"}
        call(
            "cost", "--full", full, "--evidence", evidence, "--trained", *trained,
            "--output", "cost.parquet", sharding=sharding, epochs=4, **labels,
        )  # fmt: skip
        rows = read_parquet(Path("cost.parquet"))
        value = rows[rows["group"] == ""].set_index("metric")["value"]
        tokens += value["retrained_tokens"]
        shares.append(value["retrained_share"])
    return tokens, sum(shares) / len(shares)


def test_the_line_says_what_the_table_says_afterwards():
    """Of the second request, which touches a slice that the first one touched and another one."""
    first = owner_of(1, 1)
    second, third = owner_of(1, 1, skip=(first,)), owner_of(2, 2)
    study = study_of(f"r1 {first}; r2 {second} {third}")
    read(study)
    train(study, "r0", "r1")
    made = reports(study, ["r2"]) - reports(study, ["r0", "r1"])
    costs = Costs(study, made)
    (serving,) = costs.waiting()
    before = costs.of_request(serving, "3x2"), costs.full("r2")
    (line,) = told(study, made)
    train(study, "r2")
    tokens, share = table(study, "r2", "3x2")
    full, _ = table(study, "r2", "1x1")
    assert before == (pytest.approx(tokens, rel=0.01), pytest.approx(full, rel=0.01))
    trained = sum(len(study.plan.trained_for(seed, "3x2", "r2")) for seed in (1, 2))
    assert line == (
        f"Serving r2 of small trains {trained} of 12 checkpoints of 3x2 again, about "
        f"{float(f'{tokens:.2g}'):,.0f} of {float(f'{full:.2g}'):,.0f} tokens ({share:.0%}); 2 "
        f"oracles of about {float(f'{full:.2g}'):,.0f} tokens to compare."
    )
    assert told(study, reports(study, ["r2"])) == []  # it is served


def test_in_production_requests_are_served_at_once():
    """Nothing else is trained, so that a full retraining is what the teachers learn together: their
    last stages train 3 epochs on all of their shards, where one model trains 4."""
    lean = {"requests": "latest", "sharding": ["3x2"], "methods": ["sisa_vote"]}
    study = study_of(**lean)
    read(study)
    train(study, "r0")
    study = study_of(f"r1 {owner_of(1, 1)}; r2 {owner_of(1, 2)}", **lean)
    made = reports(study, ["r2"]) - reports(study, ["r0"])
    costs = Costs(study, made)
    (serving,) = costs.waiting()
    before = costs.of_request(serving, "3x2"), costs.full("r2")
    (line,) = told(study, made)
    train(study, "r2")
    tokens = sum(read_json(Path(report))["tokens"] for report in made)
    last = [study.report(seed, one.name) for seed, one in study.plan.checkpoints("r2")]
    last = [report for report in last if report.split("/")[-3] == "2"]
    full = sum(read_json(Path(report))["tokens"] // 3 * 4 for report in last)
    assert before == (pytest.approx(tokens, rel=0.02), pytest.approx(full, rel=0.02))
    start = f"Serving r1 and r2 of small trains {len(made)} of 12 checkpoints of 3x2 again, about "
    assert line.startswith(start) and line.endswith(f"tokens ({tokens / full:.0%}).")


def test_what_is_not_known_yet_is_said_with_the_reason():
    """Before there are records, and before the models that the request changes."""
    study = study_of(f"r1 {owner_of(1, 1)}")
    made = reports(study, ["r0", "r1"])
    (line,) = told(study, made)
    assert "not known yet, as there are no records of the present sources" in line
    assert "of 12 checkpoints of 3x2 again; 2 oracles to compare." in line
    read(study)
    (line,) = told(study, made)
    assert "not known yet, as the models before it are not trained yet" in line


def test_reports_that_the_run_makes_again_say_nothing():
    """After a change of the training, say."""
    study = study_of(f"r1 {owner_of(1, 1)}")
    read(study)
    train(study, "r0")
    (line,) = told(study, reports(study, ["r0", "r1"]))
    assert "the models before it are not trained yet" in line


def test_many_requests_are_counted():
    names = [f"r{number} {owner}" for number, owner in enumerate(OWNERS[:7], 1)]
    study = study_of("; ".join(names))
    lines = told(study, reports(study, study.plan.names))
    assert len(lines) == 6 and lines[-1] == "and 2 requests more of small"


def test_what_the_run_does_not_serve_is_not_told():
    """`snakemake -n data` trains nothing."""
    study = study_of(f"r1 {owner_of(1, 1)}")
    assert told(study, {study.path(paths.RECORDS)}) == []
