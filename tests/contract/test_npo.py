"""NPO: what is its own."""

from __future__ import annotations

import torch
from tiny import (
    run_of,
    value,
    whole,
)

from palimpsest.methods import npo


def test_npo_with_a_small_beta_is_gradient_ascent_on_the_summed_loss():
    """-(2 / beta) log sigmoid(beta d) = (2 / beta) log 2 - d + O(beta d^2), so the gradient tends
    to that of -d, d the summed loss. The sums by hand: the mean over all that counts, times how
    much that is."""

    run = run_of("causal")
    objective = npo.objective(run, npo.Settings(beta=1e-6, retain_weight=0.0))
    value(objective, run.model).backward()
    ours = [weight.grad.clone() for weight in run.model.parameters()]
    run.model.zero_grad()
    logits, targets, _ = run.predict(run.model, whole(run, "forget"))
    (torch.log_softmax(logits, -1)[torch.arange(len(targets)), targets].sum() / 5).backward()
    assert all(
        torch.allclose(a, b.grad, rtol=1e-4, atol=1e-9)
        for a, b in zip(ours, run.model.parameters(), strict=True)
    )
