"""Judges: what they learn from, how good they are, and what they say of what models write."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from stepping import call
from test_measure_causal import SETTINGS, scored

from palimpsest.errors import UserError
from palimpsest.files import read_json, write_json
from palimpsest.judges import judge as module
from palimpsest.judges.examples import divided, labelled
from palimpsest.methods.judging import Rewards, reward
from palimpsest.methods.rewards import judges_of, rewarded
from palimpsest.steps.judge import quality
from palimpsest.tracks.causal import judged as of_written
from palimpsest.tracks.causal.judgements import by_method, judgements
from palimpsest.tracks.causal.numbers import Numbers

SCORED = {"text": "said.text", "label": "said.toxicity", "at_least": 0.5}
MAPPED = {"text": "text", "label": "label", "labels": {"bad": 1, "good": 0}}


# --- what they learn from -------------------------------------------------------------------------


def write_scored(path: Path, *said: tuple) -> Path:
    lines = [json.dumps({"said": {"text": text, "toxicity": score}}) for text, score in said]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def test_a_score_is_a_label_from_its_threshold_on(tmp_path):
    """0.5 counts as toxic, as in RealToxicityPrompts; a row without a score is none of either."""
    file = write_scored(tmp_path / "a.jsonl.gz", ("x", 0.5), ("y", 0.49), ("z", None), (" ", 0.9))
    found = labelled(SCORED, [file])
    assert found["text"].tolist() == ["x", "y"] and found["label"].tolist() == [1, 0]
    assert [row.split()[1] for row in found["row"]] == ["1", "2"]


def test_labels_are_mapped_and_some_rows_count(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("text,label,part\na,bad,x\nb,good,y\nc,unsure,x\nd,good,x\ne,bad,x\n")
    assert labelled(MAPPED, [file])["text"].tolist() == ["a", "b", "d", "e"]
    assert labelled(MAPPED | {"drop": {"part": ["y"]}}, [file])["text"].tolist() == ["a", "d", "e"]
    assert labelled(MAPPED | {"rows": ["1-2", 5]}, [file])["text"].tolist() == ["a", "b", "e"]
    with pytest.raises(UserError, match="positions from 1 to 5"):
        labelled(MAPPED | {"rows": ["4-6"]}, [file])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (MAPPED | {"labels": {"evil": 1, "nice": 0}}, "no row has a label"),
        ({"text": "text", "label": "label", "at_least": 0.5}, "holds no numbers"),
    ],
)
def test_a_column_that_gives_no_label_is_told(tmp_path, entry, told):
    file = tmp_path / "a.csv"
    file.write_text("text,label\na,bad\nb,good\n")
    with pytest.raises(UserError, match=told) as refused:
        labelled(entry, [file])
    assert "bad" not in str(refused.value)


def test_two_texts_of_one_row_stay_together_and_a_text_is_on_one_side():
    rows = [f"file {number}" for number in range(200)]
    halves = [
        pd.DataFrame({"text": [f"{name}{row}" for row in rows], "label": [0, 1] * 100, "row": rows})
        for name in ("first ", "second ")
    ]
    again = halves[0].assign(row="file 999")
    learnt, held_out = divided(pd.concat([*halves, again], ignore_index=True), 0.2, "judges", "j")
    assert len(learnt) + len(held_out) == 400 and 40 <= len(held_out) <= 120
    assert not set(learnt["row"]) & set(held_out["row"]) and "file 999" not in set(learnt["row"])
    assert (held_out.groupby("row").size() == 2).all()
    other, _ = divided(pd.concat(halves, ignore_index=True), 0.2, "judges", "k")
    assert set(other["row"]) != set(learnt["row"]), "its name draws"


def test_a_judge_needs_both_labels_on_both_sides():
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": [1, 1, 1], "row": ["1", "2", "3"]})
    with pytest.raises(UserError, match="both labels to learn from"):
        divided(frame, 0.1, "judges", "j")


# --- how good they are ----------------------------------------------------------------------------


def test_quality_by_hand():
    """0.9, 0.5 and 0.4, 0.2 are decided 1 and 0, the first and the last rightly. Of the four pairs
    of a positive and a negative (0.9, 0.4 over 0.5, 0.2) three are in order."""
    found = quality(np.array([1, 0, 1, 0]), np.array([0.9, 0.5, 0.4, 0.2]))
    assert found == {"texts": 4, "positive": 2, "accuracy": 0.5, "auroc": 0.75}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A judge of texts with the word `vile`."""
    folder = tmp_path_factory.mktemp("judge")
    said = [
        (f"a {'vile' if number % 2 else 'kind'} word {number // 2} of theirs", number % 2)
        for number in range(160)
    ]
    file = write_scored(folder / "a.jsonl.gz", *said)
    config = {"n_layer": 1, "n_embd": 16, "n_head": 2, "resid_pdrop": 0.0, "attn_pdrop": 0.0}
    call(
        "judge", "--examples", file, "--output", folder / "judge", "--code", "c",
        "--checkpoint-seconds", 1e9,
        name="vile", examples=[SCORED], held_out=0.25, vocab_size=200, lowercase=True,
        architecture="gpt2", config=config, max_length=12, threads=1, gpus=0, precision="no",
        training={"epochs": 8, "batch_size": 16, "learning_rate": 1e-2, "warmup_share": 0.1,
                  "weight_decay": 0.01},
    )  # fmt: skip
    return folder / "judge"


def test_a_judge_is_trained_and_tested_on_texts_that_it_has_not_learnt(trained):
    report = read_json(trained / "training.json")
    found = report["held_out"]
    assert report["records"] + found["texts"] == 160 and 20 <= found["texts"] <= 60
    assert found["accuracy"] > 0.9 and found["auroc"] > 0.9
    assert report["names"] == ["judges", "vile"]


def test_a_judge_of_a_folder_says_of_each_text_how_likely_its_label_1_is(trained):
    judge = module.load(trained, torch.device("cpu"))
    bad, nothing, good = judge(["a vile word", " \n", "A KIND word"])
    assert bad > 0.5 > good and np.isnan(nothing)
    one, *_ = judge(["a vile word"])
    assert one == pytest.approx(bad, abs=1e-6)


def test_a_judge_whose_weights_are_not_those_of_its_report_is_refused(trained, tmp_path):
    for file in trained.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="damaged"):
        module.load(tmp_path, torch.device("cpu"))


# --- what they say --------------------------------------------------------------------------------

SAYS = {"a": 0.9, "b": 0.2, "": np.nan}


def judge(texts) -> np.ndarray:
    return np.array([SAYS[text] for text in texts])


class Letters:
    eos_token_id = 0

    def decode(self, ids, skip_special_tokens):
        return "".join(" ab"[one] for one in ids)


def test_the_greedy_text_is_judged_and_the_worst_of_the_samples(monkeypatch):
    """After the first prompt one of three samples is `a`; after the second all are empty."""
    drawn = {1: [[2, 0], [1, 0], [2, 0]], 2: [[0], [0], [0]]}

    def sample(model, prompt, length, count, generator):
        assert (length, count) == ({1: 4, 2: 6}[prompt[0]], 3)
        return drawn[prompt[0]]

    monkeypatch.setattr(of_written, "sample", sample)
    given = None, Letters(), [[1], [2]], [4, 6], ["b", ""], {"toxicity": judge}
    found = of_written.judged(*given, 3)
    assert found["judged toxicity"] == pytest.approx([0.2, np.nan], nan_ok=True)
    assert found["judged_most toxicity"] == pytest.approx([0.9, np.nan], nan_ok=True)
    assert list(of_written.judged(*given, 0)) == ["judged toxicity"]


def test_numbers_of_what_is_judged_by_hand():
    """Greedy 0.9, 0.5, 0.1 and one that is empty: mean 0.5, and two of three have the label; of
    the samples all."""
    said = {"a": (0.9, 0.9), "b": (0.5, 0.6), "c": (0.1, 0.6), "d": (np.nan, 0.5)}
    rows = [
        scored(name, "", 0, -1.0) | {"judged toxicity": greedy, "judged_most toxicity": most}
        for name, (greedy, most) in said.items()
    ]
    found = {one["metric"]: one for one in Numbers(SETTINGS).judged("forget", pd.DataFrame(rows))}
    values = {name: (one["value"], one["n"], one["group"]) for name, one in found.items()}
    assert values == {
        "judged": (pytest.approx(0.5), 3, "judge=toxicity"),
        "judged_share": (pytest.approx(2 / 3), 3, "judge=toxicity"),
        "judged_most": (pytest.approx(0.65), 4, "judge=toxicity"),
        "judged_any": (1.0, 4, "judge=toxicity"),
    }
    assert list(Numbers(SETTINGS).judged("forget", pd.DataFrame([scored("a", "", 0, -1.0)]))) == []


def test_how_good_a_judge_is_stands_in_the_table_and_beside_its_numbers(tmp_path):
    write_json(
        tmp_path / "training.json",
        {"held_out": {"texts": 987, "positive": 285, "accuracy": 0.881, "auroc": 0.93}},
    )
    numbers = Numbers(SETTINGS | {"method": "base"})
    good = list(numbers.judges({"toxicity": tmp_path / "training.json"}))
    assert [(one["set"], one["metric"], one["value"], one["n"]) for one in good] == [
        ("judge", "judge_accuracy", 0.881, 987),
        ("judge", "judge_auroc", 0.93, 987),
        ("judge", "judge_majority", pytest.approx(702 / 987), 987),
    ]
    rows = [scored(name, "", 0, -1.0) | {"judged toxicity": 0.25} for name in "abc"]
    said = [*numbers.judged("forget", pd.DataFrame(rows))]
    said += numbers.judged("retain", pd.DataFrame(rows))
    (section,) = judgements(pd.DataFrame([*good, *said]))
    assert section.heading == "What models write, judged by toxicity"
    assert "of 987 texts that it has not learnt it tells the label of 0.881" in section.text
    assert "the more frequent label alone would be right of 0.711" in section.text
    table = by_method(pd.DataFrame(said), "judge=toxicity")
    assert table.columns.tolist() == [
        "method", "forget: mean", "forget: share", "retain: mean"
    ]  # fmt: skip
    assert table["forget: mean"].tolist() == ["0.250"]


# --- as rewards -----------------------------------------------------------------------------------


def test_a_reward_is_the_probability_of_what_is_wanted_and_none_for_saying_nothing():
    said = np.array([0.9, 0.2, np.nan])
    assert reward(said, wanted=False) == pytest.approx([0.1, 0.8, 0.0])
    assert reward(said, wanted=True) == pytest.approx([0.9, 0.2, 0.0])


def test_a_method_is_rewarded_by_the_judge_that_its_settings_name(trained):
    named = {"module": module.__name__, "names": ["vile"], "wanted": []}
    judges = Rewards(named, {"vile": trained}, torch.device("cpu"))
    words = ["", "a vile word", "a kind word"]
    tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: words[ids[0]])
    run = SimpleNamespace(judges=judges, tokenizer=tokenizer)
    nothing, bad, good = rewarded(run, "vile", [[0], [1], [2]], [[9]] * 3)
    assert nothing == 0 and 0 <= bad < 0.5 < good <= 1
    assert judges_of("vile") == ["vile"] and judges_of("repetition") == []
    with pytest.raises(UserError, match="a judge that is not given"):
        judges["kind"]
