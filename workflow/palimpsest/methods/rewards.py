"""Rewards of what a model writes, for quark: a response and the true completion, as tokens -> a
number in [0, 1], higher where the response is as wanted. A further one is a function and a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Reward = Callable[[Sequence[int], Sequence[int]], float]


def repetition(response: Sequence[int], truth: Sequence[int]) -> float:
    """Diversity: the product over n = 2, 3, 4 of the share of n-grams that are distinct (Lu et al.
    2022, as 1 - rep-n); 1 where there are none."""
    reward = 1.0
    for n in (2, 3, 4):
        grams = [tuple(response[i : i + n]) for i in range(len(response) - n + 1)]
        reward *= len(set(grams)) / len(grams) if grams else 1.0
    return reward


def memorization(response: Sequence[int], truth: Sequence[int]) -> float:
    """1 less the share of the true completion that the response holds in its order (the longest
    common subsequence over the tokens of the truth). Defined here."""
    longest = [0] * (len(truth) + 1)
    for token in response:
        above = list(longest)
        for place, true in enumerate(truth, start=1):
            both = above[place - 1] + 1 if token == true else 0
            longest[place] = max(above[place], longest[place - 1], both)
    return 1 - longest[-1] / len(truth)


REWARDS: dict[str, Reward] = {"memorization": memorization, "repetition": repetition}
