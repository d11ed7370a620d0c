"""Notes which definitions of the package a step runs: put on the path as `sitecustomize`, it starts
before the step does.

What runs while a module is imported makes constants, and counts where these do.
"""

import atexit
import json
import os
import sys
import threading

if "PALIMPSEST_TRACE" in os.environ:
    PACKAGE, ran, importing, frame = os.environ["PALIMPSEST_PACKAGE"], set(), [0], sys._getframe()
    while frame:  # this module is being imported, and so is who imports it
        importing[0] += frame.f_code.co_name == "<module>"
        frame = frame.f_back

    def note(frame, event, _):
        code = frame.f_code
        if (
            code.co_name == "<module>"
            and event in ("call", "return")
            and frame.f_globals.get("__name__") != "__main__"
        ):
            importing[0] += 1 if event == "call" else -1
        elif event == "call" and not importing[0] and code.co_filename.startswith(PACKAGE):
            ran.add((code.co_filename, code.co_firstlineno))

    def write():
        sys.setprofile(None)
        with open(os.environ["PALIMPSEST_TRACE"], "w") as file:
            json.dump(sorted(ran), file)

    atexit.register(write)
    threading.setprofile(note)
    sys.setprofile(note)
