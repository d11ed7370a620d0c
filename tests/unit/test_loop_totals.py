"""What a training draws, counts and saves, over epochs, parts and kills, by a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from looping import train
from test_updates import SETTINGS, Numbers, squared

from palimpsest.engine.sealed import read_sealed
from palimpsest.errors import UserError
from palimpsest.training import loop, progress
from palimpsest.training.batches import epoch_batches
from palimpsest.training.objective import Objective, Part
from palimpsest.training.report import read_reports, write_reports

ONE_BY_ONE = SETTINGS | {"batch_size": 1}  # three updates an epoch


@dataclass(frozen=True)
class Numbered:
    """So many examples that are told apart, of as many tokens each, of which some are counted."""

    count: int
    tokens: int = 2
    counts: tuple[int, ...] = ()

    @property
    def lengths(self) -> np.ndarray:
        return np.full(self.count, self.tokens)

    @property
    def counted(self) -> np.ndarray:
        return np.array(self.counts or [1] * self.count)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        return {"number": torch.tensor(indices)}


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(2, 1).double()


def sum_of_weights(model, batch) -> torch.Tensor:
    return model.weight.sum() * len(batch["number"])


@pytest.fixture
def drawn(tmp_path):
    """(parts, names, epochs) -> by part the example of each update of one, one after another."""

    def drawn(parts: dict[str, int], names: tuple, epochs: int) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {name: [] for name in parts}

        def noting(name: str):
            def loss(model, batch) -> torch.Tensor:
                found[name] += batch["number"].tolist()
                return sum_of_weights(model, batch)

            return loss

        objective = Objective({n: Part(Numbered(count), noting(n)) for n, count in parts.items()})
        given = ONE_BY_ONE, epochs, names, tmp_path / str(len(list(tmp_path.iterdir()))), "print"
        train(model(), objective, *given)
        return found

    return drawn


def cut(numbers: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def test_each_epoch_has_an_order_of_its_own_and_so_have_other_names(drawn):
    orders = [cut(drawn({"a": 8}, names, 3)["a"], 8) for names in (("s", 1), ("s", 1), ("s", 2))]
    assert all(sorted(epoch) == list(range(8)) for epochs in orders for epoch in epochs)
    assert orders[0] == orders[1] and len({*orders[0], *orders[2]}) == 6


def test_each_round_of_a_further_part_has_an_order_of_its_own(drawn):
    """Of 4 examples an epoch of 4 draws each once; other parts and other names draw otherwise."""
    rounds = []
    for names in (("s",), ("t",)):
        found = drawn({"a": 4, "b": 4, "c": 4}, names, 6)
        rounds += [cut(found[name], 4) for name in "bc"]
    assert all(sorted(one) == [0, 1, 2, 3] for several in rounds for one in several)
    assert all(len(set(several)) > 3 for several in rounds)
    assert len(set(map(tuple, rounds))) == 4


def test_rounds_end_where_epochs_do_not(drawn):
    """Of 6 examples an epoch of 4 draws 4: two rounds are three epochs. Which 4 come first is
    another choice in each round, part and study."""
    choices = []
    for names in (("s",), ("t",)):
        found = drawn({"a": 4, "b": 6, "c": 6}, names, 12)
        for name in "bc":
            pairs = cut(found[name], 12)
            assert [sorted(pair) for pair in pairs] == [sorted([*range(6)] * 2)] * 4
            choices.append(tuple(frozenset(pair[:4]) for pair in pairs))
    assert all(len(set(first)) > 1 for first in choices) and len(set(choices)) == 4


def test_the_batch_that_is_not_full_holds_the_longest():
    batches = epoch_batches(np.array([5, 1, 4, 2, 3]), 2, "s")
    assert sorted(sorted(batch.tolist()) for batch in batches) == [[0], [1, 3], [2, 4]]


def test_tokens_and_examples_are_those_of_all_parts(tmp_path):
    """Two of 3 tokens, and twice as many of 5: 26 tokens and 6 examples an update, two updates an
    epoch. All tokens are read, whatever the loss counts."""
    parts = {
        "a": Part(Numbered(4, 3), sum_of_weights),
        "b": Part(Numbered(9, 5), sum_of_weights, times=2),
    }
    settings = SETTINGS | {"batch_size": 2}
    _, report = train(model(), Objective(parts), settings, 3, ("s",), tmp_path, "print")
    assert (report["tokens"], report["examples"], report["steps"]) == (6 * 26, 6 * 6, 6)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("micro", [None, 1])
def test_a_mean_is_over_what_counts_in_the_whole_batch(tmp_path, joined, micro):
    """Losses 10, 20 and 60 of 3, 1 and 2 predictions: 90 / 6, however they are joined or cut; by
    example 90 / 3."""

    def loss(model, batch) -> torch.Tensor:
        values = torch.tensor([10.0, 20.0, 60.0])[batch["number"]].sum()
        return values + 0 * model.weight.sum()

    settings = SETTINGS | {"micro_batch_size": micro}
    for per, mean in (("counted", 15), ("example", 30)):
        parts = {"a": Part(Numbered(3, 4, (3, 1, 2)), loss, per)}
        objective = Objective(parts, join=(lambda means: means["a"]) if joined else None)
        _, report = train(model(), objective, settings, 1, ("s",), tmp_path / per, "print")
        assert report["curve"] == [[1, pytest.approx(mean)]]


@pytest.fixture
def fresh():
    """accelerate knows one precision a process."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


@pytest.mark.parametrize(("precision", "within"), [("no", "float32"), ("bf16", "bfloat16")])
def test_a_forward_pass_is_of_the_precision_that_is_asked_for(tmp_path, fresh, precision, within):
    """The weights stay as they are."""
    found = []

    class Noted(torch.nn.Linear):
        def forward(self, inputs):
            found.append(super().forward(inputs))
            return found[-1]

    def loss(model, batch) -> torch.Tensor:
        return model(batch["inputs"].float()).sum()

    settings = SETTINGS | {"precision": precision}
    objective = Objective({"a": Part(Numbers(), loss)})
    trained, _ = train(Noted(2, 1), objective, settings, 1, ("s",), tmp_path, "print")
    assert [str(one.dtype) for one in found] == [f"torch.{within}"]
    assert trained.weight.dtype == torch.float32


def test_all_examples_at_once_are_one_update_however_they_are_cut(tmp_path):
    objective = Objective({"a": Part(Numbers(), squared)})
    settings = SETTINGS | {"batch_size": None, "micro_batch_size": 2}
    _, report = train(model(), objective, settings, 2, ("s",), tmp_path, "print")
    assert (report["steps"], report["examples"]) == (2, 6)


def test_a_curve_has_about_a_hundred_points_and_always_the_last(tmp_path):
    """Of 240 updates every second, and the last."""
    objective = Objective({"a": Part(Numbers(), squared)})
    _, report = train(model(), objective, ONE_BY_ONE, 80, ("s",), tmp_path, "print")
    assert [update for update, _ in report["curve"]] == [*range(1, 240, 2), 240]


class Clock:
    """An update takes a second, a look a hundred, a saving as long as it is told to."""

    def __init__(self, monkeypatch, saving: float = 0.0):
        self.now, self.saved = 0.0, []
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: self.now))
        save = loop.save_state

        def saved(folder, step, *given) -> None:
            save(folder, step, *given)
            self.now += saving
            self.saved.append(step)

        monkeypatch.setattr(loop, "save_state", saved)

    def objective(self, ends: float = np.inf) -> Objective:
        """The training is killed as it begins the update after so many seconds."""

        def loss(model, batch) -> torch.Tensor:
            if self.now >= ends:
                raise KeyboardInterrupt
            self.now += 1
            return squared(model, batch)

        return Objective({"a": Part(Numbers(), loss)})

    def watch(self, model, earlier) -> tuple[dict[str, float], bool]:
        self.now += 100
        return {"seen": float(len(earlier))}, False


def test_a_training_that_goes_on_has_the_totals_of_one_that_was_never_killed(tmp_path, monkeypatch):
    """Also its seconds, in which no look is counted: 9 updates of a second."""
    settings, reports = ONE_BY_ONE | {"checkpoint_seconds": 0.0}, []
    for folder, ends in ((tmp_path / "whole", np.inf), (tmp_path / "killed", 205.0)):
        clock = Clock(monkeypatch)
        given = settings, 3, ("s",), folder, "print", clock.watch
        if ends < np.inf:
            with pytest.raises(KeyboardInterrupt):
                train(model(), clock.objective(ends), *given)
            assert clock.saved == [1, 2, 3, 4, 5]
        _, report = train(model(), clock.objective(), *given)
        reports.append(report)
    whole, killed = ({k: v for k, v in one.items() if k != "peak_mb"} for one in reports)
    assert whole == killed and whole["seconds"] == 9 and whole["tokens"] == 18
    assert whole["watched"] == [{"update": 3 * n, "seen": float(n)} for n in range(4)]


@pytest.mark.parametrize(
    ("seconds", "saving", "epochs", "saved"),
    [(1000, 2, 20, [3, 45]), (1000, 0, 4, [3, 6, 9, 12]), (2, 0, 3, [2, 3, 5, 6, 8, 9])],
)
def test_states_are_saved_by_the_clock_and_at_the_end_of_cheap_epochs(
    tmp_path, monkeypatch, seconds, saving, epochs, saved
):
    """A saving of 2 seconds is worth 40 of training: after the first, 14 epochs of three. One that
    takes no time is made after each. Whatever it takes, it is made every so many seconds."""
    clock = Clock(monkeypatch, saving)
    settings = ONE_BY_ONE | {"checkpoint_seconds": seconds}
    train(model(), clock.objective(), settings, epochs, ("s",), tmp_path, "print")
    assert clock.saved == saved


def test_the_time_that_is_left_is_told_by_the_updates_of_this_run(tmp_path, monkeypatch, capsys):
    """Killed after 20 of 30 updates; 5 more take 5 seconds, and so will the last 5."""
    settings = ONE_BY_ONE | {"checkpoint_seconds": 0.0}
    for ends in (20.0, np.inf):
        clock = Clock(monkeypatch)
        monkeypatch.setattr(progress, "time", loop.time)
        given = model(), clock.objective(ends), settings, 10, ("s",), tmp_path, "print"
        if ends < np.inf:
            with pytest.raises(KeyboardInterrupt):
                train(*given)
            capsys.readouterr()
        else:
            train(*given)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("train: step 25/30, ") and first.endswith(", 5 s left")
    assert last.startswith("train: step 30/30, ") and last.endswith(", 0 s left")


def test_memory_is_told_in_megabytes(tmp_path, monkeypatch):
    """Linux counts it in KiB: three times 2^20 of them are 3,072 MB."""
    most = SimpleNamespace(ru_maxrss=3 * 2**20)
    monkeypatch.setattr(loop.resource, "getrusage", lambda who: most)
    _, report = train(
        model(), Objective({"a": Part(Numbers(), squared)}), ONE_BY_ONE, 1, ("s",), tmp_path, "p"
    )
    assert report["peak_mb"] == 3072


def test_the_newest_two_states_are_kept(tmp_path):
    settings = ONE_BY_ONE | {"checkpoint_seconds": 0.0}
    objective = Objective({"a": Part(Numbers(), squared)})
    train(model(), objective, settings, 4, ("s",), tmp_path, "print")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step11", "step12"]


def test_of_a_loss_that_is_no_number_no_update_is_made(tmp_path):
    given = model()
    before = [weight.detach().clone() for weight in given.parameters()]
    objective = Objective({"a": Part(Numbers(), lambda *of: squared(*of) * float("nan"))})
    with pytest.raises(UserError, match="the loss is not finite at update 1"):
        train(given, objective, SETTINGS, 1, ("s",), tmp_path, "print")
    assert all(torch.equal(*pair) for pair in zip(given.parameters(), before, strict=True))


def test_only_the_pass_that_learns_keeps_what_a_gradient_needs(tmp_path):
    """Joined means are found first, over the whole batch; a constant part is never learnt from."""
    learns: dict[str, list[bool]] = {"a": [], "b": []}

    def noting(name: str):
        def loss(model, batch) -> torch.Tensor:
            learns[name].append(torch.is_grad_enabled())
            return squared(model, batch)

        return loss

    parts = {name: Part(Numbers(), noting(name), constant=name == "b") for name in learns}
    objective = Objective(parts, join=lambda means: means["a"] * means["b"])
    train(model(), objective, SETTINGS | {"micro_batch_size": 2}, 1, ("s",), tmp_path, "print")
    assert learns == {"a": [False, False, True, True], "b": [False] * 4}


def test_a_report_is_divided_into_what_stays_and_what_varies(tmp_path):
    """And states to resume from go, for there is nothing to resume."""
    varies = {
        "seconds": 1.5, "peak_mb": 3, "processor": "p", "device": "cpu", "versions": {},
        "code": "c", "sources": {},
    }  # fmt: skip
    stays = {"steps": 4, "tokens": 9, "curve": [[1, 0.5]], "sha256": "d"}
    resume = tmp_path / "resume"
    (resume / "step4").mkdir(parents=True)
    write_reports(tmp_path, varies | stays, resume)
    assert read_sealed(tmp_path / "training.json", "") == stays
    assert read_sealed(tmp_path / "run.json", "") == varies
    both = read_reports(tmp_path)
    assert {name: both[name] for name in varies | stays} == varies | stays
    assert both.keys() == {*varies, *stays, "digest"} and not resume.exists()
