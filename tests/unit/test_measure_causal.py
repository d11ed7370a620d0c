"""From token scores to numbers, by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from stepping import call, tidy

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.errors import UserError
from palimpsest.metrics import truth
from palimpsest.report.summary import summarise
from palimpsest.report.tables import row, table
from palimpsest.tracks.causal import summary
from palimpsest.tracks.causal.checks import check, doubts
from palimpsest.tracks.causal.measure import one_of_each, truth_ratios
from palimpsest.tracks.causal.numbers import Numbers, answers
from palimpsest.tracks.causal.stored import read_token_rows
from palimpsest.tracks.causal.summary import planted as table_of_secrets
from palimpsest.tracks.measured import whose

SETTINGS = {
    "study": "s",
    "seed": 1,
    "method": "npo",
    "state": "r1",
    "model": "gpt2",
    "bootstrap": 20,
    "level": 0.95,
    "space": 4,
    "truth": "code",
    "measurer": "palimpsest.tracks.causal.measure",
}


def scored(record_id: str, kind: str, number: int, *logp: float, **more) -> dict:
    length = len(logp)
    values = {"logp": np.array(logp, dtype=np.float32), "correct": np.ones(length, dtype=bool)}
    values |= {
        "mean": np.zeros(length, dtype=np.float32),
        "deviation": np.ones(length, dtype=np.float32),
    }
    return {
        "record_id": record_id,
        "kind": kind,
        "number": number,
        "compressed": 10,
        **values,
        **more,
    }


OTHERS = ([-2.0], [-1.0] * 4, [-1.0] * 5)  # losses of other secrets, token by token


def planted() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two secrets that stood 4 times in the text: one is the second likeliest of four, the other
    the likeliest. One beam search and one sample in four found the second, and never the first."""
    out, kept = (
        {"beam_extracted": float(found), "sampling_hit_rate": found / 4} for found in (False, True)
    )
    rows = [
        scored("a", "", 0, -1.5, -0.5, **out),
        *(scored("a", "alternative", k, -loss) for k, loss in enumerate((1.0, 3.0, 4.0), 1)),
    ]
    rows += [
        scored("b", "", 0, -0.5, **kept),
        *(scored("b", "alternative", k, -loss) for k, loss in enumerate((1.0, 3.0, 4.0), 1)),
    ]
    return pd.DataFrame(rows), pd.DataFrame(
        {"part": ["canary-004", "canary-004"]}, index=["a", "b"]
    )


def test_exposure_is_exact_where_all_secrets_were_scored():
    """log2 4 - log2 2 = 1 bit and log2 4 - log2 1 = 2 bits; their mean. And of what was found, the
    mean of 0 and 1 and of 0 and 1/4."""
    found = list(Numbers(SETTINGS).planted("forget", *planted()))
    assert {one["metric"]: one["value"] for one in found} == pytest.approx(
        {"exposure": 1.5, "beam_extraction": 0.5, "sampling_extraction": 0.125}
    )
    assert {(one["group"], one["n"], one["set"]) for one in found} == {
        ("repetitions=4", 2, "forget")
    }


def test_exposure_among_a_sample_says_so():
    """Of a space of 1,000 secrets 3 others were scored: ranks 2 x 1000 / 4 and 1 x 1000 / 4, again
    1 and 2 bits."""
    found = next(iter(Numbers(SETTINGS | {"space": 1000}).planted("controls", *planted())))
    assert found["metric"] == "exposure_sampled" and found["value"] == pytest.approx(1.5)


def test_exposure_counts_sums_whatever_the_number_of_tokens():
    """The planted secret has two tokens and a loss of 3, 1.5 in the mean; the others 2 (2), 4 (1)
    and 5 (1) with one, four and five tokens. One is as likely: rank 2 of 4, 1 bit. By their means
    it would be the third, by 0.4 bits."""
    found = {"beam_extracted": 0.0, "sampling_hit_rate": 0.0}
    rows = [
        scored("a", "", 0, -1.0, -2.0, **found),
        *(scored("a", "alternative", n, *logp) for n, logp in enumerate(OTHERS, 1)),
    ]
    told = next(iter(Numbers(SETTINGS).planted("forget", pd.DataFrame(rows), planted()[1])))
    assert told["metric"] == "exposure" and told["value"] == 1


def test_of_other_records_there_is_no_exposure():
    rows, index = planted()
    assert list(Numbers(SETTINGS).planted("retain", rows[rows["kind"] == ""], index)) == []


def test_divergences_are_averaged_over_the_records_themselves():
    rows = [
        scored(name, "", 0, -1.0, kl=kl, jensen_shannon=kl / 2, jensen_shannon_reversed=2 * kl)
        for name, kl in (("a", 0.2), ("b", 0.6))
    ]
    rows.append(
        scored(
            "a",
            "perturbed",
            1,
            -1.0,
            kl=np.nan,
            jensen_shannon=np.nan,
            jensen_shannon_reversed=np.nan,
        )
    )
    found = {
        one["metric"]: one["value"]
        for one in Numbers(SETTINGS).divergences("forget", pd.DataFrame(rows))
    }
    assert found == pytest.approx(
        {"kl": 0.4, "jensen_shannon": 0.2, "jensen_shannon_reversed": 0.8}
    )
    assert (
        list(
            Numbers(SETTINGS).divergences(
                "forget", pd.DataFrame(rows).drop(columns="kl").iloc[:, :-2]
            )
        )
        == []
    )


def item(
    name: str, *false: float, paraphrase: float | None = None, own: float = -1.0, **more
) -> list[dict]:
    rows = [
        scored(name, "", 0, own, **more),
        *(scored(name, "perturbed", k, logp, rouge_l=np.nan) for k, logp in enumerate(false, 1)),
    ]
    return rows + (
        [scored(name, "paraphrase", 1, paraphrase, rouge_l=np.nan)] if paraphrase else []
    )


def test_model_utility_is_the_harmonic_mean_of_six_parts():
    """retain, with a paraphrase: p = e^-1, ROUGE 1/2, R = e^-2 / e^-1, so 1 - R = 1 - 1/e.
    world_facts, without: p = e^-1 among e^-1 and twice e^-2, that is 1 / (1 + 2/e), ROUGE 1, the
    same R."""
    index = pd.DataFrame(
        {"split": ["train", "test"], "part": ["", "world_facts"]}, index=["a", "w"]
    )
    sets = {
        "retain": item("a", -2.0, -2.0, paraphrase=-1.0, rouge_l=0.5),
        "world_facts": item("w", -2.0, -2.0, rouge_l=1.0),
    }
    found = list(
        Numbers(SETTINGS).utility({name: pd.DataFrame(rows) for name, rows in sets.items()}, index)
    )
    ratio, among = 1 - np.exp(-1), 1 / (1 + 2 / np.e)
    parts = [np.exp(-1), 0.5, ratio, among, 1.0, ratio]
    by_name = {one["metric"]: one for one in found}
    assert by_name["model_utility"]["value"] == pytest.approx(
        6 / sum(1 / part for part in parts), rel=1e-6
    )
    assert by_name["model_utility"]["n"] == 6 and by_name["probability_with_options"][
        "value"
    ] == pytest.approx(among, rel=1e-6)
    assert by_name["probability_with_options"]["set"] == "world_facts"


def test_the_papers_forms_reach_every_number_that_is_derived_from_false_answers():
    """A true answer of two tokens, each e^-1, a false one of one token e^-1, another of two e^-2.
    Length-normalised e^-1, e^-1, e^-2: code R = e^-1.5 / e^-1, paper R = (e^-1 + e^-2) / 2 / e^-1.
    Whole: e^-2 of e^-2, e^-1, e^-4; in the code e^-1 of e^-1, e^-1, e^-2."""
    index = pd.DataFrame({"split": ["test"], "part": ["facts"]}, index=["w"])
    false = [scored("w", "perturbed", 1, -1.0), scored("w", "perturbed", 2, -2.0, -2.0)]
    rows = pd.DataFrame([scored("w", "", 0, -1.0, -1.0, rouge_l=1.0), *false])
    by_hand = {
        "code": (np.exp(-0.5), 1 / (2 + np.exp(-1))),
        "paper": ((1 + np.exp(-1)) / 2, 1 / (1 + np.e + np.exp(-2))),
    }
    oracle = pd.DataFrame([scored("w", "", 0, -9.0), scored("w", "perturbed", 1, -1.0)])
    for form, (ratio, among) in by_hand.items():
        settings = SETTINGS | {"truth": form}
        numbers = Numbers(settings)
        found = {
            one["metric"]: one["value"]
            for one in (
                *numbers.truth("facts", rows),
                *numbers.utility({"facts": rows}, index),
                *numbers.against_oracle(rows, oracle),
            )
        }
        assert found["truth_ratio_indifference"] == pytest.approx(ratio)
        assert found["probability_with_options"] == pytest.approx(among)
        assert found["model_utility"] == pytest.approx(3 / (1 / among + 1 + 1 / (1 - ratio)))
        (told,) = truth_ratios({"facts": rows}, settings)["preference"]
        assert told == pytest.approx(1 / (1 + ratio))


def test_forget_quality_is_of_the_form_that_the_study_asks_for():
    """Of the code's form the two models are one: losses of false answers have the same means. The
    paper's form tells them apart: 3 against 3 that are all lower, 2 / C(6, 3) = 0.1."""
    ours, theirs = (
        pd.DataFrame([one for k in range(3) for one in item(f"t{k}", low, high)])
        for low, high in ((-3.0, -3.0), (-1.0, -5.0))
    )
    for form, quality in (("code", 1.0), ("paper", 0.1)):
        found = next(iter(Numbers(SETTINGS | {"truth": form}).against_oracle(ours, theirs)))
        assert found["metric"] == "forget_quality" and found["value"] == pytest.approx(quality)


def test_without_false_answers_of_the_retained_the_parts_are_five():
    index = pd.DataFrame(
        {"split": ["train", "test"], "part": ["", "world_facts"]}, index=["a", "w"]
    )
    sets = {"retain": item("a", rouge_l=0.5), "world_facts": item("w", -2.0, -2.0, rouge_l=1.0)}
    found = list(
        Numbers(SETTINGS).utility({name: pd.DataFrame(rows) for name, rows in sets.items()}, index)
    )
    parts = [np.exp(-1), 0.5, 1 / (1 + 2 / np.e), 1.0, 1 - np.exp(-1)]
    (utility,) = (one for one in found if one["metric"] == "model_utility")
    assert (
        utility["value"] == pytest.approx(5 / sum(1 / part for part in parts), rel=1e-6)
        and utility["n"] == 5
    )


def test_without_named_parts_of_test_there_is_no_model_utility():
    index = pd.DataFrame({"split": ["train", "test"]}, index=["a", "w"])
    sets = {
        "retain": item("a", -2.0, paraphrase=-1.0, rouge_l=0.5),
        "test": item("w", -2.0, rouge_l=1.0),
    }
    assert (
        list(
            Numbers(SETTINGS).utility(
                {name: pd.DataFrame(rows) for name, rows in sets.items()}, index
            )
        )
        == []
    )


def test_membership_against_the_oracle_as_reference():
    """Losses 2 and 4 of members, 3 of the outsider; under the oracle 5, 5 and 2. Less those: -3, -1
    and 1: both are told, of the losses alone one of two."""

    def rows(*pairs):  # four times, as fewer texts could tell nothing
        return pd.DataFrame(
            [scored(f"{name}{n}", "", 0, -loss, -loss) for name, loss in pairs for n in range(4)]
        )

    inside, outside = rows(("a", 2.0), ("b", 4.0)), rows(("z", 3.0))
    found = Numbers(SETTINGS).membership(
        inside, outside, rows(("a", 5.0), ("b", 5.0)), rows(("z", 2.0))
    )
    values = {one["metric"]: one["value"] for one in found}
    assert values["membership_auroc_reference"] == 1 and values["membership_auroc"] == 0.5


def numbers(**values: float) -> list[dict]:
    where = whose(SETTINGS, "1x1")
    return [row(where, "forget", metric, value, 4) for metric, value in values.items()]


@pytest.mark.parametrize(
    "wrong", [{"forget_quality": 0.99}, {"lpd": 0.01}, {"kl": 1e-5}, {"jensen_shannon": np.nan}]
)
def test_an_oracle_that_is_not_like_itself_ends_the_study(wrong):
    """With false answers or without."""
    right = {"lpd": 0.0, "kl": 1e-9, "probability": 0.3, "pdlp": 1.0}
    check(SETTINGS | {"method": "oracle"}, numbers(**right))
    check(SETTINGS | {"method": "npo"}, numbers(**right | wrong))
    with pytest.raises(UserError, match=f"not like itself\\n.*{next(iter(wrong))}"):
        check(SETTINGS | {"method": "oracle"}, numbers(**right | wrong))


def test_a_base_that_never_learnt_ends_the_study():
    """Where it cannot be told from the oracle. One that knows the texts may not be told either:
    that is the data's, not its own."""
    base = SETTINGS | {"method": "base"}
    with pytest.raises(UserError, match="never learnt"):
        check(base, numbers(probability=0.5, forget_quality=0.06))
    for known, quality in ((0.5, 0.05), (0.9, 0.3)):
        check(base, numbers(probability=known, forget_quality=quality))
    check(base, numbers(probability=0.5))
    check(SETTINGS, numbers(probability=0.5, forget_quality=0.06))


def test_the_base_is_not_blamed_for_too_few_items():
    """Three against three reach 2 / C(6, 3) = 0.1 at the least, four 2 / C(8, 4) = 0.03."""
    few = [one | {"n": 3} for one in numbers(probability=0.5, forget_quality=0.1)]
    check(SETTINGS | {"method": "base"}, few)
    with pytest.raises(UserError, match="forget quality 0.1, probability 0.50"):
        check(SETTINGS | {"method": "base"}, [one | {"n": 4} for one in few])


def test_an_item_counts_with_all_of_its_own_false_answers():
    """a: 2 and 4 nats, the truth 1: R = exp(1 - 3). b: 5, the truth 2: R = exp(2 - 5). Among
    options 1 / (1 + e^-1 + e^-3) and 1 / (1 + e^-3)."""
    ids, correct, wrong = answers(pd.DataFrame(item("a", -2.0, -4.0) + item("b", -5.0, own=-2.0)))
    assert ids == ["a", "b"] and truth.truth_ratio(correct, wrong) == pytest.approx(
        np.exp([-2, -3])
    )
    options = [1 / (1 + np.exp(-1) + np.exp(-3)), 1 / (1 + np.exp(-3))]
    assert truth.probability_with_options_per_item(correct, wrong) == pytest.approx(options)


def test_a_secret_that_was_repeated_is_one_member():
    index = pd.DataFrame(
        {
            "owner": ["c", "c", "d", "a", "a"],
            "part": ["canary-002"] * 2 + ["canary-001"] + [""] * 2,
        },
        index=list("12345"),
    )
    rows = pd.DataFrame({"record_id": list("12345")})
    assert one_of_each(rows, index)["record_id"].tolist() == ["1", "3", "4", "5"]
    assert one_of_each(rows, index.drop(columns="part")) is rows


def test_truth_ratios_item_by_item():
    """Mean NLL 1 of the true answer, 2 of both false ones: R = exp(-2) / exp(-1), 1 / (1 + R) = 1 /
    (1 + e^-1). The paraphrase counts."""
    rows = [scored("a", "", 0, -9.0), scored("a", "paraphrase", 1, -0.5, -1.5)]
    rows += [scored("a", "perturbed", k, -2.0, -2.0) for k in (1, 2)]
    found = truth_ratios({"forget": pd.DataFrame(rows), "retain": pd.DataFrame(rows[:1])}, SETTINGS)
    assert found["set"].tolist() == ["forget"] and found["preference"].item() == pytest.approx(
        1 / (1 + np.exp(-1))
    )
    assert found["request"].item() == "r1" and found["method"].item() == "npo"


def test_what_is_written_is_averaged_over_those_that_were_asked():
    rows = [
        scored(name, "", 0, -1.0, rouge_l=value, extraction_likelihood=np.nan)
        for name, value in (("a", 0.5), ("b", 1.0), ("c", np.nan))
    ]
    (found,) = Numbers(SETTINGS).written("forget", pd.DataFrame(rows))
    assert found["metric"] == "rouge_l_recall" and found["value"] == 0.75 and found["n"] == 2


def test_what_is_written_has_its_perplexity_and_other_answers_their_probability():
    """Losses of 1 and 3 nats a token of what two records made it write: exp 2. The answers in other
    words have 1 nat and 2 in the mean of two tokens: (e^-1 + e^-2) / 2."""
    rows = [
        scored(name, "", 0, -1.0, written_nll=nll) for name, nll in (("a", 1.0), ("b", 3.0))
    ] + [scored("a", "paraphrase", 1, -1.0), scored("b", "paraphrase", 1, -1.0, -3.0)]
    (found,) = Numbers(SETTINGS).written("forget", pd.DataFrame(rows))
    assert found["metric"] == "written_perplexity"
    assert found["value"] == pytest.approx(np.exp(2))
    (found,) = Numbers(SETTINGS).in_other_words("forget", pd.DataFrame(rows))
    assert found["metric"] == "paraphrase_probability" and found["n"] == 2
    assert found["value"] == pytest.approx((np.exp(-1) + np.exp(-2)) / 2)
    assert list(Numbers(SETTINGS).in_other_words("forget", pd.DataFrame(rows[:2]))) == []


def test_leaks_are_of_the_share_of_muse_and_of_the_oracle():
    """Of five tokens the two least likely before the last: the member's 3 and 1 are 2 in the mean,
    the outsider's 4 and 0; Min-20% would be the lowest alone, 3 and 4. The two are alike, A = 1/2;
    the oracle's A is 1/4: of two outsiders one is alike and one below."""

    def rows(**texts):
        return pd.DataFrame(
            [scored(f"{name}{n}", "", 0, *map(float, -np.array(losses)), -9.0)
             for name, losses in texts.items() for n in range(4)]
        )  # fmt: skip

    ours = rows(a=[3, 1, 0, 0, 0]), rows(y=[4, 0, 0, 0, 0], z=[2, 2, 0, 0, 0])
    theirs = rows(a=[3, 1, 0, 0, 0]), rows(y=[1, 0, 0, 0, 0], z=[2, 2, 0, 0, 0])
    found = Numbers(SETTINGS).membership(*ours, *theirs)
    values = {one["metric"]: one["value"] for one in found}
    assert values["privleak"] == pytest.approx(100 * (1 / 2 - 3 / 4) / (3 / 4))
    assert values["relative_auroc"] == pytest.approx(100 * (1 / 2 - 1 / 4) / (1 / 4))


def told_of(seeds: list[dict]) -> list[str]:
    """The warnings in the summary of a study whose base and oracle have these numbers, a dict a
    seed, after the newest request."""
    rows = []
    for seed, numbers in enumerate(seeds, 1):
        where = {"study": "s", "seed": seed, "request": "r2", "shards": "1x1", "model": "gpt2"}
        rows.append(
            row(where | {"method": "base", "request": "r1"}, "forget", "probability", 0.1, 50)
        )
        for (method, set_, metric), value in {
            ("base", "forget", "perplexity"): 2.0,
            **numbers,
        }.items():
            rows.append(
                row(where | {"method": method}, set_, metric, value, 50, (value - 0.2, value + 0.2))
            )
    _, section = summarise(
        tidy([table(rows)], level=0.95), {"states": ["r1", "r2"], "attacks": {}}, summary
    )
    return list(section.warnings)


def seed(base=0.9, oracle=0.2, unseen=0.21, quality=0.001, utility=0.5) -> dict:
    return {
        ("base", "forget", "probability"): base,
        ("oracle", "forget", "probability"): oracle,
        ("oracle", "holdout", "probability"): unseen,
        ("base", "forget", "forget_quality"): quality,
        ("base", "test", "model_utility"): utility,
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"base": 0.45},
            r"proves nothing: the base .* of 0\.450 \(seed 3\) alone.* not learnt them by heart",
        ),
        (
            {"oracle": 0.27},
            (
                r"proves nothing: the oracle .* of 0\.270 \(seed 3\), and unseen ones less by more "
                r"than 0\.05.*elsewhere"
            ),
        ),
        ({"quality": 0.3}, r"cannot be told apart .*p = 0\.300 \(seed 3\)"),
        ({"utility": 0.002}, r"Model utility says nothing here: .* and has 0\.002 \(seed 3\)"),
    ],
)
def test_a_study_says_in_which_seed_it_proves_nothing(wrong, said):
    """However well the other seeds do, and however wide an interval over seeds would be."""
    (found,) = told_of([seed(), seed(), seed(**wrong)])
    assert re.search(said, found)
    (found,) = told_of([seed(**wrong), seed(), seed(**wrong)])
    assert "(seed 1), " in found and "(seed 3)" in found


def test_a_good_study_is_not_doubted_and_each_doubt_is_told_once():
    assert told_of([seed(), seed(oracle=0.255, base=0.8, quality=0.05, utility=0.01)]) == []
    found = told_of([seed(0.5, 0.6, 0.21, 0.3, 0.0)])
    said = ["cannot be told apart", "has not learnt", "stands elsewhere", "has 0.000"]
    assert len(found) == 4 and all(part in text for part, text in zip(said, found, strict=True))


def test_without_a_holdout_the_oracle_is_held_against_other_unseen_text():
    """Of split valid; and where there is none either, it is told that nothing was checked."""

    def with_unseen_in(split: str) -> list[str]:
        numbers = seed(oracle=0.93)
        return told_of(
            [
                {
                    (method, split if set_ == "holdout" else set_, metric): v
                    for (method, set_, metric), v in numbers.items()
                }
            ]
        )

    (found,) = with_unseen_in("valid")
    assert "unseen ones less by more than" in found
    (found,) = with_unseen_in("test")
    assert "was not checked" in found and "holdout" in found


def test_before_any_request_there_is_nothing_to_doubt():
    where = {
        "study": "s",
        "seed": 1,
        "request": "r0",
        "shards": "1x1",
        "model": "gpt2",
        "method": "base",
    }
    rows = [
        row(where, "holdout", "probability", 0.1, 50),
        row(where, "test", "model_utility", 0.0, 50),
    ]
    assert list(doubts(tidy([table(rows)], level=0.95))) == []


def test_secrets_stand_in_a_row_a_method():
    where = {
        "study": "s",
        "seed": 1,
        "request": "r1",
        "shards": "1x1",
        "model": "gpt2",
        "method": "npo",
    }
    told = {"exposure_sampled": 3.25, "beam_extraction": 0.5, "sampling_extraction": 0.125}
    rows = [
        row(where, "forget", metric, value, 4, group="repetitions=16")
        for metric, value in told.items()
    ]
    rows.append(row(where, "controls", "exposure_sampled", 3.0, 4, group="repetitions=4"))
    shown = table_of_secrets(tidy([table(rows)], level=0.95).query("seed == 'all'"))
    assert shown.iloc[0].to_dict() == {
        "method": "NPO",
        "forget, 4 ×": "–",
        "forget, 16 ×": "3.2 bits, 50%, 12%",
        "controls, 4 ×": "–",
        "controls, 16 ×": "–",
    }
    assert table_of_secrets(tidy([table([])], level=0.95)).empty


def test_a_set_without_texts_has_no_rows(tmp_path):
    write_parquet(pd.DataFrame({"record_id": []}), tmp_path / "empty.parquet")
    write_parquet(pd.DataFrame([scored("a", "", 0, -1.0)]), tmp_path / "one.parquet")
    assert read_token_rows([tmp_path / "empty.parquet"]).empty
    assert read_token_rows([tmp_path / "empty.parquet", tmp_path / "one.parquet"])[
        "record_id"
    ].tolist() == ["a"]


@pytest.mark.parametrize(
    "column", ["logp", "mean", "deviation", "kl", "jensen_shannon", "jensen_shannon_reversed"]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_end_the_study(tmp_path, column, bad):
    """Column and record are named. What a model was not asked, or did not write, is no number and
    may be so."""
    compared = {"kl": 0.1, "jensen_shannon": 0.1, "jensen_shannon_reversed": 0.1}
    good = [
        scored("a", "", 0, -1.0, **compared),
        scored("b", "", 0, -1.0, rouge_l=np.nan, **compared),
    ]
    good.append(scored("b", "perturbed", 1, -1.0, **dict.fromkeys(compared, np.nan)))
    write_parquet(pd.DataFrame(good), tmp_path / "scores")
    assert len(read_token_rows([tmp_path / "scores"])) == 3
    good[1][column] = np.float32([bad]) if column in ("logp", "mean", "deviation") else bad
    write_parquet(pd.DataFrame(good), tmp_path / "scores")
    with pytest.raises(
        UserError, match=f"not finite\\n.*{column} of 1 of . texts, the first of record 'b'"
    ):
        read_token_rows([tmp_path / "scores"])


INDEX = pd.DataFrame(
    [(name, name[0], "train", "") for name in ("f1", "f2", "g1", "k1")]
    + [(f"h{n}", f"h{n}", "holdout", "") for n in range(10)]
    + [("c1", "c", "train", "canary-004"), ("t1", "t1", "test", "world_facts")],
    columns=["record_id", "owner", "split", "part"],
)
# Losses of forgotten texts: two tokens, and by record those of false answers.
FORGOTTEN = {
    "npo": {"f1": ([-1.0, -1.0], [-1.5, -2.5]), "f2": ([-2.0, -4.0], [-4.0])},
    "oracle": {"f1": ([-2.0, -2.0], [-1.0, -1.0]), "f2": ([-3.0, -3.0], [-1.0])},
    "base": {"f1": ([-0.5, -0.5], [-1.0, -1.0]), "f2": ([-3.0, -3.0], [-1.0])},
}


@pytest.fixture
def files(tmp_path):
    """Score files of two forgotten texts, two that are retained, of whom g is asked for later, a
    control, ten outsiders and a question."""
    told = {
        "kl": 0.2,
        "jensen_shannon": 0.1,
        "jensen_shannon_reversed": 0.3,
        "rouge_l": 0.5,
        "extraction_likelihood": np.nan,
    }
    asked = told | {"beam_extracted": np.nan, "sampling_hit_rate": np.nan}

    def write(name: str, *rows: dict) -> None:
        write_parquet(pd.DataFrame(rows), tmp_path / name)

    for model, records in FORGOTTEN.items():
        rows = []
        for record, (own, false) in records.items():
            rows.append(
                scored(record, "", 0, *own, **asked) | {"compressed": {"f1": 10, "f2": 40}[record]}
            )
            rows += [
                scored(record, "perturbed", number, logp, logp)
                for number, logp in enumerate(false, 1)
            ]
        rows[0]["kl"] = 0.6
        write(f"forget-{model}", *rows)
    control = scored(
        "c1",
        "",
        0,
        -1.0,
        -2.0,
        **asked | {"rouge_l": np.nan, "beam_extracted": 1.0, "sampling_hit_rate": 0.25},
    )
    retained = [
        scored(name, "", 0, logp, logp, **asked)
        for name, logp in (("f1", -9.0), ("g1", -2.0), ("k1", -1.0))
    ]
    false = [scored(name, "perturbed", 1, -3.0, -3.0) for name in ("f1", "g1")]
    write(
        "trained",
        control,
        *retained,
        *false,
        *(scored("c1", "alternative", n, *logp) for n, logp in enumerate(OTHERS, 1)),
    )
    question = [
        scored("t1", "", 0, -1.0, -1.0, **asked | {"rouge_l": 1.0}),
        scored("t1", "perturbed", 1, -2.0, -2.0),
    ]
    losses = [2.0] + [4.0] * 9
    write(
        "heldout",
        *question,
        *(scored(f"h{n}", "", 0, -loss, -loss, **asked) for n, loss in enumerate(losses)),
    )
    write(
        "oracle-heldout",
        *question,
        *(scored(f"h{n}", "", 0, -3.5, -3.5, **asked) for n in range(10)),
    )
    write_parquet(INDEX, tmp_path / "index")
    (tmp_path / "ledger").write_text("request\towners\nr1\tf\nr2\tg\n")
    return tmp_path


def measured(files, **changes) -> pd.DataFrame:
    """The rows that the step has of these files, ``changes`` taking the place of some; a method is
    what its forget set is called."""
    given = {
        "heldout": "heldout",
        "trained": "trained",
        "forget": "forget-npo",
        "oracle/forget": "forget-oracle",
        "oracle/heldout": "oracle-heldout",
        "base/forget": "forget-base",
    }
    method = changes.pop("method", "npo")
    return run(files, given | changes, "--ledger", files / "ledger", method=method)


def run(files, given: dict[str, str], *more, **settings) -> pd.DataFrame:
    options = [part for name, file in given.items() for part in ("--given", name, files / file)]
    options += ["--index", files / "index", "--items", files / "truth", "--output", files / "out"]
    call("measure", *options, *more, **SETTINGS | settings)
    return read_parquet(files / "out")


def test_an_attacked_model_may_be_asked_for_its_answers_alone(files):
    """Then it has no number of held-out text or of false answers, and the others are the same."""
    whole = measured(files, attack="relearn")
    frame = read_parquet(files / "forget-npo")
    write_parquet(frame[frame["kind"] == ""], files / "forget-answers")
    write_parquet(pd.DataFrame({"record_id": []}), files / "heldout-none")
    given = {"trained": "trained", "forget": "forget-answers", "heldout": "heldout-none",
             "oracle/forget": "forget-oracle", "base/forget": "forget-base"}  # fmt: skip
    more = {"attack": "relearn", "answers_alone": True, "method": "npo"}
    brief = run(files, given, "--ledger", files / "ledger", **more)
    keys = ["set", "metric", "group"]
    both = whole.merge(brief, on=keys, suffixes=("", "_brief"))
    pd.testing.assert_series_equal(both["value"], both["value_brief"], check_names=False)
    assert {("forget", "probability"), ("retain", "probability"), ("forget", "kl"),
            ("forget", "lpd")} <= set(zip(both["set"], both["metric"], strict=True))  # fmt: skip
    missing = set(whole["metric"]) - set(brief["metric"])
    assert {"membership_auroc", "truth_ratio_indifference", "model_utility"} <= missing


def test_the_step_by_hand(files):
    """Forgotten: mean losses 1 and 3 nats; under the oracle 2 and 3, under the base 0.5 and 3. So
    LPD = mean(1 - e^-1, 0), and of the two one is less likely than under the base. R of both is
    e^-1, below the oracle's e and e^2: the two samples lie apart in 2 of C(4, 2) = 6 orders.

    Outsiders: one at 2, nine at 4. Of 20 pairs 1 is wrong; one of two members lies below all
    outsiders. By bytes, 0.1 and 3/40 against 0.2 and more. Less the oracle's loss, -1 and 0 against
    -1.5 and nine times 0.5. First tokens alone, 1 and 2 against 2 and 4.

    Retained: g1 and k1; f1 is not. Model utility: of g1, which has a false answer, as of the
    question 1 / (1 + e^-1) and 1 - e^-1; ROUGE 1/2 of the retained and 1 of the question. The
    control: rank 2 of 4.
    """
    rows = measured(files).set_index(["set", "metric"])
    e = np.e
    wanted = {
        ("forget", "perplexity"): e**2, ("forget", "probability"): (1 / e + e**-3) / 2,
        ("forget", "kl"): 0.4, ("forget", "lpd"): (1 - 1 / e) / 2, ("forget", "pdlp"): 0.5,
        ("forget", "forget_quality"): 1 / 3, ("forget", "truth_ratio_indifference"): 1 / e,
        ("forget", "truth_ratio_ks"): 1,
        ("forget", "rouge_l_recall"): 0.5, ("forget", "membership_auroc"): 19 / 20,
        ("forget", "membership_tpr"): 0.5, ("forget", "membership_auroc_zlib"): 1,
        ("forget", "membership_auroc_reference"): 18 / 20,
        ("forget", "membership_auroc_min_k"): 19.5 / 20, ("retain", "perplexity"): e**1.5,
        ("retain", "probability"): (e**-2 + 1 / e) / 2, ("holdout", "perplexity"): e**3.8,
        ("test", "model_utility"): 6 / (2 * (1 + 1 / e) + 2 / (1 - 1 / e) + 2 + 1),
        ("world_facts", "probability_with_options"): e / (1 + e), ("controls", "exposure"): 1,
        ("controls", "beam_extraction"): 1, ("controls", "sampling_extraction"): 0.25,
    }  # fmt: skip
    assert {key: rows.loc[key, "value"] for key in wanted} == pytest.approx(wanted, rel=1e-6)
    assert (
        rows.loc[("retain", "perplexity"), "n"] == 2
        and rows.loc[("test", "model_utility"), "n"] == 6
    )
    assert rows.loc[("controls", "exposure"), "group"] == "repetitions=4"


def test_before_any_request_nobody_is_left_out_and_no_ledger_is_needed(files):
    given = {"heldout": "heldout", "trained": "trained"}
    rows = run(files, given, method="base", state="r0").set_index(["set", "metric"])
    assert rows.loc[
        ("retain", "perplexity"), "n"
    ] == 3 and "forget" not in rows.index.get_level_values("set")


def test_the_step_ends_where_the_oracle_is_another(files):
    assert "kl" in set(measured(files)["metric"])
    with pytest.raises(UserError, match="the oracle is not like itself"):
        measured(files, method="oracle")


@pytest.mark.parametrize("name", ["oracle/forget", "base/forget", "oracle/heldout"])
def test_compared_models_were_scored_on_the_same_texts(files, name):
    """One text more on the other side, or one false answer, is told, not left out."""
    model, set_ = name.split("/")
    own = f"{model}-heldout" if set_ == "heldout" else f"forget-{model}"
    rows = read_parquet(files / own)
    for more in (
        rows.head(1).assign(record_id="x"),
        rows.tail(1).assign(kind="perturbed", number=9),
    ):
        write_parquet(pd.concat([rows, more]), files / "more")
        with pytest.raises(
            UserError,
            match="scored on other texts\n.* 0 ids are in the first alone, 1 in the second",
        ):
            measured(files, **{name: "more"})


def test_scores_are_looked_at_by_the_step(files):
    rows = read_parquet(files / "heldout")
    rows.loc[3, "kl"] = np.nan
    write_parquet(rows, files / "ruined")
    with pytest.raises(UserError, match="scores are not finite"):
        measured(files, heldout="ruined")
