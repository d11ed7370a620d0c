"""What the tests of faults share: a study as small as can be, what it left, and hands on its
processes and files."""

from __future__ import annotations

import ctypes
import os
import random
import re
import shutil
import subprocess
import time

import psutil

from harness import STUDY, Clone

SMALL = {
    "sharding": ["1x2"],
    "ledger": None,
    "requests": "latest",
    "methods": ["sisa_vote"],
    "groups": {},
    "fairness": {},
    "model": STUDY["model"]
    | {"config": {"n_layer": 1, "n_embd": 64, "n_head": 2, "resid_pdrop": 0.1}},
    "training": {"epochs": 20, "learning_rate": 0.001, "checkpoint_seconds": 1e-9},
}
TEACHERS = "results/tiny/seed1/teachers/1x2/1"
LAST = f"{TEACHERS}/2/r0"  # the second stage, which starts from the first
UPDATES = 143  # 20 epochs are 13 of 336 records in the second stage: 13 x 11 batches of 32


class Finished(Clone):
    """A study that ran undisturbed: what it left, what it ran, how long it took."""

    commands: list[list[str]]
    files: dict[str, str]
    seconds: float


def kept(clone: Clone) -> dict[str, str]:
    """File below results/ -> digest, of all but logs and what varies from run to run: how trainings
    ran, dates of certificates."""
    from palimpsest.files import file_digest

    found = {}
    for path in sorted(clone.path("results").rglob("*")):
        name = str(path.relative_to(clone.folder))
        if (
            path.is_file()
            and "/logs/" not in name
            and "/certificates/" not in name
            and path.name != "run.json"
        ):
            found[name] = file_digest(path)
    return found


def warm_process(started: subprocess.Popen) -> psutil.Process:
    """The process from which a run starts its steps."""
    (found,) = [
        one
        for one in psutil.Process(started.pid).children()
        if "palimpsest.engine.warm" in one.cmdline()
    ]
    return found


def running_in(clone: Clone) -> list[psutil.Process]:
    """All processes that work in the folder of a clone, and are no zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.cwd() == str(clone.folder.resolve())
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def nothing_runs(clone: Clone) -> bool:
    """Whether all that a run started has ended, or does soon: on a busy machine a process that
    imports takes long to see that its run is gone."""
    until = time.monotonic() + 60
    while running_in(clone) and time.monotonic() < until:
        time.sleep(0.05)
    return not running_in(clone)


def without_last_model(clone: Clone) -> Clone:
    """The target `teachers` has the last model to make, and nothing else."""
    shutil.rmtree(clone.path(LAST))
    return clone


def in_training(started: subprocess.Popen, clone: Clone, update: int) -> psutil.Process:
    """The job that trains the last model, once it has saved its state after ``update`` updates or
    more."""
    while True:
        states = [
            int(path.name[4:])
            for path in clone.path(f"{LAST}/resume").glob("step*")
            if path.suffix != ".part"
        ]
        if states and max(states) >= update:
            return next(one for one in jobs_of(started) if "train" in one.cmdline())
        assert started.poll() is None, "the run ended before"
        time.sleep(0.005)


def jobs_of(started: subprocess.Popen) -> list[psutil.Process]:
    """The processes of steps that a run has started."""
    found = []
    for process in psutil.Process(started.pid).children(recursive=True):
        try:
            if process.cmdline()[1:3] == ["-m", "palimpsest"]:
                found.append(process)
        except psutil.Error:
            continue  # it has just ended
    return found


def said_by_last(clone: Clone) -> str:
    return clone.path("results/tiny/logs/train/seed1/teachers/1x2/1/2/r0.log").read_text()


def goes_on_after(clone: Clone) -> int:
    return int(re.search(r"training goes on after update (\d+)", said_by_last(clone))[1])


def flipped(whole: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(whole))
    return whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]


def obey_permissions() -> None:
    """Take the right to write anywhere from root, before a program starts (PR_CAPBSET_DROP,
    CAP_DAC_OVERRIDE)."""
    if os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(24, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
