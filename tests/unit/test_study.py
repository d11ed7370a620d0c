"""A study's YAML: defaults, the nearest known key, wrong types, keys that need one another; all
told together."""

from __future__ import annotations

import copy
import datetime
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.common.configfile import load_configfile

from palimpsest.errors import Problem, UserError
from palimpsest.study.load import (
    check_study,
    load_studies,
    load_study,
    study_files,
    together,
)
from palimpsest.study.schema import schema, with_numbers
from palimpsest.study.yaml_files import check_keys, read_yaml

ROOT = Path(__file__).resolve().parents[2]
DEMO = yaml.safe_load((ROOT / "config/studies/demo.yaml").read_text(encoding="utf-8"))


TABLE = {
    "reader": "table",
    "sources": [{"path": "a.csv"}],
    "columns": {"text": "t", "label": "l"},
    "split_shares": {"train": 1},
}
PLAIN = {"groups": {}, "fairness": {}, "methods": ["base", "sisa_vote"]}
HOLDS_ITSELF: list = []
HOLDS_ITSELF.append(HOLDS_ITSELF)


def problems(**changes) -> str:
    """What is said of the demo with changes, given as dotted keys with '__' for the dots; None
    takes a key out."""
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
        check_study(study, where="config/studies/demo.yaml")
    assert all(problem.remedy or problem.allowed for problem in told.value.problems)
    return str(told.value)


@pytest.mark.parametrize("name", sorted(study_files(ROOT / "config")))
def test_every_study_of_the_project_is_valid(name):
    assert load_study({"study": name}, ROOT / "config")["study"] == name


def test_the_own_copy_of_a_study_counts(tmp_path, monkeypatch):
    """Where the workflow is a module of somebody's, whose folder has studies of its own."""
    own = tmp_path / "config/studies"
    own.mkdir(parents=True)
    (own / "demo.yaml").write_text(yaml.safe_dump(DEMO | {"seeds": [7]}))
    (own / "mine.yaml").write_text(yaml.safe_dump(DEMO | {"study": "mine", "seeds": "7"}))
    monkeypatch.chdir(tmp_path)
    assert load_study({"study": "demo"}, ROOT / "config")["seeds"] == [7]
    assert load_study({"study": "people"}, ROOT / "config")["study"] == "people"
    with pytest.raises(UserError, match="^1 problem found; .*\n- config/studies/mine.yaml, seeds:"):
        load_study({"study": "mine"}, ROOT / "config")


@pytest.mark.parametrize("missing", [["base"], ["oracle"], ["base", "oracle"]])
def test_a_causal_study_compares_with_base_and_oracle(missing):
    people = yaml.safe_load(
        (ROOT / "config" / "studies" / "people.yaml").read_text(encoding="utf-8")
    )
    methods = [name for name in people["methods"] if name not in missing]
    with pytest.raises(UserError, match="compares with base and oracle") as told:
        check_study({**people, "methods": methods}, where="people.yaml")
    assert len(told.value.problems) == 1 and f"remedy: add {' and '.join(missing)}" in str(
        told.value
    )
    with pytest.raises(UserError, match="keeps nothing but teachers") as told:
        check_study({**people, "methods": methods, "requests": "latest"}, where="people.yaml")
    assert len(told.value.problems) == 1
    check_study({**DEMO, "methods": ["sisa_vote"]}, where="demo.yaml")


def test_defaults_are_filled_in_also_in_sections_that_are_not_there():
    study = check_study(
        {key: value for key, value in DEMO.items() if key != "evaluation"}, where="x"
    )
    assert study["evaluation"] == {
        "bootstrap": 500,
        "level": 0.95,
        "batch_size": 128,
        "written": 40,
        "ngram": 10,
        "rouge_words": "ascii",
        "truth": "code",
        "beams": 10,
        "samples": 100,
        "after_attacks": "all",
        "judged": 25,
        "trained": 400,
    }
    assert study["training"]["weight_decay"] == 0.01 and study["figures"]["formats"] == [
        "png",
        "svg",
        "pdf",
    ]
    assert study["tokenizers"]["forum-words"]["lowercase"] is True


@pytest.mark.parametrize(
    ("given", "gpus"),
    [({}, 0), ({"precision": "bf16"}, 1), ({"precision": "bf16", "gpus": 0}, 0), ({"gpus": 2}, 2)],
)
def test_a_mixed_precision_asks_for_a_gpu_unless_told_otherwise(given, gpus):
    assert (
        check_study(DEMO | {"training": DEMO["training"] | given}, where="x")["training"]["gpus"]
        == gpus
    )


def test_rouge_reads_tables_in_any_script_and_benchmarks_as_they_do():
    table = {"reader": "table", "sources": [{"path": "a.csv"}], "split_shares": {"train": 1.0},
             "columns": {"text": "a", "label": "b"}}  # fmt: skip
    own = DEMO | {"data": table, "groups": {}, "fairness": {}, "methods": ["sisa_vote"]}
    for given, words in ((DEMO, "ascii"), (own, "all"), (own | TOLD_ASCII, "ascii")):
        assert check_study(given, where="x")["evaluation"]["rouge_words"] == words


TOLD_ASCII = {"evaluation": {"rouge_words": "ascii"}}


def test_what_was_given_is_not_changed():
    given = copy.deepcopy(DEMO)
    check_study(given, where="x")
    assert given == DEMO


@pytest.mark.parametrize(
    ("given", "ledger"),
    [
        ({}, "config/ledgers/hatexplain-official.tsv"),
        ({"mirror": "../data"}, "config/ledgers/hatexplain.tsv"),
        ({"mirror": "../data", "ledger": "mine.tsv"}, "mine.tsv"),
        ({"mirror": "../data", "ledger": None}, None),
    ],
)
def test_a_study_may_have_a_ledger_for_its_sources_and_one_for_its_mirror(given, ledger):
    assert load_study({"study": "hatexplain", **given}, ROOT / "config")["ledger"] == ledger


def test_two_ledgers_are_named_both_and_nothing_else():
    assert "must have path, with_mirror" in problems(ledger={"path": "a.tsv"})
    assert "not empty" in problems(ledger={"path": "a.tsv", "with_mirror": ""})
    assert "'mirror'" in problems(
        ledger={"path": "a.tsv", "with_mirror": "b.tsv", "mirror": "c.tsv"}
    )


def test_an_unknown_key_names_the_nearest():
    said = problems(training__learning_rat=0.1)
    assert "unknown key" in said and "did you mean 'learning_rate'?" in said and "training" in said
    assert "did you mean 'seeds'?" in problems(seed=[1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": "1"}, "wrong type"),
        ({"seeds": [1, 1]}, "each item once"),
        ({"sharding": ["0x2"]}, "such as 5x2"),
        ({"sharding": ["3x2\n"]}, "such as 5x2"),
        ({"sharding": ["3"]}, "not allowed"),
        ({"methods": ["sisa_vot"]}, "did you mean 'sisa_vote'?"),
        ({"data__reader": "formu"}, "did you mean 'forum'?"),
        ({"training__epochs": -1}, "at least 0"),
        ({"training__epochs": 0}, "a model from scratch that is not trained"),
        ({"fairness__eps": -0.1}, "at least 0"),
        ({"study": "../x"}, "not allowed"),
        ({"study": "a b"}, "lower-case letters"),
        ({"study": "demo\n"}, "lower-case letters"),
        ({"study": "$(id)"}, "lower-case letters"),
        ({"study": "d\u0435mo"}, "'d\\u0435mo'"),
        ({"study": "pretrained"}, "the name is taken"),
        ({"seeds": [1.0]}, "write it without a point"),
        ({"seeds": [True]}, "a whole number"),
        ({"seeds": [10**30]}, "at most 4294967295"),
        ({"seeds": [16**6000]}, "too long to show"),
        ({"seeds": 3}, "put it in brackets"),
        ({"salt": None, "seeds": [1, 2, 2, 1]}, "found: 2, 1"),
        ({"sharding": ["3x2", "1x1", "3x2"]}, "found: '3x2'"),
        ({"training__learning_rate": True}, "True, a truth value"),
        ({"training__learning_rate": "0.5"}, "write it without quotes"),
        ({"training__learning_rate": float("nan")}, "a number"),
        ({"training__learning_rate": float("inf")}, "a number"),
        ({"training__learning_rate": 10**400}, "a number"),
        ({"training__epochs": True}, "True, a truth value"),
        ({"training__precision": False}, "put it in quotes"),
        ({"data__quotes": "yes"}, "true or false, without quotes"),
        ({"study": None}, "add study"),
        ({"training": None, "seeds": None, "model__config__n_layer": float("nan")},
         "not a finite number"),
        ({"model__config__n_layer": datetime.date(2020, 1, 2)},
         "datetime.date(2020, 1, 2), a date"),
        ({"model__config": {1: 2}}, "a key is not text"),
        ({"model__config": {"x": HOLDS_ITSELF}}, "holds itself"),
        ({"model__config": {"x": "\ud800"}}, "no file can hold"),
        ({"ledger": "a\0b"}, "no file can hold"),
        ({"ledger": ""}, "not empty"),
        ({"groups__identity": None, "groups": {1: {"column": "identity"}}}, "wrong type"),
        ({"groups__Two words": {"column": "identity"}}, "lower-case letters"),
        ({"groups__identity": {"column": "identity", "values": ["a"]}}, "fine: true"),
        ({"groups__terms": {"terms": ["a"], "none": ["b"]}}, "go with a column"),
        ({"model__init": "gpt2"}, "only a model from scratch"),
        ({"data": TABLE | {"split_shares": {}}}, "shares must sum to 1"),
        ({"data": TABLE | {"split_shares": {"train": 1},
                           "columns": {"text": "t", "label": "l", "split": "s"}}},
         "two ways to split"),
        ({"data": TABLE | {"labels": {1: 0, "1": 1}}}, "the same value of the table"),
        ({"data": TABLE | {"labels": {"bad": 2}}}, "0 to 1, or null"),
        ({"data": TABLE | {"separator": ";;"}}, "one character, such as"),
        ({"data": TABLE | {"separator": r"\t"}}, "in double quotes"),
        ({"data": TABLE | {"separator": '"'}}, "one character, such as"),
        ({"data": TABLE | {"header": "no"}}, "write true or false, without quotes"),
        ({"data": TABLE | {"txt": "lines"}}, "did you mean 'line'?"),
        ({"data": TABLE | {"drop": {}}}, "at least one key"),
        ({"data": TABLE | {"drop": {"emtpy": True}}}, "did you mean 'empty'?"),
        ({"data": TABLE | {"drop": {"longer_than": 0}}}, "at least 1"),
        ({"data": TABLE | {"drop": {"where": {"lang": "de"}}}}, "put it in brackets"),
        ({"data": TABLE | {"drop": {"where": {"lang": [["de"]]}}}}, "name one, without brackets"),
        ({"data": TABLE | {"drop": {"where": {1: ["a"], "1": ["b"]}}}}, "data.drop.where"),
        ({"data": TABLE | {"columns": {"text": 0, "label": "l"}}}, "at least 1"),
        ({"data": TABLE | {"columns": {"text": [], "label": "l"}}}, "at least one item"),
        ({"data": TABLE | {"columns": {"text": ["a", "a"], "label": "l"}}}, "each item once"),
        ({"data": TABLE | {"columns": {"text": "t", "label": ["l"]}}},
         "name one, without brackets"),
        ({"data": TABLE | {"sources": [{"path": "a/*.txt.gz"}]}}, "`txt: file` where the whole"),
        ({"data__header": False, "data__drop": {"empty": True}}, "does not look at this key"),
        ({"data": TABLE}, "add it to data.keep"),
        ({"model": None}, "add model"),
        ({"data__posts": None}, "needs this key"),
        ({"model__tokenizer": "none"}, "no tokenizer of this name"),
        ({"groups__identity": {"column": "a", "terms": ["b"]}}, "a column or a list of terms"),
        ({"fairness__groups": ["identiy"]}, "did you mean 'identity'?"),
        ({"fairness__groups": []}, "a post-processor needs groups"),
        ({"data__classes": 3}, "two classes"),
        ({"data": {"reader": "table", "sources": [{"path": "a", "url": "http://b"}],
                   "columns": {"text": "t", "label": "l"}}}, "one of"),
        ({"sharding": ["1x99"]}, "epochs"),
        ({"data": {"reader": "table", "columns": {"text": "t", "label": "l", "split": "s"},
                   "sources": [{"path": "a"}]},
          "tokenizers": {"w": {"algorithm": "wordpiece", "vocab_size": 99,
                               "corpus": [{"path": "a"}]}}}, "seen what is forgotten"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes, said):
    assert said in problems(**changes)


def test_problems_are_told_together():
    said = problems(seeds="1", training__epochs=-1, study="a b")
    assert said.startswith("3 problems found")


def test_a_problem_is_told_once():
    """A missing key is no second problem beside another one, nor is a truth value one of a wrong
    kind and of a wrong name."""
    assert problems(model=None, data=None).count("\n- ") == 1
    assert problems(training__precision=False).count("\n- ") == 1


def test_raw_labels_and_splits_of_any_type_read_as_the_table_does():
    """YAML takes 1, true, null and 2020-01-02 for other things than text; the cells of a table are
    text."""
    labels = {0: 0, "bad": 1, True: 1, None: None, datetime.date(2020, 1, 2): 0, 2.0: 1}
    study = copy.deepcopy(DEMO) | {"groups": {}, "fairness": {}, "methods": ["sisa_vote"]}
    study = check_study(study | {"data": TABLE | {"labels": labels}}, where="x")
    assert study["data"]["labels"] == {
        "0": 0,
        "bad": 1,
        "true": 1,
        "": None,
        "2020-01-02": 0,
        "2": 1,
    }
    json.dumps(study, sort_keys=True)
    assert check_study(study, where="x") == study


NUMBERS = """
training: {learning_rate: 5e-5, epochs: 1e1}
model:
  config: {initializer_range: 2E-2, n_embd: 1e2, name: "1e", e: 1e999}
fairness: {epsilon_curve: [0, 1e-3, .5e-1]}
options: {npo: {learning_rate: +1.e-5}}
"""


@pytest.mark.parametrize("read", [read_yaml, load_configfile])
def test_a_number_with_an_exponent_is_a_number_wherever_the_schema_has_no_text(tmp_path, read):
    """YAML 1.1 takes all but -1.0e-5 for text; so does the reader of --configfile."""
    (tmp_path / "numbers.yaml").write_text(NUMBERS)
    given = read(tmp_path / "numbers.yaml")
    assert given["training"]["learning_rate"] == "5e-5", "otherwise the test is of no use"
    study = with_numbers({**copy.deepcopy(DEMO), **given, "study": "1e3", "salt": "2e3"}, schema())
    assert study["training"] == {"learning_rate": 5e-5, "epochs": 10}
    config = {"initializer_range": 0.02, "n_embd": 100, "name": "1e", "e": "1e999"}
    assert study["model"]["config"] == config and isinstance(config["n_embd"], int)
    assert study["fairness"]["epsilon_curve"] == [0, 0.001, 0.05]
    assert study["options"]["npo"]["learning_rate"] == 1e-5
    assert (study["study"], study["salt"]) == ("1e3", "2e3")
    assert "a whole number" in problems(training__epochs="15e-1")
    data = TABLE | {
        "labels": {"1e1": 0, "x": "1e0"},
        "keep": ["1e2"],
        "drop": {"longer_than": "1e3"},
    }
    study = check_study(DEMO | PLAIN | {"data": data}, where="x")["data"]
    assert study["labels"] == {"1e1": 0, "x": 1} and study["keep"] == ["1e2"]
    assert study["drop"] == {"longer_than": 1000} and isinstance(study["labels"]["x"], int)


def test_columns_may_be_numbers_and_are_called_so():
    """In all places that name a column; without quotes or with them."""
    data = TABLE | {
        "header": False,
        "columns": {"text": [1, "2"], "label": 3},
        "keep": [4],
        "drop": {"where": {5: ["x", 1, None, True]}},
    }
    groups = {"of-town": {"column": 4, "fine": True}}
    study = check_study(DEMO | PLAIN | {"data": data, "groups": groups}, where="x")
    assert study["data"]["columns"] == {"text": ["1", "2"], "label": "3"}
    assert study["data"]["keep"] == ["4"] and study["groups"]["of-town"]["column"] == "4"
    assert study["data"]["drop"]["where"] == {"5": ["x", 1, None, True]}
    json.dumps(study, sort_keys=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["-n", "--configfile", "STUDY", "data", "tests", "-q"], "snakemake data tests --conf"),
        (["--config", "study=demo", "data"], "snakemake data --config study=demo"),
    ],
)
def test_a_target_after_what_it_is_taken_for_is_told_with_its_remedy(given, said):
    """By the profile: else Snakemake ends with a traceback of its own."""
    study = "config/studies/demo.yaml"
    command = [one.replace("STUDY", study) for one in given]
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 1 and said.replace("STUDY", study) in run.stderr
    assert "Traceback" not in run.stderr and "Name targets first" in run.stderr


def test_a_result_among_the_files_of_configfile_is_told_for_a_target(tmp_path, monkeypatch):
    """Snakemake takes what follows --configfile for files, and reads the JSON of a result."""
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / "my.yaml", tmp_path / "results/demo/certificates/r1.json"]
    with pytest.raises(UserError) as told:
        load_studies(DEMO, ROOT / "config", files)
    said = "snakemake results/demo/certificates/r1.json --configfile STUDY.yaml"
    assert said in str(told.value)
    assert load_studies(DEMO, ROOT / "config", [tmp_path / "../results/my.yaml"])


def test_a_wrong_study_name_lists_the_studies():
    with pytest.raises(UserError, match="canaries, demo, facts") as told:
        load_study({"study": "hatexplan"}, ROOT / "config")
    assert "did you mean 'hatexplain'?" in str(told.value)


ODD = ["2024_01", "1e3", "007", "0x10", "nan", "inf", "2024-01-01", "yes", "no", "null"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """A folder of studies whose names YAML or Snakemake takes for something else than text."""
    config = tmp_path_factory.mktemp("config")
    (config / "studies").mkdir()
    demo = (ROOT / "config/studies/demo.yaml").read_text()
    for name in (*ODD, "plain"):
        text = demo.replace("study: demo", f'study: "{name}"')
        (config / f"studies/{name}.yaml").write_text(text)
    return config


@pytest.mark.parametrize("name", ODD)
def test_a_study_is_found_whatever_its_name_is_read_as(name, odd):
    """As Snakemake reads --config, alone, in a list and quoted; and YAML a list in a file."""
    given = [parse_config([f"study={name}"]), parse_config([f"studies=[{name}, plain]"])]
    given += [parse_config([f'study="{name}"']), parse_config([f"study={name},plain"])]
    given += [] if name == "null" else [yaml.safe_load(f"studies: [{name}]")]
    for one in given:
        assert load_studies(one, odd)[0]["study"] == name


@pytest.mark.parametrize(
    ("value", "found"),
    [(5, "found: 5, a whole number"), (True, "found: True, a truth value"), ([["demo"]], "a list"),
     ({"demo": 1}, "a mapping"), (2.5, "2.5, a number")],
)  # fmt: skip
def test_a_name_that_is_no_text_is_told(value, found):
    with pytest.raises(UserError) as told:
        load_studies({"studies" if isinstance(value, list) else "study": value}, ROOT / "config")
    said = str(told.value)
    assert "the name of a study is text" in said and found in said and "did you mean" not in said
    assert "--config 'study=\"NAME\"'" in said


def test_two_studies_that_are_read_alike_are_told(odd, tmp_path):
    (tmp_path / "studies").mkdir()
    for name in ("007", "7", "07"):
        shutil.copy(odd / "studies/plain.yaml", tmp_path / f"studies/{name}.yaml")
    with pytest.raises(UserError, match="7, a whole number, as which 007 and 07 and 7 are read"):
        load_studies(parse_config(["study=007"]), tmp_path)


@pytest.mark.parametrize("given", [{"study": None}, {"studies": []}, {"studies": None}])
def test_no_name_is_told(given):
    with pytest.raises(UserError, match="no study is named"):
        load_studies(given, ROOT / "config")


def test_a_study_may_be_named_by_its_path(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(
        (ROOT / "config/studies/demo.yaml").read_text().replace("study: demo", "study: shop")
    )
    assert load_study({"study": str(path), "mirror": "m"}, ROOT / "config")["study"] == "shop"
    path.write_bytes("study: caf\u00e9\n".encode("latin-1"))
    with pytest.raises(UserError, match="shop.yaml, line 1: not UTF-8"):
        load_study({"study": str(path)}, ROOT / "config")
    with pytest.raises(UserError, match="cannot be read"):
        load_study({"study": str(tmp_path / "none.yaml")}, ROOT / "config")


def test_keys_of_the_command_line_go_on_top_of_the_named_study():
    assert load_study({"study": "demo", "mirror": "m"}, ROOT / "config")["mirror"] == "m"
    assert load_study({}, ROOT / "config")["study"] == "demo"


def names(given: dict, files=()) -> list[str]:
    return [study["study"] for study in load_studies(given, ROOT / "config", files)]


def test_several_studies_are_made_in_one_run():
    """By commas, as a list, or those of config.yaml where none is named."""
    assert names({}) == ["demo", "people"]
    assert names({"study": "people, demo"}) == names({"studies": ["people", "demo"]})
    assert names({"study": "people, demo"}) == ["people", "demo"]
    assert names({"studies": ["canaries"]}) == ["canaries"] == names({"study": "canaries"})


def test_keys_beside_the_names_of_studies_hold_for_each_of_them(tmp_path):
    file = tmp_path / "both.yaml"
    file.write_text("studies: [demo, people]\nseeds: [3]\nseeds: [4]\n")
    both = load_studies({"studies": ["demo", "people"], "seeds": [4]}, ROOT / "config")
    assert [study["seeds"] for study in both] == [[4], [4]]
    assert [study["seeds"] for study in load_studies({"seeds": [4]}, ROOT / "config")] == [[4], [4]]
    with pytest.raises(UserError, match="both.yaml, line 3: a key stands twice"):
        names({"studies": ["demo", "people"], "seeds": [4]}, [file])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"study": "demo,demo"}, "a study is named twice"),
        ({"study": "demo", "studies": ["people"]}, "two ways to name studies"),
        ({"studies": []}, "no study is named"),
        ({"studies": ["demo", "peple"]}, "did you mean 'people'?"),
        ({"studies": ["demo", 3]}, "3, a whole number"),
        ({"studies": ["demo", "people"], "sede": 1}, "demo.yaml, the study: unknown key"),
    ],
)
def test_what_is_wrong_with_the_names_of_studies_is_said(given, said):
    with pytest.raises(UserError, match=re.escape(said)):
        names(given)


def test_problems_of_several_studies_are_told_together():
    with pytest.raises(UserError) as told:
        names({"studies": ["demo", "people"], "sede": 1})
    assert len(told.value.problems) == 2


def test_who_asks_for_one_study_gets_no_other():
    assert load_study({}, ROOT / "config")["study"] == "demo"
    with pytest.raises(UserError, match="one study is asked for"):
        load_study({"study": "demo,people"}, ROOT / "config")


def test_a_file_of_the_command_line_is_a_study_even_where_its_data_are_missing(tmp_path):
    """Without that, a misspelt `data` would be told as an unknown study."""
    with pytest.raises(UserError) as told:
        load_study({"study": "shop", "dat": {}}, ROOT / "config", [tmp_path / "shop.yaml"])
    assert "shop.yaml, the study: unknown key" in str(told.value) and "add data, model" in str(
        told.value
    )
    assert (
        load_study({"study": "demo", "mirror": "m"}, ROOT / "config", [tmp_path / "mirror.yaml"])[
            "mirror"
        ]
        == "m"
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("study: demo\nseeds: [1\n", ["x.yaml, line 3", "expected ',' or ']'"]),
        ("data:\n\treader: table\n", ["x.yaml, line 2, column 1", "by spaces, not tabs"]),
        ("", ["an empty file"]),
        ("# nothing\n", ["an empty file"]),
        ("- study: demo\n", ["a list"]),
        ("demo\n", ["a single value"]),
        (
            b"study: demo\nsalt: \xe9\n",
            ["x.yaml, line 2", "byte 0xe9 at offset 18", "save the file as UTF-8"],
        ),
        ("a: \0\n", ["special characters are not allowed"]),
        ("a: 2020-13-01\n", ["month"]),
        ("a: " + "9" * 5000, ["4300"]),
        ("a: " + "[" * 3000 + "]" * 3000, ["nested too deeply"]),
        ("a: !!python/object/apply:os.system [ls]\n", ["could not determine a constructor"]),
        ("a: *b\n", ["undefined alias"]),
    ],
)
def test_a_broken_yaml_names_its_line(tmp_path, text, parts):
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as told:
        read_yaml(path)
    assert "x.yaml" in str(told.value) and all(part in str(told.value) for part in parts), (
        told.value
    )
    assert told.value.problems[0].remedy


def test_a_yaml_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_yaml(tmp_path / "x.yaml")


def test_a_byte_order_mark_is_no_part_of_a_yaml(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("\ufeffstudy: demo\n", encoding="utf-8")
    assert read_yaml(path) == {"study": "demo"}


def test_keys_that_stand_twice_are_all_named(tmp_path):
    """Merged mappings are there to be overridden; an alias that leads back to its own mapping
    ends."""
    path = tmp_path / "x.yaml"
    path.write_text(
        "a: 1\nb: {c: 1, d: 2, c: 3}\nt:\n  - e: 1\n    e: 2\na: 4\nf: &f [*f]\n", encoding="utf-8"
    )
    with pytest.raises(UserError) as told:
        check_keys([path])
    assert [
        (problem.where.rpartition(", ")[2], problem.found) for problem in told.value.problems
    ] == [
        ("line 2", "'b.c', first in line 2"),
        ("line 5", "'t.e', first in line 4"),
        ("line 6", "'a', first in line 1"),
    ]
    path.write_text("a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: {<<: *a, x: 3}\n", encoding="utf-8")
    check_keys([path])


def test_problems_of_several_places_are_told_together():
    def fails(name):
        raise UserError(Problem(name, "here"))

    assert together(lambda: 1, lambda: 2) == [1, 2]
    with pytest.raises(UserError) as told:
        together(lambda: fails("one"), lambda: 1, lambda: fails("two"))
    assert [problem.what for problem in told.value.problems] == ["one", "two"]


def test_the_graph_is_built_without_heavy_imports():
    names = (
        "study.load",
        "study.plan",
        "engine.provenance",
        "plots.registry",
        "data.sources",
        "data.identity",
    )
    code = (
        f"import sys; {'; '.join(f'import palimpsest.{name}' for name in names)}; "
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "pandas", "numpy", "pyarrow", "matplotlib"} & set(loaded)
