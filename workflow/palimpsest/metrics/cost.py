"""What serving a deletion request is expected to take, in record-epochs: one record seen once in
training.

SISA (Bourtoule et al. 2021) with owners put into shards and slices by a hash: each owner
independently, each of the S shards and R slices equally likely. Stage j of a shard trains e_j
epochs on its slices 1..j.
"""

from __future__ import annotations

from collections.abc import Sequence


def expected_cost(
    records: float,
    shards: int,
    slices: int,
    epochs_per_stage: Sequence[int],
    owners: int,
    removed: float | None = None,
) -> float:
    """Expected record-epochs trained to serve one request of K = ``owners`` owners; [0, inf), down.

    A touched shard restarts at its lowest touched slice, so stage j runs again if and only if one
    of the K owners lies in slices 1..j of the shard. Per owner that has probability j/(SR); the
    owners are independent:

        P(stage j of a shard runs again) = 1 - (1 - j/(SR))^K.

    Each of the records that remain is in slices 1..j of a given shard with probability j/(SR),
    independently of where the requested owners lie. Summed over S shards and R stages:

        E = (records - removed) sum_j e_j (j/R) (1 - (1 - j/(SR))^K).

    records: in D before the request. removed: how many of them the K owners hold; None says one
    each. epochs_per_stage: e_1..e_R.

    Special cases, with e epochs in all and e_j = 2e/(R+1): K = 1 gives e D/S (2/3 + 1/(3R)), D the
    records that remain; R = 1 gives e D (1 - (1 - 1/S)^K).

    What is exact and what is not. For hashed owners the formula is exact, the removed records
    included, whatever the owners' sizes. With shards of fixed equal size N/S, as in Bourtoule et
    al., the second case reads e (N (1 - (1 - 1/S)^K) - K): the removed all come off touched shards.
    It is smaller by e K (1 - 1/S)^K, never more than e K. Equal e_j are an idealisation: stages
    train whole epochs, so pass those that are trained.
    """
    if len(epochs_per_stage) != slices:
        raise ValueError(f"{slices} slices need {slices} stages, not {len(epochs_per_stage)}")
    remaining = records - (owners if removed is None else removed)
    if min(shards, slices) < 1 or owners < 0 or remaining < 0:
        raise ValueError(
            "shards and slices must be at least 1, and owners hold no more records than there are"
        )
    return remaining * sum(
        epochs * stage / slices * (1 - (1 - stage / (shards * slices)) ** owners)
        for stage, epochs in enumerate(epochs_per_stage, start=1)
    )


def full_cost(records: float, epochs: float) -> float:
    """Record-epochs of training one model from scratch on ``records``, those that remain; [0, inf),
    down."""
    return records * epochs
