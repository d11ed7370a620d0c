"""HH-RLHF and RealToxicityPrompts."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.harmful import SETTINGS, other_answers, read_harmful


def read(data: dict, paths: list[Path]):
    keys = {name: data[name] for name in ("words", "pairs", "prompts")}
    return read_harmful(paths, **keys), {**SETTINGS, **data}


def candidates(data: dict, paths: list[Path]):
    return other_answers(paths)
