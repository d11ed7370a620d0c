"""The one training loop, on accelerate: device, precision and several processes come from it."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from palimpsest.devices import device_of
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import seed_of
from palimpsest.training.objective import Objective
from palimpsest.training.progress import Progress
from palimpsest.training.resume import drop_state, load_state, save_state
from palimpsest.training.schedule import SCHEDULES

CURVE_POINTS = 100
Watch = Callable[[torch.nn.Module, list[dict]], tuple[dict[str, float], bool]]


def train(
    model: torch.nn.Module,
    objective: Objective,
    settings: dict,
    epochs: int,
    names: tuple,
    resume: Path,
    fingerprint: str,
    watch: Watch | None = None,
) -> tuple[torch.nn.Module, dict]:
    """Train ``model`` to minimise ``objective`` for ``epochs`` and return it with what it took.

    names key every draw: the order of examples, and dropout, which is seeded anew at each update;
    so a run that is resumed at any update ends in the same bits. settings is the study's `training`
    section, or those of a method. watch(model, what it gave before) is called before the first
    update and after each epoch: it gives numbers for the report, and whether to stop. The report
    holds steps, tokens, examples, seconds, peak memory in MB, the loss curve as [update, loss in
    nats] pairs, and what was watched.

    A loss that is not finite, or what is watched, ends the training with a UserError. The last
    state that was saved and from which the training went on with a finite loss is kept: the weights
    that gave this one are ruined already. States are saved every ``checkpoint_seconds``, and at the
    end of an epoch unless that takes more than a twentieth of the time.
    """
    torch.set_num_threads(settings["threads"])
    torch.use_deterministic_algorithms(True, warn_only=True)
    # for finding bugs; costs some per cent and changes no result
    torch.utils.deterministic.fill_uninitialized_memory = False
    accelerator = Accelerator(
        mixed_precision=settings["precision"], cpu=device_of(settings["gpus"]).type == "cpu"
    )
    groups, betas = (
        _parameter_groups(model, settings["weight_decay"]),
        tuple(settings.get("betas", (0.9, 0.999))),
    )
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=betas, fused=True)
    done, totals = load_state(resume, fingerprint, model, optimizer)
    totals = totals or {
        "tokens": 0,
        "examples": 0,
        "seconds": 0.0,
        "curve": [],
        "watched": [],
        "stopped": False,
    }
    model, optimizer = accelerator.prepare(model, optimizer)

    per_epoch = objective.steps_per_epoch(settings["batch_size"])
    steps = epochs * per_epoch
    keep_every = max(1, steps // CURVE_POINTS)
    progress = Progress(steps, start=done)
    began = saved = time.monotonic()
    taken = 0.0  # by the last saving
    before, watched, made = totals["seconds"], 0.0, done
    for step in range(done, steps):
        if watch and step % per_epoch == 0 and len(totals["watched"]) <= step // per_epoch:
            watched += _watched(watch, model, step, totals, resume)
        if totals["stopped"]:
            break
        if step == done or step % per_epoch == 0:
            batches = objective.epoch(step // per_epoch, settings["batch_size"], names)
        batch = batches[step % per_epoch]
        for group in optimizer.param_groups:
            group["lr"] = SCHEDULES[settings.get("schedule", "linear")](
                step, steps, settings["learning_rate"], settings["warmup_share"]
            )
        model.train(settings.get("dropout", True))
        value = _update(accelerator, model, optimizer, objective, batch, settings, (*names, step))
        if not math.isfinite(value):
            raise _ruined(f"the loss is not finite at update {step + 1}", str(value), resume, step)
        made = step + 1
        tokens = sum(
            int(part.examples.lengths[batch[name]].sum()) for name, part in objective.parts.items()
        )
        totals["tokens"] += tokens
        totals["examples"] += sum(map(len, batch.values()))
        totals["seconds"] = before + time.monotonic() - began - watched
        if step % keep_every == 0 or step + 1 == steps:
            totals["curve"].append([step + 1, round(value, 6)])
        progress.update(step + 1, value, tokens)
        since, ends_epoch = time.monotonic() - saved, (step + 1) % per_epoch == 0
        if accelerator.is_main_process and (
            since >= settings["checkpoint_seconds"] or (ends_epoch and since >= 20 * taken)
        ):
            starts = time.monotonic()
            save_state(
                resume, step + 1, fingerprint, accelerator.unwrap_model(model), optimizer, totals
            )
            saved = time.monotonic()
            taken = saved - starts
    else:
        if watch:
            _watched(watch, model, steps, totals, resume)
    progress.close()
    device = accelerator.device
    report = totals | {"steps": made, "device": str(device), "peak_mb": _peak_mb(device)}
    return accelerator.unwrap_model(model), report


def _ruined(what: str, found: str, resume: Path, updates: int) -> UserError:
    """Of weights that gave a number that is none, after so many updates: their state is not
    kept."""
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
    """Seconds that it took: they are no training."""
    began = time.monotonic()
    model.eval()
    with torch.inference_mode():
        numbers, stop = watch(model, totals["watched"])
    ruined = [name for name, value in numbers.items() if not math.isfinite(value)]
    if ruined:
        raise _ruined(
            f"what is watched is not finite at update {updates}", ", ".join(ruined), resume, updates
        )
    totals["watched"].append({"update": updates, **numbers})
    totals["stopped"] = stop
    return time.monotonic() - began


def _update(accelerator, model, optimizer, objective, batch, settings, names) -> float:
    """One update on ``batch``; returns the joined mean, in nats. Of a loss that is not finite no
    update is made."""
    seed = seed_of(*names, accelerator.process_index)
    divisors = {name: part.divisor(batch[name]) for name, part in objective.parts.items()}
    own = {
        name: indices[accelerator.process_index :: accelerator.num_processes]
        for name, indices in batch.items()
    }
    pieces = {name: _cut(indices, settings["micro_batch_size"]) for name, indices in own.items()}

    def summed(name: str, indices: np.ndarray, learns: bool) -> torch.Tensor:
        part = objective.parts[name]
        inputs = {
            key: value.to(accelerator.device) for key, value in part.examples.batch(indices).items()
        }
        with torch.set_grad_enabled(learns and not part.constant):
            return part.loss(model, inputs)

    def passed(slopes: dict[str, float] | None) -> dict[str, torch.Tensor]:
        """Means over the whole batch, over all processes; backward too, where there are slopes."""
        torch.manual_seed(seed)  # the same dropout in both passes
        sums = {}
        for name, part in objective.parts.items():
            sums[name] = torch.zeros((), device=accelerator.device)
            for indices in pieces[name]:
                value = summed(name, indices, slopes is not None)
                if slopes is not None and not part.constant and slopes[name]:
                    # Processes average their gradients, so each scales its share back up.
                    accelerator.backward(
                        value * (slopes[name] * accelerator.num_processes / divisors[name])
                    )
                sums[name] += value.detach()
        return {
            name: accelerator.reduce(value, "sum") / divisors[name] for name, value in sums.items()
        }

    def at_once() -> dict[str, torch.Tensor]:
        """Means over the batch, and backward through what joins them: for a batch that is neither
        cut nor shared."""
        torch.manual_seed(seed)
        means = {
            name: summed(name, indices, True) / divisors[name]
            for name, (indices,) in pieces.items()
        }
        accelerator.backward(objective.joined(means))
        return {name: mean.detach() for name, mean in means.items()}

    if (
        objective.join
        and accelerator.num_processes == 1
        and all(len(cut) == 1 for cut in pieces.values())
    ):
        means = at_once()
    else:
        # How each part weighs is known after a pass over the whole batch.
        constant = {name: torch.zeros(()) for name in objective.parts}
        means = passed(objective.slopes(passed(None) if objective.join else constant))
    value = float(objective.joined(means))
    if math.isfinite(value):
        if settings["clip_norm"] is not None:
            accelerator.clip_grad_norm_(model.parameters(), settings["clip_norm"])
        optimizer.step()
    optimizer.zero_grad()
    return value


def _cut(indices: np.ndarray, size: int | None) -> list[np.ndarray]:
    return (
        np.array_split(indices, math.ceil(len(indices) / (size or len(indices))))
        if len(indices)
        else []
    )


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
