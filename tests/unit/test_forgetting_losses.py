"""Losses of methods that teach something else instead, or ascend by weights: by hand."""

from __future__ import annotations

import math

import pytest
import torch

from palimpsest.methods import dpo, llmu, rmu, satimp, undial, wga

SIGMOID = 1 / (1 + math.exp(-1))


def test_a_preference_by_hand():
    """An answer that is e times as likely as before over one that is as likely, beta 1, and one
    over itself: 2 log(1 + 1 / e) and 2 log 2. Slopes are -2 (1 - sigmoid) and as much upwards."""
    preferred = torch.tensor([1.0, 3.0], requires_grad=True)
    rejected = torch.tensor([0.0, 3.0], requires_grad=True)
    found = dpo.preference_sum(preferred, rejected, 1.0)
    found.backward()
    assert float(found.detach()) == pytest.approx(2 * math.log(1 + 1 / math.e) + 2 * math.log(2))
    slopes = [2 * (1 - SIGMOID), 1.0]
    assert rejected.grad.tolist() == pytest.approx(slopes)
    assert preferred.grad.tolist() == pytest.approx([-one for one in slopes])


def test_an_answer_over_itself_costs_as_much_under_any_beta_as_it_says():
    even = torch.tensor([0.7])
    for beta in (0.1, 5.0):
        found = float(dpo.preference_sum(even, even, beta))
        assert found == pytest.approx(2 / beta * math.log(2))


def test_answers_weigh_alike_whatever_their_length():
    """Losses 2 and 6 of one and of three tokens."""
    losses = torch.tensor([2.0, 6.0], requires_grad=True)
    found = llmu.answer_loss_sum(losses, torch.tensor([1, 3]))
    found.backward()
    assert float(found.detach()) == pytest.approx(4) and losses.grad.tolist() == pytest.approx(
        [1, 1 / 3]
    )


def test_adjusted_logits_by_hand():
    """Both answers were as likely; less log 3 the true one has a quarter. CE with one half each is
    log 2, and its slopes are p - q."""
    logits = torch.zeros(1, 2, requires_grad=True)
    target = torch.tensor([0])
    found = undial.adjusted_cross_entropy_sum(logits, torch.zeros(1, 2), target, math.log(3))
    found.backward()
    assert float(found.detach()) == pytest.approx(math.log(2))
    assert logits.grad[0].tolist() == pytest.approx([0.25, -0.25])


def test_nothing_adjusted_is_nothing_to_learn():
    """The entropy, without a slope: of 1/4 and 3/4. A row that pads the vocabulary adds nothing."""
    logits = torch.tensor([[0.0, math.log(3), -torch.inf]], requires_grad=True)
    found = undial.adjusted_cross_entropy_sum(logits, logits.detach(), torch.tensor([1]), 0.0)
    found.backward()
    entropy = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert float(found.detach()) == pytest.approx(entropy)
    assert logits.grad[0].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def weighed(weigh) -> tuple[float, list[float]]:
    """The loss where p = 1/2, and its slopes."""
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    loss = wga.weighted_loss_sum(logits, torch.tensor([0]), weigh)
    loss.backward()
    return float(loss.detach()), logits.grad[0].tolist()


@pytest.mark.parametrize(("beta", "weight"), [(0.0, 1.0), (1.0, 0.5), (3.0, 0.125)])
def test_weighted_ascent_by_hand(beta, weight):
    """p = 1/2: w log 2. The weight is held fixed: slopes are -w (1 - p) and w (1 - p), where those
    of w log 2 itself would be smaller. Without one it is the plain loss."""
    loss, slopes = weighed(wga.weights(beta))
    assert loss == pytest.approx(weight * math.log(2))
    assert slopes == pytest.approx([-weight / 2, weight / 2])


@pytest.mark.parametrize(
    ("betas", "weight"), [((5.0, 1.0), 1 / 64), ((1.0, 0.0), 0.5), ((0.0, 0.0), 1.0)]
)
def test_saturation_and_importance_by_hand(betas, weight):
    """(1, 0) is weighted ascent, (0, 0) plain ascent."""
    loss, slopes = weighed(satimp.weights(*betas))
    assert loss == pytest.approx(weight * math.log(2))
    assert slopes == pytest.approx([-weight / 2, weight / 2])


def test_what_is_sure_is_not_pulled_at():
    """p = 1 but for 1e-20, which exp(log p) has lost."""
    sure = torch.tensor([-1e-20, 0.0])
    found = satimp.weights(5.0, 1.0)(sure).tolist()
    assert found == pytest.approx([1e-20, 0], rel=1e-6, abs=0)


def test_misdirection_by_hand():
    """Two rows of two tokens in two dimensions, to (1, 1). Of the first row both count: (0, 0) and
    (1, 3) have 1 and 2, in the mean 1.5; of the second one, (3, 1), which has 2. Divided by the
    counts of all rows, as it is in open-unlearning, it would be another number."""
    states = torch.tensor([[[0.0, 0], [1, 3]], [[3, 1], [9, 9]]], requires_grad=True)
    counted = torch.tensor([[True, True], [True, False]])
    found = rmu.misdirection_sum(states, torch.ones(2), counted)
    found.backward()
    assert float(found.detach()) == pytest.approx(3.5)
    assert states.grad.tolist() == [[[-0.5, -0.5], [0, 1]], [[2, 0], [0, 0]]]
    assert float(rmu.misdirection_sum(torch.ones(2, 2, 2), torch.ones(2), counted)) == 0


def test_the_control_vector_is_as_long_as_it_is_told_and_follows_names():
    one, again, other = (rmu.control(64, 3.0, "control", name) for name in "aab")
    assert float(one.norm()) == pytest.approx(3) and (one >= 0).all()
    assert torch.equal(one, again) and not torch.equal(one, other)
