"""Can the forgotten records still be told from never seen ones by their loss? Before each request
and after it."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest import selections
from palimpsest.methods.shown import is_method, method_of
from palimpsest.plots import style as common

select = selections.membership
LOOKS = {
    "before": (common.RED, "X", "before the request", -0.14),
    "after": (common.BLUE, "o", "after the request", 0.14),
}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: request, who (sharding or method), when (before, after), value, ci_low, ci_high, n
    forgotten records. A panel a request."""
    requests, models = list(frame["request"].unique()), list(frame["who"].unique())
    made, axes = common.panels(style, len(requests), 0.75, 0.55 + 0.34 * len(models))
    for place, request in zip(axes, requests, strict=True):
        part = frame[frame["request"] == request]
        panel(place, part, models)
        count = int(part["n"].max())
        place.set_title(f"Request {request}: {count} record{'s' if count > 1 else ''}")
    words = [
        method_of(name).label if is_method(name) else common.shard_words(name) for name in models
    ]
    axes[0].set_yticks(range(len(models)), words)
    axes[0].set_ylim(len(models) - 0.4, -0.6)
    made.supxlabel(
        "AUROC of membership inference by loss (0.5 tells nothing, 1 tells all)", fontsize=8
    )
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, label=text)
        for colour, marker, text, _ in LOOKS.values()
    ]
    handles.append(common.dashed_handle("guessing"))
    common.legend(made, handles, columns=3)
    return made


def panel(place, frame: pd.DataFrame, models: list[str]) -> None:
    place.axvline(0.5, color=common.GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    for when, (colour, marker, _, nudge) in LOOKS.items():
        points = frame[frame["when"] == when]
        lines = points["who"].map(models.index) + nudge
        place.errorbar(
            points["value"], lines, xerr=common.whiskers(points), label=when,
            fmt=marker, color=colour, elinewidth=0.9, zorder=3,
        )  # fmt: skip
    place.grid(axis="y", visible=False)
    place.tick_params(axis="y", length=0)
