"""Find the owners of records by a pattern, to name them in the ledger: prints owners, ids, splits
and shards, never a text."""

from __future__ import annotations

import argparse
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from palimpsest.audit.arguments import CONFIG, add_config, values
from palimpsest.data.ledger import HEADER
from palimpsest.data.records import SPLITS
from palimpsest.data.shards import SINGLE, place
from palimpsest.data.storage import TEXTS, read_parquet
from palimpsest.errors import Problem, UserError, quoted
from palimpsest.study import paths
from palimpsest.study.load import load_studies, together
from palimpsest.study.study import Study
from palimpsest.study.wants.data import records_made

MOST_OWNERS, MOST_IDS = 20, 5
EXAMPLES = """\
examples:
  palimpsest owners demo --grep 'my street'
      who wrote a text that holds these words, in the study config/studies/demo.yaml
  palimpsest owners shop/study.yaml --grep '^ana$' --in owner
      the owner of this name: its records, its shards, requests that name it
  palimpsest owners shop/study.yaml --grep 'lamp|light' --ignore-case --most 100
      either word, in any case; a hundred owners at most
  palimpsest owners hatexplain --config mirror=../shared/data --grep 24198545
      what snakemake was given as --config is given here, too

A record of data without a column of owners is its own owner: what is shown as its owner is what the
ledger names. Patterns are regular expressions of Python; a backslash takes the meaning of a sign
away, as in 'a\\.b'.
"""


def add_arguments(parser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "studies", nargs="+", metavar="STUDY", help="of config/studies/, or the file of one"
    )
    parser.add_argument(
        "--grep", metavar="PATTERN", type=_pattern, default="", help="(default: all records)"
    )
    parser.add_argument("--ignore-case", "-i", action="store_true", help="of the pattern's letters")
    parser.add_argument(
        "--in",
        dest="where",
        choices=("any", "text", "owner", "id"),
        default="any",
        help="what must match: a text, the name of the owner, or the id of the record",
    )
    parser.add_argument(
        "--most", type=_count, default=MOST_OWNERS, metavar="N", help="owners that are shown (20)"
    )
    add_config(parser)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of owners: at least 1")
    return int(text)


def run(args) -> None:
    """settings: none; the studies are named by the user."""
    configs = load_studies({"studies": args.studies, **values(args.config)}, CONFIG)
    studies = together(*(lambda one=one: Study(one) for one in configs))
    frames = together(*(lambda one=one: records_of(one) for one in studies))
    pattern = re.compile(unicodedata.normalize("NFC", args.grep), re.I if args.ignore_case else 0)
    found = [matching(frame, pattern, args.where) for frame in frames]
    if not any(map(len, found)):
        sizes = zip(studies, map(len, frames), strict=True)
        where = ", ".join(f"{study.name} ({size} records)" for study, size in sizes)
        remedy = "try a shorter pattern, `--ignore-case`, or `--in any`"
        raise UserError(Problem("no record matches", where, quoted(args.grep), remedy=remedy))
    for study, frame, matched in zip(studies, frames, found, strict=True):
        for line in lines(study, frame, matched, args.most):
            print(line)


def records_of(study: Study):
    """Its records, without those of purged owners. A UserError where there are none."""
    path = Path(study.path(paths.RECORDS))
    if not path.is_file():
        what, remedy = "the records are not read yet", "run `snakemake data` for this study first"
        raise UserError(Problem(what, str(path), remedy=remedy))
    return read_parquet(path)


def matching(records, pattern: re.Pattern, where: str):
    """The records of which a text, the owner or the id matches."""
    columns = {"text": TEXTS, "owner": ("owner",), "id": ("record_id",)}
    names = columns.get(where) or (*TEXTS, "owner", "record_id")

    def hit(values) -> list[bool]:
        return [bool(pattern.search(unicodedata.normalize("NFC", value))) for value in values]

    hits = [hit(records[name]) for name in names if name in records]
    return records[[any(one) for one in zip(*hits, strict=True)]]


def lines(study: Study, records, matched, most: int) -> Iterator[str]:
    """What is told of the owners of the ``matched`` records, those with most of them first."""
    counts = matched["owner"].value_counts(sort=False)
    owners = sorted(counts.index, key=lambda owner: (-counts[owner], owner))
    yield (
        f"{study.name}: {len(matched)} of {len(records)} records match, of "
        f"{len(owners)} owner{'s' * (len(owners) != 1)}."
    )
    if not owners:
        return
    if not records_made(study):
        yield "These are not the records of the present sources and settings: `snakemake data`."
    texts = {text for name in TEXTS if name in records for text in records[name]}
    requested = {owner: one.name for one in study.plan.requests for owner in one.owners}
    all_of = records["owner"].value_counts()
    trained = set(records.loc[records["split"] == "train", "owner"])
    for owner in owners[:most]:
        if owner in texts:
            yield f"an owner whose name is the text of a record ({counts[owner]} match): not shown"
            continue
        yield f"{name_of(owner)}: {counts[owner]} of its {all_of[owner]} records match"
        yield f"    {ids(matched[matched['owner'] == owner], texts)}"
        if owner not in trained:
            yield "    has no training record: no model learnt from this owner"
        elif where := shards(study, owner):
            yield f"    {where}"
        if owner in requested:
            yield f"    is named by request {requested[owner]} already"
    if len(owners) > most:
        yield f"and {len(owners) - most} owners more: a longer pattern, or --most {len(owners)}"
    ledger = study.config["ledger"] or "a ledger, which the study must name"
    yield f"To forget an owner, add a line to {ledger} ({HEADER!r}), a tab before each name."


def name_of(owner: str) -> str:
    """As the ledger must name it; besides, how it is written, where that cannot be seen."""
    plain = owner.isascii() and owner.isprintable() and owner == " ".join(owner.split())
    return owner if plain else f"{owner} (written {owner!a})"


def ids(records, texts: Iterable[str]) -> str:
    """Ids of records by split, the first of each; none that is the text of a record."""
    said = []
    for split in SPLITS:
        names = sorted(set(records.loc[records["split"] == split, "record_id"]) - set(texts))
        if number := int((records["split"] == split).sum()):
            shown = [*map(name_of, names[:MOST_IDS])]
            more = f" and {number - len(shown)} more" if number > len(shown) else ""
            said.append(f"{split}: {', '.join(shown)}{more}")
    return "; ".join(said)


def shards(study: Study, owner: str) -> str:
    """Which shard and slice of each sharding learn from an owner, by seed."""
    named = [one for one in study.config["sharding"] if one != SINGLE]
    by_seed = []
    for seed in study.plan.seeds:
        cells = ((one, place(owner, one, study.config["salt"], seed)) for one in named)
        told = ", ".join(f"{one}: shard {shard} slice {part}" for one, (shard, part) in cells)
        by_seed.append(f"seed {seed}: {told}")
    return "; ".join(by_seed) if named else ""
