"""Checkpoints inside one training, so that a job that is killed goes on to the same bits.
Safetensors only."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, load_model, save_file, save_model

from palimpsest.files import file_digests, naming
from palimpsest.training.settings import Computing


def add_arguments(parser) -> None:
    """Arguments of a step that trains, and goes on from a state that it saved."""
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=Computing.checkpoint_seconds,
        help="how often the state is saved, to resume from",
    )
    parser.add_argument(
        "--code",
        required=True,
        help="digest of the code: a state saved by other code would not lead to the same bits",
    )


def save_state(folder: Path, step: int, fingerprint: str, model, optimizer, totals: dict) -> None:
    """Write the state after ``step`` updates into ``folder``. The newest one before it stays,
    should this one turn out ruined."""
    whole, part = folder / f"step{step}", folder / f"step{step}.part"
    shutil.rmtree(part, ignore_errors=True)
    with naming(whole):
        part.mkdir(parents=True)
        save_model(model, str(part / "model.safetensors"))
        state = optimizer.state_dict()["state"]
        tensors = {
            f"{index}.{name}": value.contiguous()
            for index, entry in state.items()
            for name, value in entry.items()
        }
        save_file(tensors, part / "optimizer.safetensors")
        (part / "state.json").write_text(
            json.dumps({"step": step, "fingerprint": fingerprint, "totals": totals}),
            encoding="utf-8",
        )
        (part / "digests.json").write_text(json.dumps(file_digests(part)), encoding="utf-8")
        shutil.rmtree(whole, ignore_errors=True)  # a damaged one
        part.rename(whole)
    for other in (*_states(folder)[2:], *folder.glob("*.part")):
        shutil.rmtree(other)


def drop_state(folder: Path, step: int) -> int | None:
    """Remove the state after ``step`` updates, if there is one: its weights are ruined. Returns the
    step of the newest one left."""
    shutil.rmtree(folder / f"step{step}", ignore_errors=True)
    return next((_step(path) for path in _states(folder)), None)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step"))


def _states(folder: Path) -> list[Path]:
    """The newest first."""
    return sorted(
        (path for path in folder.glob("step*") if path.suffix != ".part"), key=_step, reverse=True
    )


def load_state(folder: Path, fingerprint: str, model, optimizer) -> tuple[int, dict]:
    """(updates done, totals) of the newest whole state made under ``fingerprint``; (0, {}) where
    there is none.

    A state that is not what was written is passed over: an earlier one, or none, leads to the same
    bits.
    """
    for whole in _states(folder):
        try:
            written = json.loads((whole / "digests.json").read_text(encoding="utf-8"))
            if {
                name: digest
                for name, digest in file_digests(whole).items()
                if name != "digests.json"
            } != written:
                raise ValueError("other bytes than were written")
        except (OSError, ValueError) as error:
            logging.warning("%s is damaged (%s) and not used", whole, error)
            continue
        state = json.loads((whole / "state.json").read_text(encoding="utf-8"))
        if state["fingerprint"] != fingerprint:
            continue
        load_model(model, str(whole / "model.safetensors"))
        saved = optimizer.state_dict()
        entries: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in load_file(whole / "optimizer.safetensors").items():
            index, name = key.split(".", 1)
            entries.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": entries, "param_groups": saved["param_groups"]})
        logging.info("training goes on after update %d, from %s", state["step"], whole)
        return state["step"], state["totals"]
    return 0, {}
