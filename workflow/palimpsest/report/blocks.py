"""Which blocks of weights a method changed, by layer and kind of tensor, as its reports tell."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

COLUMNS = ["seed", "method", "layer", "kind", "changed", "blocks"]
EMBEDDINGS, HEAD = "embeddings", "head"
EMBEDDED = ("embed", "wte", "wpe")  # in the names of what stands before all layers


def changed_blocks(reports: Iterable[dict]) -> pd.DataFrame:
    """COLUMNS: of each model how many blocks of a kind in a layer there are, and how many were
    changed. Reports that note nothing of blocks, as of a request without records, are left out."""
    rows = [
        (seed, method, *place_of(one["tensor"]), one["changed"], one["blocks"])
        for report in reports
        for _, seed, method, _ in [report["names"]]
        for one in report.get("noted", {}).get("blocks", ())
    ]
    keys = COLUMNS[:4]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.groupby(keys, sort=False)[["changed", "blocks"]].sum().reset_index()


def place_of(tensor: str) -> tuple[str, str]:
    """The layer of a parameter, by its name: EMBEDDINGS, the number of a block, HEAD; and its kind,
    which the weight and the bias of a module share. Of blocks within a block (ALBERT's, experts)
    the outer one counts."""
    parts = tensor.split(".")
    parts = parts[:-1] if parts[-1] in ("weight", "bias") else parts
    numbers = [place for place, part in enumerate(parts) if part.isdigit()]
    if numbers and numbers[-1] < len(parts) - 1:
        return parts[numbers[0]], ".".join(parts[numbers[-1] + 1 :])
    first = any(word in part for part in parts for word in EMBEDDED)
    return EMBEDDINGS if first else HEAD, parts[-1]


def layers_in_order(layers: Iterable[str]) -> list[str]:
    """Each once: the embeddings, the blocks by number, the head."""
    layers = set(layers)
    numbers = sorted(filter(str.isdigit, layers), key=int)
    return [one for one in (EMBEDDINGS, *numbers, HEAD) if one in layers]
