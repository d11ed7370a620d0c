"""The walkthroughs of docs/: their files and studies, as the pages have them, in one dry run."""

from __future__ import annotations

import re

import pytest

from harness import REPOSITORY

PAGES = {"shop": ("your-own-table", "reviews"), "desk": ("your-own-questions", "questions")}


@pytest.fixture
def walked(fresh):
    """A folder with what the pages say to write."""
    for folder, (page, table) in PAGES.items():
        text = (REPOSITORY / f"docs/{page}.md").read_text(encoding="utf-8")
        blocks = dict(reversed(re.findall(r"```(\w+)\n(.*?)```", text, flags=re.DOTALL)))
        fresh.path(f"{folder}/corpus").mkdir(parents=True)
        fresh.path(f"{folder}/corpus/book.txt").write_text("It was a dark and stormy night.\n")
        fresh.path(f"{folder}/study.yaml").write_text(blocks["yaml"], encoding="utf-8")
        fresh.path(f"{folder}/{table}.csv").write_text(blocks["csv"], encoding="utf-8")
        lines = re.findall(r"^printf '(.*)' >>? (\S+)$", text, flags=re.MULTILINE)
        assert {file for _, file in lines} == {f"{folder}/ledger.tsv"}
        ledger = "".join(line for line, _ in lines).replace("\\t", "\t").replace("\\n", "\n")
        fresh.path(f"{folder}/ledger.tsv").write_text(ledger)
    return fresh


def test_the_studies_of_the_walkthroughs_can_be_made(walked):
    """Trained in `shop`: base, oracle, the 6 stages of 3x2, and again the last one of the shard of
    ana, who lies in its slice 2. In `desk`: base, oracle and the teachers of 4x1; by methods:
    gradient difference, NPO, leave-one-out, KGA with two auxiliaries, and the sham."""
    status = walked.snakemake("-n", "--config", "study=shop/study.yaml,desk/study.yaml", study=None)
    assert status == 0, walked.output
    counts = dict(re.findall(r"^(\w+) +(\d+)\b", walked.output, flags=re.MULTILINE))
    assert counts["tokenizer"] == "2" and counts["certificate"] == "2"
    assert counts["unlearn"] == "5" and counts["auxiliary"] == "2"
    assert counts["train"] == str((2 + 6 + 1) + (2 + 4))
