"""What an unlearning method is given, and what several of them use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import torch

from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.losses import kl_sum, per_example, wide
from palimpsest.tracks.predictions import Loss, Predict, negative_log_likelihood
from palimpsest.training.objective import Examples, Wrapped


class Frozen(Mapping):
    """Models by name, loaded when asked for, in eval mode. The last two are kept: no method looks
    at more at once."""

    def __init__(self, names: Iterable[str], load: Callable[[str], torch.nn.Module]):
        self._names, self._load = (
            list(names),
            lru_cache(maxsize=2)(lambda name: load(name).eval().requires_grad_(False)),
        )

    def __getitem__(self, name: str) -> torch.nn.Module:
        if name not in self._names:
            raise KeyError(name)
        return self._load(name)

    def __iter__(self):
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Run:
    """model: the one that learnt the forget set, and is to be trained; again: loads it as it lies
    on disk; sets: examples by name (forget, retain, extra); predict: of the track; generates:
    whether it is one of text; frozen: other models by name; names: what keys every draw; device:
    where models compute, and precision in which arithmetic; teachers: of disjoint owners, where the
    method needs them."""

    model: torch.nn.Module
    sets: dict[str, Examples]
    predict: Predict
    names: tuple
    generates: bool = True
    device: torch.device = torch.device("cpu")
    precision: str = "no"
    frozen: Mapping[str, torch.nn.Module] = field(default_factory=dict)
    teachers: Teachers | None = None
    again: Callable[[], torch.nn.Module] = field(kw_only=True)

    def arithmetic(self):
        """That of the training, for passes outside of it: what is compared must be rounded
        alike."""
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
        return torch.autocast(
            self.device.type, dtype=kinds.get(self.precision), enabled=self.precision in kinds
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

    @cached_property
    def reference(self) -> torch.nn.Module:
        """The model as it was before this request, frozen; whenever it is first asked for, after a
        resume, too."""
        return self.again().to(self.device).eval().requires_grad_(False)

    def mean(self, loss: Loss, model: torch.nn.Module, name: str, batch_size: int = 32) -> float:
        """A loss over a whole set, by prediction."""
        examples, total = self.sets[name], 0.0
        order = np.argsort(examples.lengths, kind="stable")
        with torch.inference_mode(), self.arithmetic():
            for start in range(0, len(order), batch_size):
                batch = examples.batch(order[start : start + batch_size])
                total += float(
                    loss(model, {key: value.to(self.device) for key, value in batch.items()})
                )
        return total / float(examples.counted.sum())

    def reference_losses(self, examples: Examples, batch_size: int) -> np.ndarray:
        """(n,) summed negative log-likelihood of each example under the model as it is now: one
        pass, before it changes."""
        model, found = self.model.to(self.device).eval(), np.empty(len(examples.lengths))
        order = np.argsort(examples.lengths, kind="stable")
        with torch.inference_mode(), self.arithmetic():
            for start in range(0, len(order), batch_size):
                indices = order[start : start + batch_size]
                batch = {
                    key: value.to(self.device) for key, value in examples.batch(indices).items()
                }
                found[indices] = self.losses(model, batch).cpu().numpy()
        return found


def distillation(run: Run, teacher: torch.nn.Module) -> Loss:
    """(student, batch) -> the sum over predictions of KL(teacher || student), in nats."""

    def loss(student: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad(), run.arithmetic():
            known = torch.log_softmax(wide(run.predict(teacher, batch).logits), dim=-1)
        return kl_sum(known, run.predict(student, batch).logits)

    return loss


@dataclass(frozen=True)
class WithConstants(Wrapped):
    """Examples with further numbers, one each, which their batches hold as tensors (B,)."""

    constants: dict[str, np.ndarray]

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        return self.examples.batch(indices) | {
            name: torch.from_numpy(values[indices]) for name, values in self.constants.items()
        }
