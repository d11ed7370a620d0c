"""What tokenizers and pretrained models are called: by their name and by all that they are made
by."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import yaml

from palimpsest.study.load import check_study
from palimpsest.study.recipes import recipe_of, tokenizer_of

STUDIES = Path(__file__).resolve().parents[2] / "config" / "studies"
TOFU = yaml.safe_load((STUDIES / "tofu-small.yaml").read_text())
RECIPE, WORDS = TOFU["model"]["recipe"], "english-bpe-4k"


def called(**changes) -> tuple[str, str]:
    """(tokenizer, recipe) of the study with other values; 'pretraining__NAME__tokens' is a key of a
    section."""
    study = copy.deepcopy(TOFU)
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = study
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    checked = check_study(study, "study.yaml")
    return tokenizer_of(checked), recipe_of(checked)


def test_a_name_is_followed_by_a_digest():
    tokenizer, recipe = called()
    assert re.fullmatch(rf"{WORDS}-[0-9a-f]{{8}}", tokenizer)
    assert re.fullmatch(rf"{RECIPE}-[0-9a-f]{{8}}", recipe)


@pytest.mark.parametrize(
    "changes",
    [
        {"study": "another", "salt": "other", "seeds": [7], "ledger": None},
        {"training__epochs": 99, "sharding": ["2x1"]},
        {f"tokenizers__{WORDS}__lowercase": True},  # its default, written down
        {"pretraining__unused": TOFU["pretraining"][RECIPE] | {"tokens": 5}},
        {"mirror": None},
    ],
)
def test_what_makes_no_other_thing_makes_no_other_name(changes):
    assert called(**changes) == called()


@pytest.mark.parametrize(
    "changes",
    [
        {f"tokenizers__{WORDS}__vocab_size": 999},
        {f"tokenizers__{WORDS}__corpus": [{"path": "another.txt"}]},
    ],
)
def test_another_tokenizer_makes_another_model_of_its_recipe(changes):
    assert not set(called(**changes)) & set(called())


@pytest.mark.parametrize(
    "changes",
    [
        {f"pretraining__{RECIPE}__tokens": 5},
        {f"pretraining__{RECIPE}__batch_size": 3},
        {f"pretraining__{RECIPE}__config__n_layer": 1},
        {"training__threads": 2},
        {"training__precision": "bf16"},
    ],
)
def test_another_recipe_alone_leaves_its_tokenizer(changes):
    tokenizer, recipe = called(**changes)
    assert tokenizer == called()[0] and recipe != called()[1]


def test_a_tokenizer_and_a_recipe_of_one_name_have_two_places():
    changes = {f"pretraining__{WORDS}": TOFU["pretraining"][RECIPE], "model__recipe": WORDS}
    tokenizer, recipe = called(**changes)
    assert tokenizer != recipe and {tokenizer[:-9], recipe[:-9]} == {WORDS}


def test_a_model_with_a_tokenizer_of_its_own_names_none():
    study = copy.deepcopy(TOFU) | {"model": {"init": "gpt2"}}
    checked = check_study(study, "study.yaml")
    assert tokenizer_of(checked) is None and recipe_of(checked) is None
