"""Checks of a study that a schema cannot express: values that are never usable, and keys that
depend on one another.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

from palimpsest.attacks.registry import ATTACKS, attack_of, is_attack
from palimpsest.data.corpus import TABLES
from palimpsest.data.facts import has_new_answers
from palimpsest.data.names import name_problems
from palimpsest.data.prompts import CHAT, OTHER_TEMPLATE
from palimpsest.data.readers import NAMING
from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.data.spans import SPANS
from palimpsest.data.storage import MAY_BE_EMPTY
from palimpsest.data.tables import plain, suffix_of, undecided
from palimpsest.errors import Problem, choose, nearest, quoted
from palimpsest.methods.registry import METHODS, is_method, method_of, without_variant
from palimpsest.methods.settings import kind_of, option_problems, options_of
from palimpsest.models.start import MADE_HERE
from palimpsest.study.judging import judge_checks
from palimpsest.study.tuning import tuning_checks
from palimpsest.tracks import track_of
from palimpsest.training.fields import field_problems
from palimpsest.training.schedule import stage_epochs

DROP = "drop"  # of `data.splits`: what leaves rows out
RAW = ("labels", "splits")  # sections of `data` whose keys are raw values of a table, of any type
NOT_TEXT = {*(f"data.{section}" for section in RAW), "data.drop.where"}  # of any keys
OF_PAIRS = ("pronouns", "stereotypes")  # readers whose records name two words for a blank
OF_TABLES = (
    *("columns", "drop", "separator", "header", "txt", "encoding", "quotes", "span_unit", "blanks"),
)
MADE_UP = ("forum", "people", "pronouns")
# keys of `data` -> the readers that look at them; at others all do
OF_READERS = {
    **dict.fromkeys(OF_TABLES, ("table",)),
    "owners": MADE_UP, "seed": MADE_UP, "records": MADE_UP[1:], "posts": ("forum",),
    "authors": ("tofu",), "facts": ("facts",), "edits": ("facts",), "passages": ("novels",),
    "prompt_words": ("novels",), "words": ("canaries", "harmful", "novels"),
    "articles": ("canaries",), "canaries": ("canaries",), "pairs": ("harmful",),
    "prompts": ("harmful",), "cut": OF_PAIRS, **dict.fromkeys(
        ("statistic", "held_out", "plain_sentences", "probe_sentences"), ("stereotypes",)
    ),
}  # fmt: skip
# reader -> the section of `data` that gives splits by position
BY_POSITION = {
    "tofu": ("authors",), "canaries": ("articles",), "novels": ("passages",), "facts": ("facts",),
    "harmful": ("pairs", "prompts"),
}  # fmt: skip
BY_COLUMN = ("none", "fine", "values")  # keys of a group family that say how to read its column


def value_problems(value: object, where: str, key: str = "") -> Iterator[Problem]:
    """Values of YAML that cannot be passed to a step, or not stand in a path: also in free
    sections, such as `model.config`."""
    place, of = f"{where}, {key or 'the study'}", f"{key}." if key else ""
    if isinstance(value, dict):
        for name, child in value.items():
            if not isinstance(name, str) and key not in NOT_TEXT:
                yield Problem("a key is not text", place, quoted(name), "text", "put it in quotes")
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
                quoted(value),
                "numbers of at most 1.8e308",
                "correct it",
            )
    elif value is not None:
        allowed = "text, numbers, true, false, null, lists and mappings"
        yield Problem(
            "wrong type",
            place,
            f"{quoted(value)}, a {type(value).__name__}",
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


def name_columns(study: dict) -> None:
    """Turn numbers of columns into text: a column without a name is called by its number."""

    def name(column):
        return list(map(name, column)) if isinstance(column, list) else str(column)

    data = study["data"]
    mapped = data.get("columns", {})
    mapped |= {field: name(column) for field, column in mapped.items()}
    data["keep"] = name(data["keep"])
    for family in study["groups"].values():
        family |= {key: name(family[key]) for key in ("column",) if key in family}


def raw_keys(data: dict, where: str) -> Iterator[Problem]:
    """Turn keys that are values or columns of a table into text, as its cells are read; a Problem
    where two become the same."""
    places = [(section, data) for section in RAW] + [("where", data.get("drop", {}))]
    for section, place in [(name, above) for name, above in places if name in above]:
        read: dict[str, object] = {}
        for name, value in place[section].items():
            text = plain(name) or ""
            if text in read:
                key = f"{where}, data.{'' if place is data else 'drop.'}{section}"
                what, allowed = "two keys are the same value of the table", "each value once"
                yield Problem(what, key, quoted(name), allowed, "remove one of them")
            read[text] = value
        place[section] = read


def cross_checks(study: dict, where: str) -> Iterator[Problem]:
    """Keys that depend on one another, and names that are not defined."""
    yield from _name_checks(study, where)
    yield from _data_checks(study, where)
    yield from _source_checks(study, where)
    yield from _model_checks(study, where)
    yield from _sharding_checks(study, where)
    yield from _group_checks(study, where)
    yield from _method_checks(study, where)
    yield from tuning_checks(study, where)
    yield from judge_checks(study, where)
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
        what = "`requests: latest` keeps nothing but teachers"
        allowed = "a method that decides from teachers, such as sisa_vote"
        yield Problem(
            what,
            f"{where}, methods",
            ", ".join(study["methods"]),
            allowed,
            "add one, or compare: `requests: all`",
        )
    yield from _attack_checks(study, where)
    yield from _unseen_checks(study, where)
    yield from _span_checks(study, where)
    yield from _answer_checks(study, where)
    yield from _pair_checks(study, where)
    yield from _valid_checks(study, where)
    trained = [name for name in METHODS if METHODS[name].trains and not METHODS[name].others]
    for name, options in study["options"].items():
        if is_method(name) and without_variant(name) in trained:
            yield from option_problems(name, options, f"{where}, options.{name}")
        else:
            what, place = "there is no method of this name that has settings", f"{where}, options"
            yield Problem(what, place, quoted(name), ", ".join(trained), choose(name, trained))
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
        teachers = method_of(name).teachers
        default = kind_of(name).sharding if teachers else None
        chosen = options_of(name, study["options"]).get("sharding", default)
        if "-" in name and not study["options"].get(name):
            what = "a variant of a method is that method with other settings"
            remedy = f"give some under options.{name}, or leave it out"
            yield Problem(what, f"{where}, methods", quoted(name), remedy=remedy)
        if teachers and chosen and chosen not in study["sharding"]:
            what = "the study has no teachers of this sharding"
            allowed = ", ".join(several) or "none of several shards yet"
            yield Problem(
                what,
                f"{where}, options.{name}.sharding",
                quoted(chosen),
                allowed,
                "add it to `sharding`, or name another",
            )
        elif teachers and (not several or (chosen and chosen not in several)):
            what = "leave-one-out needs two teachers at least"
            found = chosen or ", ".join(study["sharding"])
            yield Problem(
                what,
                f"{where}, sharding",
                quoted(found),
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
            found = f"{name}, track {study['track']}"
            allowed = f"track {' or '.join(method_of(name).tracks)}"
            yield Problem(
                "the method is not defined for this track",
                f"{where}, methods",
                found,
                allowed,
                "leave it out",
            )


def _unseen_checks(study: dict, where: str) -> Iterator[Problem]:
    """Methods that need text that nothing was trained on, in a study whose data have none."""
    asking = [name for name in study["methods"] if is_method(name) and method_of(name).unseen]
    if asking and (key := _key_of_unseen(study["data"])):
        yield Problem(
            "a method needs text that nothing is trained on, and the data have none",
            f"{where}, methods",
            ", ".join(asking),
            "records of split extra",
            f"add {key}, or leave the methods out",
        )


def _pair_checks(study: dict, where: str) -> Iterator[Problem]:
    """A method may ask for two words that could stand in a blank, and for whom a text is about."""
    data = study["data"]
    if data["reader"] in OF_PAIRS:
        return
    for name in study["methods"]:
        columns = method_of(name).asks
        if not set(columns) <= set(data["keep"]):
            what, listed = "the data name no pairs of words", " and ".join(map(repr, columns))
            allowed = f"reader {' or '.join(OF_PAIRS)}, or a table whose columns {listed} are kept"
            found = f"reader {data['reader']!r}"
            yield Problem(what, f"{where}, methods.{name}", found, allowed, "leave the method out")


def _asked(study: dict, name: str, option: str) -> Iterator[tuple[str, object]]:
    """(key, value) of what a method is, or may be, given for an option: in `options`, or among the
    values that trials take."""
    yield f"options.{name}.{option}", options_of(name, study["options"]).get(option)
    tried = study.get("tuning", {}).get("ranges", {}).get(name, {}).get(option)
    for value in tried if isinstance(tried, list) else []:
        yield f"tuning.ranges.{name}.{option}", value


def _span_checks(study: dict, where: str) -> Iterator[Problem]:
    """A method may ask for spans that the data mark."""
    if SPANS in study["data"].get("columns", {}) or study["data"]["reader"] in NAMING:
        return
    for name in study["methods"]:
        for key, value in _asked(study, name, "spans"):
            if value == "offline":
                what, remedy = "the data mark no spans", (
                    "map the column that has them, by `data.columns.spans`, or choose online"
                )  # fmt: skip
                yield Problem(what, f"{where}, {key}", "offline", "online", remedy)


def _answer_checks(study: dict, where: str) -> Iterator[Problem]:
    """A method may teach new answers that the data have."""
    data = study["data"]
    if has_new_answers(data):
        if SPANS in data.get("columns", {}):
            what = "spans and new answers: numbers of spans are of data without new answers"
            remedy = "keep one of them, or make two studies"
            yield Problem(what, f"{where}, data.columns.{SPANS}", "both", remedy=remedy)
        return
    for name in study["methods"]:
        for key, value in _asked(study, name, "answers"):
            if value == "new":
                what = "the data have no new answers"
                remedy = "keep the column `new_answer`, by `data.keep`, or teach one answer to all"
                yield Problem(what, f"{where}, {key}", "new", "one", remedy)


def _key_of_unseen(data: dict) -> str:
    """The key of `data` that gives records of split extra, where none does; readers that make them
    need none."""
    if "extra_share" in data or data.get("canaries", {}).get("unseen"):
        return ""
    if data["reader"] in ("forum", "hatexplain"):
        return "data.extra_share"
    sections = {"table": ("split_shares",), **BY_POSITION}.get(data["reader"], ())
    section, parts = (*sections, "")[0], []
    for given in (data.get(one, {}) for one in sections):
        parts += [given, *(part for part in given.values() if isinstance(part, dict))]
    if not section or any(part.get("extra") for part in parts):
        return ""
    raw = [source["split"] for source in data.get("sources", []) if "split" in source]
    if data["reader"] == "table" and ("split" in data.get("columns", {}) or raw):
        mapped = data.get("splits", {"extra": "extra"})
        found = [mapped.get(one) for one in raw] or mapped.values()
        return "" if "extra" in found else "data.extra_share, or a split in data.splits"
    return f"data.{section}.extra"


def _valid_checks(study: dict, where: str) -> Iterator[Problem]:
    """What needs validation records, in a study whose data have none."""
    splits = _splits_given(study["data"])
    if splits is None or "valid" in splits:
        return
    asking = [name for name in study["methods"] if is_method(name) and method_of(name).fitted]
    asking += ["data.extra_share"] if "extra_share" in study["data"] else []
    if asking:
        yield Problem(
            "validation records are needed, and the data have none",
            f"{where}, data",
            f"{', '.join(sorted(splits))}; for {', '.join(asking)}",
            "records of split valid, too",
            "give some (of a split: `split_shares: {train: {train: 0.9, valid: 0.1}}`), or leave "
            "out what needs them",
        )


def _splits_given(data: dict) -> set[str] | None:
    """The splits that records can have, as far as the study alone tells; None where it does not."""
    if data["reader"] in BY_POSITION:
        given = [data.get(section, {}).items() for section in BY_POSITION[data["reader"]]]
        return {split for some in given for split, places in some if places}
    if data["reader"] != "table":
        return None
    shares = data.get("split_shares") or {}
    drawn = {name for name, share in shares.items() if share and not isinstance(share, dict)}
    named = [source["split"] for source in data.get("sources", []) if "split" in source]
    mapping = data.get("splits") or {}
    if not drawn and named:
        drawn = {mapping.get(name, name) for name in named}
    elif not drawn and mapping:
        drawn = set(mapping.values()) - {DROP}
    elif not drawn:
        return None
    divided = {name: parts for name, parts in shares.items() if isinstance(parts, dict)}
    parts = [split for parts in divided.values() for split, share in parts.items() if share]
    return (drawn - divided.keys()) | set(parts)


def _attack_checks(study: dict, where: str) -> Iterator[Problem]:
    place = f"{where}, attacks"
    for name, options in study["attacks"].items():
        if not is_attack(name):
            remedy = choose(name, ATTACKS)
            yield Problem(
                "there is no such attack", place, quoted(name), ", ".join(ATTACKS), remedy
            )
        elif study["track"] not in attack_of(name).tracks:
            allowed = f"a track of {', '.join(attack_of(name).tracks)}"
            yield Problem(
                f"{name} is no attack on {study['track']} models", place, quoted(name), allowed,
                "leave it out",
            )  # fmt: skip
        elif "-" in name and not options:
            what = "a variant of an attack is that attack with other settings"
            yield Problem(what, place, quoted(name), remedy="give it some, or leave it out")
        else:
            made = importlib.import_module(attack_of(name).module).ATTACK
            yield from field_problems(made.Settings, options, f"{place}.{name}")
            reader, readers = study["data"]["reader"], getattr(made, "readers", None)
            if readers and reader not in readers:
                what = f"{name} knows no other prompts for these data"
                allowed = f"data of reader {' or '.join(readers)}"
                yield Problem(what, place, f"reader {reader!r}", allowed, "leave it out")
            if made.template and study["model"].get("prompt") == CHAT:
                what = f"{name} adds to what stands before an answer, which a chat template ends"
                yield Problem(what, f"{where}, model.prompt", quoted(CHAT), remedy=OTHER_TEMPLATE)


def _name_checks(study: dict, where: str) -> Iterator[Problem]:
    if study["study"] == "pretrained":
        remedy = "results/pretrained/ is shared by all studies: rename it"
        yield Problem(
            "the name is taken", f"{where}, study", "'pretrained'", "another name", remedy
        )
    yield from name_problems(study["study"], f"{where}, study")
    for section in ("methods", "attacks"):
        for name in study[section]:
            yield from name_problems(name, f"{where}, {section}")


def _data_checks(study: dict, where: str) -> Iterator[Problem]:
    data = study["data"]
    needed = {
        "table": ["sources", "columns"],
        "forum": ["owners", "posts", "seed"],
        "people": ["owners", "records", "seed"],
        "pronouns": ["owners", "records", "seed"],
        "tofu": ["sources", "authors"],
        "canaries": ["sources", "articles", "words", "canaries"],
        "facts": ["sources", "facts", "edits"],
        "harmful": ["sources", "pairs", "prompts", "words"],
        "novels": ["sources", "passages", "words", "prompt_words"],
    }.get(data["reader"], ["sources"])
    for key in needed:
        if key not in data:
            yield Problem(
                f"reader {data['reader']!r} needs this key",
                f"{where}, data.{key}",
                remedy=f"add {key}",
            )
    blanks, causal = data["reader"] in OF_PAIRS, study["track"] == "causal"
    if bool(data.get("cut")) != (blanks and causal) and (blanks or "cut" in data):
        what = "causal models read texts that are cut at their blank, and no others do"
        found = (
            f"track {study['track']}, reader {data['reader']}, cut: {data.get('cut', 'not set')}"
        )
        remedy = "set `cut: true`" if blanks and causal else "remove it"
        yield Problem(what, f"{where}, data.cut", found, remedy=remedy)
    idle = [key for key, of in OF_READERS.items() if key in data and data["reader"] not in of]
    if idle:
        what, remedy = f"reader {data['reader']!r} does not look at this key", "remove it"
        yield Problem(what, f"{where}, data", ", ".join(idle), remedy=remedy)
    if data["reader"] == "table" and "columns" in data:
        for field in track_of(study["track"]).fields:
            if field not in data["columns"] and field not in MAY_BE_EMPTY:
                yield Problem(
                    f"track {study['track']!r} needs a column for its {field}",
                    f"{where}, data.columns.{field}",
                    remedy=f"say which column of the table is the {field}: `{field}: NAME`",
                )
        if SPANS in data["columns"] and "completion" not in data["columns"]:
            what = "spans are parts of a completion, which other tracks than causal do not have"
            yield Problem(what, f"{where}, data.columns.{SPANS}", remedy="remove it")
        elif (SPANS in data["columns"] and study["track"] == "masked") != ("blanks" in data):
            what = "masked models fill the blank that a span leaves, and no others do"
            found = f"track {study['track']}, blanks: {data.get('blanks', 'not set')}"
            allowed = f"track masked, with data.columns.{SPANS} and `blanks: {SPANS}`, or none"
            yield Problem(what, f"{where}, data.blanks", found, allowed, "set both, or remove both")
        elif "blanks" in data and "prompt" in data["columns"]:
            what, found = "a prompt has its own blank", "both"
            remedy = "remove one of them"
            yield Problem(what, f"{where}, data.columns.prompt, data.blanks", found, remedy=remedy)
        yield from _split_checks(data, where)
    if data["reader"] == "table" and "txt" not in data:
        sources = [one.get("path", one.get("url", "")) for one in data.get("sources", [])]
        texts = [one for one in sources if suffix_of(PurePosixPath(one)) == ".txt"]
        yield from map(undecided, [f"{where}, data.sources: {', '.join(texts)}"] if texts else [])
    yield from _share_checks(data.get("split_shares"), f"{where}, data.split_shares")
    for raw, label in data.get("labels", {}).items():
        if label is not None and label >= data["classes"]:
            allowed = f"0 to {data['classes'] - 1}, or null to leave rows out"
            remedy = "correct it, or raise data.classes"
            yield Problem(
                "label outside the range",
                f"{where}, data.labels.{raw}",
                quoted(label),
                allowed,
                remedy,
            )


def _split_checks(data: dict, where: str) -> Iterator[Problem]:
    """Of a table: each record has a split, from one place, which shares may divide."""
    by_source = ["split" in source for source in data.get("sources", [])]
    shares = data.get("split_shares") or {}
    flat = [name for name, share in shares.items() if not isinstance(share, dict)]
    ways = [
        name
        for name, given in (
            ("columns.split", "split" in data["columns"]),
            ("split of a source", any(by_source)),
            ("split_shares", bool(flat)),
        )
        if given
    ]
    if not ways:
        remedy = "map columns.split, give each source its split, or give split_shares"
        yield Problem("records need a split", f"{where}, data", remedy=remedy)
    if len(ways) > 1:
        remedy = "keep one; to divide a split: `split_shares: {train: {train: 0.9, valid: 0.1}}`"
        yield Problem(
            "two ways to split", f"{where}, data", " and ".join(ways), "one of them", remedy
        )
    if any(by_source) and not all(by_source):
        found = f"{sum(by_source)} of {len(by_source)} have one"
        remedy = "give all sources a split, or none"
        yield Problem("a source has no split", f"{where}, data.sources", found, "all", remedy)
    if flat and len(flat) < len(shares):
        what, allowed = "shares of two forms", "numbers, or shares by split"
        yield Problem(what, f"{where}, data.split_shares", quoted(shares), allowed, "keep one form")


def _share_checks(shares: dict | None, place: str) -> Iterator[Problem]:
    if shares is None:
        return
    for name, parts in shares.items():
        if isinstance(parts, dict):
            yield from _share_checks(parts, f"{place}.{name}")
    numbers = [share for share in shares.values() if not isinstance(share, dict)]
    if len(numbers) == len(shares) and abs(sum(numbers) - 1) > 1e-9:
        found = str(sum(numbers))
        yield Problem("shares must sum to 1", place, found, "1", "correct the shares")


def _keys_of_source(source: dict, kind: str, key: str, reader: str) -> Iterator[str]:
    """Keys of a source that would not be looked at."""
    if kind != "hub":
        yield from (name for name in ("name", "revision") if name in source)
        if "split" in source and (key != "data.sources" or reader != "table"):
            yield "split"
    name = PurePosixPath(str(source.get(kind, "")))
    of_corpus = kind == "hub" or suffix_of(name) in (".parquet", *TABLES)
    own_table = key == "data.sources" and reader == "table"
    if "column" in source and (own_table or not of_corpus):
        yield "column"


def _overlap(source: dict, other: dict, kind: str) -> bool:
    """Whether two sources may have rows in common, as far as the study tells: other splits of a
    data set on the hub have none."""
    if source.get(kind) != other.get(kind):
        return False
    both = [key for key in ("name", "split") if key in source and key in other]
    return all(source[key] == other[key] for key in both)


def _source_checks(study: dict, where: str) -> Iterator[Problem]:
    sources = [("data.sources", source) for source in study["data"].get("sources", [])]
    for name, tokenizer in study["tokenizers"].items():
        sources += [(f"tokenizers.{name}.corpus", source) for source in tokenizer["corpus"]]
    for key, source in sources:
        kinds = [kind for kind in ("path", "url", "hub", "lexicon") if kind in source]
        if len(kinds) != 1:
            found = ", ".join(kinds) or "none of them"
            yield Problem(
                "a source is one of path, url, hub, or lexicon",
                f"{where}, {key}",
                found,
                remedy="keep one",
            )
            continue
        if ignored := list(_keys_of_source(source, kinds[0], key, study["data"]["reader"])):
            what = f"nothing looks at this key of a {kinds[0]}"
            remedy = "remove it" + (
                "; the column of the text is data.columns.text" if "column" in ignored else ""
            )
            found = ", ".join(ignored)
            yield Problem(what, f"{where}, {key}, {source[kinds[0]]}", found, remedy=remedy)
        if key != "data.sources" and any(
            _overlap(source, other, kinds[0]) for other in study["data"].get("sources", [])
        ):
            what = (
                "a tokenizer must not be trained on the records: it would have seen what is "
                "forgotten"
            )
            allowed = "text that nobody can ask to delete"
            yield Problem(
                what, f"{where}, {key}", quoted(source[kinds[0]]), allowed, "name another corpus"
            )


def _model_checks(study: dict, where: str) -> Iterator[Problem]:
    model, tokenizers = study["model"], study["tokenizers"]
    if (model["init"] == "pretrained") != ("recipe" in model):
        yield Problem(
            "init: pretrained and recipe go together",
            f"{where}, model",
            remedy="give both, or neither",
        )
    for place, name, allowed_names in (
        *(
            (f"pretraining.{key}.tokenizer", recipe["tokenizer"], tokenizers)
            for key, recipe in study["pretraining"].items()
        ),
        *([("model.recipe", model["recipe"], study["pretraining"])] if "recipe" in model else []),
    ):
        if name not in allowed_names:
            allowed = ", ".join(allowed_names) or "none is defined"
            yield Problem(
                "there is none of this name",
                f"{where}, {place}",
                quoted(name),
                allowed,
                nearest(name, allowed_names) or "define it",
            )
    for key, what in (("revision", "has a revision"), ("parameters", "is told its size")):
        if model["init"] in MADE_HERE and key in model:
            yield Problem(
                f"only a model of the hub {what}",
                f"{where}, model.{key}",
                f"init: {model['init']}",
                "an id of the hub",
                f"remove {key}",
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
            choose(model["tokenizer"], tokenizers) if tokenizers else "define it under `tokenizers`"
        )
        yield Problem(
            "there is no tokenizer of this name",
            f"{where}, model.tokenizer",
            quoted(model["tokenizer"]),
            allowed,
            remedy,
        )


def _untrained_checks(study: dict, where: str) -> Iterator[Problem]:
    """Of a study whose base is what it starts from: there is nothing to train again."""
    if study["model"]["init"] == "scratch":
        what, place = "a model from scratch that is not trained", f"{where}, training.epochs"
        yield Problem(what, place, "0", "1 or more, or another `model.init`", "raise it")
    several = [one for one in study["sharding"] if one != SINGLE]
    needing = [
        name
        for name in study["methods"]
        if method_of(name).needs in ("oracle", "teachers")
        or method_of(name).teachers
        or method_of(name).auxiliaries
    ]
    what = "nothing is trained on the records: `training.epochs` is 0"
    for key, found, allowed in (
        ("sharding", several, SINGLE),
        ("methods", needing, "the base, and methods that go on from it alone"),
    ):
        if found:
            remedy = "leave them out, or train the base"
            yield Problem(what, f"{where}, {key}", ", ".join(found), allowed, remedy)


def _sharding_checks(study: dict, where: str) -> Iterator[Problem]:
    epochs = study["training"]["epochs"]
    if not epochs:
        yield from _untrained_checks(study, where)
        return
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
                f"add it to data.keep, or {choose(family['column'], data['keep'])}"
                if data["keep"]
                else "add it to data.keep"
            )
            yield Problem(
                "the column is not kept",
                f"{place}.column",
                quoted(family["column"]),
                allowed,
                remedy,
            )
        both = set(family.get("drop", ())) & set(family.get("other", ()))
        if both:
            what = "a group is dropped and merged"
            yield Problem(
                what, place, ", ".join(sorted(both)), "one of drop, other", "keep one of them"
            )
    for name in study["fairness"]["groups"]:
        if families.get(name, {}).get("drop"):
            what = "a post-processor decides by group, and dropped groups have none"
            remedy = "merge them (`other`), or leave the family out of fairness.groups"
            yield Problem(what, f"{where}, groups.{name}.drop", name, remedy=remedy)
        if name not in families:
            allowed = ", ".join(families) or "none is defined"
            remedy = choose(name, families) if families else "define it under `groups`"
            yield Problem(
                "there is no group family of this name",
                f"{where}, fairness.groups",
                quoted(name),
                allowed,
                remedy,
            )
