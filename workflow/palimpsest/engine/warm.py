"""A process with all imports done, from which a run on one machine starts its steps.

Most steps of a small study compute for less time than Python takes to import torch. So a run keeps
one process that imports what a step needs, once, and forks for each step; what a step had to import
beyond that, the process imports as well, for the next one. It serves ``python -m palimpsest STEP``
(asking.py) at a socket: of the same user only, and in the environment that it was started in only,
as libraries read theirs when they load. A step in any other runs in its own process.

It ends when its standard input is closed, which the run holds open: so also when the run is killed.
The steps that it forked do not depend on it: should it die, they go on, and the next ones run in
their own processes.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import logging
import os
import resource
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from pathlib import Path

from palimpsest.engine.asking import (
    VARIABLE,
    address,
    code,
    interrupted,
    limits,
    modules_named,
    same_user,
    settings_of,
)
from palimpsest.engine.environment import escape_output, settle

# One thread for each library, as in the steps that it serves, since a thread pool does not survive
# a fork: the variables that Snakemake sets for its jobs.
ONE_THREAD = dict.fromkeys(
    (
        f"{name}_THREADS"
        for name in (
            "OMP_NUM",
            "GOTO_NUM",
            "OPENBLAS_NUM",
            "MKL_NUM",
            "VECLIB_MAXIMUM",
            "NUMEXPR_NUM",
        )
    ),
    "1",
)
# Variables that may differ: those that the shell sets for each command, and the folder of temporary
# files, which Python looks up when it makes one.
PASSING = ("_", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "TMP", "TEMP", "TEMPDIR")
# of an allocator that pyarrow loads, and does not use
OF_ALLOCATOR = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
PATIENCE = 2.0  # seconds for a request to arrive
MOST = 1 << 20  # bytes of the names of modules


def start() -> subprocess.Popen | None:
    """Start a warm process, which serves the processes that this one starts from now on; None where
    the system is not Linux.

    To end it, close its standard input.
    """
    if sys.platform != "linux":
        return None
    name = secrets.token_hex(8)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address(name))
        listening.listen(1024)
        os.environ[VARIABLE] = name
        environment = os.environ | ONE_THREAD
        settle(environment)
        # In a session of its own: a signal to the whole run reaches a step once, through the
        # process that asked for it.
        return subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            start_new_session=True,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if sys.stderr else subprocess.DEVNULL,
        )


def end(process: subprocess.Popen) -> None:
    process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:  # somebody has stopped it
        process.kill()
        process.wait()


class Warm:
    """Serves at a socket that is listening."""

    def __init__(self, listening: socket.socket):
        self.listening, self.selector = listening, selectors.DefaultSelector()
        self.environment, self.same = dict(os.environ), [code(), limits()]
        os.environ.update(OF_ALLOCATOR)
        self.asking: dict[int, socket.socket] = {}  # by the process that was forked for it
        self.streams = os.dup(1), os.dup(2)
        self.sources: dict[str, tuple[int, int]] = {}  # as they were when they were imported
        # step -> modules that it had to import, in their order
        self.learnt: dict[str, list[str]] = {}
        self.imports, self.report = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.report.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
        self.ended, wake = os.pipe()
        os.set_blocking(self.ended, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until standard input ends."""
        gc.disable()  # what is imported stays
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a step is ready to be interrupted
        for file, answer in (
            (0, None),
            (self.listening, self.accept),
            (self.imports, self.learn),
            (self.ended, self.reap),
        ):
            self.selector.register(file, selectors.EVENT_READ, answer)
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                key.data()

    def accept(self) -> None:
        """Fork for what is asked, with the modules of its step imported."""
        connection, _ = self.listening.accept()
        try:
            request, files = _received(connection) if same_user(connection) else (None, [])
        except (OSError, ValueError):  # it went away
            request, files = None, []
        process = (
            self._fork(connection, request, files) if request and self._same(request) else None
        )
        for file in files:
            os.close(file)
        if process is None:
            connection.close()
        else:
            self.asking[process] = connection
            self.selector.register(connection, selectors.EVENT_READ, lambda: self.drop(process))

    def _fork(self, connection: socket.socket, request: dict, files: list[int]) -> int | None:
        """Id of the process of a step; None where there can be none. Imports print to the streams
        of the step."""
        for standard in (1, 2):
            os.dup2(files[standard], standard)
        try:
            for name in (
                *needed(request["arguments"]),
                *self.learnt.pop(request["arguments"][0], []),
            ):
                # the step itself reports what cannot be imported; and some modules are made by
                # others and have no file
                with suppress(Exception):
                    importlib.import_module(name)
            if self._edited():
                return None
            _check_threads()
            gc.freeze()  # the collector visits these objects no more, so their memory stays shared
            process = os.fork()
            if not process:
                self._become(connection, request, files)
            return process
        except OSError:  # too many processes
            return None
        finally:
            sys.stderr.flush()
            for standard, file in zip((1, 2), self.streams, strict=True):
                os.dup2(file, standard)

    def _same(self, request: dict) -> bool:
        """Whether a step would have the same environment here as in the process that asks for
        it."""
        asked, here = (
            {k: v for k, v in one.items() if k not in PASSING}
            for one in (request["environment"], self.environment)
        )
        return bool(request["arguments"]) and asked == here and request["same"] == self.same

    def _edited(self) -> bool:
        """Whether a file of this package changed since it was imported: a step must run the code
        that is there when it starts."""
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] == __package__.split(".")[0] and getattr(
                module, "__file__", None
            ):
                status = os.stat(module.__file__)
                stamp = status.st_mtime_ns, status.st_size
                if self.sources.setdefault(name, stamp) != stamp:
                    return True
        return False

    def drop(self, process: int) -> None:
        """End a step that nobody waits for any more, even one that is stopped."""
        if process in self.asking:  # else it was reaped in the meantime
            self.selector.unregister(self.asking[process])
            os.kill(process, signal.SIGKILL)

    def reap(self) -> None:
        """Report how steps ended; one that ran to its end has reported it itself, which is read
        first."""
        with suppress(BlockingIOError):
            os.read(self.ended, 1 << 16)
        while self.asking:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            with self.asking.pop(process) as connection:
                with suppress(KeyError):
                    self.selector.unregister(connection)
                with suppress(OSError):
                    _say(
                        connection,
                        [1, os.WTERMSIG(status)]
                        if os.WIFSIGNALED(status)
                        else [os.WEXITSTATUS(status), None],
                    )

    def learn(self) -> None:
        """What a step had to import is imported before the next one of its kind."""
        step, *names = self.imports.recv(MOST).decode().split(" ")
        self.learnt[step] = names

    # --- in the process that was forked -----------------------------------------------------------

    def _become(self, connection: socket.socket, request: dict, files: list[int]) -> None:
        """Run as the step; does not return."""
        try:
            gc.enable()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (self.selector, self.listening, self.imports, *self.asking.values()):
                one.close()
            _wake_with_parent()
            for standard, file in enumerate(files):
                os.dup2(file, standard)
                os.close(file)
            for file in self.streams:
                os.close(file)
            os.chdir(request["folder"])
            for name in (*PASSING, *OF_ALLOCATOR):
                os.environ.pop(name, None)
                if name in request["environment"]:
                    os.environ[name] = request["environment"][name]
            tempfile.tempdir = None
            # folders that the warm process made, as matplotlib does, are its own to remove
            atexit.unregister(shutil.rmtree)
            if not sys.flags.safe_path:  # else the working directory is not among them
                sys.path[0] = request["folder"]
            sys.argv[:] = [f"{code()[-1]}/__main__.py", *request["arguments"]]
            imported = set(sys.modules)
            _say(connection, os.getpid())
            threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
            status = _status(request["arguments"])
            late = [name for name in list(sys.modules) if name not in imported]
            with suppress(OSError):
                self.report.send(
                    " ".join([request["arguments"][0], *late]).encode(), socket.MSG_DONTWAIT
                )
            with suppress(OSError):
                _say(connection, [status, None])
            os._exit(status)  # a normal exit would touch, and so copy, all shared memory
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)


def needed(arguments: list[str]) -> list[str]:
    """Modules that a step needs: those for tables, its own, and those of this package that its
    settings name."""
    named = modules_named(settings_of(arguments))
    return [
        "palimpsest.engine.cli",
        "pandas",
        "pyarrow.parquet",
        f"palimpsest.steps.{arguments[0]}",
        *named,
    ]


def _status(arguments: list[str]) -> int:
    """Run a step, then all that Python does at exit; its exit status."""
    from palimpsest.engine.cli import program

    had = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    try:
        try:
            if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            return program(arguments, started=f", started warm with {had:.0f} MB,")
        finally:
            threading._shutdown()  # waits for threads; multiprocessing ends its processes so, too
            atexit._run_exitfuncs()
    except SystemExit as ending:
        if ending.code is not None and not isinstance(ending.code, int):
            print(ending.code, file=sys.stderr)
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except KeyboardInterrupt:
        return interrupted(arguments)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()


def _wake_with_parent() -> None:
    """A step that is stopped goes on when the warm process ends, to see whether anybody waits for
    it (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGCONT)


def _end_with(connection: socket.socket) -> None:
    """End this process once the one that asked for it is gone."""
    with suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _received(connection: socket.socket) -> tuple[dict, list[int]]:
    """A request, and the standard streams of the process that asks."""
    connection.settimeout(PATIENCE)
    head, files, *_ = socket.recv_fds(connection, 8, 3)
    if len(files) != 3:
        raise ValueError("a request comes with three streams")
    with connection.makefile("rb") as body:
        request = json.loads(body.read(int.from_bytes(head, "big")))
    connection.settimeout(None)
    return request, files


def _say(connection: socket.socket, answer: object) -> None:
    connection.sendall(json.dumps(answer).encode() + b"\n")


def _check_threads() -> None:
    """End this process if it has several threads: it is of no use, as a fork has only one of
    them."""
    tasks = Path("/proc/self/task")
    if threading.active_count() > 1 or (tasks.is_dir() and len(list(tasks.iterdir())) > 1):
        raise RuntimeError(
            "a library started a thread while it was imported; steps compute by themselves from "
            "here on"
        )


if __name__ == "__main__":
    escape_output()
    given = socket.socket(fileno=int(sys.argv[1]))
    given.set_inheritable(False)
    Warm(given).serve()
