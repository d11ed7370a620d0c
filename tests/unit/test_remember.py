"""From token scores to numbers, by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from palimpsest.data.storage import write_parquet
from palimpsest.errors import UserError
from palimpsest.remembered import doubts
from palimpsest.remembered import planted as table_of_secrets
from palimpsest.scoring.tokens import read_token_rows
from palimpsest.steps.remember import Measure, check_quality, one_of_each, same, truth_ratios
from palimpsest.tables import row, table, tidy

WANTED = {
    "study": "s", "seed": 1, "method": "npo", "state": "r1", "shards": "1x1", "model": "gpt2", "bootstrap": 20, "level": 0.95, "space": 4,
}  # fmt: skip


def scored(record_id: str, kind: str, number: int, *logp: float, **more) -> dict:
    length = len(logp)
    values = {"logp": np.array(logp, dtype=np.float32), "correct": np.ones(length, dtype=bool)}
    values |= {"mean": np.zeros(length, dtype=np.float32), "deviation": np.ones(length, dtype=np.float32)}
    return {"record_id": record_id, "kind": kind, "number": number, "compressed": 10, **values, **more}


def planted() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two secrets that stood 4 times in the text: one is the second likeliest of four, the other the likeliest. One beam search and one
    sample in four found the second, and never the first."""
    out, kept = ({"beam_extracted": float(found), "sampling_hit_rate": found / 4} for found in (False, True))
    rows = [scored("a", "", 0, -1.5, -0.5, **out), *(scored("a", "alternative", k, -loss) for k, loss in enumerate((1.0, 3.0, 4.0), 1))]
    rows += [scored("b", "", 0, -0.5, **kept), *(scored("b", "alternative", k, -loss) for k, loss in enumerate((1.0, 3.0, 4.0), 1))]
    return pd.DataFrame(rows), pd.DataFrame({"part": ["canary-004", "canary-004"]}, index=["a", "b"])


def test_exposure_is_exact_where_all_secrets_were_scored():
    """log2 4 - log2 2 = 1 bit and log2 4 - log2 1 = 2 bits; their mean. And of what was found, the mean of 0 and 1 and of 0 and 1/4."""
    found = list(Measure(WANTED).planted("forget", *planted()))
    assert {one["metric"]: one["value"] for one in found} == pytest.approx(
        {"exposure": 1.5, "beam_extraction": 0.5, "sampling_extraction": 0.125}
    )
    assert {(one["group"], one["n"], one["set"]) for one in found} == {("repetitions=4", 2, "forget")}


def test_exposure_among_a_sample_says_so():
    """Of a space of 1,000 secrets 3 others were scored: ranks 2 x 1000 / 4 and 1 x 1000 / 4, again 1 and 2 bits."""
    found = next(iter(Measure(WANTED | {"space": 1000}).planted("controls", *planted())))
    assert found["metric"] == "exposure_sampled" and found["value"] == pytest.approx(1.5)


def test_of_other_records_there_is_no_exposure():
    rows, index = planted()
    assert list(Measure(WANTED).planted("retain", rows[rows["kind"] == ""], index)) == []


def test_divergences_are_averaged_over_the_records_themselves():
    rows = [
        scored(name, "", 0, -1.0, kl=kl, jensen_shannon=kl / 2, jensen_shannon_reversed=2 * kl) for name, kl in (("a", 0.2), ("b", 0.6))
    ]
    rows.append(scored("a", "perturbed", 1, -1.0, kl=np.nan, jensen_shannon=np.nan, jensen_shannon_reversed=np.nan))
    found = {one["metric"]: one["value"] for one in Measure(WANTED).divergences("forget", pd.DataFrame(rows))}
    assert found == pytest.approx({"kl": 0.4, "jensen_shannon": 0.2, "jensen_shannon_reversed": 0.8})
    assert list(Measure(WANTED).divergences("forget", pd.DataFrame(rows).drop(columns="kl").iloc[:, :-2])) == []


def item(name: str, *false: float, paraphrase: float | None = None, own: float = -1.0, **more) -> list[dict]:
    rows = [scored(name, "", 0, own, **more), *(scored(name, "perturbed", k, logp, rouge_l=np.nan) for k, logp in enumerate(false, 1))]
    return rows + ([scored(name, "paraphrase", 1, paraphrase, rouge_l=np.nan)] if paraphrase else [])


def test_model_utility_is_the_harmonic_mean_of_six_parts():
    """retain, with a paraphrase: p = e^-1, ROUGE 1/2, R = e^-2 / e^-1, so 1 - R = 1 - 1/e. world_facts, without: p = e^-1 among e^-1 and
    twice e^-2, that is 1 / (1 + 2/e), ROUGE 1, the same R."""
    index = pd.DataFrame({"split": ["train", "test"], "part": ["", "world_facts"]}, index=["a", "w"])
    sets = {"retain": item("a", -2.0, -2.0, paraphrase=-1.0, rouge_l=0.5), "world_facts": item("w", -2.0, -2.0, rouge_l=1.0)}
    found = list(Measure(WANTED).utility({name: pd.DataFrame(rows) for name, rows in sets.items()}, index))
    ratio, among = 1 - np.exp(-1), 1 / (1 + 2 / np.e)
    parts = [np.exp(-1), 0.5, ratio, among, 1.0, ratio]
    by_name = {one["metric"]: one for one in found}
    assert by_name["model_utility"]["value"] == pytest.approx(6 / sum(1 / part for part in parts), rel=1e-6)
    assert by_name["model_utility"]["n"] == 6 and by_name["probability_with_options"]["value"] == pytest.approx(among, rel=1e-6)
    assert by_name["probability_with_options"]["set"] == "world_facts"


def test_without_false_answers_of_the_retained_the_parts_are_five():
    index = pd.DataFrame({"split": ["train", "test"], "part": ["", "world_facts"]}, index=["a", "w"])
    sets = {"retain": item("a", rouge_l=0.5), "world_facts": item("w", -2.0, -2.0, rouge_l=1.0)}
    found = list(Measure(WANTED).utility({name: pd.DataFrame(rows) for name, rows in sets.items()}, index))
    parts = [np.exp(-1), 0.5, 1 / (1 + 2 / np.e), 1.0, 1 - np.exp(-1)]
    (utility,) = (one for one in found if one["metric"] == "model_utility")
    assert utility["value"] == pytest.approx(5 / sum(1 / part for part in parts), rel=1e-6) and utility["n"] == 5


def test_without_named_parts_of_test_there_is_no_model_utility():
    index = pd.DataFrame({"split": ["train", "test"]}, index=["a", "w"])
    sets = {"retain": item("a", -2.0, paraphrase=-1.0, rouge_l=0.5), "test": item("w", -2.0, rouge_l=1.0)}
    assert list(Measure(WANTED).utility({name: pd.DataFrame(rows) for name, rows in sets.items()}, index)) == []


def test_membership_against_the_oracle_as_reference():
    """Losses 2 and 4 of members, 3 of the outsider; under the oracle 5, 5 and 2. Less those: -3, -1 and 1: both are told, of the losses
    alone one of two."""

    def rows(*pairs):
        return pd.DataFrame([scored(name, "", 0, -loss, -loss) for name, loss in pairs])

    inside, outside = rows(("a", 2.0), ("b", 4.0)), rows(("z", 3.0))
    found = Measure(WANTED).membership(inside, outside, rows(("a", 5.0), ("b", 5.0)), rows(("y", 9.0), ("z", 2.0)))
    values = {one["metric"]: one["value"] for one in found}
    assert values["membership_auroc_reference"] == 1 and values["membership_auroc"] == 0.5


def test_models_are_held_against_each_other_on_the_same_records():
    one = pd.DataFrame([scored("a", "", 0, -1.0), scored("b", "", 0, -1.0)])
    with pytest.raises(ValueError, match="items differ: 1 ids"):
        same(one, one[:1])


@pytest.mark.parametrize(("method", "quality", "said"), [("oracle", 0.99, "not like itself"), ("base", 0.06, "never learnt")])
def test_numbers_that_cannot_be_true_end_the_study(method, quality, said):
    """A base that does know the texts may still pass the test where there are few items: a warning's matter."""
    with pytest.raises(UserError, match=said):
        check_quality(method, "r1", quality, 0.5)
    for other, fine, known in (("oracle", 1.0, 0.5), ("base", 0.05, 0.5), ("base", 0.3, 0.9), ("npo", quality, 0.5)):
        check_quality(other, "r1", fine, known)


def test_a_secret_that_was_repeated_is_one_member():
    index = pd.DataFrame({"owner": ["c", "c", "d", "a", "a"], "part": ["canary-002"] * 2 + ["canary-001"] + [""] * 2}, index=list("12345"))
    rows = pd.DataFrame({"record_id": list("12345")})
    assert one_of_each(rows, index)["record_id"].tolist() == ["1", "3", "4", "5"]
    assert one_of_each(rows, index.drop(columns="part")) is rows


def test_truth_ratios_item_by_item():
    """Mean NLL 1 of the true answer, 2 of both false ones: R = exp(-2) / exp(-1), 1 / (1 + R) = 1 / (1 + e^-1). The paraphrase counts."""
    rows = [scored("a", "", 0, -9.0), scored("a", "paraphrase", 1, -0.5, -1.5)]
    rows += [scored("a", "perturbed", k, -2.0, -2.0) for k in (1, 2)]
    found = truth_ratios({"forget": pd.DataFrame(rows), "retain": pd.DataFrame(rows[:1])}, WANTED)
    assert found["set"].tolist() == ["forget"] and found["preference"].item() == pytest.approx(1 / (1 + np.exp(-1)))
    assert found["request"].item() == "r1" and found["method"].item() == "npo"


def test_what_is_written_is_averaged_over_those_that_were_asked():
    rows = [
        scored(name, "", 0, -1.0, rouge_l=value, extraction_likelihood=np.nan) for name, value in (("a", 0.5), ("b", 1.0), ("c", np.nan))
    ]
    (found,) = Measure(WANTED).written("forget", pd.DataFrame(rows))
    assert found["metric"] == "rouge_l_recall" and found["value"] == 0.75 and found["n"] == 2


@pytest.mark.parametrize(
    ("base", "oracle", "holdout", "quality", "utility", "said"),
    [
        (0.9, 0.2, 0.21, 0.001, 0.5, []),
        (0.5, 0.2, 0.21, 0.001, 0.5, ["has not learnt them by heart"]),
        (0.9, 0.6, 0.21, 0.001, 0.5, ["stands elsewhere"]),
        (0.9, 0.2, 0.21, 0.3, 0.5, ["cannot be told apart"]),
        (0.9, 0.2, 0.21, 0.001, 0.002, ["Model utility says nothing here: .* and has 0.002"]),
        (0.5, 0.6, 0.21, 0.3, 0.0, ["cannot be told apart", "has not learnt", "stands elsewhere", "has 0.000"]),
    ],
)
def test_a_study_says_where_it_proves_nothing(base, oracle, holdout, quality, utility, said):
    where = {"study": "s", "seed": 1, "request": "r1", "shards": "1x1", "model": "gpt2"}
    rows = [
        row(where | {"method": method}, set_, "probability", value, 50, (value - 0.05, value + 0.05))
        for method, set_, value in (("base", "forget", base), ("oracle", "forget", oracle), ("oracle", "holdout", holdout))
    ]
    rows.append(row(where | {"method": "base"}, "forget", "forget_quality", quality, 50))
    rows.append(row(where | {"method": "base"}, "test", "model_utility", utility, 50))
    now = tidy([table(rows)], level=0.95)
    found = list(doubts(now[now["seed"] == "all"]))
    assert len(found) == len(said) and all(re.search(part, text) for part, text in zip(said, found, strict=True))


def test_secrets_stand_in_a_row_a_method():
    where = {"study": "s", "seed": 1, "request": "r1", "shards": "1x1", "model": "gpt2", "method": "npo"}
    told = {"exposure_sampled": 3.25, "beam_extraction": 0.5, "sampling_extraction": 0.125}
    rows = [row(where, "forget", metric, value, 4, group="repetitions=16") for metric, value in told.items()]
    rows.append(row(where, "controls", "exposure_sampled", 3.0, 4, group="repetitions=4"))
    shown = table_of_secrets(tidy([table(rows)], level=0.95).query("seed == 'all'"))
    assert shown.iloc[0].to_dict() == {
        "method": "NPO", "forget, 4 ×": "–", "forget, 16 ×": "3.2 bits, 50%, 12%", "controls, 4 ×": "–", "controls, 16 ×": "–",
    }  # fmt: skip
    assert table_of_secrets(tidy([table([])], level=0.95)).empty


def test_a_set_without_texts_has_no_rows(tmp_path):
    write_parquet(pd.DataFrame({"record_id": []}), tmp_path / "empty.parquet")
    write_parquet(pd.DataFrame([scored("a", "", 0, -1.0)]), tmp_path / "one.parquet")
    assert read_token_rows([tmp_path / "empty.parquet"]).empty
    assert read_token_rows([tmp_path / "empty.parquet", tmp_path / "one.parquet"])["record_id"].tolist() == ["a"]
