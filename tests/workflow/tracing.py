"""Notes what a process runs of the package, and what it takes of its modules: beside the package as
`sitecustomize`, it starts before a step does, in the run's warm process too.

What runs while a module is imported makes constants, and counts where these do.
"""

import atexit
import json
import os
import sys
import threading
import types
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE, TRACES = f"{HERE}/palimpsest/", HERE.parent / "traces"
seen, ran, taken, importing = {}, set(), set(), [0]


class Watched(types.ModuleType):
    def __getattribute__(self, name):
        if not importing[0]:
            taken.add((super().__getattribute__("__name__"), name))
        return super().__getattribute__(name)


def note(frame, event, _):
    code = frame.f_code
    if code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
        importing[0] += 1
        frame.f_trace_lines = False
        return imported
    if not importing[0] and id(code) not in seen:
        seen[id(code)] = code
        if code.co_filename.startswith(PACKAGE):
            ran.add((frame.f_globals["__name__"], code.co_qualname, code.co_firstlineno))


def imported(frame, event, _):
    if event == "return":
        importing[0] -= 1
        if frame.f_code.co_filename.startswith(PACKAGE):
            sys.modules[frame.f_globals["__name__"]].__class__ = Watched
    return imported


def write():
    sys.settrace(None)
    TRACES.mkdir(exist_ok=True)
    noted = {"command": sys.argv[1:], "ran": sorted(ran), "taken": sorted(taken)}
    (TRACES / f"{os.getpid()}.json").write_text(json.dumps(noted))


atexit.register(write)
threading.settrace(note)
sys.settrace(note)
