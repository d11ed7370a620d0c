"""SimNPO and MOLLM's loss: by hand."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import run_of, value

from palimpsest.methods import mollm, simnpo
from palimpsest.methods.npo import negative_preference_sum


def test_simnpo_by_hand():
    """Losses 2 and 6 over 1 and 3 predictions, beta 1, delta 1: both are sigmoid(1); slopes are
    -2 (1 - sigmoid(1)) / |y|."""
    losses = torch.tensor([2.0, 6.0], requires_grad=True)
    found = simnpo.simple_preference_sum(losses, torch.tensor([1, 3]), 1.0, 1.0)
    found.backward()
    sigmoid = 1 / (1 + math.exp(-1))
    assert float(found.detach()) == pytest.approx(-4 * math.log(sigmoid))
    assert losses.grad.tolist() == pytest.approx([-2 * (1 - sigmoid), -2 * (1 - sigmoid) / 3])


def test_of_answers_of_one_token_it_is_npo_against_a_reference_that_is_sure():
    """NPO with NLL_ref = 0 where |y| = 1: one label is one prediction."""
    run = run_of("classification")
    settings = simnpo.Settings(beta=0.1, forget_weight=1.0, retain_weight=0.0)
    found = float(value(simnpo.objective(run, settings), run.model).detach())
    losses = run.losses(run.model, run.sets["forget"].batch([0, 1, 2, 3, 4])).detach()
    expected = float(negative_preference_sum(losses, torch.zeros(5), 0.1)) / 5
    assert found == pytest.approx(expected, rel=1e-9)


def test_mollms_forget_loss_by_hand():
    """p = 1/2: -log(3/4); at p = 1 it is log 2, its most. The slope in the target's logit is
    p (1 - p) / (2 - p)."""
    logits = torch.tensor([[0.0, 0.0], [200.0, 0.0]], dtype=torch.float64, requires_grad=True)
    found = mollm.unlearning_cross_entropy_sum(logits, torch.tensor([0, 0]))
    found.backward()
    assert float(found.detach()) == pytest.approx(-math.log(0.75) + math.log(2))
    assert logits.grad[0, 0].item() == pytest.approx(0.25 / 1.5)
    assert logits.grad[1].tolist() == pytest.approx([0, 0])
