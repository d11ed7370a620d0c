"""Losses by hand, and their slopes."""

from __future__ import annotations

import math

import pytest
import torch

from palimpsest.methods.npo import negative_preference_sum
from palimpsest.training.losses import cross_entropy_sum, kl_sum, per_example


def test_cross_entropy_sum_by_hand():
    """Logits (0, log 3): p = (1/4, 3/4), so label 0 costs log 4 and label 1 costs log(4/3);
    together log(16/3)."""
    logits = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
    assert cross_entropy_sum(logits, torch.tensor([0, 1])).item() == pytest.approx(
        math.log(16 / 3), abs=1e-6
    )


def test_cross_entropy_gradient_is_softmax_minus_label():
    logits = torch.randn(
        5, 3, dtype=torch.float32, generator=torch.Generator().manual_seed(1), requires_grad=True
    )
    labels = torch.tensor([0, 1, 2, 1, 0])
    cross_entropy_sum(logits, labels).backward()
    expected = torch.softmax(logits.detach(), -1) - torch.nn.functional.one_hot(labels, 3)
    assert torch.allclose(logits.grad, expected, atol=1e-6)


def test_predictions_are_summed_to_examples_wherever_they_stand():
    found = per_example(torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([2, 0, 2, 0]), 3)
    assert found.tolist() == [10.0, 0.0, 5.0]


def test_what_nobody_says_costs_nothing():
    """Teacher (1/4, 3/4, 0), student (1/2, 1/2, 0): KL = 1/4 log(1/2) + 3/4 log(3/2); a student
    that never says what the teacher does is infinitely far. The gradient is that of the two
    columns: student minus teacher."""
    teacher = torch.tensor([[0.25, 0.75, 0.0]]).log()
    logits = torch.tensor([[0.0, 0.0, -math.inf]], requires_grad=True)
    kl_sum(teacher, logits).backward()
    assert kl_sum(teacher, logits).item() == pytest.approx(
        0.25 * math.log(0.5) + 0.75 * math.log(1.5), abs=1e-6
    )
    assert logits.grad.tolist() == [pytest.approx([0.25, -0.25, 0.0], abs=1e-6)]
    assert kl_sum(teacher, torch.tensor([[0.0, -math.inf, 0.0]])).item() == math.inf


def test_negative_preference_fades_with_what_is_forgotten_already():
    """beta 1/2, losses (3, 7), of the reference (2, 9): -4 (log sigmoid(1/2) + log sigmoid(-1)) = 4
    (0.474077 + 1.313262). The slope of each is -2 sigmoid(-beta (loss - reference)), -2 times
    0.377541 and 0.731059: -1 at the start, and less the more is forgotten."""
    losses = torch.tensor([3.0, 7.0], requires_grad=True)
    value = negative_preference_sum(losses, torch.tensor([2.0, 9.0]), 0.5)
    value.backward()
    assert float(value.detach()) == pytest.approx(7.149356, abs=1e-5)
    assert losses.grad.tolist() == pytest.approx([-0.755081, -1.462117], abs=1e-5)
    start = torch.tensor([5.0], requires_grad=True)
    negative_preference_sum(start, torch.tensor([5.0]), 0.1).backward()
    assert start.grad.item() == pytest.approx(-1)
