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

from palimpsest.errors import Problem, UserError
from palimpsest.randomness import seed_of
from palimpsest.training.batches import epoch_batches
from palimpsest.training.progress import Progress
from palimpsest.training.resume import load_state, save_state
from palimpsest.training.schedule import learning_rate

CURVE_POINTS = 100


def train(
    model: torch.nn.Module,
    examples,
    loss: Callable[[torch.nn.Module, dict], torch.Tensor],
    settings: dict,
    epochs: int,
    names: tuple,
    resume: Path,
    fingerprint: str,
) -> tuple[torch.nn.Module, dict]:
    """Train ``model`` on ``examples`` for ``epochs`` and return it with what it took.

    loss(model, batch) is a sum; it is divided by the number counted in the whole batch, over all micro-batches and processes.
    names key every draw: the order of examples, and dropout, which is seeded anew at each update; so a run that is resumed at any
    update ends in the same bits. settings is the study's `training` section. The report holds steps, tokens, examples, seconds,
    peak memory in MB and the loss curve as [update, loss in nats] pairs.
    """
    torch.set_num_threads(settings["threads"])
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # for finding bugs; costs some per cent and changes no result
    accelerator = Accelerator(mixed_precision=settings["precision"], cpu=settings["gpus"] == 0)
    optimizer = torch.optim.AdamW(_parameter_groups(model, settings["weight_decay"]), lr=settings["learning_rate"], fused=True)
    done, totals = load_state(resume, fingerprint, model, optimizer)
    totals = totals or {"tokens": 0, "examples": 0, "seconds": 0.0, "curve": []}
    model, optimizer = accelerator.prepare(model, optimizer)
    model.train()

    lengths, counted = examples.lengths, examples.counted
    per_epoch = math.ceil(len(lengths) / settings["batch_size"])
    steps = epochs * per_epoch
    keep_every = max(1, steps // CURVE_POINTS)
    progress = Progress(steps, start=done)
    began = saved = time.monotonic()
    before = totals["seconds"]
    for step in range(done, steps):
        if step == done or step % per_epoch == 0:
            batches = epoch_batches(lengths, settings["batch_size"], *names, "order", step // per_epoch)
        batch = batches[step % per_epoch]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, settings["learning_rate"], settings["warmup_share"])
        value = _update(accelerator, model, optimizer, examples, batch, counted[batch].sum(), loss, settings, (*names, step))
        if not math.isfinite(value):
            raise UserError(Problem(f"the loss is not finite at update {step + 1}", "training", str(value), remedy="lower learning_rate"))
        totals["tokens"] += int(lengths[batch].sum())
        totals["examples"] += len(batch)
        totals["seconds"] = before + time.monotonic() - began
        if step % keep_every == 0 or step + 1 == steps:
            totals["curve"].append([step + 1, round(value, 6)])
        progress.update(step + 1, value, int(lengths[batch].sum()))
        if time.monotonic() - saved >= settings["checkpoint_seconds"] and accelerator.is_main_process:
            save_state(resume, step + 1, fingerprint, accelerator.unwrap_model(model), optimizer, totals)
            saved = time.monotonic()
    progress.close()
    report = totals | {"steps": steps, "device": str(accelerator.device), "peak_mb": _peak_mb(accelerator.device)}
    return accelerator.unwrap_model(model), report


def _update(accelerator, model, optimizer, examples, batch, counted, loss, settings, names) -> float:
    """One update on ``batch``; returns its loss in nats, per counted item."""
    torch.manual_seed(seed_of(*names, accelerator.process_index))
    mine = batch[accelerator.process_index :: accelerator.num_processes]
    micro = settings["micro_batch_size"] or max(len(mine), 1)
    total = torch.zeros((), device=accelerator.device)
    for part in np.array_split(mine, math.ceil(len(mine) / micro)) if len(mine) else []:
        inputs = {key: value.to(accelerator.device) for key, value in examples.batch(part).items()}
        summed = loss(model, inputs)
        # Processes average their gradients, so each scales its share back up.
        accelerator.backward(summed * (accelerator.num_processes / counted))
        total += summed.detach()
    accelerator.clip_grad_norm_(model.parameters(), settings["clip_norm"])
    optimizer.step()
    optimizer.zero_grad()
    return float(accelerator.reduce(total, "sum")) / float(counted)


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
