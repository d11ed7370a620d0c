"""The code digest follows what code does, through imports, and nothing else."""

from __future__ import annotations

import importlib
import shutil

import pytest

from palimpsest.engine import provenance


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
        provenance._facts.cache_clear()
        return provenance.code_digest(f"palimpsest.steps.{step}", *modules)

    yield digest
    provenance._facts.cache_clear()


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
        package("train", losses=lambda text: text.replace('reduction="sum"', 'reduction="mean"'))
        != before
    )


def test_a_method_counts_for_itself_only(package):
    before = [
        package("decide", f"palimpsest.methods.{name}") for name in ("sisa_vote", "sisa_mean")
    ]
    package("decide", methods__sisa_vote=lambda text: text + "\nSOMETHING = 1\n")
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
    from palimpsest.cli import STEPS

    for step in STEPS:
        assert provenance.closure(f"palimpsest.steps.{step}")
        module = importlib.import_module(f"palimpsest.steps.{step}")
        assert module.run and module.add_arguments
