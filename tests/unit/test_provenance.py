"""The code digest follows what code does, through imports, and nothing else."""

from __future__ import annotations

import importlib
import re
import shutil

import pytest

from palimpsest.engine import provenance
from palimpsest.tracks import TRACKS, module_of


def forget() -> None:
    provenance._facts.cache_clear()
    provenance._file_of.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose files can be edited; returns a function that edits one and gives
    the new digest of a step."""
    copy = tmp_path / "palimpsest"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)

    def digest(step: str, *modules: str, **edit) -> str:
        for name, change in edit.items():
            path = copy.joinpath(*name.split("__")).with_suffix(".py")
            path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        forget()
        return provenance.code_digest(f"palimpsest.steps.{step}", *modules)

    yield digest
    forget()


def test_comments_docstrings_and_layout_do_not_count(package):
    before = package("train")
    assert (
        package(
            "train",
            training__loop=lambda text: (
                '"""Another docstring."""\n\n# a remark\n' + text.split('"""', 2)[2]
            ),
        )
        == before
    )


def test_an_edit_counts_for_the_steps_that_import_it_only(package):
    steps = ("train", "score", "draw", "measure")
    before = {step: package(step) for step in steps}
    package(
        "train", training__loop=lambda text: text.replace("CURVE_POINTS = 100", "CURVE_POINTS = 99")
    )
    after = {step: package(step) for step in steps}
    assert {step for step in steps if before[step] != after[step]} == {"train"}


def test_an_edit_two_imports_away_counts(package):
    before = package("train")
    assert (
        package(
            "train",
            training__losses=lambda text: text.replace('reduction="sum"', 'reduction="mean"'),
        )
        != before
    )


def test_a_method_counts_for_itself_only(package):
    before = [
        package("decide", f"palimpsest.methods.{name}") for name in ("sisa_vote", "sisa_mean")
    ]
    package("decide", methods__sisa_vote=lambda text: text + "\ndecide = decide\n")
    after = [package("decide", f"palimpsest.methods.{name}") for name in ("sisa_vote", "sisa_mean")]
    assert before[0] != after[0] and before[1] == after[1]


def test_what_a_module_passes_on_counts(package):
    """The oracle decides as the base does: its module holds an import alone."""
    before = package("decide", "palimpsest.methods.oracle")
    assert (
        package(
            "decide",
            "palimpsest.methods.oracle",
            methods__base=lambda text: text.replace("return ", "return 1 and "),
        )
        != before
    )


def test_a_new_method_changes_no_digest(package):
    before = package("decide", "palimpsest.methods.sisa_vote")
    assert (
        package(
            "decide",
            "palimpsest.methods.sisa_vote",
            methods__registry=lambda text: text + "\nMORE = 1\n",
        )
        == before
    )


def test_every_step_is_a_module_and_the_graph_imports_nothing_heavy():
    from palimpsest.engine.cli import STEPS

    for step in STEPS:
        assert provenance.closure(f"palimpsest.steps.{step}")
        module = importlib.import_module(f"palimpsest.steps.{step}")
        assert module.run and module.add_arguments


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Whether an edit of one module changes the digest of a step: of a package of a few lines, made
    of texts by file."""

    def changes(files: dict[str, str], name: str, text: str) -> bool:
        digests = []
        for number, modules in enumerate((files, files | {name: text})):
            package = tmp_path / str(number) / "palimpsest"
            for file, content in {"__init__": "", "steps/__init__": "", **modules}.items():
                path = (package / file).with_suffix(".py")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            monkeypatch.setattr(provenance, "PACKAGE", package)
            forget()
            digests.append(provenance.code_digest("palimpsest.steps.s", *NAMED & modules.keys()))
        return digests[0] != digests[1]

    yield changes
    forget()


NAMED = {"palimpsest.tracks.t.score"}
USES_M = "from palimpsest.m import g\ndef run(x): return g()\n"
RUNS = "def run(x): return 1\n"
ONE, TWO = "def f(): return 1\n", "def f(): return 2\n"
REGISTERS = "T = {}\ndef register(k, v):\n T[k] = v\n return v\ndef g(): return T['a']\n"
OWN_CACHE = "ALL = []\ndef cache(f):\n ALL.append(f)\n return f\ndef g(): return ALL[0]()\n"
CACHED = "from palimpsest.r import cache\n@cache\n"
GLOBAL = "def run(x): return globals()['f']()\n"
SHADOWED = "def f(): return 0\ndef run(x):\n from palimpsest.m import f\n return f()\n"
LITERAL = "from importlib import import_module\ndef run(x): return import_module('palimpsest.m')\n"
UNCHECKED = "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n from palimpsest.m import f\n"
FIELD = "from dataclasses import dataclass\n@dataclass\nclass D:\n a: int\n"


@pytest.mark.parametrize(
    "files, name, text",
    [
        ({"steps/s": "import palimpsest.m\n" + RUNS, "m": "print(1)\n"}, "m", "print(2)\n"),
        ({"steps/s": SHADOWED, "m": ONE}, "m", TWO),
        ({"steps/s": UNCHECKED + "def run(x): return f()\n", "m": ONE}, "m", TWO),
        ({"steps/s": "from palimpsest.m import f as run\n", "m": ONE}, "m", TWO),
        ({"steps/s": "from palimpsest.q import m\ndef run(x): return m()\n", "q/m": "",
          "q/__init__": "from palimpsest.r import f as m\n", "r": ONE}, "r", TWO),
        ({"steps/s": "from palimpsest import m\nfrom palimpsest.r import g\n"
                     "def run(x): return g()\n", "m": CACHED + ONE, "r": OWN_CACHE},
         "m", CACHED + TWO),
        ({"steps/s": USES_M, "m": REGISTERS + "_x = register('a', 1)\n"},
         "m", REGISTERS + "_x = register('a', 2)\n"),
        ({"steps/s": ONE + GLOBAL}, "steps/s", TWO + GLOBAL),
        ({"steps/s": LITERAL, "m": ONE}, "m", TWO),
        ({"steps/s": "from palimpsest import m\ndef run(x): return m.f()\n",
          "m": "def __getattr__(name): return 1\n"}, "m", "def __getattr__(name): return 2\n"),
    ],
    ids=["import for what it does", "definition of the name of an import", "not TYPE_CHECKING",
         "imported entry", "attribute of the name of a submodule", "own decorator called cache",
         "constant that registers", "globals", "literal import", "__getattr__ of a module"],
)  # fmt: skip
def test_what_is_hard_to_follow_counts(edited, files, name, text):
    assert edited(files, name, text)


@pytest.mark.parametrize(
    "files, name, text",
    [
        ({"steps/s": USES_M, "m": "def g(): return 1\n"}, "m", "def g(): return 1\n" + ONE),
        ({"steps/s": USES_M, "m": FIELD + "def g(): return 1\n"},
         "m", FIELD + "A = D(1)\ndef g(): return 1\n"),
        ({"steps/s": USES_M, "m": "T = {}\ndef g(): return 1\n"},
         "m", "T = {}\nA = [*T.items()]\ndef g(): return 1\n"),
    ],
    ids=["function", "value of a plain class", "what reads a constant"],
)  # fmt: skip
def test_what_nobody_uses_does_not_count(edited, files, name, text):
    assert not edited(files, name, text)


@pytest.mark.parametrize(
    "text, line, what",
    [
        ("def run(x):\n return run.__doc__\n", 2, "__doc__"),
        ("from pathlib import Path\nHERE = Path(__file__)\ndef run(x): return HERE\n", 2,
         "__file__"),
        ("class B: pass\ndef run(x): return B.__subclasses__()\n", 2, "__subclasses__"),
        ("class B:\n def __init_subclass__(cls): pass\n" + RUNS, 2, "__init_subclass__"),
        ("import m\ndef run(x): return m(f'palimpsest.{x}')\n", 2, "put together"),
        ("\nfrom palimpsest.steps import *\n", 2, "import *"),
        ("from . import m\n", 1, "relative"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)  # fmt: skip
def test_what_cannot_be_followed_is_refused_by_file_and_line(edited, text, line, what):
    with pytest.raises(ValueError, match=rf"/steps/s\.py, line {line}: .*{re.escape(what)}"):
        edited({"steps/s": text}, "steps/s", text)


NAMED_BY_SETTINGS = {  # module -> its step, and one of its entries
    **{f"tracks.{track}.{part}": (step, entry)
       for track in ("classification", "causal")
       for part, step, entry in (("model", "train", "GENERATES"), ("score", "score", "KEPT"),
                                 ("memory", "unlearn", "memory"), ("measure", "measure", "measure"),
                                 ("summary", "tabulate", "SCOPE"))},
    "tracks.classification.membership": ("measure", "measure"),
    "methods.npo": ("unlearn", "METHOD"), "methods.sisa_vote": ("decide", "decide"),
    "attacks.relearn": ("attack", "ATTACK"), "plots.tradeoff": ("draw", "select"),
    "data.readers.people": ("records", "candidates"), "data.people": ("tokenizer", "lexicon"),
}  # fmt: skip


@pytest.mark.parametrize("module", NAMED_BY_SETTINGS)
def test_of_a_module_that_settings_name_its_entries_count(package, module):
    step, entry = NAMED_BY_SETTINGS[module]
    name, edit = f"palimpsest.{module}", module.replace(".", "__")
    before = package(step, name)
    unused = "\n\ndef nobody_calls_this(value):\n    return value\n"
    assert package(step, name, **{edit: lambda text: text + unused}) == before
    assert package(step, name, **{edit: lambda text: text + f"\n\n{entry} = 3\n"}) != before


def test_a_module_of_no_kind_counts_whole(package):
    before = package("train", "palimpsest.errors")
    assert package("train", "palimpsest.errors", errors=lambda text: text + ONE) != before


@pytest.mark.parametrize(
    ("step", "module", "taken"),
    [
        *(
            ("tabulate", module_of(track, "summary"), (module_of(track, "findings"), "findings"))
            for track in TRACKS
        ),
        *(
            ("score", module_of("causal", name), (module_of("causal", name), "score"))
            for name in ("score_spans", "score_names")
        ),
    ],
)
def test_what_a_step_takes_of_a_module_that_is_named_counts(step, module, taken):
    assert taken in provenance.reached(f"palimpsest.steps.{step}", module)
