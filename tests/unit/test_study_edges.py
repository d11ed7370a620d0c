"""Where the checks of a study begin: what is just refused, and beside it what is just allowed."""

from __future__ import annotations

import copy

import pytest
import yaml
from test_study import DEMO, ROOT, TABLE

from palimpsest.errors import UserError
from palimpsest.study.load import check_study

TOFU = yaml.safe_load((ROOT / "config/studies/tofu.yaml").read_text(encoding="utf-8"))
NOVEL = yaml.safe_load((ROOT / "config/studies/novel.yaml").read_text(encoding="utf-8"))
HATE = yaml.safe_load((ROOT / "config/studies/hatexplain.yaml").read_text(encoding="utf-8"))
WORDS = {"algorithm": "wordpiece", "vocab_size": 99, "corpus": [{"path": "words"}]}
SOURCES = [{"path": "a.csv", "split": "train"}, {"path": "b.csv", "split": "test"}]
SPLIT = {"columns": {"text": "t", "label": "l", "split": "s"}, "split_shares": None}
OFFLINE = {"spans": "offline"}
KGA = ["base", "oracle", "sham", "kga"]  # one of them needs text that nothing is trained on
PLAIN = {"groups": {}, "fairness": {}, "methods": ["base", "sisa_vote"]}


def changed(study: dict, **changes) -> dict:
    """Keys are dotted, with '__' for the dots; None takes a key out."""
    study = copy.deepcopy(study)
    for key, value in changes.items():
        *path, last = key.split("__")
        place = study
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
        if value is None:
            del place[last]
    return study


def told(study: dict, **changes) -> str:
    """What is said of the study with changes; nothing where it is allowed."""
    try:
        check_study(changed(study, **changes), "study.yaml")
    except UserError as error:
        return str(error)
    return ""


def table(**changes) -> dict:
    return changed(DEMO | PLAIN, data=changed(TABLE, **changes))


EDGES = [
    # study, what is just allowed, what is just refused, and what is said of it
    (table(), {"data__split_shares": {"train": 0.7, "valid": 0.2, "test": 0.1}},
     {"data__split_shares": {"train": 0.7, "valid": 0.2, "test": 0.2}}, "shares must sum to 1"),
    (table(), {"data__labels": {"bad": 1}}, {"data__labels": {"bad": 2}}, "outside the range"),
    (table(), {"data__labels": {"1": 1, "01": 0}}, {"data__labels": {"1": 1, 1: 0}}, "same value"),
    (table(), {}, {"data__split_shares": None}, "records need a split"),
    (table(**SPLIT), {}, {"data__split_shares": {"train": 1}}, "two ways to split"),
    (table(**SPLIT), {"data__split_shares": {"train": {"train": 0.9, "valid": 0.1}}},
     {"data__split_shares": {"train": {"train": 0.9, "valid": 0.2}}}, "split_shares.train"),
    (table(**SPLIT), {"data__split_shares": {"train": {"train": 1}}},
     {"data__split_shares": {"train": {"train": 1}, "test": 1}}, "shares of two forms"),
    (table(split_shares=None), {"data__sources": SOURCES},
     {"data__sources": [SOURCES[0], {"path": "b.csv"}]}, "1 of 2 have one"),
    (table(), {"data__sources": SOURCES, "data__split_shares": {"train": {"train": 1}}},
     {"data__sources": SOURCES}, "split of a source and split_shares"),
    (table(), {}, {"data__sources": [{"path": "a.csv", "name": "x"}]}, "nothing looks at this key"),
    (table(), {}, {"data__sources": [{"url": "https://a.b/c", "revision": "x"}]}, "of a url"),
    (table(), {"data__sources": [{"hub": "a/b", "name": "x"}]},
     {"data__sources": [{"hub": "a/b", "column": "x"}]}, "is data.columns.text"),
    (HATE, {}, {"data__sources": [HATE["data"]["sources"][0] | {"split": "train"}]},
     "nothing looks at this key of a url"),
    (DEMO, {"tokenizers__w": WORDS | {"corpus": [{"path": "a.parquet", "column": "x"}]}},
     {"tokenizers__w": WORDS | {"corpus": [{"path": "a.txt", "column": "x"}]}}, "of a path"),
    (DEMO, {"tokenizers__w": WORDS | {"corpus": [{"hub": "a", "split": "x"}]}},
     {"tokenizers__w": WORDS | {"corpus": [{"path": "a", "split": "x"}]}}, "of a path"),
    (table(), {}, {"data__columns": {"text": "t"}}, "needs a column for its"),
    (table(), {"data__sources": [{"url": "https://a.b/c"}]},
     {"data__sources": [{"column": "c"}]}, "one of path"),
    (DEMO, {"sharding": ["2x3"], "training__epochs": 2},
     {"sharding": ["2x3"], "training__epochs": 1}, "too few epochs for so many slices"),
    (DEMO, {"model__config__n_layer": 1.7e308}, {"model__config__n_layer": float("-inf")},
     "not a finite number"),
    (DEMO, {"model__config__x": "\ue000"}, {"model__config__x": "\udfff"}, "no file can hold"),
    (DEMO, {"groups__age": {"column": "identity", "fine": True, "values": ["a"]}},
     {"groups__age": {"column": "identity", "fine": False, "values": ["a"]}}, "with `fine: true`"),
    (DEMO, {"groups__age": {"terms": ["a"]}},
     {"groups__age": {"terms": ["a"], "fine": True}}, "these keys go with a column"),
    (DEMO, {"fairness__groups": ["identity"], "groups__age": {"terms": ["a"]}},
     {"fairness__groups": ["identity", "age"]}, "no group family of this name"),
    (DEMO, {"groups__identity": {"column": "identity", "fine": True, "other": ["a"]}},
     {"groups__identity": {"column": "identity", "fine": True, "drop": ["a"]}},
     "dropped groups have none"),
    (DEMO, {"groups__age": {"terms": ["a"], "drop": ["none"], "other": ["mentions"]}},
     {"groups__age": {"terms": ["a"], "drop": ["none"], "other": ["mentions", "none"]}},
     "a group is dropped and merged"),
    (DEMO, {"requests": "latest"}, {"requests": "latest", "methods": ["base", "oracle"]},
     "keeps nothing but teachers"),
    (DEMO, {"methods": ["base", "sisa_vote"], "fairness__groups": []},
     {"methods": ["base", "sisa_vote", "base_postprocessed"], "fairness__groups": []},
     "a post-processor needs groups"),
    (TOFU, {"sharding": ["1x1", "2x1"], "options__loo_ensemble__sharding": "2x1"},
     {"sharding": ["1x1", "1x2"], "options__loo_ensemble__sharding": "1x2"},
     "two teachers at least"),
    (TOFU, {"sharding": ["1x2", "2x1"], "options__loo_ensemble": {}},
     {"sharding": ["1x2"], "options__loo_ensemble": {}}, "two teachers at least"),
    (TOFU, {"methods": ["base", "oracle", "npo", "sham"], "options": {}},
     {"methods": ["base", "oracle", "sham"], "options": {}}, "no method to set it beside"),
    (TOFU, {"methods": ["base", "oracle", "npo"], "requests": "all", "options": {}},
     {"methods": ["base", "npo"], "requests": "all", "options": {}}, "add oracle"),
    (TOFU, {}, {"model__recipe": None}, "init: pretrained and recipe go together"),
    (DEMO, {}, {"model__recipe": "small"}, "init: pretrained and recipe go together"),
    (TOFU, {}, {"model__tokenizer": "english-bpe-8k"}, "only a model from scratch has this key"),
    (DEMO, {}, {"model__init": "gpt2"}, "only a model from scratch has this key"),
    (DEMO, {}, {"model__architecture": None}, "a model from scratch needs this key"),
    (TOFU, {}, {"model__recipe": "small-gpt3"}, "there is none of this name"),
    (DEMO, {"methods": KGA, "data__extra_share": 0.1}, {"methods": KGA},
     "add data.extra_share, or leave"),
    (HATE, {"methods": KGA}, {"methods": KGA, "data__extra_share": None}, "the data have none"),
    (table(), {"methods": KGA, "data__split_shares": {"train": 0.9, "extra": 0.1}},
     {"methods": KGA, "data__split_shares": {"train": 1, "extra": 0}},
     "add data.split_shares.extra"),
    (table(**SPLIT), {"methods": KGA, "data__splits": {"a": "train", "b": "extra"}},
     {"methods": KGA, "data__splits": {"a": "train", "b": "valid"}}, "or a split in data.splits"),
    (table(**SPLIT), {"methods": KGA}, {"methods": KGA, "data__splits": {}}, "data.extra_share"),
    (TOFU, {"methods": KGA, "options": {}},
     {"methods": KGA, "options": {}, "data__authors": {"train": ["1-20"], "valid": ["21"]}},
     "add data.authors.extra"),
    (NOVEL, {"data__passages__test": None}, {"data__passages__extra": None},
     "add data.passages.extra"),
    (NOVEL, {}, {"data__prompt_words": None}, "reader 'novels' needs this key"),
    (NOVEL, {"methods": ["base", "oracle", "selective"], "options": {"selective": OFFLINE}},
     {"data__columns": {"completion": "text"}}, "does not look at this key"),
    (NOVEL, {}, {"data__edits": ["1-9"]}, "does not look at this key"),
    (HATE, {}, {"tokenizers__w": WORDS | {"corpus": HATE["data"]["sources"][:1]}},
     "seen what is forgotten"),
]  # fmt: skip


@pytest.mark.parametrize(("study", "allowed", "refused", "said"), EDGES)
def test_edges(study, allowed, refused, said):
    assert told(study, **allowed) == ""
    assert said in told(study, **refused)


def test_a_causal_table_needs_completions_and_no_labels():
    """Of a table; a study of causal models is checked by base and oracle."""
    data = TABLE | {"columns": {"completion": "c"}, "keep": []}
    study = changed(TOFU, data=data, methods=["base", "oracle"], options={}, sharding=["1x1"])
    assert told(study) == ""
    assert "needs a column for its" in told(study, data__columns={"text": "t", "label": "l"})
    assert "data.columns.completion" in told(study, data__columns={"text": "t", "label": "l"})


def test_a_text_of_a_key_is_looked_at_too():
    assert "no file can hold" in told(DEMO, model__config={"a\0b": 1})
    assert "no file can hold" in told(DEMO, model__config={"x": ["a", {"y": "\ud800"}]})


def test_words_to_set_against_each_other_are_asked_for():
    """Which a reader gives, or columns of a table that are kept; of DPCE the term, too."""
    made_up = ROOT / "config/studies/pronouns.yaml"
    study = yaml.safe_load(made_up.read_text(encoding="utf-8"))
    assert told(study) == ""
    own = {
        "reader": "table",
        "sources": [{"path": "a.csv"}],
        "split_shares": {"train": 0.5, "test": 0.5},
        "columns": {"completion": "word", "prompt": "text"},
    }
    others = ["base", "oracle", "pcgu", "sham"]
    changes = {"methods": others, "options": {}}
    assert "no pairs of words" in told(study, data=own, **changes)
    pair = {"keep": ["advantaged", "disadvantaged"]}
    assert told(study, data=own | pair, **changes) == ""
    more = {"methods": ["base", "oracle", "counterfactual", "dpce"], "options": {}}
    asked = told(study, data=own | pair, **more)
    assert "methods.dpce" in asked and "'term'" in asked and "methods.counter" not in asked
    pair["keep"].append("term")
    assert told(study, data=own | pair, **more) == ""
    people = yaml.safe_load((ROOT / "config/studies/people.yaml").read_text(encoding="utf-8"))
    assert "reader 'people'" in told(people, methods=others, options={})
