"""A certificate as its addressee reads it: one page of html that needs nothing else."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path

from palimpsest.audit.checks import CHECKS
from palimpsest.audit.look import KINDS
from palimpsest.audit.scan import of_another_study
from palimpsest.cells import interval
from palimpsest.methods.shown import is_method, method_of
from palimpsest.summary import STYLE

MOST = 40  # files and owners that a page names; the json names all
FACTS = ".facts td { white-space: normal; width: 60em }"
SETS = {
    "test": "test records",
    "train": "training",
    "retain": "retained records",
    "forget": "forgotten records, after",
    "forget_before": "forgotten records, before",
}
LIMITS = (
    "It speaks of this study on this disk. Backups, copies elsewhere, other studies, the raw "
    "source, and whatever a pretrained start had learnt before are outside it; so is the ledger, "
    "which names the owners. Here owners stand as hashes keyed with the study's salt: who knows "
    "the salt and a name can check that it is meant."
)
EXACT = (
    "Each has, bit for bit, the weights of a model that never saw these owners: every check below "
    "holds."
)
NOT_EXACT = (
    "<strong>Not every check below holds</strong>, so it is not shown that they equal models that "
    "never saw these owners."
)
UNTOUCHED = "No model had been trained on their records."
BEFORE_PURGE = (
    "They keep earlier states, for comparison and for going back; <code>palimpsest purge</code> "
    "removes them."
)
AFTER_PURGE = "They came after the purge, or could not be removed by it."
OF_OTHERS = "Those of another study are left to its own ledger and its own purge."
NOTHING = (
    "<strong>Nothing was found</strong>: no passage of these owners' text, no row about them, no "
    "model that learnt from it."
)
BLIND = (
    "The text of this request is not known any more: only names, places and models were looked for."
)


def page(certificate: dict, summaries: dict[str, str]) -> str:
    """The page of a certificate that fits its schema; summaries: metric -> a line for people."""
    title = (
        f"Certificate of deletion: request {certificate['request']} of the study "
        f"{certificate['study']}"
    )
    body = [
        f"<h1>{_text(title)}</h1>",
        *_statement(certificate),
        *_remains(certificate),
        *_replaced(certificate),
    ]
    body += [
        *_numbers(certificate, summaries),
        "<h2>What this does not prove</h2>",
        f"<p>{_text(LIMITS)}</p>",
    ]
    versions = (f"{_text(name)} {_text(one)}" for name, one in certificate["versions"].items())
    body += [
        "<h2>Made with</h2>",
        f"<p>{', '.join(versions)}</p>",
    ]
    head = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{_text(title)}</title>",
        f"<style>{STYLE}{FACTS}</style>",
        "</head>",
        "<body>",
    ]
    return "\n".join([*head, *body, "</body>", "</html>"]) + "\n"


def _statement(one: dict) -> list[str]:
    records = (
        ", ".join(f"{count} {split}" for split, count in sorted(one["records"].items())) or "none"
    )
    owners = ", ".join(map(_code, one["owners"][:MOST])) + (
        ", …" if len(one["owners"]) > MOST else ""
    )
    exact = (EXACT if one["bit_exact"] else NOT_EXACT) if one["replaced"] else UNTOUCHED
    facts = {
        "Issued": _text(one["issued"]),
        "Owners": f"{len(one['owners'])}: {owners}",
        "Their records": f"{sum(one['records'].values())} ({_text(records)})",
        "Models replaced": f"{len(one['replaced'])}. {exact}",
        "As of": f"state {_text(one['state'])}: this request and all before it are honoured",
    }
    starts = sorted(
        {(entry["start"], entry["start_sha256"] or "") for entry in one["replaced"]}
        - {("scratch", "")}
    )
    if starts:
        facts["Pretrained start"] = " ".join(_start(*start) for start in starts)
    rows = [f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts.items()]
    return ['<div><table class="facts">', *rows, "</table></div>"]


def _start(name: str, digest: str) -> str:
    if digest:
        return (
            f"{_text(name)} ({_code(digest[:16])}), which this workflow trained, on the files of "
            "its tokenizer."
        )
    return f"{_text(name)}. What it was trained on by others is not covered."


def _remains(one: dict) -> list[str]:
    left, purged = one["remains"], one["purged"]
    lines = ["<h2>What is left on this disk</h2>"]
    if purged:
        done = (
            f"{purged['removed']} files removed, {purged['rewritten']} tables rewritten without "
            "the owners' rows"
        )
        lines.append(f"<p>Purged on {_text(purged['date'])}: {done}.</p>")
    others = [
        finding
        for finding in left["findings"]
        if of_another_study(Path(finding["path"]), one["study"])
    ]
    here = [finding for finding in left["findings"] if finding not in others]
    lines += _findings(here, AFTER_PURGE if purged else BEFORE_PURGE) if here else []
    lines += _findings(others, OF_OTHERS) if others else []
    lines += [f"<p>{NOTHING}</p>"] if not left["findings"] and not left["blind"] else []
    lines.append(
        f"<p>{left['files']} files ({left['bytes'] / 1e6:,.0f} MB) were looked into, packed and "
        "tokenised ones too.</p>"
    )
    lines += [f'<p class="warning">{BLIND}</p>'] if left["blind"] else []
    unmarked = sum(left["unmarked"].values())
    if unmarked:
        lines.append(
            f"<p>{unmarked} of their records say nothing that retained ones do not say as well; "
            "they were looked for by name.</p>"
        )
    return lines + [
        f"<p>Not looked into: {_code(path)} ({_text(why)}).</p>"
        for path, why in sorted(left["unread"].items())
    ]


def _findings(findings: list[dict], cause: str) -> list[str]:
    counts = Counter(finding["kind"] for finding in findings)
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(finding["path"], []).append(KINDS[finding["kind"]])
    found = "; ".join(f"{count} with {KINDS[kind]}" for kind, count in counts.items())
    lines = [
        (
            f'<p class="warning"><strong>{len(kinds)} files still hold something</strong>: '
            f"{found}. "
            f"{cause}</p>"
        )
    ]
    lines += _table(
        ["file", "what it holds"],
        [[_code(path), "; ".join(held)] for path, held in list(kinds.items())[:MOST]],
    )
    return lines + (
        [f"<p>and {len(kinds) - MOST} more files, which the certificate's json names.</p>"]
        if len(kinds) > MOST
        else []
    )


def _replaced(one: dict) -> list[str]:
    checks = "; ".join(f"<em>{name}</em>: {what}" for name, what in CHECKS.items())
    rows = []
    for entry in one["replaced"]:
        failed = ", ".join(name for name, holds in entry["checks"].items() if not holds)
        before, now = (
            _code(digest[:16]) if digest else "not on this disk"
            for digest in (entry["replaced_sha256"], entry["sha256"])
        )
        names = _code(entry["replaced"]), before, _code(entry["checkpoint"]), now
        rows.append([str(entry["seed"]), *names, f"fails: {failed}" if failed else "all hold"])
    lines = [
        "<h2>Models that were replaced</h2>",
        f"<p>SHA-256 of the weights, the first 16 digits. The checks are {checks}.</p>",
    ]
    return lines + _table(["seed", "before", "its weights", "now", "its weights", "checks"], rows)


def _numbers(one: dict, summaries: dict[str, str]) -> list[str]:
    costs = [
        [
            _sharding(entry["sharding"]),
            str(entry["checkpoints"]),
            f"{entry['tokens']:,.0f}",
            f"{entry['seconds']:,.1f}",
        ]
        for entry in one["cost"]
    ]
    has_oracle = any(row["method"] == "oracle" for row in one["metrics"])
    beside = (
        "Beside the oracle, which was trained from scratch without the owners."
        if has_oracle
        else "This study keeps no oracle."
    )
    worth = [
        [
            _method(row["method"]),
            _sharding(row["shards"]),
            SETS[row["set"]],
            summaries[row["metric"]],
            _family(row),
            _interval(row),
        ]
        for row in one["metrics"]
        # post-processors are in the json
        if not is_method(row["method"]) or not method_of(row["method"]).fitted
    ]
    return [
        "<h2>What it cost</h2>",
        *_table(
            [
                "shards × slices",
                "models trained",
                "tokens, mean over seeds",
                "seconds, mean over seeds",
            ],
            costs,
        ),
        "<h2>What the models are worth now</h2>",
        f"<p>{beside}</p>",
        *_table(["method", "shards × slices", "on", "number", "groups", "value"], worth),
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    names = "".join(f"<th>{name}</th>" for name in head)
    lines = [f"<tr>{row}</tr>" for row in cells]
    return [
        "<div><table>",
        f"<thead><tr>{names}</tr></thead>",
        "<tbody>",
        *lines,
        "</tbody></table></div>",
    ]


def _method(name: str) -> str:
    return method_of(name).label if is_method(name) else "SISA, retrained"


def _sharding(name: str) -> str:
    return _text(name.replace("x", " × "))


def _family(row: dict) -> str:
    return _text(row["group"].replace("_", " ")) or "–"


def _interval(row: dict) -> str:
    return interval(
        *(float("nan" if row[end] is None else row[end]) for end in ("value", "ci_low", "ci_high"))
    )


def _code(value: object) -> str:
    return f"<code>{_text(value)}</code>"


def _text(value: object) -> str:
    return html.escape(str(value))
