"""Several studies in one run: one set of rules, and one owner of what they share."""

from __future__ import annotations

import re
from copy import deepcopy

import yaml

from harness import STUDY, Clone
from studies import CAUSAL

BOTH = ("--config", "study=study.yaml,other.yaml")


def write_other(clone: Clone, **changes) -> None:
    """A second study, of the same table and tokenizer."""
    study = deepcopy(STUDY) | {"study": "other"} | changes
    clone.path("other.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def planned(clone: Clone, *arguments: str, study: str | None = None) -> dict[str, int]:
    """Rule -> how many jobs of it would run."""
    assert clone.snakemake("--dry-run", *arguments, study=study) == 0, clone.output
    counts = dict(re.findall(r"^(\w+) +(\d+)\b", clone.output, flags=re.MULTILINE))
    return {name: int(number) for name, number in counts.items()}


def test_what_two_studies_share_is_made_once_and_the_rest_twice(fresh):
    write_other(fresh)
    one = planned(fresh, study="study.yaml")
    once = {"tokenizer", "all", "total"}
    both = planned(fresh, *BOTH)
    assert "`-n` checked the YAML of tiny, other, not the data" in fresh.output
    assert {name: both[name] for name in both.keys() - once} == {
        name: 2 * number for name, number in one.items() if name not in once
    }
    assert both["tokenizer"] == one["tokenizer"] == 1


def test_studies_of_both_tracks_are_made_beside_each_other(fresh):
    fresh.write_ledger("")
    """Both call their tokenizer `words`, and mean another one."""
    assert STUDY["tokenizers"].keys() == CAUSAL["tokenizers"].keys()
    write_other(fresh, **CAUSAL)
    both = planned(fresh, *BOTH)
    assert both["tokenizer"] == 2 and both["records_classification"] == both["records_causal"] == 1
    assert both["decide"] > 0 and both["measure"] > 0


def test_a_key_of_the_command_line_holds_for_each_study(fresh):
    fresh.write_ledger("r1 owner01")
    write_other(fresh)
    one = planned(fresh, *BOTH)
    production = planned(fresh, *BOTH, "requests=latest")
    assert "measure_around" not in production and "cost" not in production
    assert production["measure"] < one["measure"]
