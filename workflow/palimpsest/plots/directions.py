"""Which way PCGU moves the two words of a pair, over epochs: what becomes of bias, of language
modelling, and of the pairs themselves."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from palimpsest.plots import style as common
from palimpsest.plots.bias import (
    DOTTED,
    GAP,
    LMS,
    NEUTRAL,
    SS,
    VALUES,
    neutral_handle,
    rates,
    scores,
)
from palimpsest.report.rows import in_order

# how each side is called, and drawn
SIDES = {
    "lower": ("lower the advantaged", common.BLUE, "o"),
    "raise": ("raise the disadvantaged", common.RED, "s"),
    "dynamic": ("by what is likelier now", common.GREEN, "^"),
}


# what is shown, and the titles
SHOWN = {
    SS: "Stereotype score",
    LMS: "Language modelling score",
    GAP: "Preference for a pronoun",
}


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """SS, LMS and GAP, where it is known, of the study's `directions`: variants with their `side`
    and `epochs`; each line begins with the base, after no epoch."""
    found, known = scores(metrics, settings, SHOWN), settings.get("directions", {})
    told = [(name, one["side"], one["epochs"], one["learning_rate"]) for name, one in known.items()]
    sides = dict.fromkeys(one["side"] for one in known.values())
    told += [("base", side, 0, 0) for side in sides]
    columns = ["method", "side", "epochs", "rate"]
    joined = found.merge(pd.DataFrame(told, columns=columns), on="method")
    joined = joined[["metric", *columns, *VALUES, "n", "seeds"]]
    epochs = sorted(joined["epochs"].unique())
    return in_order(joined, metric=SHOWN, side=SIDES, epochs=epochs)


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: metric (of SHOWN), method, side (of SIDES), epochs, rate, value, ci_low, ci_high, n,
    seeds. One panel per metric, a line a side."""
    shown = list(frame["metric"].unique())
    made, axes = common.figure(style, 3.0, 1, len(shown))
    sides = [one for one in SIDES if one in set(frame["side"])]
    for place, metric in zip(axes[0], shown, strict=True):
        part = frame[frame["metric"] == metric]
        if metric == SS:
            place.axhline(NEUTRAL, **DOTTED)
        for base in part.loc[part["epochs"] == 0, "value"].head(1):
            common.reference(place, y=base)
        step = 0.012 * max(part["epochs"].max(), 1)  # so that no interval hides another
        for number, side in enumerate(sides):
            points, (_, colour, marker) = part[part["side"] == side], SIDES[side]
            moved = step * (number - (len(sides) - 1) / 2)
            place.errorbar(
                points["epochs"] + moved,
                points["value"],
                yerr=common.whiskers(points),
                color=colour,
                marker=marker,
                linewidth=1.0,
                elinewidth=0.6,
                label=side,
                zorder=3,
            )
        place.set_title(SHOWN[metric])
        place.set_ylim(top=min(place.get_ylim()[1], 1.02))
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("Score in [0, 1]")
    made.supxlabel("Epochs (0 is the base)", fontsize=8)
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=1.0, label=label)
        for label, colour, marker in map(SIDES.get, sides)
    ]
    handles += [neutral_handle()] if SS in shown else []
    common.legend(made, [*handles, common.dashed_handle("the base's")], columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    pairs = frame["metric"] == GAP
    counted = {"target terms": frame.loc[~pairs, "n"], "pairs": frame.loc[pairs, "n"]}
    return common.told(frame, counted) + rates(frame)
