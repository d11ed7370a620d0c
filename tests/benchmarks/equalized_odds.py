"""Time and memory of EqualizedOdds at a million records, next to fairlearn on the vote and to the
linear program.

Run by hand, on one core: ``OMP_NUM_THREADS=1 PYTHONPATH=workflow python
tests/benchmarks/equalized_odds.py``. Each figure is the median of three runs; memory is the rise of
the process's peak over the moment before the call.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.optimize import linprog

from palimpsest.fairness import EqualizedOdds
from palimpsest.randomness import numpy_generator

RECORDS = 1_000_000
SIZES = ((5, 2), (15, 8), (63, 8))
TOLERANCES = (0.0, 0.02)
CORRELATION = 0.6


def population(shards: int, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlated votes (n, S) uint8, labels (n,) and names of groups (n,): base rates and skill
    differ by group."""
    rng = numpy_generator("benchmark", "equalized odds", shards, groups)
    group = rng.integers(0, groups, RECORDS)
    label = (rng.random(RECORDS) < np.linspace(0.3, 0.6, groups)[group]).astype(np.uint8)
    skill = np.linspace(0.7, 1.5, groups)[group] * np.where(label == 1, 1.0, -1.0)
    shared = skill + np.sqrt(CORRELATION) * rng.normal(size=RECORDS)
    votes = np.empty((RECORDS, shards), dtype=np.uint8)
    for shard in range(shards):
        votes[:, shard] = shared + np.sqrt(1 - CORRELATION) * rng.normal(size=RECORDS) > rng.normal(
            0, 0.2
        )
    return votes, label, np.array([f"group {a}" for a in range(groups)])[group]


def measure(call: Callable[[], object], runs: int = 3) -> tuple[float, float, object]:
    """Median seconds, MiB by which the peak memory rose in the first run, and the last result."""
    seconds, rise, result = [], 0.0, None
    for run in range(runs):
        result = None
        ctypes.CDLL(None).malloc_trim(0)  # what was freed earlier must not pass for room
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
        before, start = _peak_mib(), time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
        rise = _peak_mib() - before if run == 0 else rise
    return median(seconds), rise, result


def direct_program(votes: np.ndarray, label: np.ndarray, group: np.ndarray, eps: float) -> float:
    """Least error by a linear program in 2**S probabilities for each group, and the corner of the
    box of rates."""
    pattern = votes @ (1 << np.arange(votes.shape[1]))
    names, member = np.unique(group, return_inverse=True)
    groups, cells = len(names), 2 ** votes.shape[1]
    counts = np.bincount(
        (member * 2 + label) * cells + pattern, minlength=2 * groups * cells
    ).reshape(groups, 2, cells)
    rows = np.zeros((2, groups, groups * cells + 2))
    for a in range(groups):
        for rate in (0, 1):
            rows[rate, a, a * cells : (a + 1) * cells] = counts[a, rate] / counts[a, rate].sum()
            rows[rate, a, groups * cells + rate] = -1
    rows = rows.reshape(2 * groups, -1)
    cost = np.concatenate([*((counts[:, 0] - counts[:, 1]) / len(label)), [0.0, 0.0]])
    bounds = [(0, 1)] * len(cost)
    if eps == 0:
        found = linprog(cost, A_eq=rows, b_eq=np.zeros(len(rows)), bounds=bounds, method="highs")
    else:
        both, limits = np.concatenate((rows, -rows)), np.repeat([eps, 0.0], len(rows))
        found = linprog(cost, A_ub=both, b_ub=limits, bounds=bounds, method="highs")
    return found.fun + label.mean()


def fairlearn_on_majority(votes: np.ndarray, label: np.ndarray, group: np.ndarray) -> object:
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.dummy import DummyClassifier

    class Given(DummyClassifier):
        def predict(self, scores: np.ndarray) -> np.ndarray:
            return np.asarray(scores)[:, 0]

    majority = (2 * votes.sum(axis=1, dtype=np.int64) > votes.shape[1]).astype(int)[:, None]
    given = Given().fit(majority, label)
    optimizer = ThresholdOptimizer(
        estimator=given,
        constraints="equalized_odds",
        prefit=True,
        predict_method="predict",
        objective="accuracy_score",
    )
    return optimizer.fit(majority, label, sensitive_features=group)


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"n = {RECORDS:,}, one core; seconds (MiB)")
    for shards, groups in SIZES:
        data = votes, label, group = population(shards, groups)
        for eps in TOLERANCES:
            rule = EqualizedOdds(eps=eps)
            fit, fit_mib, _ = measure(lambda rule=rule, data=data: rule.fit(*data))
            use, use_mib, _ = measure(
                lambda rule=rule, data=data: rule.predict(data[0], data[2], numpy_generator(0))
            )
            print(
                f"S={shards} G={groups} eps={eps}: fit {fit:.3f} ({fit_mib:.0f}), predict "
                f"{use:.3f} ({use_mib:.0f})"
            )
            print(f"    cost {rule.cost_:.6f}, patterns per record {rule.patterns_per_record_:.4f}")
            if shards == 15:
                solve, mib, cost = measure(lambda data=data, eps=eps: direct_program(*data, eps))
                print(
                    f"    linear program in 2**S: {solve:.3f} ({mib:.0f}), cost off by "
                    f"{abs(cost - rule.cost_):.0e}"
                )
        fit, mib, _ = measure(lambda data=data: fairlearn_on_majority(*data))
        print(f"    fairlearn fit on the majority vote: {fit:.3f} ({mib:.0f})")


def _peak_mib() -> float:
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
