"""From token scores to numbers, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from palimpsest.steps.remember import Measure, truth_ratios
from palimpsest.summary import doubts
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
    """Two secrets that stood 4 times in the text: one is the second likeliest of four, the other the likeliest."""
    rows = [scored("a", "", 0, -1.5, -0.5), *(scored("a", "alternative", k, -loss) for k, loss in enumerate((1.0, 3.0, 4.0), 1))]
    rows += [scored("b", "", 0, -0.5), *(scored("b", "alternative", k, -loss) for k, loss in enumerate((1.0, 3.0, 4.0), 1))]
    return pd.DataFrame(rows), pd.DataFrame({"part": ["canary-004", "canary-004"]}, index=["a", "b"])


def test_exposure_is_exact_where_all_secrets_were_scored():
    """log2 4 - log2 2 = 1 bit and log2 4 - log2 1 = 2 bits; their mean."""
    (found,) = Measure(WANTED).exposure("forget", *planted())
    assert found["metric"] == "exposure" and found["value"] == pytest.approx(1.5)
    assert found["group"] == "repetitions=4" and found["n"] == 2 and found["set"] == "forget"


def test_exposure_among_a_sample_says_so():
    """Of a space of 1,000 secrets 3 others were scored: ranks 2 x 1000 / 4 and 1 x 1000 / 4, again 1 and 2 bits."""
    (found,) = Measure(WANTED | {"space": 1000}).exposure("controls", *planted())
    assert found["metric"] == "exposure_sampled" and found["value"] == pytest.approx(1.5)


def test_of_other_records_there_is_no_exposure():
    rows, index = planted()
    assert list(Measure(WANTED).exposure("retain", rows[rows["kind"] == ""], index)) == []


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
    ("base", "oracle", "holdout", "quality", "said"),
    [
        (0.9, 0.2, 0.21, 0.001, []),
        (0.5, 0.2, 0.21, 0.001, ["has not learnt them by heart"]),
        (0.9, 0.6, 0.21, 0.001, ["stands elsewhere"]),
        (0.9, 0.2, 0.21, 0.3, ["cannot be told apart"]),
        (0.5, 0.6, 0.21, 0.3, ["has not learnt", "stands elsewhere", "cannot be told apart"]),
    ],
)
def test_a_study_says_where_it_proves_nothing(base, oracle, holdout, quality, said):
    where = {"study": "s", "seed": 1, "request": "r1", "shards": "1x1", "model": "gpt2"}
    rows = [
        row(where | {"method": method}, set_, "probability", value, 50, (value - 0.05, value + 0.05))
        for method, set_, value in (("base", "forget", base), ("oracle", "forget", oracle), ("oracle", "holdout", holdout))
    ]
    rows.append(row(where | {"method": "base"}, "forget", "forget_quality", quality, 50))
    now = tidy([table(rows)], level=0.95)
    found = list(doubts(now[now["seed"] == "all"]))
    assert len(found) == len(said) and all(part in text for part, text in zip(said, found, strict=True))
