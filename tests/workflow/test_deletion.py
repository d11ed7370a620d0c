"""A request trains what it touches and nothing else; the jobs are those of `snakemake -n` on a
study that ran."""

from __future__ import annotations

import pytest

from harness import DATA, METHODS, REPORTED, certified, owner_in, steps

FIRST = owner_in("3x2", 1, 1)


def test_what_ran_is_up_to_date(clone):
    assert clone.jobs() == set()
    assert clone.jobs("data") == clone.jobs("teachers") == set()


def test_the_first_run_trains_each_model_once(finished):
    """base, oracle/r1; 3 shards x 2 slices; and r1 touched slice 1 of shard 1, so both stages of
    that shard again."""
    teachers = {f"{shard}/{stage}/r0" for shard in (1, 2, 3) for stage in (1, 2)} | {
        "1/1/r1",
        "1/2/r1",
    }
    expected = {"base", "oracle/r1"} | {f"teachers/3x2/{name}" for name in teachers}
    assert steps(finished.done, "train") == {f"train/seed1/{name}" for name in expected}


@pytest.mark.parametrize(
    "shard, slice_, stages",
    [(2, 1, (1, 2)), (2, 2, (2,)), (1, 2, (2,)), (1, 1, (1, 2))],
    ids=["first slice", "last slice", "other slice of a touched shard", "slice touched before"],
)
def test_a_request_runs_what_it_touches(clone, shard, slice_, stages):
    """Every job, by hand. Before r2, r1's teacher stands for shard 1 and r0's for shards 2 and 3:
    both score what r2 forgets."""
    clone.write_ledger(f"r1 {FIRST}; r2 {owner_in('3x2', shard, slice_, skip=(FIRST,))}")
    data = {
        "requests/r2",
        "fingerprints/r2",
        "sets/forget-r2",
        "slices/seed1/1x1/1/1/r2",
        f"slices/seed1/3x2/{shard}/{slice_}/r2",
    }
    train = {"oracle/r2"} | {f"teachers/3x2/{shard}/{stage}/r2" for stage in stages}
    score = {"oracle/r2/heldout", "teachers-3x2/r2/heldout"}
    score |= {
        f"{model}/forget-r2"
        for model in (
            "oracle/r1",
            "oracle/r2",
            *(f"teachers-3x2/r{number}" for number in range(3)),
        )
    }
    fair = {f"{step}/seed1/{method}/r2" for step in ("decide", "measure") for method in METHODS}
    fair |= {
        f"{step}/seed1/{sharding}/r2"
        for step in ("membership", "cost")
        for sharding in ("1x1", "3x2")
    }
    fair |= {f"epsilon/seed1/{sharding}/fairsisa_aggregate_first/r2" for sharding in ("1x1", "3x2")}
    models = {f"train/seed1/{name}" for name in train} | {f"score/seed1/{name}" for name in score}
    assert clone.jobs() == data | models | fair | REPORTED | certified("r2")


def test_a_request_of_several_owners_touches_the_slice_of_each(clone):
    clone.write_ledger(f"r1 {FIRST}; r2 {owner_in('3x2', 2, 2)} {owner_in('3x2', 3, 1)}")
    expected = {"oracle/r2", "teachers/3x2/2/2/r2", "teachers/3x2/3/1/r2", "teachers/3x2/3/2/r2"}
    assert clone.jobs("teachers") >= {f"train/seed1/{name}" for name in expected}
    assert steps(clone.jobs(), "train") == {f"train/seed1/{name}" for name in expected}


def test_correcting_whom_a_request_names(clone):
    """Another owner of the same slice has the same states, and so the same paths: what they hold
    has to be made again."""
    clone.write_ledger(f"r1 {owner_in('3x2', 1, 1, skip=(FIRST,))}")
    jobs, train = clone.jobs(), {"oracle/r1", "teachers/3x2/1/1/r1", "teachers/3x2/1/2/r1"}
    data = {
        "requests/r1",
        "fingerprints/r1",
        "sets/forget-r1",
        "slices/seed1/1x1/1/1/r1",
        "slices/seed1/3x2/1/1/r1",
    }
    assert steps(jobs, *DATA, "fingerprints") == data
    assert steps(jobs, "train") == {f"train/seed1/{name}" for name in train}
    assert jobs >= REPORTED | certified("r1") | {
        f"{step}/seed1/{method}/r1" for step in ("decide", "measure") for method in METHODS
    }


def test_removing_the_last_request_brings_the_earlier_state_back(clone):
    """Nothing is trained, scored or decided; the newest state is another, so its curve, the table
    and the figures are."""
    clone.write_ledger("")
    curves = {
        f"epsilon/seed1/{sharding}/fairsisa_aggregate_first/r0" for sharding in ("1x1", "3x2")
    }
    of_requests = {"figures/cost", "figures/membership"}
    assert clone.jobs() == curves | REPORTED - of_requests


def test_the_first_request_of_a_study_without_a_ledger(clone):
    """Writing a ledger where there was none is no reason to make anything of r0 again."""
    clone.write_ledger("")
    without_requests = clone.jobs()
    clone.change_study(ledger=None)
    assert clone.jobs() == without_requests


def test_a_ledger_in_another_place_runs_nothing(clone):
    clone.path("ledgers").mkdir()
    clone.path("ledger.tsv").rename(clone.path("ledgers/ours.tsv"))
    clone.change_study(ledger="ledgers/ours.tsv")
    assert clone.jobs() == set()


def test_removing_and_appending_it_again_runs_nothing(clone):
    clone.write_ledger(f"r1 {FIRST}; r2 {owner_in('3x2', 2, 2)}")
    assert clone.jobs()
    clone.write_ledger(f"r1 {FIRST}")
    assert clone.jobs() == set()
