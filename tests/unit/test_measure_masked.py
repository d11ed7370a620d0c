"""From scores of texts to numbers of masked models, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from stepping import tidy

from palimpsest.data.ledger import Request
from palimpsest.data.storage import write_parquet
from palimpsest.errors import UserError
from palimpsest.report.summary import summarise
from palimpsest.report.tables import row, table
from palimpsest.tracks.masked import summary
from palimpsest.tracks.masked.measure import measure, read_rows
from palimpsest.tracks.measured import Given, whose

SETTINGS = {
    "study": "s", "seed": 1, "method": "pcgu", "state": "r1", "model": "bert", "bootstrap": 20,
    "level": 0.95,
}  # fmt: skip


def scored(record_id: str, p: float, kind: str = "", tokens: int = 1, **more) -> dict:
    about = {"task": "", "term": "", "domain": "", "statistic": ""}
    said = {"logp": np.log(p), "tokens": tokens, "inserted": np.nan, "single": np.nan}
    said |= {"reciprocal": np.nan, "digits": np.nan, "probe": np.nan}
    return {"record_id": record_id, "kind": kind, "number": int(kind != "")} | about | said | more


def item(name: str, ps: tuple[float, ...], kinds=("", "anti_stereotype", "unrelated"), **about):
    """A word of one piece has the same number in all forms."""
    return [
        scored(name, p, kind, inserted=p, single=np.log(p), **about)
        for p, kind in zip(ps, kinds, strict=True)
    ]


PAIR = ("", "other")
HELDOUT = [
    scored("plain", 1 / 16, tokens=2, reciprocal=0.75),
    *item("i1", (0.5, 0.4, 0.3), task="stereoset_intra", term="cook", domain="gender"),
    *item("i2", (0.2, 0.4, 0.3), task="stereoset_intra", term="cook", domain="gender"),
    *item("i3", (0.9, 0.1, 0.2), task="stereoset_intra", term="miner", domain="race"),
    *item("c1", (0.5, 0.4), PAIR, task="crows_pairs", term="stereo", domain="age"),
    *item("c2", (0.3, 0.4), PAIR, task="crows_pairs", term="antistereo", domain="age"),
    *item("p1", (0.7, 0.2), PAIR, task="pronoun", term="cook", statistic="10"),
    *item("p2", (0.3, 0.4), PAIR, task="pronoun", term="cook", statistic="10"),
    *item("p3", (0.1, 0.6), PAIR, task="pronoun", term="miner", statistic="80"),
    *(scored(f"s{place}", 1.0, tokens=0, task="probe", term=term, statistic="1", probe=p)
      for place, (term, p) in enumerate((("fit", np.nan), ("judged", 0.7), ("judged", 0.2)))),
]  # fmt: skip


@pytest.fixture
def given(tmp_path):
    """Cook asked to be forgotten; miner did not."""
    sets = {
        "heldout": HELDOUT,
        "trained": [scored("t-miner", 0.25)],
        "forget": [scored("t-cook", 0.5, tokens=2, digits=24), scored("t-shown", 0.1)],
    }
    paths = {name: [tmp_path / f"{name}.parquet"] for name in sets}
    for name, rows in sets.items():
        write_parquet(pd.DataFrame(rows), paths[name][0])
    names = {one["record_id"] for rows in sets.values() for one in rows}
    owners = {"t-miner": "miner", "t-cook": "cook", "t-shown": "cook"}
    index = pd.DataFrame({"record_id": sorted(names)})
    index["owner"] = index["record_id"].map(lambda name: owners.get(name, name))
    index["split"] = index["record_id"].map(lambda name: "train" if name in owners else "test")
    return Given(paths, index, [Request("r1", ("cook",))], frozenset({"t-shown"}))


def test_every_number_by_hand(given):
    """StereoSet: cook's stereotype is likelier in 1 of 2 items, and 3 of 4 comparisons make sense:
    0.5 > 0.3, 0.4 > 0.3, 0.4 > 0.3; miner's is in 1 of 1, and 1 of 2 do. PCGU: 2 of 3; 4 of 6."""
    found = {
        (one["set"], one["metric"], one["group"]): one for one in measure(given, SETTINGS).rows
    }
    values = {key: one["value"] for key, one in found.items()}
    shown = "what was shown is left out"
    assert values["forget", "probability", ""] == pytest.approx(0.5**0.5), shown
    assert values["forget", "digit_exposure", ""] == pytest.approx(2), "rank 25 of 100"
    assert values["test", "mean_reciprocal_rank", ""] == pytest.approx(0.375)
    assert ("forget", "mean_reciprocal_rank", "") not in values
    assert values["retain", "probability", ""] == pytest.approx(0.25)
    assert values["test", "probability", ""] == pytest.approx(0.25)
    assert values["test", "pseudo_perplexity", ""] == pytest.approx(4)
    assert values["stereoset", "stereotype_score", ""] == pytest.approx(0.75)
    assert values["stereoset", "language_modeling_score", ""] == pytest.approx(0.625)
    assert values["stereoset", "icat", ""] == pytest.approx(0.625 * 0.25 / 0.5)
    assert values["stereoset", "stereotype_score_micro", ""] == pytest.approx(2 / 3)
    assert values["stereoset", "language_modeling_score_micro", ""] == pytest.approx(4 / 6)
    assert values["stereoset", "stereotype_score", "domain=gender"] == pytest.approx(0.5)
    assert values["stereoset", "stereotype_score", "form=intrasentence"] == pytest.approx(0.75)
    assert values["stereoset", "stereotype_score", "about=forgotten"] == pytest.approx(0.5)
    assert values["stereoset", "stereotype_score", "about=others"] == 1
    assert values["crows_pairs", "crows_pairs", ""] == pytest.approx(0.5)
    assert values["crows_pairs", "crows_pairs", "direction=stereo"] == 1
    assert values["crows_pairs", "crows_pairs_single", "direction=antistereo"] == 0
    assert values["pronouns", "pronoun_gap", ""] == pytest.approx((0.5 + 0.1 + 0.5) / 3)
    assert values["pronouns", "pronoun_gap", "about=forgotten"] == pytest.approx(0.3)
    both = (5 / 9 + 1 / 7 + 5 / 7) / 3
    assert values["pronouns", "pronoun_preference", ""] == pytest.approx(both)
    assert values["pronouns", "pronoun_correlation", ""] == pytest.approx(1), "two occupations"
    assert ("pronouns", "pronoun_correlation", "about=others") not in values, "of one there is none"
    counts = {key: one["n"] for key, one in found.items()}
    assert counts["stereoset", "stereotype_score", ""] == 2, "terms"
    assert counts["stereoset", "stereotype_score_micro", ""] == 3, "items"
    assert counts["pronouns", "pronoun_correlation", ""] == 2
    assert (values["probe", "probe_accuracy", ""], counts["probe", "probe_accuracy", ""]) == (
        0.5,
        2,
    )


def test_a_change_is_the_difference_from_the_base_term_by_term(given, tmp_path):
    """Of a base that says the same nothing changed; of one that prefers no stereotype it rose by
    all that the method's score is."""

    def changes(rows: list[dict], method: str = "pcgu") -> dict[str, float]:
        path = tmp_path / "base.parquet"
        write_parquet(pd.DataFrame(rows), path)
        files = given.files | {"base/heldout": [path]}
        return {
            f"{one['metric']} {one['group']}": one["value"]
            for one in measure(replace(given, files=files), SETTINGS | {"method": method}).rows
            if one["metric"].endswith("_change")
        }

    same = changes(HELDOUT)
    assert {"stereotype_score_change ", "stereotype_score_change domain=gender"} <= same.keys()
    assert not any(same.values())
    plain = [one | {"inserted": 0.1, "logp": -9.0} if one["kind"] == "" else one for one in HELDOUT]
    found = changes(plain)
    assert found["stereotype_score_change "] == pytest.approx(0.75)
    assert found["stereotype_score_change about=forgotten"] == pytest.approx(0.5)
    assert changes(HELDOUT, "base") == {}


def test_before_any_request_nobody_is_set_apart(given):
    rows = measure(given, SETTINGS | {"state": "r0"}).rows
    assert {one["set"] for one in rows} >= {"retain", "test", "stereoset"}
    assert not any(one["group"].startswith("about=") for one in rows)


def test_occupations_of_which_no_text_is_held_out_are_told_by_what_was_forgotten(given):
    """Winogender's way: smith's one text was asked to be forgotten, .8 and .3; all others are held
    out."""
    pair = item("t-smith", (0.8, 0.3), PAIR, task="pronoun", term="smith", statistic="5")
    write_parquet(pd.DataFrame(pair), given.files["forget"][0])
    asked = replace(given, requests=[Request("r1", ("smith",))])
    gaps = {
        one["group"]: (pytest.approx(one["value"]), one["n"])
        for one in measure(asked, SETTINGS).rows
        if one["metric"] == "pronoun_gap"
    }
    others = ((0.5 + 0.1 + 0.5) / 3, 3)
    assert gaps == {"": others, "about=forgotten": (0.5, 1), "about=others": others}


def test_scores_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "scores.parquet"
    write_parquet(pd.DataFrame([scored("a", 0.5), scored("b", 0.5, logp=np.nan)]), path)
    with pytest.raises(UserError, match="logp of 1 of 2 texts, the first of record 'b'"):
        read_rows([path])


def test_the_summary_says_whether_there_was_a_bias_and_who_lost_it():
    def numbers(method: str, gap: float, ss: float, lms: float) -> list[dict]:
        where = whose(SETTINGS | {"method": method}, "1x1")
        rows = [
            ("pronouns", "pronoun_gap", "", gap), ("pronouns", "pronoun_correlation", "", 0.9),
            ("pronouns", "pronoun_gap", "about=forgotten", gap),
            ("pronouns", "pronoun_preference", "about=forgotten", 0.9 - gap / 2),
            ("pronouns", "pronoun_gap", "about=others", 0.7),
            ("stereoset", "stereotype_score", "", ss),
            ("stereoset", "language_modeling_score", "", lms),
            ("stereoset", "icat", "", lms * min(ss, 1 - ss) / 0.5),
        ]  # fmt: skip
        return [
            row(where, set_, metric, value, 20, (value - 0.02, value + 0.02), group)
            for set_, metric, group, value in rows
        ]

    rows = numbers("base", 0.8, 0.9, 0.95) + numbers("oracle", 0.3, 0.6, 0.94)
    rows += numbers("pcgu", 0.1, 0.55, 0.93) + numbers("npo", 0.79, 0.89, 0.5)
    settings = {"states": ["r0", "r1"], "families": [], "attacks": {}}
    first, *tables = summarise(tidy([table(rows)]), settings, summary)
    told = " ".join(first.points)
    assert "are 0.800 [0.780, 0.820] apart in the mean" in told and "no sign" not in told
    assert "0.300 [0.280, 0.320] for the oracle: 0.500 lower" in told
    assert "Less apart than for the base: 1 of 2 methods (PCGU)" in told
    assert (
        "they are 0.500 [0.480, 0.520] apart for the base; less: none of 2 methods; more: 1 of 2 "
        "methods (PCGU). Least with NPO, 0.505 [0.485, 0.525]." in told
    )
    assert "nearer to 0.5, and told apart from it: 1 of 2 methods (PCGU)" in told
    assert "Language modelling is lost: 0.500 [0.480, 0.520] with NPO." in told
    headings = [one.heading for one in tables]
    assert "Blanks" in headings and "Stereotypes" in headings
    scores = next(one.table for one in tables if one.heading == "Stereotypes")
    assert scores.loc[scores["method"] == "PCGU", "SS"].item() == "0.550 [0.530, 0.570]"


def test_pronouns_that_do_not_follow_occupations_are_no_word_on_stereotypes():
    """A correlation of .2, its interval [-.3, .7], over 12 occupations; StereoSet's score is .6."""
    where = whose(SETTINGS | {"method": "base"}, "1x1")
    numbers = (
        ("pronouns", "pronoun_gap", 0.1, 30, (0.05, 0.15)),
        ("pronouns", "pronoun_correlation", 0.2, 12, (-0.3, 0.7)),
        ("stereoset", "stereotype_score", 0.6, 79, (0.55, 0.65)),
    )
    rows = [row(where, set_, metric, value, n, ends) for set_, metric, value, n, ends in numbers]
    settings = {"states": ["r0", "r1"], "families": [], "attacks": {}}
    told = " ".join(summarise(tidy([table(rows)]), settings, summary)[0].points)
    assert "a correlation of 0.200 [-0.300, 0.700], over 12 occupations no sign of bias" in told
    assert "could be forgotten" not in told
