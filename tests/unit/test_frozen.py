"""Further models of a method: loaded when asked for, never trained, and two of them at most in
memory."""

from __future__ import annotations

import pytest
import torch

from palimpsest.methods.unlearning import Frozen


def test_models_are_loaded_when_asked_for_and_the_last_two_are_kept():
    loaded = []

    def load(name: str) -> torch.nn.Module:
        loaded.append(name)
        return torch.nn.Dropout().train()

    frozen = Frozen(["a", "b", "c"], load)
    assert list(frozen) == ["a", "b", "c"] and len(frozen) == 3 and loaded == []
    assert frozen["a"] is frozen["a"] and not frozen["a"].training
    assert frozen["b"] is not frozen["a"] and loaded == ["a", "b"]
    frozen["c"], frozen["a"], frozen["b"]  # a was asked for after b, so c takes b's place
    assert loaded == ["a", "b", "c", "b"]


def test_they_learn_nothing_and_others_are_not_there():
    frozen = Frozen(["a"], lambda name: torch.nn.Linear(2, 2))
    assert not any(weight.requires_grad for weight in frozen["a"].parameters())
    with pytest.raises(KeyError, match="kga"):
        frozen["kga"]
