"""Numbers -> the small table of one figure, and the figure in every requested format."""

from __future__ import annotations

import html
import importlib
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from palimpsest.data.storage import read_parquet
from palimpsest.files import read_json, write_text
from palimpsest.plots import style as common
from palimpsest.report.blocks import changed_blocks
from palimpsest.report.pages import document, figure
from palimpsest.report.rows import unattacked
from palimpsest.report.shown import tell
from palimpsest.report.tables import TRUTH_COLUMNS, joined, write_csv

EPSILON_COLUMNS = ["seed", "method", "shards", "family", "eps", "set", "cost", "gap"]
WATCHED_SETS = ("forget", "retain", "extra", "relearnt")
WATCHED_COLUMNS = [
    "seed", "request", "method", "attack", "update", "set", "metric", "value", "n", "stopped",
]  # fmt: skip
TRIAL_COLUMNS = [
    "method", "trial", "chosen", "value", "lost", "divergence", "score", "tokens", "updates",
    "settings", "n",
]  # fmt: skip
# A group may be called 'None', '1' or 'NA': these columns are read as plain text.
TEXTS = (
    "seed",
    "request",
    "method",
    "attack",
    "shards",
    "set",
    "metric",
    "family",
    "group",
    "when",
)


def add_arguments(parser) -> None:
    parser.add_argument(
        "--metrics", type=Path, help="tidy table; without it the csv is drawn as it is"
    )
    parser.add_argument(
        "--epsilon",
        type=Path,
        nargs="*",
        default=[],
        help="parquet files of cost over the allowed gap",
    )
    parser.add_argument(
        "--training",
        type=Path,
        nargs="*",
        default=[],
        help="training.json of what methods or attacks made",
    )
    parser.add_argument(
        "--truth",
        type=Path,
        nargs="*",
        default=[],
        help="parquet files of truth ratios, item by item",
    )
    parser.add_argument("--data", type=Path, required=True, help="csv of what the figure shows")
    parser.add_argument(
        "--output",
        type=Path,
        nargs="+",
        required=True,
        help="files to write, of suffix png, svg or pdf",
    )
    parser.add_argument("--page", type=Path, required=True, help="html of it with its caption")


def run(args) -> None:
    """settings: `figure` (its module), `further` (what else it is drawn from), `least` (records of
    a number that is drawn), `width` (inches), `dpi` (of png); `states` (the newest last),
    `families` (fitted ones), and `methods` as they are shown; variants of a method by what they
    differ in (`partitions`, `directions`), for figures of them; for its page `study`, `shows` and
    `caption`."""
    module = importlib.import_module(args.settings["figure"])
    tell(args.settings["methods"])
    if args.metrics:
        metrics = unattacked(read_parquet(args.metrics))
        further = further_table(args, args.settings["further"])
        write_csv(module.select(metrics, further, args.settings), args.data, digits=6)
    with common.styled():
        made = drawn(module, read(args.data), args.settings)
        for path in args.output:
            common.save(made, path)
        picture = common.svg(made)
    write_text(args.page, page(picture, args.settings, [*args.output, args.data]))


def page(picture: bytes, settings: dict, files: list[Path]) -> str:
    """The figure with its caption below it, as the report shows it."""
    title = f"{settings['shows']}: {settings['study']}"
    *images, numbers = (f"`{path.as_posix()}`" for path in files)
    where = f"As files: {', '.join(images)}. The numbers: {numbers}."
    what = f"{title}. Its numbers: {files[-1].as_posix()}"
    caption = f"{settings['caption']}\n\n{where}"
    return document(title, [f"<h1>{html.escape(title)}</h1>", *figure(picture, what, caption)])


def further_table(args, kind: str) -> pd.DataFrame:
    """What a figure is drawn from besides the tidy table (plots/registry.py)."""
    if kind in ("training", "attacks"):
        keys = ("names", "watched", "looked_at", "stopped")
        return watched(read_json(path, *keys) for path in args.training)
    if kind == "attacked":
        metrics = read_parquet(args.metrics)
        return metrics[metrics["attack"] != ""]
    if kind == "blocks":
        return changed_blocks(read_json(path, "names") for path in args.training)
    if kind == "tuning":
        return of_trials(map(read_json, args.training))
    paths, columns = {
        "": ([], []),
        "epsilon": (args.epsilon, EPSILON_COLUMNS),
        "truth": (args.truth, TRUTH_COLUMNS),
    }[kind]
    return joined((read_parquet(path) for path in paths), columns)


def watched(reports: Iterable[dict]) -> pd.DataFrame:
    """seed, request, method, attack, update, set, metric, value: the numbers watched while methods
    trained, or while an attack trained their models further; n records that were watched; stopped:
    by the method's own rule, before its time."""
    rows = []
    for report in reports:
        _, seed, *attack, method, request = report["names"]
        for numbers in report["watched"]:
            for key, value in numbers.items():
                set_, _, metric = key.partition("_")
                if set_ in WATCHED_SETS:
                    where = (seed, request, method, *(attack or [""]))
                    n = report["looked_at"][set_]
                    rows.append(
                        (*where, numbers["update"], set_, metric, value, n, report["stopped"])
                    )
    return pd.DataFrame(rows, columns=WATCHED_COLUMNS)


def of_trials(choices: Iterable[dict]) -> pd.DataFrame:
    """Every trial of the methods whose settings were chosen: value is what is left of the
    forgotten; NaN of a trial that could not be chosen."""
    rows = [
        {
            "method": choice["method"],
            "trial": trial["trial"],
            "chosen": trial["trial"] == choice["trial"],
            "value": trial["left"],
            **{key: trial[key] for key in ("lost", "divergence", "score", "tokens", "updates")},
            "settings": json.dumps(trial["settings"]),
            "n": choice["n"]["forgetting"],
        }
        for choice in choices
        for trial in choice["trials"]
    ]
    return pd.DataFrame(rows, columns=TRIAL_COLUMNS)


def drawn(figure, frame: pd.DataFrame, style: dict):
    """The figure of a small table, by the module of the figure, without numbers of too few records,
    and what it rests on below it."""
    if frame.empty:
        return common.empty(style)
    few = common.too_few(frame, style["least"])
    shown = frame[~few].reset_index(drop=True)
    missing = common.left_out(frame[few], style["least"]) if few.any() else ""
    made = common.empty(style) if shown.empty else figure.draw(shown, style)
    told = "" if shown.empty else figure.told(shown)
    common.note(made, " ".join(filter(None, [told, missing, common.unreadable(shown)])))
    return made


def read(path: Path) -> pd.DataFrame:
    """The small table; empty texts are empty texts, empty numbers NaN."""
    frame = pd.read_csv(
        path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""]
    )
    texts = frame.columns.intersection(TEXTS)
    return frame.assign(**{name: frame[name].fillna("") for name in texts})
