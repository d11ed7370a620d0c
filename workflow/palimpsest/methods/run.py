"""What an unlearning method is given, and what several of them use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import torch

from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.files import read_json, write_json
from palimpsest.randomness import seed_of
from palimpsest.training.examples import Examples
from palimpsest.training.loop import Masks, train
from palimpsest.training.losses import kl_sum, per_example, wide
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import Loss, Predict, negative_log_likelihood
from palimpsest.training.settings import Computing, Training

if TYPE_CHECKING:
    import pandas as pd

    from palimpsest.methods.contract import Retaining
    from palimpsest.methods.watch import Watch
    from palimpsest.training.loop import Watch as Looks

SUMMED = ("tokens", "examples", "seconds", "steps")


class Models(Mapping):
    """Models by name, loaded on demand, frozen, in eval mode. The last two stay in memory: no
    method uses more at once."""

    def __init__(self, names: Iterable[str], load: Callable[[str], torch.nn.Module]):
        self._names = list(names)
        self._load = lru_cache(maxsize=2)(lambda name: load(name).eval().requires_grad_(False))

    def __getitem__(self, name: str) -> torch.nn.Module:
        if name not in self._names:
            raise KeyError(name)
        return self._load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass
class Run:
    """One request, one method, one seed.

    model: the model to change, which learnt the forget set. load: loads it as it is on disk, where
    its digest is previous. sets: examples by name (forget, retain, extra), and records, the tables
    they were encoded from. track: its module. models: auxiliaries, or the models of other methods,
    by name; teachers: of disjoint owners, where the method needs them; judges: rewards of texts by
    the judges that the method asks for, by name. names seed every draw.
    folder and fingerprint: where states are saved to resume from, and what they depend on. watch:
    numbers that are watched while the model changes; watched: what they were. noted: what the
    method tells of its work.
    """

    model: torch.nn.Module
    sets: dict[str, Examples]
    track: Any
    names: tuple
    load: Callable[[], torch.nn.Module]
    folder: Path
    previous: str = ""
    fingerprint: str = ""
    records: dict[str, pd.DataFrame] = field(default_factory=dict)
    tokenizer: Any = None
    encode: Callable[[pd.DataFrame], Examples] | None = None
    models: Mapping[str, torch.nn.Module] = field(default_factory=dict)
    teachers: Teachers | None = None
    judges: Mapping[str, Callable[[Sequence[str]], np.ndarray]] = field(default_factory=dict)
    computing: Computing = Computing()
    device: torch.device = torch.device("cpu")
    watch: Watch | None = None
    phases: dict[str, dict] = field(default_factory=dict)
    watched: list[dict] = field(default_factory=list)
    noted: dict[str, Any] = field(default_factory=dict)
    spent_tokens: dict[str, int] = field(default_factory=dict)
    spender: str = ""

    @property
    def predict(self) -> Predict:
        return self.track.predict

    @cached_property
    def reference(self) -> torch.nn.Module:
        """The model before this request, frozen; loaded from disk, so that a resume does not change
        it."""
        return self.load().to(self.device).eval().requires_grad_(False)

    # --- changing the model -----------------------------------------------------------------------

    def train(
        self,
        objective: Objective,
        training: Training,
        phase: str = "train",
        masks: Masks | None = None,
        model: torch.nn.Module | None = None,
        goes_on: bool = True,
    ) -> None:
        """Run the training loop on the model, or on another one made from it, such as one with
        adapters.

        Phases run one after another, each once. A phase that was finished before a kill is not
        repeated: its last weights are loaded. Where nothing ``goes_on`` after it, they need not be
        saved. Only the phase `train` is watched, for reports and figures.
        """
        if phase in self.phases:
            raise ValueError(f"the phase {phase!r} was trained already")
        main = phase == "train"
        watch = self.watching(objective, main)
        with self._spending(f"phase {phase}"):
            _, self.phases[phase] = train(
                self.model if model is None else model,
                objective,
                training,
                self.computing,
                self.names if main else (*self.names, phase),
                self.folder / "resume" / phase,
                str(seed_of(self.fingerprint, phase)),
                watch,
                masks,
                goes_on,
                self.spent_tokens,
            )
        self._note(self.phases[phase]["watched"])

    def watching(self, objective: Objective, main: bool) -> Looks | None:
        """What the loop calls before the first update and after each epoch, if anything."""
        return self.watch.of(objective) if self.watch and main else None

    def look(self) -> None:
        """Record the watched numbers of the model as it is now: after a change that is no
        training."""
        if self.watch:
            self._note([{"update": 0, **self.watch.numbers(self.model)}])

    def _note(self, watched: list[dict]) -> None:
        """Add what was watched to what was before: its update 0 is the next one here."""
        watched = [one for one in watched if len(one) > 1]  # not only that it was looked at
        first = self.watched[-1]["update"] + 1 if self.watched else 0
        self.watched += [one | {"update": first + one["update"]} for one in watched]

    def note(self, name: str, value: Any) -> None:
        """Write a JSON value into the report, under `noted`.

        A run that is resumed notes it anew, so it has to follow from the data or from the model's
        last weights, not from the way to them.
        """
        if name in self.noted:
            raise ValueError(f"{name!r} was noted already")
        self.noted[name] = value

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """The result of ``make``, computed once even if the run is killed: tensors by name, on the
        run's device, or JSON values.

        For results that later phases start from, or that depend on weights which have changed
        since. Their cost (``spent``) counts after a kill as well.
        """
        from safetensors.torch import load_file

        path = self.folder / "resume" / "kept" / quote(name, safe="")
        tensors, record = (Path(f"{path}.{end}") for end in ("safetensors", "json"))
        if record.is_file() and read_json(record)["fingerprint"] == self.fingerprint:
            logging.info("%s is taken as it was made before", name)
        else:
            self._keep(name, make, tensors, record)
        saved = read_json(record)
        self.spent_tokens[f"kept {name}"] = saved["spent"]
        if not tensors.is_file():
            return saved["value"]
        return {key: one.to(self.device) for key, one in load_file(tensors).items()}

    def _keep(self, name: str, make: Callable[[], Any], tensors: Path, record: Path) -> None:
        from safetensors.torch import save_file

        record.parent.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
        tensors.unlink(missing_ok=True)
        spender = f"kept {name}"
        self.spent_tokens.pop(spender, None)
        with self._spending(spender):
            value = make()
        if isinstance(value, dict) and any(torch.is_tensor(one) for one in value.values()):
            part = Path(f"{tensors}.part")
            save_file({key: one.detach().cpu().clone() for key, one in value.items()}, part)
            part.rename(tensors)
            value = None
        spent = self.spent_tokens.get(spender, 0)
        write_json(record, {"fingerprint": self.fingerprint, "value": value, "spent": spent})

    def spent(self, tokens: int) -> None:
        """Add tokens of passes outside of the loop (sampling, inner steps, attributions) to the
        cost. They are counted by where they are spent, so that what a resume takes from a saved
        state or result counts once."""
        before = self.spent_tokens.get(self.spender, 0)
        self.spent_tokens[self.spender] = before + int(tokens)

    @contextmanager
    def _spending(self, spender: str) -> Iterator[None]:
        before, self.spender = self.spender, spender
        try:
            yield
        finally:
            self.spender = before

    def report(self) -> dict:
        """Totals of all phases, and all that was watched and noted; the loss curve is that of
        `train`."""
        empty = {"tokens": 0, "examples": 0, "seconds": 0.0, "steps": 0, "peak_mb": 0}
        main = empty | {"curve": [], "stopped": False, "device": str(self.device)}
        main |= self.phases.get("train", {}) | {"watched": self.watched}
        others = {name: one for name, one in self.phases.items() if name != "train"}
        for one in others.values():
            main |= {name: main[name] + one[name] for name in SUMMED}
            main["peak_mb"] = max(main["peak_mb"], one["peak_mb"])
        if spent := sum(self.spent_tokens.values()):
            main |= {"tokens": main["tokens"] + spent, "spent": spent}
        keys = ("steps", "tokens", "examples", "curve")
        phases = {name: {key: one[key] for key in keys} for name, one in others.items()}
        main |= {"noted": self.noted} if self.noted else {}
        return main | ({"phases": phases} if phases else {})

    # --- passes over it ---------------------------------------------------------------------------

    def arithmetic(self):
        """The precision of the training, for passes outside of it: compared values are rounded
        alike."""
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
        precision = self.computing.precision
        return torch.autocast(
            self.device.type, dtype=kinds.get(precision), enabled=precision in kinds
        )

    @property
    def likelihood(self) -> Loss:
        """(model, batch) -> the sum of the negative log-likelihoods of what counts, in nats."""
        return negative_log_likelihood(self.predict)

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(B,) the same sum for each example."""
        predictions = self.predict(model, batch)
        each = torch.nn.functional.cross_entropy(
            wide(predictions.logits), predictions.targets, reduction="none"
        )
        return per_example(each, predictions.rows, len(batch["input_ids"]))

    def mean(self, loss: Loss, model: torch.nn.Module, name: str, batch_size: int = 32) -> float:
        """Mean of a loss over a whole set, per prediction that counts."""
        with torch.inference_mode(), self.arithmetic():
            batches = self._batches(name, batch_size)
            total = sum(float(loss(model, batch)) for _, batch in batches)
        return total / float(self.sets[name].counted.sum())

    def reference_losses(self, name: str, batch_size: int) -> np.ndarray:
        """(n,) summed negative log-likelihood of each example of a set under the reference: one
        pass, after which its model is released."""
        model, losses = self.load().to(self.device).eval(), np.empty(len(self.sets[name].lengths))
        with torch.inference_mode(), self.arithmetic():
            for indices, batch in self._batches(name, batch_size):
                losses[indices] = self.losses(model, batch).cpu().numpy()
        return losses

    def _batches(self, name: str, size: int) -> Iterator[tuple[np.ndarray, dict]]:
        """Batches of a whole set, sorted by length: indices, and their batch on the device."""
        examples = self.sets[name]
        order = np.argsort(examples.lengths, kind="stable")
        for start in range(0, len(order), size):
            indices = order[start : start + size]
            batch = examples.batch(indices)
            yield indices, {key: value.to(self.device) for key, value in batch.items()}


def distillation(run: Run, teacher: torch.nn.Module) -> Loss:
    """(student, batch) -> the sum over predictions of KL(teacher || student), in nats."""

    def loss(student: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad(), run.arithmetic():
            teacher_logp = torch.log_softmax(wide(run.predict(teacher, batch).logits), dim=-1)
        return kl_sum(teacher_logp, run.predict(student, batch).logits)

    return loss


def retain_part(run: Run, settings: Retaining) -> Part:
    """The term on the retained data that the settings name."""
    kl = settings.retain == "kl"
    return Part(run.sets["retain"], distillation(run, run.reference) if kl else run.likelihood)
