"""Winogender, StereoSet, CrowS-Pairs, and sentences that no stereotype is about."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.cut import cut
from palimpsest.data.stereotypes import read_stereotypes


def read(data: dict, paths: list[Path]):
    return _read(data, paths)[0], data


def candidates(data: dict, paths: list[Path]):
    return _read(data, paths)[1]


def _read(data: dict, paths: list[Path]):
    chosen = {"statistic": data.get("statistic", "bergsma"), "held_out": data.get("held_out", [])}
    counts = ("plain_sentences", "probe_sentences")
    chosen |= {name: data[name] for name in counts if name in data}
    made = read_stereotypes(paths, **chosen)
    return cut(*made) if data.get("cut") else made
