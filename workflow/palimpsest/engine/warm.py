"""A process that has imported already, from which a run on one machine starts its steps.

Most steps of a small study compute for less time than Python takes to import torch. So a run keeps one process that imports what a step
needs, once, and forks for each step; what a step had to import beyond that, the process imports as well, for the next one. It serves
``python -m palimpsest STEP`` (asking.py) at a socket: of its own user, and in the environment that it was started in, for libraries read
theirs as they load. A step in any other computes by itself.

It ends when its standard input does, which the run holds, however that ends. The steps that it forked do not hang on it: should it die,
they go on, and the next ones compute by themselves.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from pathlib import Path

from palimpsest.engine.asking import VARIABLE, address, code, modules_named, same_user

# Of one thread each, as the steps that it serves: a pool of threads does not survive a fork. What Snakemake sets for its jobs.
ONE_THREAD = dict.fromkeys(
    (f"{name}_THREADS" for name in ("OMP_NUM", "GOTO_NUM", "OPENBLAS_NUM", "MKL_NUM", "VECLIB_MAXIMUM", "NUMEXPR_NUM")), "1"
)  # fmt: skip
# What the shell sets for each command, and where temporary files go, which Python asks when it makes one.
PASSING = ("_", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "TMP", "TEMP", "TEMPDIR")
PATIENCE = 10.0  # seconds for a request to arrive
MOST = 1 << 20  # bytes of the names of modules


def start() -> subprocess.Popen | None:
    """Start a warm process, which serves the processes that this one starts from now on; None where the system is not Linux.

    To end it, close its standard input.
    """
    if sys.platform != "linux":
        return None
    name = secrets.token_hex(8)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address(name))
        listening.listen(1024)
        os.environ[VARIABLE] = name
        # In a session of its own: what is sent to all of the run reaches a step through the one that asked for it, once.
        return subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(listening.fileno())], pass_fds=[listening.fileno()], start_new_session=True,
            env=os.environ | ONE_THREAD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip


def end(process: subprocess.Popen) -> None:
    process.stdin.close()
    process.wait()


class Warm:
    """Serves at a socket, which is listened to."""

    def __init__(self, listening: socket.socket):
        self.listening, self.selector = listening, selectors.DefaultSelector()
        self.environment = dict(os.environ)
        os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # of an allocator that pyarrow loads, and does not use
        self.asking: dict[int, socket.socket] = {}  # by the process that was forked for it
        self.learnt: dict[str, list[str]] = {}  # step -> modules that it had to import, in their order
        self.told, self.tell = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.tell.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
        self.ended, wake = os.pipe()
        os.set_blocking(self.ended, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until standard input ends."""
        gc.disable()  # what is imported stays
        for file, answer in ((0, None), (self.listening, self.accept), (self.told, self.learn), (self.ended, self.reap)):
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
        if request and request["arguments"] and self._same(request):
            for name in (*needed(request["arguments"]), *self.learnt.pop(request["arguments"][0], [])):
                with suppress(Exception):  # the step says what does not import; and some modules are made by others, and have no file
                    importlib.import_module(name)
            _check_threads()
            gc.freeze()  # what is there is looked through no more, and so stays shared
            process = os.fork()
            if not process:
                self._become(connection, request, files)
            self.asking[process] = connection
        else:
            connection.close()
        for file in files:
            os.close(file)

    def _same(self, request: dict) -> bool:
        """Whether a step would find here what it finds where it was asked for."""
        theirs, own = ({k: v for k, v in one.items() if k not in PASSING} for one in (request["environment"], self.environment))
        return theirs == own and request["code"] == code()

    def reap(self) -> None:
        """Tell of steps that a signal ended; any other has told its exit status itself."""
        with suppress(BlockingIOError):
            os.read(self.ended, 1 << 16)
        while self.asking:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            with self.asking.pop(process) as connection, suppress(OSError):
                if os.WIFSIGNALED(status):
                    _say(connection, [1, os.WTERMSIG(status)])

    def learn(self) -> None:
        """What a step had to import is imported before the next one of its kind."""
        step, *names = self.told.recv(MOST).decode().split()
        self.learnt[step] = names

    # --- in the process that was forked ---------------------------------------------------------------------------

    def _become(self, connection: socket.socket, request: dict, files: list[int]) -> None:
        """Be the step; does not return."""
        try:
            gc.enable()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (self.selector, self.listening, self.told, *self.asking.values()):
                one.close()
            for standard, file in enumerate(files):
                os.dup2(file, standard)
                os.close(file)
            os.chdir(request["folder"])
            for name in PASSING:
                if name in request["environment"]:
                    os.environ[name] = request["environment"][name]
            tempfile.tempdir = None
            sys.argv[:] = [f"{code()[-1]}/__main__.py", *request["arguments"]]
            known = set(sys.modules)
            _say(connection, os.getpid())
            threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
            status = _status(request["arguments"])
            late = [name for name in list(sys.modules) if name not in known]
            with suppress(OSError):
                self.tell.send(" ".join([request["arguments"][0], *late]).encode(), socket.MSG_DONTWAIT)
            with suppress(OSError):
                _say(connection, [status, None])
            os._exit(status)  # the interpreter's own end would take all apart that is shared
        finally:
            os._exit(1)


def needed(arguments: list[str]) -> list[str]:
    """Modules that a step comes to: what tables need, itself, and those of this package that its settings name."""
    settings = arguments[arguments.index("--settings") + 1] if "--settings" in arguments[:-1] else ""
    return ["palimpsest.cli", "pandas", "pyarrow.parquet", f"palimpsest.steps.{arguments[0]}", *modules_named(settings)]


def _status(arguments: list[str]) -> int:
    """The exit status of a step, after all that Python does as a program ends."""
    from palimpsest.cli import program

    try:
        return program(arguments, started=", started warm,")
    except SystemExit as ending:
        if isinstance(ending.code, str):
            print(ending.code, file=sys.stderr)
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()


def _end_with(connection: socket.socket) -> None:
    """End this process once the one that asked for it is gone."""
    with suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _received(connection: socket.socket) -> tuple[dict, list[int]]:
    """A request, and the standard streams of the process that asks."""
    connection.settimeout(PATIENCE)
    head, files, *_ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as body:
        request = json.loads(body.read(int.from_bytes(head, "big")))
    connection.settimeout(None)
    return request, files


def _say(connection: socket.socket, answer: object) -> None:
    connection.sendall(json.dumps(answer).encode() + b"\n")


def _check_threads() -> None:
    """A fork has one thread, whatever its parent had: then this process is of no use, and ends."""
    tasks = Path("/proc/self/task")
    if threading.active_count() > 1 or (tasks.is_dir() and len(list(tasks.iterdir())) > 1):
        raise RuntimeError("a library started a thread while it was imported; steps compute by themselves from here on")


if __name__ == "__main__":
    given = socket.socket(fileno=int(sys.argv[1]))
    given.set_inheritable(False)
    Warm(given).serve()
