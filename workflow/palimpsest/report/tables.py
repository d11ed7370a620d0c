"""The one tidy table: one row per number.

``method`` is one of the registry, or ``sisa`` for the cost of training teachers again, which does
not depend on the rule that joins them; empty for numbers of the records.
``shards`` is '<shards>x<slices>', '1x1' for a single model.
``attack`` is the one on the model before it was measured, '' for none; of the forgotten records
only those that the attack did not show to the model are then measured. ``set`` says on which
records: valid, test, train (what was trained for a request), forget (a request's records, after it;
of causal and masked models those of everybody who is forgotten by then), forget_before, and of
causal models retain, holdout, controls (planted secrets that nobody asks to forget), judge (texts
by which a judge is tested) and each part of held-out text that the data name, of masked ones
retain, stereoset, crows_pairs and pronouns (by which bias is judged); with `tuning_` before it the
records by which settings are chosen, which no other number counts: of trials, of the base and of
the oracle. ``group`` is a family ('religion'), one group of it ('religion=none'), a judge
('judge=toxicity'), of masked models a part of what is judged ('domain=gender'), or for the expected
cost of requests for others their number ('owners=5'); empty otherwise. ``n`` counts the records, of
a rate those of its label, for costs the owners, for model_utility its parts, of StereoSet's
official scores the target terms, for pronoun_correlation the occupations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.errors import Problem, UserError
from palimpsest.files import replacing
from palimpsest.metrics import COST
from palimpsest.metrics.student import t_quantile

NUMBERS = [
    "study", "seed", "request", "method", "shards", "model", "attack", "set", "metric", "group",
    "value", "n", "ci_low", "ci_high",
]  # fmt: skip
COLUMNS = [*NUMBERS, "direction", "source"]
OF_CHOICE = "tuning_"  # before the names of sets
ENDS = ["value", "ci_low", "ci_high"]
KEYS = ["study", "request", "method", "shards", "model", "attack", "set", "metric", "group"]
ALL_SEEDS = "all"
# A number of fewer records has no interval over records: what is drawn from them again and again is
# them, or a few others, and tells nothing of what others would be like. Tables say its n.
FEWEST = 3
NOT_OF_RECORDS = {*COST, "model_utility"}  # their n counts owners, and parts
ITEM_COLUMNS = ["seed", "request", "method", "set"]  # of tables of single items, and their values
TRUTH_COLUMNS = [*ITEM_COLUMNS, "preference"]  # of truth ratios item by item


def row(
    where: dict,
    set_: str,
    metric: str,
    value: float,
    n: int,
    interval=(np.nan, np.nan),
    group: str = "",
) -> dict:
    """One row; ``where`` holds study, seed, request, method, shards and model, and, of a model
    after an attack, that. A number of fewer than FEWEST records has no interval.

    An interval always holds its value: a largest difference grows when records are resampled, so
    that one near 0 can lie below all replicates. The interval then starts at the value.
    """
    if n < FEWEST and metric not in NOT_OF_RECORDS:
        interval = (np.nan, np.nan)
    low, high = np.array(
        [np.minimum(interval[0], value), np.maximum(interval[1], value)], dtype=float
    )
    return {"attack": ""} | where | {
        "set": set_, "metric": metric, "group": group, "value": float(value), "n": int(n),
        "ci_low": float(low), "ci_high": float(high),
    }  # fmt: skip


def table(rows: Iterable[dict], columns: list[str] = NUMBERS) -> pd.DataFrame:
    """Rows as a table in a fixed order of rows and columns."""
    frame = pd.DataFrame(list(rows), columns=columns)
    frame["seed"] = frame["seed"].astype(str)
    return frame.sort_values(["seed", *KEYS], kind="stable", ignore_index=True)


def over_seeds(
    frame: pd.DataFrame, level: float = 0.95, logarithmic: Collection[str] = ()
) -> pd.DataFrame:
    """Rows with seed 'all': the mean v over K seeds, and an interval that holds both sources of
    spread.

    With one seed it is the percentile interval of that seed's resampled records, unchanged. With
    several

        low = v - sqrt(a^2 + b^2),  high = v + sqrt(c^2 + b^2),  b = t s / sqrt(K):

    a and c are the means over seeds of the lengths of that interval below and above its value. They
    are not divided by K, for the records are the same in every seed. s is the standard deviation
    between seeds and t Student's quantile with K - 1 degrees of freedom, for s comes from few
    values. Each side is joined separately, so that asymmetric intervals stay so (Zou and Donner
    2008). Numbers without an interval have b alone, and with one seed none.

    For ``logarithmic`` metrics all this is of log10, and v a geometric mean; a p-value of 0, which
    has no logarithm, counts as the smallest positive double, 5e-324.
    """
    frame, logs = frame.copy(), frame["metric"].isin(logarithmic)
    frame.loc[logs, ENDS] = np.log10(
        frame.loc[logs, ENDS].clip(lower=np.finfo(float).smallest_subnormal)
    )
    frame = frame.assign(
        below=frame["value"] - frame["ci_low"], above=frame["ci_high"] - frame["value"]
    )
    merged = (
        frame.groupby(KEYS, sort=True, dropna=False)
        .agg(
            value=("value", "mean"),
            n=("n", "mean"),
            below=("below", "mean"),
            above=("above", "mean"),
            spread=("value", "std"),
            seeds=("value", "count"),
        )
        .reset_index()
    )
    quantiles = {
        count: t_quantile(level, count - 1) for count in merged["seeds"].unique() if count > 1
    }
    between = (
        (merged["seeds"].map(quantiles) * merged["spread"] / np.sqrt(merged["seeds"]))
        .astype(float)
        .fillna(0)
    )
    has_interval = merged["below"].notna() | (merged["seeds"] > 1)
    low, high = (
        np.hypot(merged[side].astype(float).fillna(0), between).where(has_interval)
        for side in ("below", "above")
    )
    merged = merged.assign(
        ci_low=merged["value"] - low, ci_high=merged["value"] + high, seed=ALL_SEEDS
    )
    logs = merged["metric"].isin(logarithmic)
    merged.loc[logs, ENDS] = 10 ** merged.loc[logs, ENDS]
    return merged.assign(n=merged["n"].round().astype("int64"))[NUMBERS]


def joined(frames: Iterable[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Frames of the same columns one below the other; empty ones have no types and are left out."""
    held = [frame for frame in frames if len(frame)]
    return pd.concat(held, ignore_index=True)[columns] if held else pd.DataFrame(columns=columns)


def tidy(frames: Iterable[pd.DataFrame], level: float, described: dict[str, dict]) -> pd.DataFrame:
    """The tidy table: every seed, and below them the rows over all seeds, with numbers that are of
    all seeds to begin with.

    described: of each metric `direction`, `source`, the range `low` to `high`, and `scale`, as
    metrics.described gives them.
    """
    # sorted: the last bits of a mean depend on the order
    given = table(joined(frames, NUMBERS).to_dict("records"))
    seeds, across = (given[(given["seed"] == ALL_SEEDS) == are] for are in (False, True))
    logarithmic = [name for name, metric in described.items() if metric["scale"] == "log"]
    unknown = sorted(set(given["metric"]) - set(described))
    if unknown:
        what, remedy = "a number is of no metric of the study", "name it in `metrics` of the track"
        raise UserError(Problem(what, "tables", ", ".join(unknown), remedy=remedy))
    over = [over_seeds(seeds, level, logarithmic), *([across] if len(across) else [])]
    both = pd.concat([seeds, within_range(pd.concat(over), described)])
    columns = {
        key: [described[name][key] for name in both["metric"]] for key in ("direction", "source")
    }
    return table(both.assign(**columns).to_dict("records"), COLUMNS)


def write_csv(frame: pd.DataFrame, path: Path, digits: int) -> None:
    """With ``digits`` significant digits, so that the last bits of a sum do not fill a page."""
    with replacing(path) as beside:
        frame.to_csv(beside, index=False, float_format=f"%.{digits}g", lineterminator="\n")


def within_range(frame: pd.DataFrame, described: dict[str, dict]) -> pd.DataFrame:
    """Cut intervals to the range of their metric, which those over seeds may exceed."""
    low, high = (
        frame["metric"].map({name: metric[end] for name, metric in described.items()})
        for end in ("low", "high")
    )
    return frame.assign(
        ci_low=frame["ci_low"].clip(lower=low), ci_high=frame["ci_high"].clip(upper=high)
    )
