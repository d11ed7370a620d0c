"""The spelling of paths: templates, each of them of one thing."""

from __future__ import annotations

import re
from string import Formatter

from palimpsest.study import paths

TEMPLATES = {
    name: value
    for name, value in vars(paths).items()
    if name.isupper() and isinstance(value, str) and value.startswith("results/")
}


def test_templates_hold_plain_names():
    assert len(TEMPLATES) > 30
    for template in TEMPLATES.values():
        fields = [field for _, field, form, _ in Formatter().parse(template) if field is not None]
        assert all(re.fullmatch(r"[a-z]+", field) for field in fields), template
        assert len(fields) == len(set(fields)), template


def test_no_two_names_mean_the_same():
    filled = {name: re.sub(r"\{\w+\}", "{}", template) for name, template in TEMPLATES.items()}
    alike = {one for one in filled.values() if list(filled.values()).count(one) > 1}
    # A kind of sharding or a method behind a dash; a folder of a tokenizer or of a recipe.
    assert alike == {
        "results/{}/seed{}/metrics/cost-{}/{}.parquet",
        "results/pretrained/{}",
    }


def test_a_folder_with_weights():
    assert paths.around("f") == [
        "f/config.json", "f/tokenizer.json", "f/tokenizer_config.json", "f/training.json",
        "f/run.json",
    ]  # fmt: skip
    assert paths.SCORES.format(study="s", seed=1, model="m", state="r0", set="heldout") == (
        "results/s/seed1/scores/m/r0/heldout.parquet"
    )
