"""HH-RLHF and RealToxicityPrompts."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.harmful import SETTINGS, read_harmful

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    keys = {name: data[name] for name in ("words", "pairs", "prompts")}
    return read_harmful(paths, **keys), {**SETTINGS, **data}
