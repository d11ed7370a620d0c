"""How a user tells audit and purge which study they mean, and what else they are told with it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from palimpsest.audit.arguments import add_study, plan_of


def told(*argv: str, settings: dict | None = None):
    """(plan, sources) of a command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", default=settings or {})
    add_study(parser)
    return plan_of(parser.parse_args(argv))


def ledger(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["request\towners", *lines]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("study", "sharding", "hub"),
    [
        ("tofu", [], {"locuslab/TOFU"}),
        ("people", [], set()),
        ("demo", ["1x1", "3x1", "5x2"], set()),
    ],
)
def test_a_study_is_told_with_its_sources_and_the_shardings_that_follow_requests(
    study, sharding, hub
):
    """Teachers that only teach, as of tofu and people, stay as they were: no request touches
    them."""
    plan, sources = told("--study", study)
    assert plan.study["sharding"] == sharding and plan.study["requests"] == "all"
    assert {one["hub"] for one in sources if "hub" in one} == hub


def test_what_is_said_on_the_command_line_comes_first(tmp_path):
    """Before what the study says, and what its file says; the ledger before that of either."""
    mine = ledger(tmp_path / "mine.tsv", "a1\tann", "a2\tben")
    other = ledger(tmp_path / "other.tsv", "b1\tcid")
    file = tmp_path / "study.yaml"
    text = Path("config/studies/demo.yaml").read_text()
    file.write_text(text.replace("\nledger:", "\n# ledger:") + f"\nledger: {other}\n")
    plan, _ = told("--configfile", str(file))
    assert plan.names == ["r0", "b1"]
    plan, _ = told("--configfile", str(file), "--config", f"ledger={mine}", "study=ours")
    assert plan.names == ["r0", "a1", "a2"] and plan.study["study"] == "ours"
    plan, _ = told("--configfile", str(file), "--ledger", mine)
    assert plan.names == ["r0", "a1", "a2"]


def test_a_rule_s_settings_and_ledger(tmp_path):
    settings = {"study": "s", "salt": "x", "seeds": [1], "sharding": ["1x1"], "requests": "all"}
    settings |= {"sources": [{"hub": "imdb"}], "tokenizer": "words"}
    mine = ledger(tmp_path / "mine.tsv", "a1\tann")
    plan, sources = told("--ledger", mine, settings=settings)
    assert plan.names == ["r0", "a1"] and sources == [{"hub": "imdb"}]
    assert plan.study["tokenizer"] == "words" and plan.purged == "r0"
    assert told(settings=settings)[0].names == ["r0"]
