"""NAME-VARIANT is the method NAME under other settings, wherever methods are named."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from palimpsest.errors import UserError
from palimpsest.methods.registry import METHODS, facts, is_method, method_of
from palimpsest.methods.settings import at_once, both_orders, chosen, options_of, same_at_first
from palimpsest.plots.sequence import select as sequence
from palimpsest.plots.style import look
from palimpsest.report.shown import in_method_order, tell
from palimpsest.study.load import check_study, served_shardings

PEOPLE = yaml.safe_load(open("config/studies/people.yaml", encoding="utf-8"))


def study(methods: list, options: dict) -> dict:
    return check_study({**PEOPLE, "methods": methods, "options": options}, "study.yaml")


def test_a_variant_is_its_method_with_another_label():
    assert (
        method_of("kga-low_alpha").label == "KGA, low alpha"
        and method_of("kga-low_alpha").module == METHODS["kga"].module
    )
    assert method_of("kga") == METHODS["kga"]
    assert is_method("npo-batch") and not any(
        map(is_method, ("npo-", "npo-Big", "npo-a-b", "sisa", "other-batch"))
    )
    with pytest.raises(KeyError):
        method_of("other-batch")


def test_variants_stand_after_their_method():
    names = ["sham", "kga-batch", "kga", "base", "sisa", "kga", "npo-batch", "kga-all"]
    tell(facts(filter(is_method, names)))
    assert in_method_order(names) == ["base", "npo-batch", "kga", "kga-all", "kga-batch", "sham"]


def test_a_variant_has_the_settings_of_its_method_and_its_own():
    given = {"npo": {"beta": 0.5, "epochs": 3}, "npo-batch": {"epochs": 7}}
    assert options_of("npo-batch", given) == {"beta": 0.5, "epochs": 7} and options_of(
        "npo", given
    ) == {"beta": 0.5, "epochs": 3}
    assert (
        options_of("npo-other", given) == {"beta": 0.5, "epochs": 3}
        and options_of("kga", given) == {}
    )


def test_a_setting_is_the_studys_or_the_methods_own():
    given = {"npo": {"epochs": 3}, "npo-batch": {"order": "batch"}}
    assert chosen("npo-batch", given).epochs == 3 and chosen("npo-batch", {}).epochs == 10
    assert at_once("npo-batch", given) and not at_once("npo", given) and at_once("sham", {})


def test_at_the_first_request_a_variant_of_another_order_is_its_method():
    given = {
        "npo": {"epochs": 3},
        "npo-batch": {"order": "batch"},
        "npo-long": {"order": "batch", "epochs": 9},
        "npo-same": {},
    }
    methods = ["npo", *(name for name in given if name != "npo")]
    assert [name for name in methods if same_at_first(name, methods, given)] == ["npo-batch"]
    assert not same_at_first("npo-batch", methods[1:], given), "its method does not stand beside it"


def test_a_variant_is_seen_to_be_one():
    assert (
        look("kga-batch").colour == look("kga").colour
        and look("kga-batch").filled
        and not look("kga").filled
    )


def test_a_study_takes_variants_and_tells_what_is_wrong_with_them():
    good = study(["base", "oracle", "npo", "npo-batch"], {"npo-batch": {"order": "batch"}})
    assert good["methods"][-1] == "npo-batch"
    with pytest.raises(UserError) as told:
        study(
            ["base", "oracle", "npo-batch", "kga-all"],
            {"npo-batch": {"order": "both", "betta": 1.0}},
        )
    message = str(told.value)
    assert "options.npo-batch.order" in message and "'sequential' or 'batch'" in message
    assert "options.npo-batch.betta" in message and "did you mean 'beta'?" in message
    assert (
        "a variant of a method is that method with other settings" in message
        and "options.kga-all" in message
    )
    with pytest.raises(UserError, match="npo_batch"):
        study(["base", "oracle", "npo_batch"], {})


def test_teachers_that_only_teach_follow_no_request():
    assert served_shardings(PEOPLE) == []
    assert served_shardings({"methods": ["base", "sisa_vote"], "sharding": ["1x1", "3x1"]}) == [
        "1x1",
        "3x1",
    ]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"npo-b": {"order": "batch"}}, {"npo": "sequential", "npo-b": "batch"}),
        ({"npo": {"order": "batch"}, "npo-b": {"learning_rate": 1e-4}}, {}),
        (
            {"npo": {"order": "batch"}, "npo-b": {"order": "sequential"}},
            {"npo": "batch", "npo-b": "sequential"},
        ),
    ],
)
def test_what_a_study_has_in_both_orders(given, found):
    """A variant has what its method has been given, the order too."""
    assert both_orders(["kga", "npo", "npo-b"], given) == found


def test_requests_one_by_one_are_set_beside_all_at_once():
    """Rows of a method that has a variant `batch`, from the first request on, beside the
    oracle's."""
    interval = {"ci_low": 0, "ci_high": 1}
    rows = [
        {
            "seed": "all", "request": request, "method": method, "set": set_,
            "metric": "probability", "value": value, "n": 40, **interval,
        }
        for request, method, value in (
            ("r1", "npo", 0.5), ("r2", "npo", 0.4), ("r2", "npo-batch", 0.3),
            ("r1", "kga", 0.9), ("r1", "oracle", 0.1), ("r2", "oracle", 0.2),
        )
        for set_ in ("forget", "retain")
    ]  # fmt: skip
    orders = {"npo": "sequential", "npo-batch": "batch"}
    found = sequence(
        pd.DataFrame(rows), pd.DataFrame(), {"states": ["r0", "r1", "r2"], "orders": orders}
    )
    assert found[found["set"] == "forget"][
        ["method", "order", "request", "value"]
    ].to_numpy().tolist() == [
        ["oracle", "sequential", "r1", 0.1],
        ["oracle", "sequential", "r2", 0.2],
        ["npo", "sequential", "r1", 0.5],
        ["npo", "sequential", "r2", 0.4],
        ["npo-batch", "batch", "r2", 0.3],
    ]
    assert set(found["set"]) == {"forget", "retain"}
