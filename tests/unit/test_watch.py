"""What an unlearning watches after each epoch, and by what it may stop."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from palimpsest.methods import gradient_ascent
from palimpsest.methods.watch import Watch


def watch(
    known: dict[str, dict[str, float]],
    unseen: dict[str, float],
    slow: dict[str, float] | None = None,
) -> Watch:
    """Of a `memory` module that says of each set what ``known`` holds, and what ``slow`` does
    where it is asked what takes long."""
    memory = SimpleNamespace(
        MEMORIZATION_METRICS=("accuracy", "slow"),
        memory=lambda model, examples: known[examples],
        extractable=lambda *_: slow or {},
    )
    track = SimpleNamespace(subset=lambda examples, some: examples.name)
    sets = {name: SimpleNamespace(name=name, lengths=[1]) for name in known}
    return Watch(track, memory, None, 10, unseen).draw(sets, ("s",))


@pytest.mark.parametrize(("count", "watched"), [(150, 150), (250, 200)])
def test_two_hundred_of_a_set_are_watched_drawn_by_names(count, watched):
    """In the order in which they stand."""
    track = SimpleNamespace(subset=lambda examples, some: some.tolist())
    sets = {name: SimpleNamespace(lengths=[1] * count) for name in ("forget", "retain")}
    drawn = [
        Watch(track, None, None, 4, {}).draw(sets, names).sets[name]
        for names in (("s", 1), ("s", 2))
        for name in sets
    ]
    assert all(one == sorted(set(one)) and len(one) == watched for one in drawn)
    assert len(set(map(tuple, drawn))) == (4 if count > watched else 1)


def looking(watch: Watch):
    """What the loop calls for a method that stops as gradient ascent does."""
    run = SimpleNamespace(watch=watch, sets={"forget": None}, likelihood=None)
    return watch.of(gradient_ascent.objective(run, gradient_ascent.Settings()))


@pytest.mark.parametrize(("unseen", "stops"), [({}, False), ({"accuracy": 0.4}, True)])
def test_the_bar_is_what_the_base_knew_of_unseen_text(unseen, stops):
    """The model before knows it worse already where it forgot an earlier request, 0.2 of the base's
    0.4, and is not asked."""
    known = {
        "forget": {"accuracy": 0.3, "perplexity": 2.0},
        "extra": {"accuracy": 0.2, "perplexity": 3.0},
    }
    watched = watch(known, unseen)
    asked = {} if unseen else {"extra_accuracy": 0.2, "extra_perplexity": 3.0}
    assert looking(watched)(None, []) == (
        {"forget_accuracy": 0.3, "forget_perplexity": 2.0, **asked},
        stops,
    )
    assert watched.unseen == (unseen or {"accuracy": 0.2})


def test_it_is_what_was_found_before_the_first_update():
    watched = watch({"forget": {"accuracy": 0.3}, "extra": {"accuracy": 0.1}}, {})
    earlier = {"forget_accuracy": 0.9, "extra_accuracy": 0.4}
    numbers, stops = looking(watched)(None, [earlier])
    assert stops and watched.unseen == {"accuracy": 0.4} and set(numbers) == {"forget_accuracy"}


@pytest.mark.parametrize(
    ("accuracy", "slow", "asked", "stops"),
    [(0.5, 0.1, False, False), (0.4, 0.3, True, False), (0.4, 0.2, True, True)],
)
def test_what_is_slow_is_asked_at_first_and_where_the_rest_would_stop(accuracy, slow, asked, stops):
    """The rule asks for both at most: accuracy 0.4 and 0.2 of what is slow."""
    known = {"forget": {"accuracy": 0.9}, "extra": {"accuracy": 0.4}}
    watched = watch(known, {}, slow={"slow": 0.2})
    first, _ = looking(watched)(None, [])
    assert first == {
        "forget_accuracy": 0.9,
        "extra_accuracy": 0.4,
        "forget_slow": 0.2,
        "extra_slow": 0.2,
    }
    # a training that was killed and goes on
    later = watch({**known, "forget": {"accuracy": accuracy}}, {}, slow={"slow": slow})
    assert looking(later)(None, [first]) == (
        {"forget_accuracy": accuracy} | ({"forget_slow": slow} if asked else {}),
        stops,
    )
