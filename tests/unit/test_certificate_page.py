"""A certificate's page says what the certificate says, and no more."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from filing import HOLD, NEW, OLD, OTHER, REMAINS, certificate, replaced, verified

from palimpsest.audit.checks import CHECKS
from palimpsest.audit.look import KINDS
from palimpsest.audit.page import (
    AFTER_PURGE,
    BEFORE_PURGE,
    BLIND,
    CONSISTENT,
    INCONSISTENT,
    MOST,
    NOTHING,
    OF_OTHERS,
    UNTOUCHED,
    page,
)
from palimpsest.engine.sealed import seal_of
from palimpsest.methods.registry import forgetting

COMMIT = "0123456789" * 4
MACHINE = verified()["machine"]
SUMMARIES = {"accuracy": "share of right answers"}


def shown(**changes) -> str:
    """The page of a certificate of one replacement, unescaped, with some of it changed."""
    return unescape(page(certificate(**changes), SUMMARIES))


def rows(text: str) -> list[list[str]]:
    """The cells of each row of all tables, without tags."""
    cut = (
        re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", text)
    )
    return [[re.sub("<[^>]*>", "", cell) for cell in row] for row in cut]


def left(*findings: tuple[str, str], **changes) -> dict:
    told = [{"path": path, "kind": kind, "requests": ["r1"], "count": 1} for path, kind in findings]
    return {"remains": REMAINS | {"findings": told} | changes}


@pytest.mark.parametrize(
    ("exact", "models", "statement"),
    [
        (True, [replaced()], CONSISTENT),
        (False, [replaced()], INCONSISTENT),
        (True, [], UNTOUCHED),
        (False, [replaced(), replaced(2)], INCONSISTENT),
    ],
)
def test_the_claim_is_the_certificate_s(exact, models, statement):
    text = shown(consistent=exact, replaced=models)
    others = {CONSISTENT, INCONSISTENT, UNTOUCHED} - {statement}
    assert f"{len(models)}. {statement}" in text and not any(other in text for other in others)


def test_what_it_is_about():
    facts = dict(row for row in rows(shown()) if len(row) == 2)
    assert facts["Owners"] == f"1: {'0f' * 16}" and facts["Issued"] == "2026-01-01"
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
    assert first == ["1", "base", OLD[:16], "oracle/r1", NEW[:16], "all held"]
    told = f"failed: {', '.join(failing)}" if failing else "all held"
    assert second == ["2", "base", "not on this disk", "oracle/r2", NEW[:16], told]
    assert all(f"<em>{name}</em>: {what}" in shown() for name, what in CHECKS.items())


def test_starts_are_told_once_each_and_scratch_is_none():
    assert "Pretrained start" not in shown()
    small = {"start": "small", "start_sha256": NEW, "checks": HOLD | {"tokenizer": True}}
    pinned = {"start": f"gpt2@{COMMIT}", "start_sha256": OLD}
    earlier = {"start": "bert"}  # its certificate did not say which weights
    models = [replaced(), replaced(2, **small), replaced(3, **small)]
    models += [replaced(4, **pinned), replaced(5, **earlier)]
    told = next(row[1] for row in rows(shown(replaced=models)) if row[0] == "Pretrained start")
    assert told == (
        "bert, which others trained: on what, is not covered. "
        f"gpt2@{COMMIT} ({OLD[:16]}), which others trained: on what, is not covered. "
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


def test_what_other_studies_hold_is_told_apart(tmp_path, monkeypatch):
    """By the first folder below results/, where it holds records; a study whose name begins like
    this one's is another.
    What lies below results/ itself is no study's, and the purge of this one takes it."""
    monkeypatch.chdir(tmp_path)
    for name in ("other", "s2"):
        Path("results", name, "data").mkdir(parents=True)
        Path("results", name, "data/records.json").write_text("{}")
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


def test_one_file_alone_is_told_as_one():
    text = shown(**left(("results/s/a", "text"), ("results/s/a", "names")))
    assert "<strong>1 file still holds something</strong>: " in text


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


def test_a_number_of_one_record_says_so():
    """Those of older certificates do not tell their n."""
    few = shown(metrics=[metric("sisa", ci_low=None, ci_high=None, n=1)])
    assert "0.250 (n = 1)" in few and "(n =" not in shown(metrics=[metric("sisa", n=3)])
    assert "(n =" not in shown(metrics=[metric("sisa")])


def test_what_it_cost():
    one = {"sharding": "1x1", "checkpoints": 2, "tokens": 15000.0, "seconds": 2.25}
    two = {"sharding": "3x2", "checkpoints": 3, "tokens": 2.0, "seconds": 1234.56}
    told = [row for row in rows(shown(cost=[one, two])) if "×" in row[0] and row[1].isdigit()]
    assert told == [["1 × 1", "2", "15,000", "2.2"], ["3 × 2", "3", "2", "1,234.6"]]


def test_names_are_no_markup():
    certificate_ = shown(study="<i>s</i>", **left(("results/<b>", "text")))
    assert "<i>s</i>" in certificate_, "unescaped here"
    hostile = certificate(
        study="<i>s</i>", issued="<x>", owners=["<y>"], records={"<z>": 1},
        replaced=[replaced(checkpoint="<w>")], versions={"<u>": "<v>"},
        remains=REMAINS | {"unread": {"<p>.txt": "<q>"}}, revised="<a1>", scanned_at="<a2>",
        details={"received": "<a3>", "reference": "<a4>"}, before={"request": "<a5>", "digest": ""},
        methods={"m": {"label": "<a6>", "forgets": "hides", "post_processor": False}},
        verified=verified(
            date="<a7>", machine=dict.fromkeys(MACHINE, "<a8>"),
            checkpoints=[{"seed": 1, "checkpoint": "<a9>", "equal": False}],
        ),
    )  # fmt: skip
    raw = page(hostile, SUMMARIES)
    tags = ("<i>s", "<x>", "<y>", "<z>", "<w>", "<u>", "<v>", "<p>.txt", "<q>")
    for tag in (*tags, *(f"<a{number}>" for number in range(1, 10))):
        assert tag not in raw and tag.replace("<", "&lt;").replace(">", "&gt;") in raw, tag


def test_what_was_removed_since_is_not_shown_as_present():
    """The new weights of the first of two, and the old ones of both, by the dates of two purges."""
    later = {"checkpoint": "oracle/r3", "sha256": OTHER, "removed": "2026-03-03"}
    first = replaced(superseded=later, replaced_removed="2026-02-02")
    text = shown(replaced=[first, replaced(2, replaced_removed="2026-02-02")], revised="2026-03-03")
    one, two = (row for row in rows(text) if "base" in row)
    assert one[2] == two[2] == f"{OLD[:16]}, removed on 2026-02-02"
    told = f"superseded by oracle/r3 ({OTHER[:16]}), removed on 2026-03-03"
    assert one[4] == f"{NEW[:16]}, {told}" and two[4] == NEW[:16]
    facts = dict(row for row in rows(text) if len(row) == 2)
    assert facts["Revised"] == "2026-03-03" and facts["This disk was searched"] == "2026-01-02"
    assert "1 of them were superseded since and removed" in facts["Models replaced"]
    assert "Revised" not in dict(row for row in rows(shown()) if len(row) == 2)


def test_weights_that_were_not_compared_are_not_said_to_be():
    never = dict(row for row in rows(shown()) if len(row) == 2)["Trained again to compare"]
    assert never.startswith("never.") and "bit for bit" not in never
    for equal, told in (
        ((True, True), "and all have the same bytes."),
        ((True, False), "and 1 of them have other bytes: seed1/oracle/r2."),
    ):
        text = shown(verified=verified(*equal))
        fact = dict(row for row in rows(text) if len(row) == 2)["Trained again to compare"]
        names = "2 models (seed1/oracle/r1, seed1/oracle/r2)"
        assert fact == f"2026-04-04, on an OS, a box, torch 2, cpu: {names}, {told}"
    left = [{"seed": 1, "checkpoint": "base", "why": "gone"}]
    text = shown(verified=verified(True, sample=1, cannot=left))
    assert "Drawn from the replacements: 1. Not to be trained again any more: 1." in text


def test_each_method_is_said_to_delete_or_to_hide():
    told = forgetting(["base", "oracle", "npo", "fairsisa_ensemble"])
    by_label = {row[0]: row[1:] for row in rows(shown(methods=told)) if len(row) == 3}
    assert by_label["oracle (retrained)"][0].startswith("deletes") and len(by_label) == 5
    assert by_label["NPO"][0].startswith("only hides") and by_label["NPO"][1] == "–"
    assert by_label["base (nothing forgotten)"][0].startswith("forgets nothing")
    what, post = by_label["FairSISA, ensemble (joint)"]
    assert what.startswith("deletes") and post.startswith("a rule on top of predictions")


def test_details_of_the_request_and_its_seals_are_shown():
    one = certificate(
        details={"received": "2026-01-01", "reference": "A-7", "operator": "jo"},
        before={"request": "r0a", "digest": OTHER},
        code={"commit": "1234", "package": NEW},
    )
    told = dict(row for row in rows(unescape(page(one, SUMMARIES))) if len(row) == 2)
    assert (told["Received"], told["Reference"], told["Operator"]) == ("2026-01-01", "A-7", "jo")
    assert told["its seal"] == seal_of(one) and told["settings"] == seal_of(one["settings"])
    assert told["the certificate before it"] == f"r0a, {OTHER}"
    assert told["code"] == f"commit 1234, package {NEW}"
    assert (told["training records before"], told["training records after"]) == ("4" * 64, "–")


LEFT_OUT = "What this page leaves out"
# Parts of a certificate that its page does not show -> how it says so.
UNSHOWN = {
    "secret": "which secret the owners were hashed with",
    "settings.data": "the digest of each section of the settings",
    "replaced.sha256": "all 64 digits",
    "replaced.replaced_sha256": "all 64 digits",
    "replaced.superseded.sha256": "all 64 digits",
    "replaced.start_sha256": "all 64 digits",
    "replaced.held": "whether the old weights had learnt from these owners",
    "replaced.trained_on": "the digests of the slices that it was trained on",
    "replaced.records": "how many records, tokens and seconds",
    "replaced.tokens": "how many records, tokens and seconds",
    "replaced.seconds": "how many records, tokens and seconds",
    "replaced.device": "on which device",
    "replaced.recipe": "the digest of its recipe",
    "remains.findings.requests": "of each file that holds something, how much, and of which",
    "remains.findings.count": "of each file that holds something, how much, and of which",
    "verified.checkpoints.sha256": "both digests",
    "verified.checkpoints.again": "both digests",
    "verified.cannot.seed": "which others could not be, and why",
    "verified.cannot.checkpoint": "which others could not be, and why",
    "verified.cannot.why": "which others could not be, and why",
}
# Of these only some values are there.
KNOWN = {
    "kind": sorted(KINDS), "set": ["test", "train"], "metric": ["accuracy", "auroc"],
    "forgets": ["deletes", "hides"], "method": ["oracle", "base"],
}  # fmt: skip


def leaves(value, path=()):
    """(path, value) of each single value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield from (
            leaves(inner, (*path, key))
            if isinstance(inner, (dict, list))
            else [((*path, key), inner)]
        )


def another(key: str, old):
    """Another value: of a text with another end."""
    if key in KNOWN:
        return next(one for one in KNOWN[key] if one != old)
    if isinstance(old, bool):
        return not old
    return old[:-1] + "7" if isinstance(old, str) else old * 1000 + 7000


def changed(value, path: tuple, new):
    """A copy in which one value is new."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def test_what_the_page_does_not_show_it_names(monkeypatch):
    """Each value of a certificate is changed by itself: the page changes, or says that it leaves
    this out."""
    monkeypatch.setattr("palimpsest.audit.page.seal_of", lambda value: "")  # of all of it
    later = {"checkpoint": "oracle/r3", "sha256": OTHER, "removed": "2026-03-03"}
    started = {"start": "gpt2", "start_sha256": OTHER, "replaced_removed": "2026-03-03"}
    every = certificate(
        details={"received": "2026", "reference": "A", "operator": "jo"}, revised="2026-03-03",
        replaced=[replaced(superseded=later, **started)], purged={
            "date": "2026-03-03", "removed": 2, "rewritten": 3
        },
        verified=verified(True, sample=2, cannot=[{"seed": 1, "checkpoint": "b", "why": "gone"}]),
        methods={"oracle": {"label": "o", "forgets": "deletes", "post_processor": False}},
        cost=[{"sharding": "1x1", "checkpoints": 2, "tokens": 15.0, "seconds": 2.25}],
        metrics=[metric("oracle")], before={"request": "r0a", "digest": OTHER},
        takes_place_of=OTHER, code={"commit": "12", "package": NEW},
        data={"before": NEW, "after": OLD},
        **left(("results/s/a", "text"), unread={"x": "locked"}, unmarked={"r1": 3}, blind=["r1"]),
    )  # fmt: skip
    summaries = {"accuracy": "right", "auroc": "area"}
    before, unshown = page(every, summaries), set()
    for path, old in leaves(every):
        # of these it counts whether there is one, or the text has a form of its own
        if "blind" in path or path[-1] in ("shards", "sharding"):
            continue
        if page(changed(every, path, another(path[-1], old)), summaries) == before:
            unshown.add(".".join(key for key in path if isinstance(key, str)))
    assert unshown == UNSHOWN.keys()
    told = unescape(before.split(LEFT_OUT)[1])
    assert "<code>results/s/certificates/r1.json</code>" in told
    assert all(words in told for words in UNSHOWN.values())


def test_what_is_too_long_for_the_page_is_counted():
    text = shown(owners=[f"{number:02x}" for number in range(MOST + 2)])
    assert f"2 owners beyond the first {MOST}" in text.split(LEFT_OUT)[1]
    files = [(f"results/s/{number}", "text") for number in range(MOST + 1)]
    text = shown(**left(*files, *((path, "names") for path, _ in files)))
    assert f"1 file beyond the first {MOST}" in text.split(LEFT_OUT)[1]
    assert "beyond the first" not in shown()


def test_numbers_of_post_processors_are_said_to_be_left_out():
    text = shown(metrics=[metric("oracle"), *[metric("fairsisa_ensemble")] * 3])
    assert "3 numbers of post-processors (FairSISA, ensemble (joint))" in text.split(LEFT_OUT)[1]
    assert "post-processors" not in shown(metrics=[metric("oracle")]).split(LEFT_OUT)[1]
