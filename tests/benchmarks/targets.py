"""The word on a target."""

from __future__ import annotations


def verdict(ratio: float, target: float) -> str:
    return f"{target:g}x {'reached' if ratio >= target else 'missed'}"


def within(ratio: float, target: float) -> str:
    return f"<= {target:g}x {'kept' if ratio <= target else 'missed'}"
