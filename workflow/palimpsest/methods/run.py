"""What an unlearning method is given, and what several of them use."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.files import read_json, write_json
from palimpsest.losses import kl_sum, per_example, wide
from palimpsest.randomness import seed_of
from palimpsest.tracks.predictions import Loss, Predict, negative_log_likelihood
from palimpsest.training.examples import Examples
from palimpsest.training.loop import Masks, train
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Computing, Training

if TYPE_CHECKING:
    import pandas as pd

    from palimpsest.methods.contract import Retaining
    from palimpsest.methods.watch import Watch

SUMMED = ("tokens", "examples", "seconds", "steps")


class Models(Mapping):
    """Models by name, loaded when asked for, frozen, in eval mode. The last two are kept: no method
    looks at more at once."""

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

    model: the one that learnt the forget set, and is to be changed. load: gives it as it lies on
    disk, where previous is its digest. sets: examples by name (forget, retain, extra), and records,
    the tables they were encoded from. track: its module. models: auxiliaries, or the models of
    other methods, by name; teachers: of disjoint owners, where the method needs them. names key
    every draw. folder and fingerprint: where states are kept to resume from, and what they depend
    on. watch: numbers that are watched while the model changes.
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
    computing: Computing = Computing()
    device: torch.device = torch.device("cpu")
    watch: Watch | None = None
    phases: dict[str, dict] = field(default_factory=dict)
    looks: list[dict] = field(default_factory=list)
    extra_tokens: int = 0

    @property
    def predict(self) -> Predict:
        return self.track.predict

    @cached_property
    def reference(self) -> torch.nn.Module:
        """The model as it was before this request, frozen; whenever it is first asked for, after a
        resume, too."""
        return self.load().to(self.device).eval().requires_grad_(False)

    # --- changing the model -----------------------------------------------------------------------

    def train(
        self,
        objective: Objective,
        training: Training,
        phase: str = "train",
        masks: Masks | None = None,
        model: torch.nn.Module | None = None,
    ) -> None:
        """The one loop, on the model, or on another one that is made of it, such as one with
        adapters.

        Phases come one after another, each once. One that is done is not done again when a run that
        was killed is run anew: its last weights are loaded. The phase `train` is the one that is
        watched and drawn; another that is not the last keeps its end.
        """
        if phase in self.phases:
            raise ValueError(f"the phase {phase!r} was trained already")
        main = phase == "train"
        watch = self.watch.of(objective) if self.watch and main else None
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
            goes_on=not main,
        )

    def look(self) -> None:
        """Watch the model as it is now: before and after a change that is no training."""
        if self.watch:
            self.looks.append({"update": len(self.looks), **self.watch.numbers(self.model)})

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once though the run is killed: tensors by name, or what JSON
        holds.

        For what later phases start from and what depends on weights that have changed since. What
        it cost (``spent``) counts after a kill as well.
        """
        from safetensors.torch import load_file, save_file

        path = self.folder / "resume" / "kept" / name
        tensors, told = path.with_suffix(".safetensors"), path.with_suffix(".json")
        if told.is_file() and (known := read_json(told))["fingerprint"] == self.fingerprint:
            logging.info("%s is taken as it was made before a kill", name)
            self.spent(known["spent"])
            return load_file(tensors) if tensors.is_file() else known["value"]
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors.unlink(missing_ok=True)
        before, value = self.extra_tokens, make()
        holds_tensors = isinstance(value, dict) and any(
            isinstance(one, torch.Tensor) for one in value.values()
        )
        if holds_tensors:
            part = tensors.with_suffix(".part")
            save_file({key: one.detach().cpu().contiguous() for key, one in value.items()}, part)
            part.rename(tensors)
        told_value = None if holds_tensors else json.loads(json.dumps(value))
        spent = self.extra_tokens - before
        kept = {"fingerprint": self.fingerprint, "value": told_value, "spent": spent}
        write_json(told, kept)
        return value if holds_tensors else told_value

    def spent(self, tokens: int) -> None:
        """Tokens of passes outside of the loop: of sampling, inner steps, attributions. Cost counts
        them with those that were trained on."""
        self.extra_tokens += int(tokens)

    def report(self) -> dict:
        """What all phases took together; the loss curve and what was watched are of `train`."""
        empty = {"tokens": 0, "examples": 0, "seconds": 0.0, "steps": 0, "peak_mb": 0}
        main = empty | {"curve": [], "watched": self.looks, "stopped": False}
        main |= {"device": str(self.device)} | self.phases.get("train", {})
        if self.looks and "train" in self.phases:
            main["watched"] = [*self.looks, *main["watched"]]
        others = {name: one for name, one in self.phases.items() if name != "train"}
        for one in others.values():
            main |= {name: main[name] + one[name] for name in SUMMED}
            main["peak_mb"] = max(main["peak_mb"], one["peak_mb"])
        if self.extra_tokens:
            main |= {"tokens": main["tokens"] + self.extra_tokens, "spent": self.extra_tokens}
        told = ("steps", "tokens", "examples", "curve")
        phases = {name: {key: one[key] for key in told} for name, one in others.items()}
        return main | ({"phases": phases} if phases else {})

    # --- passes over it ---------------------------------------------------------------------------

    def arithmetic(self):
        """That of the training, for passes outside of it: what is compared is rounded alike."""
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
        """(B,) the same for each example."""
        predictions = self.predict(model, batch)
        each = torch.nn.functional.cross_entropy(
            wide(predictions.logits), predictions.targets, reduction="none"
        )
        return per_example(each, predictions.rows, len(batch["input_ids"]))

    def mean(self, loss: Loss, model: torch.nn.Module, name: str, batch_size: int = 32) -> float:
        """A loss over a whole set, by prediction."""
        with torch.inference_mode(), self.arithmetic():
            batches = self._batches(name, batch_size)
            total = sum(float(loss(model, batch)) for _, batch in batches)
        return total / float(self.sets[name].counted.sum())

    def reference_losses(self, name: str, batch_size: int) -> np.ndarray:
        """(n,) summed negative log-likelihood of each example of a set under the reference: one
        pass, after which nothing of it stays in memory."""
        model, found = self.load().to(self.device).eval(), np.empty(len(self.sets[name].lengths))
        with torch.inference_mode(), self.arithmetic():
            for indices, batch in self._batches(name, batch_size):
                found[indices] = self.losses(model, batch).cpu().numpy()
        return found

    def _batches(self, name: str, size: int) -> Iterator[tuple[np.ndarray, dict]]:
        """A whole set, those of like length together: indices, and their batch on the device."""
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
            known = torch.log_softmax(wide(run.predict(teacher, batch).logits), dim=-1)
        return kl_sum(known, run.predict(student, batch).logits)

    return loss


def retain_part(run: Run, settings: Retaining) -> Part:
    """The term on the retained data that the settings name."""
    kl = settings.retain == "kl"
    return Part(run.sets["retain"], distillation(run, run.reference) if kl else run.likelihood)
