"""The settings of a study for people: each with its value, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from palimpsest.study.schema import schema

# A report may be passed on; who knows the salt can tell in which shards owners lie.
KEPT_BACK = {"salt": "(kept back: it tells in which shards owners lie)"}


class Setting(NamedTuple):
    """given: whether it is another value than the default. means: its description."""

    key: str
    value: str
    given: bool
    means: str


def settings(config: dict) -> list[Setting]:
    """All settings of a checked study, those of a section under its name."""
    return list(_settings(config, schema(), ""))


def _settings(config: dict, node: dict, prefix: str) -> Iterator[Setting]:
    known = node.get("properties", {})
    others = node.get("additionalProperties")
    for key in sorted(config, key=lambda key: [*known].index(key) if key in known else len(known)):
        value, of_key = config[key], known.get(key, others if isinstance(others, dict) else {})
        if isinstance(value, dict) and value:
            yield from _settings(value, of_key, f"{prefix}{key}.")
            continue
        given = "default" not in of_key or of_key["default"] != value
        means = re.sub(r"\s+", " ", of_key.get("description", ""))
        shown = KEPT_BACK.get(f"{prefix}{key}") or _shown(value)
        yield Setting(f"{prefix}{key}", shown, given, means)


def _shown(value: object) -> str:
    """As YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
