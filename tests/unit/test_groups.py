"""Groups: by column, by terms, the index of all families, and what post-processors need of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from palimpsest.data.groups import check_calibration, group_column, group_counts, index_of
from palimpsest.errors import UserError

RACES = ["No_race", "African", "Arab", "Asian", "", "African"]


def frame(**columns) -> pd.DataFrame:
    """Six records in train and valid, labels 0 and 1 in turn."""
    base = {
        "record_id": list("abcdef"),
        "owner": list("uuvvww"),
        "text": ["x"] * 6,
        "label": [0, 1] * 3,
        "split": ["train"] * 2 + ["valid"] * 4,
    }
    return pd.DataFrame({**base, **columns})


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({}, ["none", "targeted", "targeted", "targeted", "none", "targeted"]),
        ({"fine": False}, ["none", "targeted", "targeted", "targeted", "none", "targeted"]),
        ({"fine": True}, ["none", "African", "Arab", "Asian", "none", "African"]),
        (
            {"fine": True, "values": ["African"]},
            ["none", "African", "other", "other", "none", "African"],
        ),
        (
            {"fine": True, "values": ["African", "Gone"]},
            ["none", "African", "other", "other", "none", "African"],
        ),
    ],
)
def test_values_of_a_column(definition, expected):
    groups = group_column(frame(Race=RACES), {"column": "Race", "none": ["No_race"], **definition})
    assert (
        isinstance(groups, np.ndarray) and groups.dtype.kind == "U" and groups.tolist() == expected
    )


TEXTS = ["cat", "dog", "cat", "dog", "cat", "dog"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (
            {"column": "Race", "fine": True, "drop": ["Asian", "none"]},
            ["", "African", "Arab", "", "", "African"],
        ),
        (
            {"column": "Race", "fine": True, "other": ["Asian", "Arab"], "drop": ["none"]},
            ["", "African", "other", "other", "", "African"],
        ),
        (  # the rest of `values`, and one of them, are one group
            {"column": "Race", "fine": True, "values": ["Arab", "African"], "other": ["Arab"]},
            ["none", "African", "other", "other", "none", "African"],
        ),
        (
            {"column": "Race", "fine": True, "values": ["Arab", "African"], "drop": ["other"]},
            ["none", "African", "Arab", "", "none", "African"],
        ),
        (
            {"terms": ["cat"], "other": ["none"]},
            ["mentions", "other", "mentions", "other", "mentions", "other"],
        ),
    ],
)
def test_groups_are_dropped_and_merged(definition, expected):
    if "column" in definition:
        definition = definition | {"none": ["No_race"]}
    assert group_column(frame(Race=RACES, text=TEXTS), definition).tolist() == expected


@pytest.mark.parametrize("changes", [{"drop": ["none"]}, {"other": ["none", "targeted"]}])
def test_two_groups_must_be_left(changes):
    with pytest.raises(UserError, match="all records are in one group"):
        group_column(frame(Race=RACES), {"column": "Race", "none": ["No_race"], **changes})


@pytest.mark.parametrize("key", ["drop", "other"])
def test_groups_that_are_not_there_are_refused_with_those_that_are(key):
    """All of them together; a name that may be a text is not shown."""
    definition = {"column": "Race", "none": ["No_race"], "fine": True, key: ["african", "Gone"]}
    with pytest.raises(UserError) as raised:
        group_column(frame(Race=RACES), definition, where="groups.race")
    first, second = raised.value.problems
    assert first.where == f"groups.race.{key}" and (first.found, second.found) == (
        "'african'", "'Gone'",
    )  # fmt: skip
    assert first.allowed == "'African', 'Arab', 'Asian', 'none'" and "'African'" in first.remedy
    said = ["Nobody may read this, whatever it is", *RACES[1:]]
    with pytest.raises(UserError) as raised:
        group_column(frame(Race=said), definition)
    assert "Nobody" not in str(raised.value) and "a long name" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("the cat sat", True),
        ("The CAT, sat", True),
        ("concatenate", False),
        ("cats", False),
        ("cat_food", True),
        ("the cat's", True),
        ("cat.Next", True),
        ("big-brown_dog", True),
        ("\uff43\uff41\uff54", True),
        ("c\u00adat", True),
        ("(cat)", True),
        ("big\n  Brown  dog!", True),
        ("big dog brown", False),
        ("DIE STRASSE", True),
        ("die Straßen", False),
        ("a+b", True),
        ("aab", False),
        ("Cafe\u0301", True),
        ("cafe", False),
        ("#tag", True),
        ("tag", False),
        ("# tag", False),
        ("ΣΊΣΥΦΟΣ", True),
    ],
)
def test_terms_are_whole_words_case_blind_and_literal(text, mentioned):
    """'Straße' folds to 'strasse'; an e with a combining accent is é; a final sigma folds to a
    plain one."""
    terms = ["cat", "big brown dog", "straße", "a+b", "café", "#tag", "Σίσυφος"]
    both = frame(text=[text, "nothing here", "the cat", "x", "x", "x"])
    groups = group_column(both, {"terms": terms})
    assert groups[:3].tolist() == ["mentions" if mentioned else "none", "none", "mentions"]


@pytest.mark.parametrize(
    ("term", "text", "mentioned"),
    [
        ("女人", "我觉得那个女人很好", True),
        ("おんな", "そのおんなは", True),
        ("バス", "バスケット", False),  # katakana runs are words
        ("ผู้หญิง", "มีผู้หญิงสวย", True),
        ("नर", "नर यहाँ है", True),
        ("नर", "नरेंद्र यहाँ है", False),
        ("여자", "여자는", False),
        ("여자*", "그 여자는", True),
        ("여자*", "남여자는", False),
        ("*امرأة", "المرأة امرأة", True),
        ("*امرأة", "امرأةن", False),
        ("muslim*", "Muslims.", True),
        ("muslim*", "nonmuslim", False),
        ("👩", "hi👩bye", True),
        ("👩", "a 👩\u200d💻 b", False),  # one emoji, of three characters
        ("می\u200cروم", "میروم", True),
        ("*", "x * y", None),
        ("**", "x ** y", None),
        ("a*b", "a*b", True),
        ("a*b", "axb", False),
    ],
)
def test_terms_in_other_scripts_and_with_a_star(term, text, mentioned):
    """By Unicode's rules for words; a lone star is no term."""
    both = frame(text=[text, "nothing", "the cat", "x", "x", "x"])
    if mentioned is None:
        with pytest.raises(UserError, match="no terms, or an empty one"):
            group_column(both, {"terms": [term, "cat"]})
    else:
        groups = group_column(both, {"terms": [term, "cat"]})
        assert groups[:3].tolist() == ["mentions" if mentioned else "none", "none", "mentions"]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"column": "race"}, "did you mean 'Race'?"),
        ({"column": "text"}, "no such column"),
        ({"column": "Race", "none": RACES}, "all records are in one group"),
        ({"column": "Gender"}, "all records are in one group"),
        (
            {"column": "Race", "fine": True, "none": ["No_race"], "values": ["Afrcan"]},
            "did you mean 'African'?",
        ),
        ({"terms": []}, "no terms"),
        ({"terms": ["fine", " "]}, "no terms, or an empty one"),
        ({"terms": ["absent"]}, "all records are in one group"),
        ({"terms": ["x"]}, "all records are in one group"),
    ],
)
def test_groups_that_cannot_be_meant(definition, message):
    with pytest.raises(UserError) as raised:
        group_column(frame(Race=RACES, Gender=["Men"] * 6), definition, where="groups.family")
    assert message in str(raised.value) and "groups.family" in str(raised.value)
    assert raised.value.problems[0].remedy


def test_the_index_holds_groups_and_no_text():
    records = frame(Race=RACES, text=["islam", "y", "y", "y", "y", "y"])
    families = {"race": {"column": "Race", "none": ["No_race"]}, "topic": {"terms": ["Islam"]}}
    index = index_of(records, families)
    assert list(index) == ["record_id", "owner", "split", "label", "race", "topic"]
    assert index["topic"].tolist() == ["mentions"] + ["none"] * 5
    assert index["record_id"].tolist() == records["record_id"].tolist()
    assert list(index_of(records, {})) == ["record_id", "owner", "split", "label"]


def test_problems_of_all_families_are_told_together():
    families = {
        "one": {"column": "Rase"},
        "two": {"terms": []},
        "label": {"terms": ["x"]},
        "fine": {"column": "Race"},
    }
    with pytest.raises(UserError) as raised:
        index_of(frame(Race=RACES), families)
    assert [problem.where for problem in raised.value.problems] == [
        "groups.one",
        "groups.two.terms",
        "groups.label",
    ]


def test_counts_by_group_and_label():
    """In valid stand c (Arab, 0), d (Asian, 1), e (none, 0), f (African, 1): none has no
    positive."""
    index = index_of(frame(Race=RACES), {"race": {"column": "Race", "none": ["No_race"]}})
    counts = group_counts(index, "race", "valid")
    assert counts.to_dict("index") == {"none": {0: 1, 1: 0}, "targeted": {0: 1, 1: 2}}
    assert group_counts(index, "race", "test").to_numpy().tolist() == [[0, 0], [0, 0]]


def test_a_group_without_positives_in_the_calibration_set_is_named():
    index = index_of(frame(Race=RACES), {"race": {"column": "Race", "none": ["No_race"]}})
    with pytest.raises(UserError) as raised:
        check_calibration(index, ["race"])
    (problem,) = raised.value.problems
    assert "without positives in split 'valid'" in problem.what
    assert problem.found == "'none': 1 negatives, 0 positives" and problem.where == "groups.race"
    with pytest.raises(UserError, match="without negatives or positives in split 'test'"):
        check_calibration(index, ["race"], splits=("test",))
    check_calibration(index.assign(label=[1, 1, 0, 1, 0, 1], split="valid"), ["race"])
    check_calibration(index, [])


def test_all_families_and_splits_are_told_together_and_after_which_request():
    """Nothing stands in test; in valid, 'none' lacks positives by race, and by label itself either
    group lacks the other label."""
    index = index_of(frame(Race=RACES), {"race": {"column": "Race", "none": ["No_race"]}})
    index["same"], index["label_again"] = "x", index["label"].astype(str)
    with pytest.raises(UserError) as raised:
        check_calibration(
            index, ["race", "same", "label_again"], splits=("valid", "test"), after="r2"
        )
    said = [(problem.where, problem.what) for problem in raised.value.problems]
    assert said == [
        ("groups.race, after request r2", "a group without positives in split 'valid'"),
        ("groups.race, after request r2", "a group without negatives or positives in split 'test'"),
        ("groups.same, after request r2", "all records are in one group"),
        (
            "groups.label_again, after request r2",
            "a group without negatives or positives in split 'valid'",
        ),
        (
            "groups.label_again, after request r2",
            "a group without negatives or positives in split 'test'",
        ),
    ]


@pytest.mark.parametrize(
    ("values", "named"),
    [(["New York", "Rio"] * 10, True), ([f"a text of {n}" for n in range(20)], False)],
)
def test_values_that_may_be_texts_are_not_shown(values, named):
    """Two values of twenty records are categories and may have spaces; twenty different ones may be
    anything."""
    index = pd.DataFrame({"city": values, "label": 0, "split": "valid"})
    with pytest.raises(UserError) as raised:
        check_calibration(index, ["city"])
    assert (repr(values[0]) in str(raised.value)) == named
    assert "and 15 more groups" in str(raised.value) or named
