"""A certificate as one self-contained page of html, for the person that it is addressed to."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path

from palimpsest.audit.checks import CHECKS
from palimpsest.audit.look import KINDS
from palimpsest.audit.passages import SURE, WINDOW
from palimpsest.audit.scan import of_another_study
from palimpsest.engine.sealed import seal_of
from palimpsest.report.cells import interval, of_few
from palimpsest.report.pages import document, facts, table
from palimpsest.report.shown import is_method, method_of
from palimpsest.study import paths
from palimpsest.study.paths import placed

MOST = 40  # files and owners that a page lists; the json lists all
SETS = {
    "test": "test records",
    "train": "training",
    "retain": "retained records",
    "forget": "forgotten records, after",
    "forget_before": "forgotten records, before",
}
FORGETS = {
    "deletes": "deletes: its models were trained again without the forgotten",
    "hides": (
        "<strong>only hides</strong>: its model, approximate or with adapters, goes on from "
        "weights that learnt the forgotten, and attacks may bring it back"
    ),
    "nothing": "forgets nothing: it stands here for comparison",
}
LIMITS = (
    "It speaks of this study on this disk. Backups, copies elsewhere, other studies, the raw "
    "source, and whatever a pretrained start had learnt before are outside it; so is the ledger, "
    "which names the owners. Here owners stand as hashes keyed with a secret, which is not the "
    "study's salt: only who holds it can check whether a name is meant. But which models were "
    "replaced tells in which shards and slices the owners lay: who knows the salt can tell whom "
    "that fits."
)
CONSISTENT = (
    "The recorded provenance is consistent: when this was issued, every check below held for each. "
    "Where the records are true, each is, bit for bit, a model that never saw these owners."
)
INCONSISTENT = (
    "<strong>Not every check below held</strong>, so the records do not show that they equal "
    "models that never saw these owners."
)
UNVERIFIED = (
    "never. The weights themselves were not compared with any that were trained again; "
    "<code>palimpsest verify</code> does that."
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
LOOKED_FOR = (
    f"Looked for were the names of owners and records, models and their copies, and passages: any "
    f"{WINDOW} words in a row while the data hold them, afterwards at least every quotation of "
    f"{SURE} words of a sentence. Case, accents and punctuation do not matter; words that retained "
    "records hold as well do not count. What is encrypted, of a kind that is not known, or written "
    "otherwise than in its own words (translated, spelt backwards, without blanks) is not found by "
    "its passages; files that could not be looked into are named. A name of one word without a "
    "digit, or a short number, is found only as the owner or record of a row or as the name of a "
    "file or folder: elsewhere it may be any word."
)
BLIND = (
    "The text of this request is not known any more: only names, places and models were looked for."
)


def page(certificate: dict, summaries: dict[str, str], results: str = paths.RESULTS) -> str:
    """The page of a certificate that fits its schema; summaries: metric -> its description;
    results: the folder below which the study's own lies."""
    title = (
        f"Certificate of deletion: request {certificate['request']} of the study "
        f"{certificate['study']}"
    )
    body = [
        f"<h1>{_text(title)}</h1>",
        *_statement(certificate),
        *_remains(certificate, results),
        *_replaced(certificate),
        *_methods(certificate["methods"]),
        *_numbers(certificate, summaries),
        *_sealed(certificate),
        "<h2>What this does not prove</h2>",
        f"<p>{_text(LIMITS)}</p>",
        *_left_out(certificate, results),
    ]
    versions = (f"{_text(name)} {_text(one)}" for name, one in certificate["versions"].items())
    return document(title, [*body, "<h2>Made with</h2>", f"<p>{', '.join(versions)}</p>"])


def _statement(one: dict) -> list[str]:
    records = (
        ", ".join(f"{count} {split}" for split, count in sorted(one["records"].items())) or "none"
    )
    owners = ", ".join(map(_code, one["owners"][:MOST])) + (
        ", …" if len(one["owners"]) > MOST else ""
    )
    claim = (CONSISTENT if one["consistent"] else INCONSISTENT) if one["replaced"] else UNTOUCHED
    gone = sum(entry["superseded"] is not None for entry in one["replaced"])
    claim += f" {gone} of them were superseded since and removed." if gone else ""
    revised = {"Revised": _text(one["revised"])} if one["revised"] else {}
    told = {name.capitalize(): _text(value) for name, value in one["details"].items()}
    said = told | {
        "Issued": _text(one["issued"]),
        **revised,
        "This disk was searched": _text(one["scanned_at"]),
        "Owners": f"{len(one['owners'])}: {owners}",
        "Their records": f"{sum(one['records'].values())} ({_text(records)})",
        "Models replaced": f"{len(one['replaced'])}. {claim}",
        "Trained again to compare": _verified(one["verified"]),
        "As of": f"state {_text(one['state'])}: this request and all before it are honoured",
    }
    starts = sorted(
        {
            (entry["start"], entry["start_sha256"] or "", "tokenizer" in entry["checks"])
            for entry in one["replaced"]
            if entry["start"] != "scratch"
        }
    )
    if starts:
        said["Pretrained start"] = " ".join(_start(*start) for start in starts)
    return facts(said)


def _verified(verified: dict | None) -> str:
    if verified is None:
        return UNVERIFIED
    every, cannot = verified["checkpoints"], len(verified["cannot"])
    others = [one for one in every if not one["equal"]]
    result = (
        f"<strong>{len(others)} of them have other bytes</strong>: {_checkpoints(others)}."
        if others
        else "all have the same bytes."
    )
    drawn = f" Drawn from the replacements: {verified['sample']}." if verified["sample"] else ""
    left_out = f" Not to be trained again any more: {cannot}." if cannot else ""
    parts = ("system", "processor", "torch", "device")
    machine = ", ".join(_text(verified["machine"][one]) for one in parts)
    return (
        f"{_text(verified['date'])}, on {machine}: {len(every)} models ({_checkpoints(every)}), "
        f"and {result}{drawn}{left_out}"
    )


def _checkpoints(some: list[dict]) -> str:
    names = [_code(f"seed{one['seed']}/{one['checkpoint']}") for one in some[:MOST]]
    return ", ".join(names) + (", …" if len(some) > MOST else "")


def _start(name: str, digest: str, made_here: bool) -> str:
    """Only what was trained on the files of a tokenizer of this workflow was made here."""
    learnt = (
        "which this workflow trained, on the files of its tokenizer"
        if made_here
        else "which others trained: on what, is not covered"
    )
    known = f" ({_code(digest[:16])})" if digest else ""
    return f"{_text(name)}{known}, {learnt}."


def _remains(one: dict, results: str) -> list[str]:
    left, purged = one["remains"], one["purged"]
    lines = ["<h2>What is left on this disk</h2>"]
    if purged:
        done = (
            f"{purged['removed']} files removed, {purged['rewritten']} tables rewritten without "
            "the owners' rows"
        )
        lines.append(f"<p>Purged on {_text(purged['date'])}: {done}.</p>")
    here, others = _by_study(one, results)
    lines += _findings(here, AFTER_PURGE if purged else BEFORE_PURGE) if here else []
    lines += _findings(others, OF_OTHERS) if others else []
    lines += [f"<p>{NOTHING}</p>"] if not left["findings"] and not left["blind"] else []
    lines.append(
        f"<p>{left['files']} files ({left['bytes'] / 1e6:,.0f} MB) were looked into, packed and "
        f"tokenised ones too. {LOOKED_FOR}</p>"
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


def _by_study(one: dict, results: str) -> tuple[list[dict], list[dict]]:
    """What was found in the folder of the certificate's study and beside it; in that of others."""
    found = one["remains"]["findings"]
    others = [
        finding
        for finding in found
        if of_another_study(Path(finding["path"]), one["study"], results)
    ]
    return [finding for finding in found if finding not in others], others


def _findings(findings: list[dict], cause: str) -> list[str]:
    counts = Counter(finding["kind"] for finding in findings)
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(finding["path"], []).append(KINDS[finding["kind"]])
    number = "1 file still holds" if len(kinds) == 1 else f"{len(kinds)} files still hold"
    by_kind = "; ".join(f"{count} with {KINDS[kind]}" for kind, count in counts.items())
    lines = [(f'<p class="warning"><strong>{number} something</strong>: {by_kind}. {cause}</p>')]
    lines += table(
        ["file", "what it holds"],
        [[_code(path), "; ".join(held)] for path, held in list(kinds.items())[:MOST]],
    )
    return lines + (
        [f"<p>and {len(kinds) - MOST} more files, which the certificate itself names.</p>"]
        if len(kinds) > MOST
        else []
    )


def _replaced(one: dict) -> list[str]:
    checks = "; ".join(f"<em>{name}</em>: {what}" for name, what in CHECKS.items())
    rows = []
    for entry in one["replaced"]:
        later, old_gone = entry["superseded"], entry["replaced_removed"]
        failed = ", ".join(name for name, holds in entry["checks"].items() if not holds)
        before, now = (
            _code(digest[:16]) if digest else "not on this disk"
            for digest in (entry["replaced_sha256"], entry["sha256"])
        )
        before += f", removed on {_text(old_gone)}" if old_gone else ""
        if later:
            weights = _code(later["sha256"][:16]) if later["sha256"] else "not on this disk"
            now += (
                f", superseded by {_code(later['checkpoint'])} ({weights}), removed on "
                f"{_text(later['removed'])}"
            )
        names = _code(entry["replaced"]), before, _code(entry["checkpoint"]), now
        rows.append([str(entry["seed"]), *names, f"failed: {failed}" if failed else "all held"])
    lines = [
        "<h2>Models that were replaced</h2>",
        f"<p>SHA-256 of the weights, the first 16 digits. The checks, as they were on "
        f"{_text(one['issued'])}, are {checks}.</p>",
    ]
    return lines + table(["seed", "before", "its weights", "now", "its weights", "checks"], rows)


def _methods(methods: dict[str, dict]) -> list[str]:
    rows = [
        [
            _text(method["label"]),
            FORGETS[method["forgets"]],
            "a rule on top of predictions, fitted on validation records"
            if method["post_processor"]
            else "–",
        ]
        for method in methods.values()
    ]
    head = ["method", "what it does to the forgotten", "post-processor"]
    return ["<h2>What deletes, and what only hides</h2>", *table(head, rows)] if rows else []


def _left_out(one: dict, results: str) -> list[str]:
    """What stands in the certificate alone."""
    path = placed(results, paths.CERTIFICATE, study=one["study"], request=one["request"])
    fitted = [row for row in one["metrics"] if _is_post_processor(row["method"])]
    listed = [len({one["path"] for one in some}) for some in _by_study(one, results)]
    points = [
        "all 64 digits of the digests of weights; of each model that was replaced also the digests "
        "of the slices that it was trained on, how many records, tokens and seconds that was, on "
        "which device, the digest of its recipe, and whether the old weights had learnt from these "
        "owners" if one["replaced"] else "",
        "of each file that holds something, how much, and of which requests" if any(listed) else "",
        _beyond(listed, "file"),
        _beyond([len(one["owners"])], "owner"),
        "of each model that was trained again to compare, both digests, and which others could not "
        "be, and why" if one["verified"] else "",
        f"{len(fitted)} numbers of post-processors ("
        f"{'; '.join(dict.fromkeys(_method(row['method']) for row in fitted))})" if fitted else "",
        "the digest of each section of the settings, and which secret the owners were hashed with",
    ]  # fmt: skip
    return [
        "<h2>What this page leaves out</h2>",
        f"<p>It was made from the certificate, {_code(path)}, whose keys "
        "<code>palimpsest/schemas/certificate.schema.yaml</code> describes. Only there stand:</p>",
        "<ul>",
        *(f"<li>{_text(point)}</li>" for point in points if point),
        "</ul>",
    ]


def _beyond(counts: list[int], what: str) -> str:
    """How many are not listed, of each of several lists."""
    more = sum(max(0, count - MOST) for count in counts)
    return f"{more} {what}{'' if more == 1 else 's'} beyond the first {MOST}" if more else ""


def _is_post_processor(method: str) -> bool:
    return is_method(method) and method_of(method).fitted


def _sealed(one: dict) -> list[str]:
    before, data = one["before"], one["data"]
    commit, package = one["code"]["commit"], one["code"]["package"]
    rows = {
        "its seal": seal_of(one),
        "the certificate before it": f"{before['request']}, {before['digest']}" if before else "–",
        "an earlier one of this request": one["takes_place_of"],
        "the ledger up to this request": one["ledger"],
        "training records before": data["before"],
        "training records after": data["after"],
        "settings": seal_of(one["settings"]),
        "code": f"commit {commit}, package {package}" if commit else f"package {package}",
    }
    return [
        "<h2>Seals</h2>",
        (
            "<p>SHA-256. <code>palimpsest certificate check</code> compares them with what lies on "
            "this disk, and verifies the signature, where there is one. A seal shows damage and "
            "careless edits; who can write every file here can write new seals. A signature, or a "
            "copy of the seal in other hands, shows that too.</p>"
        ),
        *table(["of", "digest"], [[what, _code(one or "–")] for what, one in rows.items()]),
    ]


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
        if not _is_post_processor(row["method"])
    ]
    return [
        "<h2>What it cost</h2>",
        *table(
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
        *table(["method", "shards × slices", "on", "number", "groups", "value"], worth, "prose"),
    ]


def _method(name: str) -> str:
    return method_of(name).label if is_method(name) else "SISA, retrained"


def _sharding(name: str) -> str:
    return _text(name.replace("x", " × "))


def _family(row: dict) -> str:
    return _text(row["group"].replace("_", " ")) or "–"


def _interval(row: dict) -> str:
    found = (row[end] for end in ("value", "ci_low", "ci_high"))
    ends = (float("nan" if one is None else one) for one in found)
    few = of_few(row["metric"], row["n"]) if "n" in row else ""  # older certificates lack it
    return interval(*ends) + few


def _code(value: object) -> str:
    return f"<code>{_text(value)}</code>"


def _text(value: object) -> str:
    return html.escape(str(value))
