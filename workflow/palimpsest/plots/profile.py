"""Methods by metrics: how far each number is from the oracle's."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.cells import number
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of

# What a profile shows, where the study has it: (set, metric), and the words for it.
PROFILE = {
    ("forget", "probability"): "probability",
    ("forget", "perplexity"): "perplexity",
    ("forget", "memorization_accuracy"): "memorization accuracy",
    ("forget", "extraction_strength"): "extraction strength",
    ("forget", "extraction_likelihood"): "extraction likelihood",
    ("forget", "rouge_l_recall"): "ROUGE-L recall",
    ("forget", "truth_ratio_indifference"): "truth ratio, min(R, 1/R)",
    ("forget", "kl"): "KL from the oracle",
    ("forget", "membership_auroc"): "membership AUROC, loss",
    ("forget", "membership_auroc_reference"): "membership AUROC, reference",
    ("retain", "probability"): "probability",
    ("retain", "perplexity"): "perplexity",
    ("retain", "kl"): "KL from the oracle",
    ("holdout", "perplexity"): "perplexity",
    ("test", "perplexity"): "perplexity",
    ("test", "truth_ratio_preference"): "truth ratio, max(0, 1 - R)",
    ("test", "model_utility"): "model utility",
}
# What has the full colour: half of the range of a share, three times the perplexity, one nat.
FULL = {"perplexity": math.log(3), "kl": 1.0}
SHARE = 0.5
MISSING = "#e8e8e8"  # a method without the number: white would say that it is the oracle's
WORDS = {"forget": "forgotten", "retain": "retained", "holdout": "holdout", "test": "test"}
SPREAD = ("numbers without their intervals, which the table has",) * 2


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Numbers of PROFILE in the newest state, and how far each is from the oracle's, in [-1, 1]: 1
    is as far as FULL says, or farther; perplexities by their ratio."""
    now = newest(over_seeds(metrics), settings)
    now = now[pd.MultiIndex.from_frame(now[["set", "metric"]]).isin(PROFILE)]
    now = now.assign(
        height=np.where(
            now["metric"] == "perplexity", np.log(now["value"].clip(lower=1)), now["value"]
        )
    )
    oracle = now[now["method"] == "oracle"].set_index(["set", "metric"])["height"].rename("oracle")
    frame = now.join(oracle, on=["set", "metric"], how="inner")
    distance = (frame["height"] - frame["oracle"]).where(frame["height"] != frame["oracle"], 0)
    frame["distance"] = (distance / frame["metric"].map(FULL).astype(float).fillna(SHARE)).clip(
        -1, 1
    )
    differs = frame["distance"].abs().groupby([frame["set"], frame["metric"]]).transform("max") > 0
    frame = frame.loc[differs, ["method", "set", "metric", "value", "distance", "n", "seeds"]]
    order = {number: place for place, number in enumerate(PROFILE)}
    frame["place"] = [order[number] for number in zip(frame["set"], frame["metric"], strict=True)]
    return in_order(frame, method=in_method_order(frame["method"]), place=range(len(PROFILE))).drop(
        columns="place"
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set, metric, value, distance ([-1, 1]; 0 is the oracle's), n, seeds. One row
    per method."""
    methods = list(frame["method"].unique())
    numbers = list(frame[["set", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    made, axes = common.figure(style, 2.0 + 0.3 * len(methods), 1, 1)
    place = axes[0, 0]
    colours = LinearSegmentedColormap.from_list("distance", [common.BLUE, "white", common.RED])
    scale = Normalize(-1, 1)
    for cell in product(range(len(numbers)), range(len(methods))):
        place.add_patch(common.tile(*cell, MISSING))  # below the tiles that have a number
    for cell in frame.itertuples():
        x, y = numbers.index((cell.set, cell.metric)), methods.index(cell.method)
        shade = colours(scale(cell.distance))
        place.add_patch(common.tile(x, y, shade))
        dark = sum(shade[:3]) < 1.5
        place.text(
            x,
            y,
            short(cell.value),
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if dark else common.BLACK,
        )
    place.set_xlim(-0.5, len(numbers) - 0.5)
    place.set_ylim(len(methods) - 0.5, -0.5)
    labels = [f"{set_}: {PROFILE[set_, metric]}" for set_, metric in numbers]
    place.set_xticks(range(len(numbers)), labels, rotation=90, fontsize=6.5)
    place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    place.grid(visible=False)
    place.tick_params(length=0)
    place.set_title("White: as the oracle; orange: above it; blue: below")
    return made


def told(frame: pd.DataFrame) -> str:
    sets = frame[frame["metric"] != "model_utility"].groupby("set", sort=False)["n"]
    return common.told(frame, {f"{WORDS[set_]} records": n for set_, n in sets}, SPREAD)


def short(value: float) -> str:
    """As many digits as a tile has room for: 0.123, 1.23, 12.3, 123, 1.2k, 12k, 123k, 1.2M; and
    1e15, ∞."""
    if not math.isfinite(value):
        return number(value)
    size = abs(float(f"{value:.3g}"))  # as it is read: 999.6 is 1000, which needs another unit
    if size >= 1e15:
        return f"{value:.0e}".replace("+", "")
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= least:
            return f"{value / least:.{int(abs(value) < 9.95 * least)}f}{letter}"
    return f"{value:.{3 - len(str(int(size))) + (size < 1)}f}"
