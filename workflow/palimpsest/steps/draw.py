"""A small table -> one figure, in every format that is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path

import pandas as pd

from palimpsest.figures import FIGURES
from palimpsest.plots import style as common

# A group may be called 'None', '1' or 'NA': such columns are read as they stand.
TEXTS = ("seed", "request", "method", "shards", "set", "metric", "family", "group", "when")


def add_arguments(parser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="csv of the figure")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="files to write, of suffix png, svg or pdf")


def run(args) -> None:
    """settings: `figure` (its name), `width` (inches), `dpi` (of png)."""
    frame = read(args.data)
    with common.styled():
        made = drawn(args.settings["figure"], frame, args.settings)
        for path in args.output:
            common.save(made, path)


def read(path: Path) -> pd.DataFrame:
    """The small table; empty texts are empty texts, empty numbers NaN."""
    frame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])
    texts = frame.columns.intersection(TEXTS)
    return frame.assign(**{name: frame[name].fillna("") for name in texts})


def drawn(name: str, frame: pd.DataFrame, style: dict):
    """The figure of a small table. Its module is looked up by name, so that the code of one figure is no input of another."""
    if name not in FIGURES:
        raise ValueError(f"there is no figure {name!r}")
    if frame.empty:
        return common.empty(style)
    return importlib.import_module(f"palimpsest.plots.{name}").draw(frame, style)
