"""What this repository keeps of a finished study, for its pages."""

from __future__ import annotations

import pandas as pd

# (set, metric) of what the pages show, and of how likely forgotten answers are after attacks
SHOWN = {
    ("forget", "probability"), ("forget", "kl"), ("forget", "klom"), ("forget", "membership_auroc"),
    ("forget", "truth_ratio_indifference"), ("forget", "forget_quality"),
    ("retain", "probability"), ("test", "model_utility"), ("train", "retrained_share"),
}  # fmt: skip
AFTER_ATTACKS = {("forget", "probability")}


def kept(metrics: pd.DataFrame, family: str) -> pd.DataFrame:
    """Rows of SHOWN, and after attacks of AFTER_ATTACKS; groups do not matter here."""
    pairs = pd.Series(list(zip(metrics["set"], metrics["metric"], strict=True)), metrics.index)
    plain = metrics["attack"] == ""
    chosen = pairs.isin(SHOWN) & plain | pairs.isin(AFTER_ATTACKS) & ~plain
    return metrics[chosen & (metrics["group"] == "")]
