"""The one training loop, on accelerate, which handles device, precision and several processes."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from palimpsest.errors import Problem, UserError
from palimpsest.models.devices import device_of
from palimpsest.randomness import seed_of
from palimpsest.training.objective import Gradients, Objective
from palimpsest.training.progress import Progress
from palimpsest.training.report import processor
from palimpsest.training.resume import drop_state, load_state, save_state
from palimpsest.training.schedule import SCHEDULES
from palimpsest.training.settings import Computing, Training

CURVE_POINTS = 100
Watch = Callable[[torch.nn.Module, list[dict]], tuple[dict[str, float], bool]]
# Parameter by name -> whether it is trained, or which of its elements are; others stay as they are.
Masks = Mapping[str, torch.Tensor | bool]


def train(
    model: torch.nn.Module,
    objective: Objective,
    training: Training,
    computing: Computing,
    names: tuple,
    resume: Path,
    fingerprint: str,
    watch: Watch | None = None,
    masks: Masks | None = None,
    goes_on: bool = False,
    spent: dict[str, int] | None = None,
) -> tuple[torch.nn.Module, dict]:
    """Train ``model`` to minimise ``objective`` and return it with a report.

    names seed every draw: the order of examples, and dropout, which is seeded anew at each update;
    so a run that is resumed at any update ends in the same bits. watch(model, what it gave before)
    is called before the first update and after each epoch: it gives numbers for the report, and
    whether to stop. The report holds steps, tokens, examples, seconds, peak memory in MB, the loss
    curve as [update, loss in nats] pairs, and what was watched.

    A loss, or a watched number, that is not finite ends the training with a UserError. The last
    saved state from which the training went on with a finite loss is kept: the weights that gave
    this one are ruined already. States are saved every ``checkpoint_seconds``, and at the end of an
    epoch unless that takes more than a twentieth of the time; the last one always where something
    ``goes_on`` from here. An objective that makes new examples makes them from the weights at the
    start of an epoch, unless it is `steady`: its states are saved only there, so that a resume
    makes the same ones.

    ``spent``, tokens by where they were spent outside of the loop, is saved with each state, and
    updated to what it was then by a resume.
    """
    spent = {} if spent is None else spent
    torch.set_num_threads(computing.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling is for finding bugs; it takes some per cent of the time and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False
    on_cpu = device_of(computing.gpus).type == "cpu"
    accelerator = Accelerator(mixed_precision=computing.precision, cpu=on_cpu)
    selection = _Selection(model, masks)
    groups = _parameter_groups(model, training.weight_decay)
    optimizer = (
        torch.optim.SGD(groups, lr=training.learning_rate)
        if objective.plain
        else torch.optim.AdamW(groups, lr=training.learning_rate, betas=training.betas, fused=True)
    )
    done, totals = load_state(resume, fingerprint, model, optimizer)
    spent.update(totals.pop("spent", {}))
    totals = totals or {
        "tokens": 0, "examples": 0, "seconds": 0.0, "curve": [], "watched": [], "stopped": False
    }  # fmt: skip
    model, optimizer = accelerator.prepare(model, optimizer)

    batch_size = training.batch_size or len(objective.first.examples.lengths)
    per_epoch = objective.steps_per_epoch(batch_size)
    steps = training.epochs * per_epoch
    keep_every = max(1, steps // CURVE_POINTS)
    progress = Progress(steps, start=done)
    began = saved = time.monotonic()
    newest, taken = done, 0.0  # the last saved state, and the seconds that saving it took

    def save() -> None:
        nonlocal saved, taken, newest
        if not accelerator.is_main_process:
            return
        starts, plain = time.monotonic(), accelerator.unwrap_model(model)
        told = totals | {"spent": spent}
        save_state(resume, made, fingerprint, plain, optimizer, told)
        newest, saved = made, time.monotonic()
        taken = saved - starts

    before, watched, made = totals["seconds"], 0.0, done
    for step in range(done, steps):
        epoch = step // per_epoch
        if watch and step % per_epoch == 0 and len(totals["watched"]) <= epoch:
            watched += _watched(watch, model, step, totals, resume)
        if totals["stopped"]:
            break
        if step == done or step % per_epoch == 0:
            if objective.refresh:
                model.eval()  # as after a resume
                torch.manual_seed(seed_of(*names, "refresh", epoch))
            current = objective.before(epoch)
            batches = current.epoch(epoch, batch_size, names)
        batch = batches[step % per_epoch]
        for group in optimizer.param_groups:
            group["lr"] = SCHEDULES[training.schedule](
                step, steps, training.learning_rate, training.warmup_share
            )
        model.train(training.dropout)
        update = _Update(accelerator, model, current, batch, training, (*names, step))
        value = update.made(optimizer, selection)
        if not math.isfinite(value):
            raise _ruined(f"the loss is not finite at update {step + 1}", str(value), resume, step)
        made = step + 1
        parts = current.parts.items()
        tokens = sum(int(part.examples.lengths[batch[name]].sum()) for name, part in parts)
        totals["tokens"] += tokens
        totals["examples"] += sum(map(len, batch.values()))
        totals["seconds"] = before + time.monotonic() - began - watched
        if step % keep_every == 0 or made == steps:
            totals["curve"].append([made, round(value, 6)])
        progress.update(made, value, tokens)
        since = time.monotonic() - saved
        ends = made % per_epoch == 0
        anywhere = objective.refresh is None or objective.steady
        due = since >= computing.checkpoint_seconds and (ends or anywhere)
        if due or (ends and since >= 20 * taken):
            save()
    else:
        if watch and len(totals["watched"]) <= training.epochs:
            _watched(watch, model, steps, totals, resume)
    if goes_on and made > newest:
        save()
    progress.close()
    device = accelerator.device
    report = totals | {"steps": made, "peak_mb": _peak_mb(device)}
    report |= {"device": str(device), "processor": processor()}
    selection.release()
    return accelerator.unwrap_model(model), report


def _ruined(what: str, found: str, resume: Path, updates: int) -> UserError:
    """The error for weights that gave a number that is not finite, after so many updates: their
    state is removed."""
    kept = drop_state(resume, updates)
    where = (
        f"the state after update {kept} is kept in {resume}"
        if kept
        else "no earlier state was saved"
    )
    return UserError(Problem(what, "training", found, remedy=f"lower learning_rate; {where}"))


def _watched(
    watch: Watch, model: torch.nn.Module, updates: int, totals: dict, resume: Path
) -> float:
    """Watch the model; returns the seconds that it took, which are no training."""
    began = time.monotonic()
    model.eval()
    with torch.inference_mode():
        numbers, stop = watch(model, totals["watched"])
    ruined = [name for name, value in numbers.items() if not math.isfinite(value)]
    if ruined:
        what = f"what is watched is not finite at update {updates}"
        raise _ruined(what, ", ".join(ruined), resume, updates)
    totals["watched"].append({"update": updates, **numbers})
    totals["stopped"] = stop
    return time.monotonic() - began


class _Selection:
    """The parameters that are trained, or elements of them: what is not selected keeps its bits.

    A gradient of 0 would not be enough: the optimiser's weight decay moves every weight that it is
    given.
    """

    def __init__(self, model: torch.nn.Module, masks: Masks | None):
        self.frozen: list[torch.nn.Parameter] = []
        self.partly: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
        if masks is None:
            return
        parameters = dict(model.named_parameters())
        if unknown := set(masks) - set(parameters):
            raise KeyError(f"no parameters of these names: {', '.join(sorted(unknown))}")
        for name, parameter in parameters.items():
            mask = masks.get(name, False)
            if isinstance(mask, torch.Tensor):
                if mask.shape != parameter.shape:
                    raise ValueError(f"{name}: a mask of {mask.shape} for {parameter.shape}")
                self.partly.append((parameter, mask))
            elif not mask and parameter.requires_grad:
                self.frozen.append(parameter.requires_grad_(False))

    def keep(self) -> list[tuple[torch.nn.Parameter, torch.Tensor, torch.Tensor]]:
        """Before an update: set the gradients of what is not selected to 0; returns what is put
        back after it."""
        for parameter, mask in self.partly:
            if parameter.grad is not None:
                parameter.grad.mul_(mask.to(parameter.grad.device))
        return [(one, mask.to(one.device), one.detach().clone()) for one, mask in self.partly]

    @staticmethod
    def put_back(kept: list[tuple[torch.nn.Parameter, torch.Tensor, torch.Tensor]]) -> None:
        for parameter, mask, before in kept:
            parameter.data.copy_(torch.where(mask, parameter.data, before))

    def release(self) -> None:
        for parameter in self.frozen:
            parameter.requires_grad_(True)


@dataclass(frozen=True)
class _Update:
    """One update on ``batch``: indices of each part's examples. names seed its dropout."""

    accelerator: Accelerator
    model: torch.nn.Module
    objective: Objective
    batch: dict[str, np.ndarray]
    training: Training
    names: tuple

    def made(self, optimizer, selection: _Selection) -> float:
        """Make the update, unless the loss is not finite; returns the joined mean, in nats."""
        means = self._means()
        value = float(self.objective.joined(means))
        if math.isfinite(value):
            kept = selection.keep()
            if self.training.clip_norm is not None:
                self.accelerator.clip_grad_norm_(self.model.parameters(), self.training.clip_norm)
            optimizer.step()
            selection.put_back(kept)
        optimizer.zero_grad()
        return value

    def _means(self) -> dict[str, torch.Tensor]:
        """Means of the parts; the parameters hold the gradient to go against."""
        objective = self.objective
        if objective.direction:
            return self._directed()
        if objective.join and self._whole():
            return self._at_once()
        # The weight of each part follows from a pass over the whole batch.
        constant = {name: torch.zeros(()) for name in objective.parts}
        return self._passed(objective.slopes(self._passed(None) if objective.join else constant))

    def _pieces(self, name: str) -> list[np.ndarray]:
        """This process's share of a part's examples, in pieces that fit into memory."""
        ours = self.batch[name][self.accelerator.process_index :: self.accelerator.num_processes]
        size = self.training.micro_batch_size or len(ours)
        return np.array_split(ours, math.ceil(len(ours) / size)) if len(ours) else []

    def _whole(self) -> bool:
        """Whether the batch is neither cut nor shared between processes."""
        alone = self.accelerator.num_processes == 1
        return alone and all(len(self._pieces(name)) == 1 for name in self.objective.parts)

    def _divisor(self, name: str) -> float:
        return self.objective.parts[name].divisor(self.batch[name])

    def _seed(self) -> None:
        """The same dropout in each pass of an update."""
        torch.manual_seed(seed_of(*self.names, self.accelerator.process_index))

    def _summed(self, name: str, indices: np.ndarray, learns: bool) -> torch.Tensor:
        part = self.objective.parts[name]
        device = self.accelerator.device
        inputs = {key: value.to(device) for key, value in part.examples.batch(indices).items()}
        with torch.set_grad_enabled(learns and not part.constant):
            return part.loss(self.model, inputs)

    def _passed(self, slopes: dict[str, float] | None) -> dict[str, torch.Tensor]:
        """Means over the whole batch, over all processes; backward too, where there are slopes."""
        self._seed()
        return {name: self._part(name, slopes) for name in self.objective.parts}

    def _part(self, name: str, slopes: dict[str, float] | None) -> torch.Tensor:
        accelerator, part = self.accelerator, self.objective.parts[name]
        divisor = self._divisor(name)
        total = torch.zeros((), device=accelerator.device)
        for indices in self._pieces(name):
            value = self._summed(name, indices, slopes is not None)
            if slopes is not None and not part.constant and slopes[name]:
                # Processes average their gradients, so each scales its share back up.
                scale = slopes[name] * accelerator.num_processes / divisor
                accelerator.backward(value * scale)
            total += value.detach()
        return accelerator.reduce(total, "sum") / divisor

    def _at_once(self) -> dict[str, torch.Tensor]:
        """Means over the batch, and backward through what joins them."""
        self._seed()
        means = {
            name: self._summed(name, self._pieces(name)[0], True) / self._divisor(name)
            for name in self.objective.parts
        }
        self.accelerator.backward(self.objective.joined(means))
        return {name: mean.detach() for name, mean in means.items()}

    def _directed(self) -> dict[str, torch.Tensor]:
        """Means of the parts; the parameters hold what ``direction`` makes of the gradients of the
        single means."""
        self._seed()
        means, gradients = {}, {}
        for name in self.objective.parts:
            means[name] = self._part(name, dict.fromkeys(self.objective.parts, 1.0))
            gradients[name] = self._taken()
        direction = self.objective.direction(gradients)
        for name, parameter in self._trained():
            parameter.grad = direction[name].to(parameter.dtype)
        return means

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        named = self.accelerator.unwrap_model(self.model).named_parameters()
        return [(name, parameter) for name, parameter in named if parameter.requires_grad]

    def _taken(self) -> Gradients:
        """The gradients that a backward pass left, removed from the parameters."""
        gradients = {}
        for name, parameter in self._trained():
            grad = parameter.grad
            gradients[name] = torch.zeros_like(parameter) if grad is None else grad
            parameter.grad = None
        return gradients


def _parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Matrices decay, vectors (biases, norms) do not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def _peak_mb(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device) / 2**20)
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
