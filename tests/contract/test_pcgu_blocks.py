"""What PCGU notes of the blocks that it changed."""

from __future__ import annotations

import pytest
import torch
from tiny import run_of

from palimpsest.methods.pcgu import METHOD, Settings


def noted(track: str, folder, **settings):
    """(how many blocks were changed, how many there are), and the run."""
    run = run_of(track, folder)
    METHOD.change(run, Settings(epochs=3, learning_rate=1e-2, batch_size=2, **settings))
    found = run.report()["noted"]["blocks"]
    assert [one["tensor"] for one in found] == [name for name, _ in run.model.named_parameters()]
    return tuple(sum(one[key] for one in found) for key in ("changed", "blocks")), run


@pytest.mark.parametrize("track", ["causal", "masked"])
@pytest.mark.parametrize("blocks", ["rows", "columns"])
def test_chosen_once_as_many_are_changed_and_no_other(track, blocks, tmp_path):
    """All others have kept their bits through all updates."""
    (changed, every), run = noted(track, tmp_path, k=5, rank="once", blocks=blocks)
    assert changed == 5 < every
    moved = [
        not torch.equal(*pair)
        for pair in zip(run.model.parameters(), run.reference.parameters(), strict=True)
    ]
    assert sum(moved) == sum(one["changed"] > 0 for one in run.noted["blocks"])
    assert run.noted["pairs"] == 5 and run.noted["left_out"] == []


def test_chosen_at_each_update_several_times_as_many_may_be(tmp_path):
    (changed, every), _ = noted("masked", tmp_path, k=5)
    assert 5 <= changed <= 5 * 3 * 3  # of three updates an epoch
    (all_of_them, _), _ = noted("masked", tmp_path / "whole", share=1.0)
    assert changed < all_of_them <= every
