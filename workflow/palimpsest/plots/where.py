"""Which layers and tensors hold the blocks that PCGU changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from palimpsest.plots import style as common
from palimpsest.report.blocks import layers_in_order
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order, method_of

MISSING = "#e8e8e8"  # a layer without such a tensor
SHADES = LinearSegmentedColormap.from_list("share", ["white", common.SKY, common.BLUE, "#08306b"])
MOST_TICKS = 8  # layers that are named below a panel
SHORT = {"embeddings": "emb."}
ACROSS = 2  # panels a row
EXACT = ("nothing is estimated", "shares are their means")


def select(metrics: pd.DataFrame, changed: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Of each model, layer and kind of tensor the share of blocks that were changed, the mean of
    its seeds, and how many blocks there are."""
    keys = ["method", "layer", "kind"]
    changed = changed.assign(value=changed["changed"] / changed["blocks"])
    parts = changed.groupby(keys, sort=False).agg(
        changed=("changed", "mean"), value=("value", "mean"), n=("blocks", "max"),
        seeds=("seed", "nunique"),
    )  # fmt: skip
    frame, layers = parts.reset_index(), layers_in_order(changed["layer"])
    kinds = list(in_order(frame, layer=layers, kind=sorted(frame["kind"].unique()))["kind"])
    methods = in_method_order(frame["method"])
    return in_order(frame, method=methods, layer=layers, kind=dict.fromkeys(kinds))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, layer ('embeddings', the number of a block, 'head'), kind, changed (blocks),
    value (their share), n (blocks), seeds. One panel per model."""
    frame = frame.assign(layer=frame["layer"].astype(str))  # numbers, where there is nothing else
    methods, kinds = in_method_order(frame["method"]), list(frame["kind"].unique())
    layers = layers_in_order(frame["layer"])
    columns = min(len(methods), ACROSS)
    rows = -(-len(methods) // columns)
    height = 0.75 + rows * (0.5 + 0.17 * len(kinds))
    made, axes = common.figure(style, height, rows, columns, sharey=True)
    scale = Normalize(0, max(frame["value"].max(), 1e-9))
    for place in axes.flat[len(methods) :]:
        place.set_axis_off()
    every = -(-len(layers) // MOST_TICKS)
    ticks = [at for at, one in enumerate(layers) if not one.isdigit() or int(one) % every == 0]
    for place, method in zip(axes.flat, methods, strict=False):
        part = frame[frame["method"] == method]
        cells = np.full((len(kinds), len(layers)), np.nan)
        for one in part.itertuples():
            cells[kinds.index(one.kind), layers.index(one.layer)] = one.value
        place.set_facecolor(MISSING)
        place.pcolormesh(
            cells, cmap=SHADES, norm=scale, edgecolors="white", linewidth=0.5, rasterized=False
        )
        for kind, n in part.groupby("kind", sort=False)["n"].sum().items():
            place.text(
                len(layers) + 0.2, kinds.index(kind) + 0.5, f"{n:,}", fontsize=6, va="center",
                color=common.GREY,
            )  # fmt: skip
        place.set_ylim(len(kinds), 0)
        place.set_xticks(
            [at + 0.5 for at in ticks], [SHORT.get(layers[at], layers[at]) for at in ticks]
        )
        place.set_yticks(np.arange(len(kinds)) + 0.5, kinds, fontsize=6.5)
        place.grid(visible=False)
        place.tick_params(length=0)
        every_one = f"{method_of(method).label}: {part['changed'].sum():,.0f} of"
        words = f"{every_one} {part['n'].sum():,} blocks changed"
        common.title(place, words, made.get_figwidth() / columns - 1.0)
    made.supxlabel("Layer; on the right: blocks of such tensors in all layers", fontsize=8)
    bar = made.colorbar(
        ScalarMappable(scale, SHADES), ax=list(axes.flat), fraction=0.025, pad=0.01, aspect=30
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=6.5, length=2)
    common.percent(bar.ax.yaxis)
    bar.ax.set_title("%", fontsize=7)
    bar.set_label("Blocks that were changed", fontsize=7)
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"blocks of a kind in a layer": frame["n"]}, EXACT)
