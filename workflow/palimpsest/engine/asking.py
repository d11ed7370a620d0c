"""Ask the run's warm process (warm.py) to run a step, and act as that step to the caller. Every job
imports this module, so it imports little."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress

# the name of the socket of the run's warm process; 0: steps run in their own process
VARIABLE = "PALIMPSEST_WARM"
HANDED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def interrupted(arguments: list[str]) -> int:
    """Say that somebody pressed Ctrl-C; the exit status. What was half written is removed by then,
    and no traceback would tell more."""
    name = next((one for one in arguments if not one.startswith("-")), "")
    print(f"palimpsest {name}".rstrip() + ": interrupted", file=sys.stderr)
    return INTERRUPTED


def ask(arguments: list[str]) -> int | None:
    """Exit status of a step that the warm process ran in this one's place; None where this process
    must run it.

    That is so by hand and on a cluster, on a GPU, which does not survive a fork, and where the warm
    process is gone, refuses (it was started in another environment), or has threads. If a signal
    ended the step, the same signal ends this process.
    """
    name = os.environ.get(VARIABLE, "0")
    if name == "0" or _gpus(arguments):
        return None
    _open_standard_streams()
    numbers = [getattr(signal, name) for name in HANDED_ON if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    came: list[int] = []  # signals that came before the step was started
    with socket.socket(socket.AF_UNIX) as connection:

        def give_up(number: int, _) -> None:
            came.append(number)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        before = {number: signal.signal(number, give_up) for number in numbers}
        try:
            step = None if came else _begun(connection, name, arguments)
            if step is None:
                return None
            for number in numbers:
                signal.signal(number, lambda number, _: _hand_on(step, number))
            before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, lambda *_: _pause(step))
            for number in came:
                _hand_on(step, number)
            came.clear()
            code, killed_by = _ended(connection)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for number in came:
                os.kill(os.getpid(), number)
    if killed_by is not None:
        if killed_by != signal.SIGKILL:
            signal.signal(killed_by, signal.SIG_DFL)
        os.kill(os.getpid(), killed_by)
    return code


def _begun(connection: socket.socket, name: str, arguments: list[str]) -> int | None:
    """Id of the process of the step, which has this one's folder and standard streams; None where
    this process must run it."""
    try:
        request = {
            "arguments": arguments,
            "folder": os.getcwd(),
            "environment": dict(os.environ),
            "same": [code(), limits()],
        }
        body = json.dumps(request).encode()
        connection.connect(address(name))
        if not same_user(connection):
            return None
        socket.send_fds(connection, [len(body).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(body)
        answer = json.loads(_line(connection) or "null")
        # else the step did not start
        return answer if isinstance(answer, int) else None
    except OSError:
        return None


def _ended(connection: socket.socket) -> tuple[int, int | None]:
    """(exit status, the signal that ended the step or None). Without an answer it counts as
    killed."""
    try:
        answer = _line(connection)
    except OSError:
        answer = b""
    return tuple(json.loads(answer)) if answer else (1, signal.SIGKILL)


def _line(connection: socket.socket) -> bytes:
    """Read one line and no more; empty where the other side closed before its end."""
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        line += byte
    return line


def _hand_on(step: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(step, number)


def _pause(step: int) -> None:
    """Ctrl-Z: stop both, and go on with both."""
    _hand_on(step, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    _hand_on(step, signal.SIGCONT)


def _open_standard_streams() -> None:
    """Open those that are closed: else the next file that is opened, the connection, would take
    their number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _gpus(arguments: list[str]) -> int:
    """How many GPUs a step asks for."""
    try:
        settings = json.loads(settings_of(arguments) or "{}")
        return settings.get("gpus", 0) or settings.get("training", {}).get("gpus", 0)
    except (ValueError, AttributeError):
        return 0  # the step says what is wrong with them


def address(name: str) -> str:
    """Of an abstract socket, which is no file (Linux alone) and vanishes with its last process."""
    return f"\0palimpsest-{name}"


def same_user(connection: socket.socket) -> bool:
    """Whether the process on the other side is this user's: anybody may connect to such a socket,
    or take the name of one that is gone."""
    _, user, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return user == os.geteuid()


def settings_of(arguments: list[str]) -> str:
    """The settings that a step is given, as JSON; "" where it has none."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == "--settings" or argument.startswith("--settings="):
            return following if argument == "--settings" else argument.partition("=")[2]
    return ""


def modules_named(settings: str) -> list[str]:
    """Modules of this package that the settings of a step (JSON) name and so the step imports."""
    return sorted(set(re.findall(r'"(palimpsest(?:\.\w+)+)"', settings)))


def code() -> list[str]:
    """What would run here: the interpreter with its packages, and the folder of this package."""
    return [sys.prefix, sys.version, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]


def limits() -> list:
    """File mode mask, resource limits, niceness and processors of this process: a step must have
    those of the process that asks for it."""
    mask = os.umask(0)
    os.umask(mask)
    allowed = [
        list(resource.getrlimit(getattr(resource, name)))
        for name in sorted(dir(resource))
        if name.startswith("RLIMIT_")
    ]
    return [mask, allowed, os.nice(0), sorted(os.sched_getaffinity(0))]
