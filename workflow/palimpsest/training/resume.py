"""Checkpoints inside one training, so that a job that is killed goes on to the same bits. Safetensors only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, load_model, save_file, save_model


def save_state(folder: Path, step: int, fingerprint: str, model, optimizer, totals: dict) -> None:
    """Write the state after ``step`` updates into ``folder``; older states go once the new one is whole."""
    whole, part = folder / f"step{step}", folder / f"step{step}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_model(model, str(part / "model.safetensors"))
    state = optimizer.state_dict()["state"]
    tensors = {f"{index}.{name}": value.contiguous() for index, entry in state.items() for name, value in entry.items()}
    save_file(tensors, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps({"step": step, "fingerprint": fingerprint, "totals": totals}))
    part.rename(whole)
    for other in folder.iterdir():
        if other != whole:
            shutil.rmtree(other)


def load_state(folder: Path, fingerprint: str, model, optimizer) -> tuple[int, dict]:
    """(updates done, totals) of the newest whole state made under ``fingerprint``; (0, {}) where there is none."""
    for whole in sorted(folder.glob("step*"), key=lambda path: path.stat().st_mtime, reverse=True):
        if whole.suffix == ".part" or not (whole / "state.json").is_file():
            continue
        state = json.loads((whole / "state.json").read_text())
        if state["fingerprint"] != fingerprint:
            continue
        load_model(model, str(whole / "model.safetensors"))
        saved = optimizer.state_dict()
        entries: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in load_file(whole / "optimizer.safetensors").items():
            index, name = key.split(".", 1)
            entries.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": entries, "param_groups": saved["param_groups"]})
        return state["step"], state["totals"]
    return 0, {}
