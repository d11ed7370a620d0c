"""What comes back of the forgotten while an attack trains on other text."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.shown import in_method_order
from palimpsest.plots import style as common

select = selections.recovery


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: attack (its label), method, update, value, low, high (share of the tokens of what the
    attack does not show that are the likeliest). A panel an attack."""
    attacks = list(frame["attack"].unique())
    made, axes = common.panels(style, len(attacks), 1.1, 2.3)
    for place, attack in zip(axes, attacks, strict=True):
        for method, points in frame[frame["attack"] == attack].groupby("method", sort=False):
            common.draw_way(place, points, method)
        place.set_title(attack.capitalize())
        place.set_ylim(0, 1.03)
        place.margins(x=0.03)
    made.supxlabel("Updates of the attack", fontsize=8)
    made.supylabel("Forgotten tokens known", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    common.legend(made, handles, columns=3)
    return made
