"""A certificate's page says what the certificate says, and no more."""

from __future__ import annotations

import re
from html import unescape

import pytest

from palimpsest.audit.checks import CHECKS
from palimpsest.audit.look import KINDS
from palimpsest.audit.page import (
    AFTER_PURGE,
    BEFORE_PURGE,
    BLIND,
    EXACT,
    MOST,
    NOT_EXACT,
    NOTHING,
    OF_OTHERS,
    UNTOUCHED,
    page,
)

NEW, OLD = "a" * 64, "b" * 64
HOLD = dict.fromkeys(("weights", "records", "previous", "device"), True)
REMAINS = {
    "findings": [],
    "unread": {},
    "unmarked": {},
    "blind": [],
    "files": 7,
    "bytes": 3_400_000,
}
SUMMARIES = {"accuracy": "share of right answers"}


def replaced(seed: int = 1, **changes) -> dict:
    return {
        "seed": seed, "checkpoint": f"oracle/r{seed}", "sha256": NEW, "replaced": "base",
        "replaced_sha256": OLD, "start": "scratch", "start_sha256": None, "checks": HOLD,
    } | changes  # fmt: skip


def shown(**changes) -> str:
    """The page of a certificate of one replacement, unescaped, with some of it changed."""
    certificate = {
        "study": "s", "request": "r1", "state": "r2", "issued": "2026-01-01", "owners": ["0f"],
        "records": {"train": 2, "test": 1}, "replaced": [replaced()], "bit_exact": True, "cost": [],
        "metrics": [], "versions": {"torch": "2.1"}, "remains": REMAINS, "purged": None,
    }  # fmt: skip
    return unescape(page(certificate | changes, SUMMARIES))


def rows(text: str) -> list[list[str]]:
    """The cells of each row of all tables, without tags."""
    cut = (re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", text))
    return [[re.sub("<[^>]*>", "", cell) for cell in row] for row in cut]


def left(*findings: tuple[str, str], **changes) -> dict:
    told = [{"path": path, "kind": kind, "requests": ["r1"], "count": 1} for path, kind in findings]
    return {"remains": REMAINS | {"findings": told} | changes}


@pytest.mark.parametrize(
    ("exact", "models", "statement"),
    [
        (True, [replaced()], EXACT),
        (False, [replaced()], NOT_EXACT),
        (True, [], UNTOUCHED),
        (False, [replaced(), replaced(2)], NOT_EXACT),
    ],
)
def test_the_claim_is_the_certificate_s(exact, models, statement):
    text = shown(bit_exact=exact, replaced=models)
    others = {EXACT, NOT_EXACT, UNTOUCHED} - {statement}
    assert f"{len(models)}. {statement}" in text and not any(other in text for other in others)


def test_what_it_is_about():
    facts = dict(row for row in rows(shown()) if len(row) == 2)
    assert facts["Owners"] == "1: 0f" and facts["Issued"] == "2026-01-01"
    assert facts["Their records"] == "3 (1 test, 2 train)"
    assert facts["As of"].startswith("state r2:")
    assert "request r1 of the study s" in shown() and "torch 2.1" in shown()


@pytest.mark.parametrize("count", [MOST - 1, MOST, MOST + 1])
def test_so_many_owners_are_named(count):
    """All are counted; beyond that many, an ellipsis stands for the rest."""
    named = [f"{number:02x}" for number in range(count)]
    told = next(row[1] for row in rows(shown(owners=named)) if row[0] == "Owners")
    rest = ", …" if count > MOST else ""
    assert told == f"{count}: {', '.join(named[:MOST])}{rest}"


@pytest.mark.parametrize("failing", [["weights"], ["records", "device"], []])
def test_each_replacement_is_shown_with_the_checks_that_fail(failing):
    """The last of two; the first holds all. Digests of what was never here are not on this disk."""
    checks = {name: name not in failing for name in HOLD}
    models = [replaced(), replaced(2, checks=checks, replaced_sha256=None)]
    first, second = (row for row in rows(shown(replaced=models)) if "base" in row)
    assert first == ["1", "base", OLD[:16], "oracle/r1", NEW[:16], "all hold"]
    told = f"fails: {', '.join(failing)}" if failing else "all hold"
    assert second == ["2", "base", "not on this disk", "oracle/r2", NEW[:16], told]
    assert all(f"<em>{name}</em>: {what}" in shown() for name, what in CHECKS.items())


def test_starts_are_told_once_each_and_scratch_is_none():
    assert "Pretrained start" not in shown()
    small = {"start": "small", "start_sha256": NEW}
    models = [replaced(), replaced(2, **small), replaced(3, **small), replaced(4, start="gpt2")]
    told = next(row[1] for row in rows(shown(replaced=models)) if row[0] == "Pretrained start")
    assert told == (
        "gpt2. What it was trained on by others is not covered. "
        f"small ({NEW[:16]}), which this workflow trained, on the files of its tokenizer."
    )


def test_where_nothing_is_left():
    text = shown()
    assert NOTHING in text and "7 files (3 MB) were looked into" in text and BLIND not in text
    assert "Purged on" not in text and "still hold something" not in text
    assert "looked for by name" not in text and "Not looked into" not in text


def test_what_is_left_is_told_by_kind_and_file():
    """Two files, one of them for two reasons; before a purge and after it, the cause is another."""
    found = left(
        ("results/s/a", "text"), ("results/s/a", "names"), ("results/pretrained/b", "text")
    )
    text = shown(**found)
    assert "<strong>2 files still hold something</strong>: " in text and NOTHING not in text
    assert f"2 with {KINDS['text']}; 1 with {KINDS['names']}. {BEFORE_PURGE}" in text
    told = [["results/s/a", f"{KINDS['text']}; {KINDS['names']}"]]
    told.append(["results/pretrained/b", KINDS["text"]])
    assert [row for row in rows(text) if row[0].startswith("results/")] == told
    assert OF_OTHERS not in text
    purged = shown(**found, purged={"date": "2026-02-02", "removed": 4, "rewritten": 2})
    assert AFTER_PURGE in purged and BEFORE_PURGE not in purged
    assert "Purged on 2026-02-02: 4 files removed, 2 tables rewritten" in purged


def test_what_other_studies_hold_is_told_apart():
    """By the first folder below results/; a study whose name begins like this one's is another.
    What lies below results/ itself is no study's, and the purge of this one takes it."""
    found = left(
        ("results/other/a", "text"),
        ("results/s2/b", "text"),
        ("results/report.html", "model"),
        (".snakemake/log/c", "text"),
        ("/home/me/.cache/d", "names"),
    )
    text = shown(**found)
    here, others = text.split(BEFORE_PURGE)[0], text.split(BEFORE_PURGE)[1].split(OF_OTHERS)[0]
    assert "<strong>3 files still hold something</strong>" in here
    assert "<strong>2 files still hold something</strong>" in others
    after = rows(text.split(OF_OTHERS)[1])
    named = [row[0] for row in after if row[0].startswith("results/")]
    assert named == ["results/other/a", "results/s2/b"]
    alone = shown(**left(("results/other/a", "text")))
    assert OF_OTHERS in alone and BEFORE_PURGE not in alone and NOTHING not in alone


@pytest.mark.parametrize("count", [MOST, MOST + 2])
def test_so_many_files_are_named(count):
    text = shown(**left(*((f"results/s/{number}", "text") for number in range(count))))
    assert len([row for row in rows(text) if row[0].startswith("results/s/")]) == MOST
    assert (f"and {count - MOST} more files" in text) == (count > MOST)
    assert f"<strong>{count} files still hold something</strong>" in text


def test_what_could_not_be_looked_for_is_told():
    """Blind: then nothing found is no claim. Records like others', over all that are told."""
    blind = shown(**left(blind=["r1"]))
    assert BLIND in blind and NOTHING not in blind
    assert "3 of their records say nothing" in shown(**left(unmarked={"r1": 3}))
    unread = shown(**left(unread={"results/x.zip": "locked", "results/b": "<odd>"}))
    assert unread.index("Not looked into: <code>results/b</code> (<odd>).") < unread.index("x.zip")


def metric(method: str, value: float | str | None = 0.25, **changes) -> dict:
    return {
        "method": method, "shards": "3x2", "set": "test", "metric": "accuracy", "group": "",
        "value": value, "ci_low": 0.125, "ci_high": 0.5,
    } | changes  # fmt: skip


def test_numbers_stand_beside_the_oracle_s_if_there_is_one():
    """By name; methods that are fitted are in the json alone."""
    every = [metric("oracle"), metric("sisa"), metric("fairsisa_aggregate_first")]
    text = shown(metrics=[*every, metric("npo", set="forget_before", group="town_size=east")])
    told = [row for row in rows(text) if len(row) == 6 and "0.250 [0.125, 0.500]" in row]
    assert [row[1:5] for row in told] == [
        ["3 × 2", "test records", "share of right answers", "–"],
        ["3 × 2", "test records", "share of right answers", "–"],
        ["3 × 2", "forgotten records, before", "share of right answers", "town size=east"],
    ]
    assert told[1][0] == "SISA, retrained" and "Beside the oracle" in text
    without = shown(metrics=every[1:])
    assert "keeps no oracle" in without and "Beside the oracle" not in without


def test_what_it_cost():
    one = {"sharding": "1x1", "checkpoints": 2, "tokens": 15000.0, "seconds": 2.25}
    two = {"sharding": "3x2", "checkpoints": 3, "tokens": 2.0, "seconds": 1234.56}
    told = [row for row in rows(shown(cost=[one, two])) if "×" in row[0] and row[1].isdigit()]
    assert told == [["1 × 1", "2", "15,000", "2.2"], ["3 × 2", "3", "2", "1,234.6"]]


def test_names_are_no_markup():
    certificate = shown(study="<i>s</i>", **left(("results/<b>", "text")))
    assert "<i>s</i>" in certificate, "unescaped here"
    raw = page(
        {
            "study": "<i>s</i>", "request": "r1", "state": "r1", "issued": "<x>", "owners": ["<y>"],
            "records": {"<z>": 1}, "replaced": [replaced(checkpoint="<w>")], "bit_exact": True,
            "cost": [], "metrics": [], "versions": {"<u>": "<v>"}, "purged": None,
            "remains": REMAINS | {"unread": {"<p>.txt": "<q>"}},
        },
        SUMMARIES,
    )  # fmt: skip
    for tag in ("<i>s", "<x>", "<y>", "<z>", "<w>", "<u>", "<v>", "<p>.txt", "<q>"):
        assert tag not in raw and tag.replace("<", "&lt;").replace(">", "&gt;") in raw
