"""Texts with a blank, for models that read from left to right."""

from __future__ import annotations

import copy

import pandas as pd
import pytest
import yaml

from palimpsest.data.blanks import ABOUT
from palimpsest.data.candidates import COLUMNS
from palimpsest.data.cut import cut
from palimpsest.data.pronouns import pronouns
from palimpsest.errors import UserError
from palimpsest.study.load import check_study


def row(name: str, prompt: str, completion: str, split: str = "test", **about) -> dict:
    known = dict.fromkeys(ABOUT, "") | about
    return {"record_id": name, "owner": name, "prompt": prompt, "completion": completion,
            "split": split} | known  # fmt: skip


PAIR = {"task": "pronoun", "advantaged": "she", "disadvantaged": "he"}
ROWS = pd.DataFrame([
    row("trained", "The nurse said that [BLANK] left.", "he", "train", **PAIR),
    row("held", "A nurse saw [BLANK].", "he", **PAIR),
    row("alone", "A nurse saw [BLANK].", "he", task="pronoun"),
    row("item", "The cook was [BLANK] and so on.", "calm", task="stereoset_intra"),
    row("whole", "", "Cooks are calm.", task="crows_pairs"),
    row("probe", "", "good", task="probe"),
])  # fmt: skip
OTHERS = pd.DataFrame(
    [("held", "other", 1, "she"), ("alone", "other", 1, "she"),
     ("item", "anti_stereotype", 1, "loud"), ("item", "unrelated", 1, "fox"),
     ("whole", "other", 1, "Cooks are loud.")], columns=list(COLUMNS),
)  # fmt: skip


def test_a_text_is_cut_at_its_blank_and_its_opposite_is_false():
    rows, others = cut(ROWS, OTHERS)
    told = rows.set_index("record_id")
    assert set(told.index) == {"trained", "held", "item", "whole"}
    assert told["prompt"].to_dict() == {
        "trained": "The nurse said that", "held": "A nurse saw", "item": "The cook was",
        "whole": "",
    }  # fmt: skip
    assert told["completion"].to_dict() == {
        "trained": "he left.", "held": "she.", "item": "calm and so on.",
        "whole": "Cooks are calm.",
    }  # fmt: skip
    assert told.loc["trained", "advantaged"] == "she left."
    assert told.loc["item", "advantaged"] == ""
    assert dict(zip(others["record_id"], others["completion"], strict=True)) == {
        "trained": "she left.", "held": "he.", "item": "loud and so on.",
        "whole": "Cooks are loud.",
    }  # fmt: skip
    assert set(others["kind"]) == {"perturbed"} and set(others["number"]) == {1}


def test_every_pair_of_the_made_up_text_has_two_ends_of_one_length():
    rows, others = cut(*pronouns(owners=8, records=8, seed=1))
    paired = rows[rows["advantaged"] != ""]
    words = [paired[name].str.split(" ") for name in ("advantaged", "disadvantaged")]
    apart = [sum(a != b for a, b in zip(*two, strict=True)) for two in zip(*words, strict=True)]
    assert set(apart) == {1} and len(paired) > 40
    assert not rows["prompt"].str.contains("BLANK").any()
    assert set(paired["record_id"]) <= set(others["record_id"])


@pytest.mark.parametrize(
    ("study", "cuts"), [("pronouns", True), ("pronouns-causal", False), ("people", True)]
)
def test_only_causal_studies_of_blanks_are_cut(study, cuts):
    config = yaml.safe_load(open(f"config/studies/{study}.yaml", encoding="utf-8"))
    assert check_study(copy.deepcopy(config), "study.yaml")["study"] == study
    with pytest.raises(UserError, match="data.cut"):
        config["data"] = {key: one for key, one in config["data"].items() if key != "cut"}
        check_study(
            config | {"data": config["data"] | ({"cut": True} if cuts else {})}, "study.yaml"
        )
