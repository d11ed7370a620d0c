"""What an unlearning watches after each epoch, and by what it may stop."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from palimpsest.methods import gradient_ascent
from palimpsest.methods.unlearning import Run
from palimpsest.steps.unlearn import Watch


def watch(known: dict[str, dict[str, float]], unseen: dict[str, float]) -> Watch:
    """Of a scorer that says of each set what ``known`` holds."""
    scorer = SimpleNamespace(KNOWN=("accuracy",), memory=lambda model, examples: known[examples], extractable=lambda *_: {})
    track = SimpleNamespace(subset=lambda examples, some: examples.name)
    sets = {name: SimpleNamespace(name=name, lengths=[1]) for name in known}
    settings = gradient_ascent.Settings()
    return Watch(track, scorer, Run(None, sets, None, ("s",)), gradient_ascent, settings, None, 10, unseen)


@pytest.mark.parametrize(("unseen", "stops"), [({}, False), ({"accuracy": 0.4}, True)])
def test_the_bar_is_what_the_base_knew_of_unseen_text(unseen, stops):
    """The model before knows it worse already where it forgot an earlier request: 0.2, of the base's 0.4."""
    known = {"forget": {"accuracy": 0.3, "perplexity": 2.0}, "extra": {"accuracy": 0.2, "perplexity": 3.0}}
    watched = watch(known, unseen)
    assert watched(None, []) == (
        {"forget_accuracy": 0.3, "forget_perplexity": 2.0, "extra_accuracy": 0.2, "extra_perplexity": 3.0}, stops,
    )  # fmt: skip
    assert watched.unseen == (unseen or {"accuracy": 0.2})


def test_it_is_what_was_found_before_the_first_update():
    watched = watch({"forget": {"accuracy": 0.3}, "extra": {"accuracy": 0.1}}, {})
    earlier = {"forget_accuracy": 0.9, "extra_accuracy": 0.4}
    assert watched(None, [earlier])[1] and watched.unseen == {"accuracy": 0.4}
