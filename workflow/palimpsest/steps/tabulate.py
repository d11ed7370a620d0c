"""All numbers of a study -> the one tidy table, and a summary for people."""

from __future__ import annotations

import importlib
from pathlib import Path

from palimpsest.data.shards import largest_shard
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.files import read_json, write_text
from palimpsest.report import tuned
from palimpsest.report.blocks import changed_blocks
from palimpsest.report.described import About, about
from palimpsest.report.shown import tell
from palimpsest.report.summary import as_findings, as_html, as_markdown, summarise
from palimpsest.report.tables import table, tidy, write_csv


def add_arguments(parser) -> None:
    parser.add_argument(
        "--metrics", type=Path, nargs="+", required=True, help="parquet files of numbers"
    )
    parser.add_argument(
        "--evidence",
        type=Path,
        nargs="*",
        default=[],
        help="of the newest request, if there is one",
    )
    parser.add_argument("--data", type=Path, required=True, help="report on the records")
    parser.add_argument("--described", type=Path, help="what the step `describe` found")
    parser.add_argument("--index", type=Path, help="records without their texts")
    parser.add_argument("--groups", type=Path, help="sizes of groups")
    parser.add_argument(
        "--choices", type=Path, nargs="*", default=[], help="json of the settings of each method"
    )
    parser.add_argument(
        "--blocks", type=Path, nargs="*", default=[], help="training.json that tell of blocks"
    )
    for name in ("parquet", "csv", "summary", "html", "findings"):
        parser.add_argument(f"--{name}", type=Path, required=True)


def run(args) -> None:
    """settings: `states` (the newest last), `families` (fitted ones), `level` of the intervals
    (0.95), `metrics`, described, `methods` as they are shown, and `summary`, the track's module of
    summary tables; variants by what they differ in (`partitions`, `directions`), if any. With what
    was found in the records also `study`, `model`, `seeds`, and the `salt` and `shardings` by which
    their owners are put into shards."""
    level = args.settings.get("level", 0.95)
    tell(args.settings["methods"])
    frames = [read_parquet(path) for path in args.metrics]
    about = about_records(args) if args.described else None
    frames += [table(about.rows)] if about else []
    metrics = tidy(frames, level, args.settings["metrics"])
    write_parquet(metrics, args.parquet)
    write_csv(metrics, args.csv, digits=9)
    track = importlib.import_module(args.settings["summary"])
    evidence = next(map(read_json, args.evidence), None)
    report = read_json(args.data)
    changed = changed_blocks(read_json(path, "names") for path in args.blocks)
    settings = args.settings | {"changed": changed}
    sections = summarise(metrics, settings, track, evidence, report, about)
    sections += tuned.sections([read_json(path) for path in args.choices])
    write_text(args.summary, as_markdown(sections))
    write_text(args.html, as_html(sections))
    write_text(args.findings, as_findings(sections))


def about_records(args) -> About:
    """What is told of the records; shards as they are before any request."""
    index, settings = read_parquet(args.index), args.settings
    sizes = index.loc[index["split"] == "train", "owner"].value_counts().to_dict()
    largest = {
        sharding: {
            seed: largest_shard(sizes, sharding, settings["salt"], seed)
            for seed in settings["seeds"]
        }
        for sharding in settings["shardings"]
    }
    where = {"study": settings["study"], "model": settings["model"]}
    found = read_json(args.described) | {"groups": read_json(args.groups)}
    return about(found, largest, where, settings["seeds"])
