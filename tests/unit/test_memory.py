"""What the graph remembers from run to run: found out once, for contents alone."""

from __future__ import annotations

import copy
import json

from palimpsest.engine.memory import MOST, Memory
from palimpsest.study import schema
from palimpsest.study.load import check_study, study_files
from palimpsest.study.yaml_files import read_yaml


def ask(memory: Memory, *contents: str) -> list:
    asked = []
    for content in contents:
        memory.recall(
            "length", (content,), lambda content=content: asked.append(content) or len(content)
        )
    return asked


def test_each_content_is_looked_into_once(tmp_path):
    memory = Memory()
    memory.open(tmp_path / "memory.json")
    assert ask(memory, "a", "bb", "a") == ["a", "bb"]
    memory.save()
    again = Memory()
    again.open(tmp_path / "memory.json")
    assert ask(again, "bb", "ccc") == ["ccc"] and again.recall("length", ("bb",), list) == 2
    assert again.recall("another question", ("bb",), lambda: "x") == "x"


def test_a_file_that_is_damaged_or_closed_is_no_memory(tmp_path):
    (tmp_path / "memory.json").write_text('{"a": ')
    memory = Memory()
    memory.open(tmp_path / "memory.json")
    assert ask(memory, "a") == ["a"]
    memory.path = tmp_path / "memory.json" / "below a file"
    memory.save()


def test_it_does_not_grow_without_end(tmp_path):
    memory = Memory()
    memory.open(tmp_path / "memory.json")
    memory.before = {str(number): number for number in range(MOST)}
    ask(memory, "a")
    memory.save()
    assert list(json.loads((tmp_path / "memory.json").read_text()).values()) == [1]


def test_a_study_that_was_right_is_not_checked_again_and_one_that_was_wrong_is(monkeypatch):
    memory, asked = Memory(), []
    monkeypatch.setattr(schema, "MEMORY", memory)
    problems = schema._problems
    monkeypatch.setattr(
        schema, "_problems", lambda config, where: asked.append(where) or problems(config, where)
    )
    study = read_yaml(study_files(schema.SCHEMA_PATH.parents[3] / "config")["demo"])
    check_study(study, "first"), check_study(copy.deepcopy(study), "second")
    assert asked == ["first"]
    for changed in (study | {"seeds": ["1"]}, study | {"seeds": [True]}):
        assert schema.schema_problems(changed, "third") and schema.schema_problems(
            changed, "fourth"
        )
    assert asked[1:] == ["third", "third", "fourth"] * 2
