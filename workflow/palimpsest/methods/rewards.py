"""Rewards of what a model writes, for quark: a response and the true completion, as tokens -> a
number in [0, 1], higher where the response is as wanted. A further one is a function and a line;
any other name is that of a judge of the study, which reads the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from palimpsest.methods.run import Run

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


def judges_of(reward: str) -> list[str]:
    """The judges that a reward asks for."""
    return [] if reward in REWARDS else [reward]


def rewarded(
    run: Run, reward: str, responses: Sequence[Sequence[int]], truths: Sequence[Sequence[int]]
) -> list[float]:
    """The reward of each response. What a judge reads is not counted among the tokens that are
    spent: it is another, smaller model, and nothing is learnt."""
    if reward in REWARDS:
        return [REWARDS[reward](*pair) for pair in zip(responses, truths, strict=True)]
    texts = [run.tokenizer.decode(ids, skip_special_tokens=True) for ids in responses]
    return run.judges[reward](texts).tolist()
