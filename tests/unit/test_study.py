"""A study's YAML: defaults, the nearest known key, wrong types, keys that need one another; all told together."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from palimpsest.errors import UserError
from palimpsest.study import check_study, load_study, read_yaml, study_files

ROOT = Path(__file__).resolve().parents[2]
DEMO = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def problems(**changes) -> str:
    """What is said of the demo with changes, given as dotted keys with '__' for the dots; None takes a key out."""
    study = copy.deepcopy(DEMO)
    for key, value in changes.items():
        *path, last = key.split("__")
        place = study
        for part in path:
            place = place.setdefault(part, {})
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    with pytest.raises(UserError) as told:
        check_study(study, where="config/config.yaml")
    return str(told.value)


@pytest.mark.parametrize("name", sorted(study_files(ROOT / "config")))
def test_every_study_of_the_project_is_valid(name):
    assert load_study({"study": name}, ROOT / "config")["study"] == name


def test_defaults_are_filled_in_also_in_sections_that_are_not_there():
    study = check_study({key: value for key, value in DEMO.items() if key != "evaluation"}, where="x")
    assert study["evaluation"] == {"bootstrap": 500, "level": 0.95, "batch_size": 128}
    assert study["training"]["weight_decay"] == 0.01 and study["figures"]["formats"] == ["png", "svg", "pdf"]
    assert study["tokenizers"]["forum-words"]["lowercase"] is True


def test_what_was_given_is_not_changed():
    given = copy.deepcopy(DEMO)
    check_study(given, where="x")
    assert given == DEMO


def test_an_unknown_key_names_the_nearest():
    said = problems(training__learning_rat=0.1)
    assert "unknown key" in said and "did you mean 'learning_rate'?" in said and "training" in said
    assert "did you mean 'seeds'?" in problems(seed=[1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": "1"}, "wrong type"),
        ({"seeds": [1, 1]}, "each item once"),
        ({"sharding": ["0x2"]}, "not allowed"),
        ({"sharding": ["3"]}, "not allowed"),
        ({"methods": ["sisa_vot"]}, "did you mean 'sisa_vote'?"),
        ({"data__reader": "formu"}, "did you mean 'forum'?"),
        ({"training__epochs": 0}, "at least 1"),
        ({"fairness__eps": -0.1}, "at least 0"),
        ({"study": "../x"}, "not allowed"),
        ({"study": "a b"}, "not allowed"),
        ({"model": None}, "add model"),
        ({"data__posts": None}, "needs this key"),
        ({"model__tokenizer": "none"}, "no tokenizer of this name"),
        ({"groups__identity": {"column": "a", "terms": ["b"]}}, "a column or a list of terms"),
        ({"fairness__groups": ["identiy"]}, "did you mean 'identity'?"),
        ({"fairness__groups": []}, "a post-processor needs groups"),
        ({"data__classes": 3}, "two classes"),
        ({"data": {"reader": "table", "sources": [{"path": "a", "url": "http://b"}], "columns": {"text": "t", "label": "l"}}}, "one of"),
        ({"sharding": ["1x9"]}, "epochs"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes, said):
    assert said in problems(**changes)


def test_problems_are_told_together():
    said = problems(seeds="1", training__epochs=0, study="a b")
    assert said.startswith("3 problems found")


def test_a_wrong_study_name_lists_the_studies():
    with pytest.raises(UserError, match="demo, hatexplain") as told:
        load_study({"study": "hatexplan"}, ROOT / "config")
    assert "did you mean 'hatexplain'?" in str(told.value)


def test_keys_of_the_command_line_go_on_top_of_the_named_study():
    assert load_study({"study": "demo", "mirror": "m"}, ROOT / "config")["mirror"] == "m"
    assert load_study({}, ROOT / "config")["study"] == "demo"


def test_a_broken_yaml_names_its_line(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("study: demo\nseeds: [1\n", encoding="utf-8")
    with pytest.raises(UserError, match="line"):
        read_yaml(path)


def test_the_graph_is_built_without_heavy_imports():
    names = ("study", "plan", "provenance", "figures", "data.sources", "data.identity")
    code = f"import sys; {'; '.join(f'import palimpsest.{name}' for name in names)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "pandas", "numpy", "pyarrow", "matplotlib"} & set(loaded)
