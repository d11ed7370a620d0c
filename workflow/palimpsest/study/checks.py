"""What no schema can say of a study: values that cannot be used anywhere, and keys that need one
another.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

from palimpsest.attacks.registry import ATTACKS, attack_of, is_attack
from palimpsest.data.shards import parse_sharding
from palimpsest.data.storage import MAY_BE_EMPTY
from palimpsest.data.tables import plain
from palimpsest.errors import Problem
from palimpsest.methods.registry import METHODS, is_method, method_of, without_variant
from palimpsest.methods.settings import option_problems, options_of
from palimpsest.study.fields import field_problems
from palimpsest.study.schema import nearest, shown
from palimpsest.tracks import track_of
from palimpsest.training.schedule import stage_epochs

RAW = ("labels", "splits")  # sections of `data` whose keys are raw values of a table, of any type
BY_COLUMN = ("none", "fine", "values")  # keys of a group family that say how to read its column


def value_problems(value: object, where: str, key: str = "") -> Iterator[Problem]:
    """Values of YAML that cannot travel to a step, or not stand in a path: in free sections too,
    such as `model.config`."""
    place, of = f"{where}, {key or 'the study'}", f"{key}." if key else ""
    if isinstance(value, dict):
        for name, child in value.items():
            if not isinstance(name, str) and key not in {f"data.{section}" for section in RAW}:
                yield Problem("a key is not text", place, shown(name), "text", "put it in quotes")
            yield from value_problems(child, where, f"{of}{name}")
            yield from _text_problems(name, place)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from value_problems(child, where, f"{of}{number}")
    elif isinstance(value, str):
        yield from _text_problems(value, place)
    elif isinstance(value, (int, float)):
        if not abs(value) <= sys.float_info.max:
            yield Problem(
                "not a finite number",
                place,
                shown(value),
                "numbers of at most 1.8e308",
                "correct it",
            )
    elif value is not None:
        allowed = "text, numbers, true, false, null, lists and mappings"
        yield Problem(
            "wrong type",
            place,
            f"{shown(value)}, a {type(value).__name__}",
            allowed,
            "put it in quotes",
        )


def _text_problems(text: object, place: str) -> Iterator[Problem]:
    if isinstance(text, str) and any(
        letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text
    ):
        yield Problem(
            "text that no file can hold",
            place,
            ascii(text)[:80],
            "no NUL and no halves of letters",
            "retype it",
        )


def raw_keys(data: dict, where: str) -> Iterator[Problem]:
    """Turn the keys of `labels` and `splits` into the text that the table's cells are read as; two
    may become the same."""
    for section in (name for name in RAW if name in data):
        read: dict[str, object] = {}
        for name, value in data[section].items():
            text = plain(name) or ""
            if text in read:
                what = "two keys are the same value of the table"
                yield Problem(
                    what,
                    f"{where}, data.{section}",
                    shown(name),
                    "each value once",
                    "remove one of them",
                )
            read[text] = value
        data[section] = read


def cross_checks(study: dict, where: str) -> Iterator[Problem]:
    """Keys that need one another, or names that are not there."""
    yield from _name_checks(study, where)
    yield from _data_checks(study, where)
    yield from _source_checks(study, where)
    yield from _model_checks(study, where)
    yield from _sharding_checks(study, where)
    yield from _group_checks(study, where)
    yield from _method_checks(study, where)
    for name in study["methods"]:
        if method_of(name).fitted and study["data"]["classes"] != 2:
            yield Problem(
                "equalized odds is defined for two classes",
                f"{where}, methods",
                name,
                remedy="leave it out",
            )
        if method_of(name).fitted and not study["fairness"]["groups"]:
            yield Problem(
                "a post-processor needs groups",
                f"{where}, methods",
                name,
                remedy="name some in fairness.groups",
            )


def _method_checks(study: dict, where: str) -> Iterator[Problem]:
    if study["requests"] == "latest" and not any(
        method_of(name).needs == "teachers" for name in study["methods"]
    ):
        what, allowed = (
            "`requests: latest` keeps nothing but teachers",
            "a method that decides from teachers, such as sisa_vote",
        )
        yield Problem(
            what,
            f"{where}, methods",
            ", ".join(study["methods"]),
            allowed,
            "add one, or compare: `requests: all`",
        )
    yield from _attack_checks(study, where)
    trained = [name for name in METHODS if METHODS[name].trains and not METHODS[name].others]
    for name, options in study["options"].items():
        if is_method(name) and without_variant(name) in trained:
            yield from option_problems(method_of(name).module, options, f"{where}, options.{name}")
        else:
            what, place = "there is no method of this name that has settings", f"{where}, options"
            yield Problem(what, place, shown(name), ", ".join(trained), nearest(name, trained))
    compares = " and ".join(track_of(study["track"]).compares)
    missing = [name for name in track_of(study["track"]).compares if name not in study["methods"]]
    if study["requests"] == "all" and missing:
        yield Problem(
            f"a {study['track']} study compares with {compares}, and is checked by them",
            f"{where}, methods",
            ", ".join(study["methods"]),
            f"{compares} among them",
            f"add {' and '.join(missing)}",
        )
    several = [sharding for sharding in study["sharding"] if parse_sharding(sharding)[0] > 1]
    for name in study["methods"]:
        chosen = options_of(name, study["options"]).get("sharding")
        if "-" in name and not study["options"].get(name):
            what, remedy = (
                "a variant of a method is that method with other settings",
                f"give some under options.{name}, or leave it out",
            )
            yield Problem(what, f"{where}, methods", shown(name), remedy=remedy)
        if method_of(name).teachers and chosen and chosen not in study["sharding"]:
            what, allowed = (
                "the study has no teachers of this sharding",
                ", ".join(several) or "none of several shards yet",
            )
            yield Problem(
                what,
                f"{where}, options.{name}.sharding",
                shown(chosen),
                allowed,
                "add it to `sharding`, or name another",
            )
        elif method_of(name).teachers and (not several or (chosen and chosen not in several)):
            what, found = (
                "leave-one-out needs two teachers at least",
                chosen or ", ".join(study["sharding"]),
            )
            yield Problem(
                what,
                f"{where}, sharding",
                shown(found),
                "a sharding of two shards or more",
                "add one, such as 4x1",
            )
        if method_of(name).others and not any(
            method_of(other).trains for other in study["methods"] if other != name
        ):
            yield Problem(
                "there is no method to set it beside",
                f"{where}, methods",
                name,
                remedy="add one that trains, or leave it out",
            )
        if study["track"] not in method_of(name).tracks:
            found, allowed = (
                f"{name}, track {study['track']}",
                f"track {' or '.join(method_of(name).tracks)}",
            )
            yield Problem(
                "the method is not defined for this track",
                f"{where}, methods",
                found,
                allowed,
                "leave it out",
            )


def _attack_checks(study: dict, where: str) -> Iterator[Problem]:
    place = f"{where}, attacks"
    for name, options in study["attacks"].items():
        if not is_attack(name):
            remedy = nearest(name, ATTACKS)
            yield Problem("there is no such attack", place, shown(name), ", ".join(ATTACKS), remedy)
        elif study["track"] not in attack_of(name).tracks:
            allowed = f"a track of {', '.join(attack_of(name).tracks)}"
            yield Problem(
                f"{name} is no attack on {study['track']} models", place, shown(name), allowed,
                "leave it out",
            )  # fmt: skip
        else:
            kind = importlib.import_module(attack_of(name).module).ATTACK.Settings
            yield from field_problems(kind, options, f"{place}.{name}")


def _name_checks(study: dict, where: str) -> Iterator[Problem]:
    if study["study"] == "pretrained":
        remedy = "results/pretrained/ is shared by all studies: rename it"
        yield Problem(
            "the name is taken", f"{where}, study", "'pretrained'", "another name", remedy
        )
    for name in {"logs"} & set(study["tokenizers"]):
        yield Problem(
            "the name is taken",
            f"{where}, tokenizers",
            repr(name),
            remedy="logs is a folder: rename it",
        )
    for name in {"logs", *study["tokenizers"]} & set(study["pretraining"]):
        remedy = "each has its folder below results/pretrained/: rename one"
        yield Problem(
            "the name is taken",
            f"{where}, pretraining",
            repr(name),
            "none of a tokenizer, nor logs",
            remedy,
        )


def _data_checks(study: dict, where: str) -> Iterator[Problem]:
    data = study["data"]
    needed = {
        "table": ["sources", "columns"],
        "forum": ["owners", "posts", "seed"],
        "people": ["owners", "records", "seed"],
        "tofu": ["sources", "authors"],
        "canaries": ["sources", "articles", "words", "canaries"],
    }.get(data["reader"], ["sources"])
    for key in needed:
        if key not in data:
            yield Problem(
                f"reader {data['reader']!r} needs this key",
                f"{where}, data.{key}",
                remedy=f"add {key}",
            )
    if data["reader"] == "table" and "columns" in data:
        for field in track_of(study["track"]).fields:
            if field not in data["columns"] and field not in MAY_BE_EMPTY:
                yield Problem(
                    f"track {study['track']!r} needs this column",
                    f"{where}, data.columns.{field}",
                    remedy=f"map {field}",
                )
        if not ("split" in data["columns"] or "split_shares" in data):
            yield Problem(
                "records need a split",
                f"{where}, data",
                remedy="map columns.split, or give split_shares",
            )
        if "split" in data["columns"] and "split_shares" in data:
            found = "columns.split, and split_shares"
            yield Problem(
                "two ways to split", f"{where}, data", found, "one of them", "keep one of them"
            )
    shares = data.get("split_shares")
    if shares is not None and abs(sum(shares.values()) - 1) > 1e-9:
        yield Problem(
            "shares must sum to 1",
            f"{where}, data.split_shares",
            str(sum(shares.values())),
            "1",
            "correct the shares",
        )
    for raw, label in data.get("labels", {}).items():
        if label is not None and label >= data["classes"]:
            allowed = f"0 to {data['classes'] - 1}, or null to leave rows out"
            remedy = "correct it, or raise data.classes"
            yield Problem(
                "label outside the range",
                f"{where}, data.labels.{raw}",
                shown(label),
                allowed,
                remedy,
            )


def _source_checks(study: dict, where: str) -> Iterator[Problem]:
    sources = [("data.sources", source) for source in study["data"].get("sources", [])]
    for name, tokenizer in study["tokenizers"].items():
        sources += [(f"tokenizers.{name}.corpus", source) for source in tokenizer["corpus"]]
    for key, source in sources:
        kinds = [kind for kind in ("path", "url", "hub", "lexicon") if kind in source]
        if len(kinds) != 1:
            found = ", ".join(kinds) or "none of them"
            yield Problem(
                "a source is one of path, url, hub", f"{where}, {key}", found, remedy="keep one"
            )
        elif key != "data.sources" and any(
            source.get(kinds[0]) == other.get(kinds[0])
            for other in study["data"].get("sources", [])
        ):
            what, allowed = (
                (
                    "a tokenizer must not be trained on the records: it would have seen what is "
                    "forgotten"
                ),
                "text that nobody can ask to delete",
            )
            yield Problem(
                what, f"{where}, {key}", shown(source[kinds[0]]), allowed, "name another corpus"
            )


def _model_checks(study: dict, where: str) -> Iterator[Problem]:
    model, tokenizers = study["model"], study["tokenizers"]
    if (model["init"] == "pretrained") != ("recipe" in model):
        yield Problem(
            "init: pretrained and recipe go together",
            f"{where}, model",
            remedy="give both, or neither",
        )
    for place, name, known in (
        *(
            (f"pretraining.{key}.tokenizer", recipe["tokenizer"], tokenizers)
            for key, recipe in study["pretraining"].items()
        ),
        *([("model.recipe", model["recipe"], study["pretraining"])] if "recipe" in model else []),
    ):
        if name not in known:
            allowed = ", ".join(known) or "none is defined"
            yield Problem(
                "there is none of this name",
                f"{where}, {place}",
                shown(name),
                allowed,
                nearest(name, known) or "define it",
            )
    for key in ("architecture", "config", "tokenizer"):
        if model["init"] == "scratch" and key not in model:
            yield Problem(
                "a model from scratch needs this key", f"{where}, model.{key}", remedy=f"add {key}"
            )
        if model["init"] != "scratch" and key in model:
            found = f"init: {model['init']}"
            yield Problem(
                "only a model from scratch has this key",
                f"{where}, model.{key}",
                found,
                "init: scratch",
                f"remove {key}",
            )
    if model.get("tokenizer", "") not in tokenizers and "tokenizer" in model:
        allowed = ", ".join(tokenizers) or "none is defined"
        remedy = (
            nearest(model["tokenizer"], tokenizers)
            if tokenizers
            else "define it under `tokenizers`"
        )
        yield Problem(
            "there is no tokenizer of this name",
            f"{where}, model.tokenizer",
            shown(model["tokenizer"]),
            allowed,
            remedy,
        )


def _sharding_checks(study: dict, where: str) -> Iterator[Problem]:
    epochs = study["training"]["epochs"]
    for sharding in study["sharding"]:
        slices = parse_sharding(sharding)[1]
        if min(stage_epochs(epochs, slices)) < 1:
            allowed = f"2 x epochs of at least {slices + 1}, so that every stage trains"
            yield Problem(
                "too few epochs for so many slices",
                f"{where}, sharding",
                sharding,
                allowed,
                "raise training.epochs",
            )


def _group_checks(study: dict, where: str) -> Iterator[Problem]:
    families, data = study["groups"], study["data"]
    for name, family in families.items():
        place = f"{where}, groups.{name}"
        if ("column" in family) == ("terms" in family):
            found = "both" if "column" in family else "none of them"
            yield Problem(
                "a group family is a column or a list of terms",
                place,
                found,
                "column, or terms",
                "give one of them",
            )
        elif "terms" in family and set(BY_COLUMN) & set(family):
            found = ", ".join(key for key in BY_COLUMN if key in family)
            yield Problem("these keys go with a column", place, found, "terms alone", "remove them")
        if "values" in family and not family.get("fine"):
            yield Problem(
                "values are kept apart only with `fine: true`",
                place,
                remedy="add fine: true, or remove values",
            )
        if (
            "column" in family
            and data["reader"] == "table"
            and family["column"] not in data["keep"]
        ):
            allowed = ", ".join(map(repr, data["keep"])) or "no column is kept"
            remedy = (
                f"add it to data.keep, or {nearest(family['column'], data['keep'])}"
                if data["keep"]
                else "add it to data.keep"
            )
            yield Problem(
                "the column is not kept",
                f"{place}.column",
                shown(family["column"]),
                allowed,
                remedy,
            )
    for name in study["fairness"]["groups"]:
        if name not in families:
            allowed = ", ".join(families) or "none is defined"
            remedy = nearest(name, families) if families else "define it under `groups`"
            yield Problem(
                "there is no group family of this name",
                f"{where}, fairness.groups",
                shown(name),
                allowed,
                remedy,
            )
