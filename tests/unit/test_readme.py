"""README.md: its two commands can be found, its pictures are light, its deletion can be done, its
table shows what it should. What holds for all pages is in test_pages.py."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from palimpsest.data.ledger import read_ledger
from palimpsest.report.tables import row, table
from palimpsest.steps.readme import kept, results_table

ROOT = Path(__file__).resolve().parents[2]


def command_of(name: str, page: str) -> str:
    """As .ci/run finds it: its own function, run on ``page``."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    function = re.search(r"^command_of\(\) \{.*?^\}", script, flags=re.MULTILINE | re.DOTALL).group(
        0
    )
    done = subprocess.run(
        ["bash", "-c", f"{function}\ncommand_of {name}"],
        cwd=page,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_two_commands():
    assert command_of("demo", ROOT) == "pip install -e . && snakemake --cores all"
    assert command_of("test", ROOT) == "pip install -e '.[test]' && pytest"


def test_a_command_that_is_not_there_is_empty(tmp_path):
    """So that .ci/run can fail; a block that does not follow the marker is not taken for its
    own."""
    (tmp_path / "README.md").write_text(
        "```bash\nfirst\n```\n<!-- command: demo -->\n```bash\nsecond\n```\n```bash\nthird\n```\n"
    )
    assert command_of("demo", tmp_path) == "second"
    assert command_of("test", tmp_path) == ""


@pytest.mark.parametrize("name", ["tradeoff", "rulegraph"])
def test_pictures_are_light(name):
    """They are tracked, so each change of them stays in the history for good."""
    assert (ROOT / f"workflow/report/images/{name}.svg").stat().st_size < 200_000


def test_the_deletion_that_is_shown_can_be_done():
    """Its line has the ledger's form, its request and owner are new, and the forum has such an
    owner."""
    from palimpsest.data.forum import forum
    from palimpsest.study.load import load_study

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    line, ledger = re.search(r"printf '(.+?)\\n' >> (\S+)", text).groups()
    name, *owners = line.replace("\\t", "\t").split("\t")
    requests = read_ledger(ROOT / ledger)
    assert owners and name not in {request.name for request in requests}
    assert not set(owners) & {owner for request in requests for owner in request.owners}
    data = load_study({}, ROOT / "config")["data"]
    assert set(owners) <= set(
        forum(owners=data["owners"], posts=data["posts"], seed=data["seed"])["owner"]
    )


def test_results_show_single_models_and_the_largest_ensemble():
    where = {"study": "s", "seed": "all", "request": "r1", "model": "m"}
    pairs = [
        ("base", "1x1"),
        ("oracle", "1x1"),
        ("sisa_vote", "1x1"),
        ("sisa_vote", "3x2"),
        ("sisa_vote", "10x1"),
    ]
    rows = [
        row(where | {"method": m, "shards": s}, "test", "accuracy", number / 10, 5)
        for number, (m, s) in enumerate(pairs)
    ]
    rows.append(
        row(
            where | {"method": "base", "shards": "1x1", "request": "r0"},
            "test",
            "accuracy",
            0.9,
            5,
            (np.nan, np.nan),
        )
    )
    shown = results_table(table(rows), ["r0", "r1"], "town").splitlines()[2:]
    assert [(line.split(" | ")[1], line.split(" | ")[2]) for line in shown] == [
        ("1 × 1", "0.000"),
        ("1 × 1", "0.100"),
        ("10 × 1", "0.400"),
    ]


def test_the_page_shows_what_is_kept():
    folder = ROOT / "docs/results/hatexplain"
    rows, said = kept(folder / "metrics.csv", folder / "provenance.json")
    shown = results_table(rows, said["states"], said["family"])
    assert shown.count("[") > 40  # of several seeds
    assert shown in (ROOT / "README.md").read_text(encoding="utf-8")
