"""The summary of a study of classifiers, cell by cell: which number stands in which column."""

from __future__ import annotations

import numpy as np
import pytest
from stepping import tidy

from palimpsest.methods.registry import METHODS
from palimpsest.report.summary import summarise
from palimpsest.report.tables import row, table
from palimpsest.tracks.classification import summary
from palimpsest.tracks.classification.summary import too_fine

SETTINGS = {"states": ["r0", "r1"], "families": ["city"], "level": 0.9, "attacks": {}}
JOINT = METHODS["fairsisa_ensemble"].label
WHICH = ("fitted", "by chance up to", "held out")
NONE = (np.nan, np.nan)


def numbers(seed: int = 1, request: str = "r1", gap: float = 0.06) -> list[dict]:
    """Of one post-processor, each number another, 0.01 either way where it has an interval; 0.01
    patterns a record of 1,000, that is 5 in each of two groups."""
    where = {"study": "s", "seed": seed, "request": request, "shards": "3x1", "model": "gpt2"}
    where |= {"method": "fairsisa_ensemble"}
    told = {
        "fit_cost": (0.11, 0.14), "equalized_odds_max": (0.02, gap),
        "equalized_odds_mean": (0.01, 0.05),
        "accuracy": (0.89, 0.86), "auroc": (0.95, 0.92), "agreement": (0.85, 0.81),
    }  # fmt: skip
    rows = [
        row(where, set_, metric, value, 1000, (value - 0.01, value + 0.01), "city")
        for metric, values in told.items()
        for set_, value in zip(("valid", "test"), values, strict=True)
    ]
    fitted = {"cost_by_chance": 0.15, "gap_by_chance": 0.08, "random_share": 0.25}
    fitted |= {"patterns_per_record": 0.01}
    rows += [row(where, "valid", metric, one, 1000, NONE, "city") for metric, one in fitted.items()]
    rows += [row(where, "valid", "tpr", 0.8, 500, NONE, f"city={name}") for name in "pq"]
    return [*rows, row(where | {"method": "sisa"}, "train", "retrained_share", 0.4, 1)]


def sections(*rows: dict):
    return summarise(tidy([table(rows)], level=0.95), SETTINGS, summary)


def test_fitted_numbers_are_those_of_valid_and_held_out_ones_those_of_test():
    """Whatever other states say."""
    before = [one | {"value": one["value"] / 2} for one in numbers(request="r0")]
    section = sections(*before, *numbers())[-1]
    (found,) = section.table.to_dict("records")
    assert found == {
        "groups": "city", "method": JOINT, "shards × slices": "3 × 1",
        "cost, fitted": "0.110", "cost, by chance up to": "0.150",
        "cost, held out": "0.140 [0.130, 0.150]",
        "gap, fitted": "0.020", "gap, by chance up to": "0.080",
        "gap, held out": "0.060 [0.050, 0.070]",
        "patterns per record": "0.0100", "random decisions": "0.250", "too fine": "",
    }  # fmt: skip
    assert list(found)[3:9] == [f"{what}, {which}" for what in ("cost", "gap") for which in WHICH]
    assert section.warnings == ()


def test_a_warning_says_what_was_fitted_and_what_is_held_out():
    """A gap of 0.09 on others is above the 0.08 that chance explains; that on its own records,
    0.02, is not."""
    section = sections(*numbers(gap=0.09))[-1]
    assert section.table["too fine"].tolist() == ["WARNING"]
    assert section.warnings == (
        f"WARNING: {JOINT}, 3 × 1, city: 100.0 fitted records for each pattern of votes and group; "
        "cost 0.110 fitted, by chance up to 0.150, 0.140 held out; "
        "gap 0.020 fitted, by chance up to 0.080, 0.090 held out.",
    )


def test_as_much_as_chance_explains_is_no_reason_to_warn():
    assert not too_fine(1 / 100, 5, [(0.15, 0.15), (0.08, 0.08)])
    assert too_fine(1 / 100, 5, [(0.15, 0.15), (0.08, 0.081)])


def test_results_are_those_of_test_records():
    (found,) = sections(*numbers())[1].table.to_dict("records")
    assert found == {
        "method": JOINT, "shards × slices": "3 × 1", "accuracy": "0.860 [0.850, 0.870]",
        "equalized-odds gap": "0.060 [0.050, 0.070]", "AUROC": "0.920 [0.910, 0.930]",
        "agreement with oracle": "0.810 [0.800, 0.820]", "retrained share": "0.400",
    }  # fmt: skip
    assert list(found)[2:6] == ["accuracy", "equalized-odds gap", "AUROC", "agreement with oracle"]


@pytest.mark.parametrize(
    ("seeds", "source", "spread"),
    [((1,), "one seed", "records"), ((1, 2), "mean of 2 seeds", "records and over seeds")],
)
def test_the_head_names_the_newest_state_the_seeds_and_the_level(seeds, source, spread):
    head = sections(*(one for seed in seeds for one in numbers(seed)))[0]
    assert head.heading == "Summary of the study s"
    interval = f"In brackets the interval (90%), which holds the spread over {spread}."
    said, rule = head.text.split("\n\n")
    assert said == f"State r1, test records, {source}. {interval}"
    assert rule.startswith("Below, two numbers are told apart where")
    assert ("another seed" in rule) == (len(seeds) == 1)
