"""Rows of the tidy table, chosen and put in order."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from palimpsest.report.tables import ALL_SEEDS, OF_CHOICE


def unattacked(metrics: pd.DataFrame) -> pd.DataFrame:
    """The numbers of models as methods left them, without those that settings are chosen by."""
    return metrics[(metrics["attack"] == "") & ~of_choice(metrics)].drop(columns="attack")


def of_choice(metrics: pd.DataFrame) -> pd.Series:
    """Whether rows are of records by which settings of methods are chosen: never reported."""
    return metrics["set"].str.startswith(OF_CHOICE)


def newest(metrics: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Rows over all seeds of the newest state."""
    return metrics[(metrics["seed"] == ALL_SEEDS) & (metrics["request"] == settings["states"][-1])]


def in_order(frame: pd.DataFrame, **orders: Iterable[str]) -> pd.DataFrame:
    """Rows sorted by columns, each in the order that is given for it; values that have no place in
    it are left out."""
    places = {
        name: {value: place for place, value in enumerate(order)} for name, order in orders.items()
    }
    for name, place in places.items():
        frame = frame[frame[name].isin(place)]
    keys = pd.DataFrame(
        {name: frame[name].map(place).to_numpy() for name, place in places.items()},
        index=frame.index,
    )
    return frame.loc[keys.sort_values(list(orders), kind="stable").index].reset_index(drop=True)
