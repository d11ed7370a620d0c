"""The training loop with all of its settings in one mapping, as tests write them."""

from __future__ import annotations

from palimpsest.training import loop
from palimpsest.training.settings import settings_from


def train(model, objective, settings, epochs, names, resume, fingerprint, watch=None, **more):
    training, computing = settings_from(settings | {"epochs": epochs})
    return loop.train(
        model, objective, training, computing, names, resume, fingerprint, watch, **more
    )
