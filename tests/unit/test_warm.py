"""Steps that a warm process runs: they are to their callers what they are alone, and nothing of it
outlives a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import palimpsest
from palimpsest.engine import warm
from palimpsest.engine.asking import VARIABLE

PROBE = '''
"""A step that tells where it finds itself, and ends as it is asked to."""
import json, os, signal, sys, time
from pathlib import Path


def add_arguments(parser):
    parser.add_argument("--output", type=Path)


def run(args):
    wanted = args.settings
    asked = signal.SIGINT, signal.SIGHUP, signal.SIGCHLD
    told = {
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "asked": os.environ.get("ASKED"),
        "temporary": __import__("tempfile").gettempdir(),
        "streams": [os.fstat(number).st_ino for number in (0, 1, 2)],
        "tokenizers": os.environ["TOKENIZERS_PARALLELISM"],
        "signals": [str(signal.getsignal(number)).split(" at ")[0] for number in asked],
    }
    known = {
        "warm": sys.modules["__main__"].__file__.endswith("warm.py"),
        "late": "colorsys" in sys.modules,
        "pid": os.getpid(),
        "parent": os.getppid(),
    }
    if args.output:
        args.output.write_text(json.dumps(told | known))
    print(json.dumps(told), flush=True)
    print("on the other stream", file=sys.stderr)
    import colorsys
    exec(compile(wanted.get("then", ""), "then", "exec"))
'''
WAITS = """
try:
    print("waits", flush=True)
    time.sleep(60)
finally:
    Path(wanted["left"]).write_text("cleaned up")
"""
ENDS = {
    "well": "",
    "a status": "sys.exit(3)",
    "a text": "sys.exit('no more')",
    "an object": "sys.exit([1, 2])",
    "at once": "os._exit(5)",
    "what is left to do": (
        "import atexit, threading\n"
        "atexit.register(print, 'at its end', file=sys.stderr)\n"
        "def wait(): time.sleep(0.5); print('a thread', file=sys.stderr)\n"
        "threading.Thread(target=wait).start()"
    ),
    "a traceback": "raise ValueError('so')",
    "what a user is told": "raise OSError(28, 'No space left on device', 'x')",
    "Ctrl-C": "raise KeyboardInterrupt",
    "a signal": "os.kill(os.getpid(), signal.SIGSEGV)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """The package with one step more."""
    folder = tmp_path_factory.mktemp("package") / "workflow"
    shutil.copytree(
        Path(palimpsest.__file__).parent,
        folder / "palimpsest",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "palimpsest/steps/probe_here.py").write_text(PROBE)
    steps = folder / "palimpsest/engine/cli.py"
    steps.write_text(steps.read_text().replace("STEPS = (", 'STEPS = (\n    "probe_here",'))
    return folder


def heard() -> None:
    """Signals that whoever runs the tests may have had ignored, as nohup and shells do in the
    background."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Runs:
    """Starts steps as a rule does, with or without the warm process."""

    def __init__(self, package: Path, folder: Path):
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if name != VARIABLE
        } | warm.ONE_THREAD
        self.environment |= {"PYTHONPATH": str(package), "ASKED": "yes"}
        code = (
            "import os, sys\nfrom palimpsest.engine import warm\np = warm.start()\n"
            "print(p.pid, os.environ[warm.VARIABLE], flush=True)\nsys.stdin.read()\nwarm.end(p)"
        )
        # A process that keeps a warm one, as Snakemake does.
        self.keeper = subprocess.Popen(
            [sys.executable, "-c", code],
            env=self.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=heard,
        )
        number, self.name = self.keeper.stdout.readline().split()
        self.process = psutil.Process(int(number))

    def start(
        self,
        then: str = "",
        is_warm: bool = True,
        environment: dict | None = None,
        prepare=None,
        **settings,
    ) -> subprocess.Popen:
        own = self.environment | ({VARIABLE: self.name} if is_warm else {}) | (environment or {})
        command = [
            sys.executable,
            "-m",
            "palimpsest",
            "probe_here",
            "--settings",
            json.dumps({"then": then, **settings}),
        ]
        command += ["--output", str(self.folder / "told.json")]

        def before() -> None:
            heard()
            prepare and prepare()

        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen(
            command, cwd=self.folder, env=own, text=True, preexec_fn=before, **streams
        )

    def told(self, *arguments, **options) -> dict:
        started = self.start(*arguments, **options)
        assert started.communicate(timeout=60) and started.returncode == 0
        return json.loads((self.folder / "told.json").read_text())

    def waiting(self, then: str = WAITS, **options) -> tuple[subprocess.Popen, psutil.Process]:
        """A step that waits: the process that asked for it, and that in which it runs."""
        started = self.start(then, left=str(self.folder / "left"), **options)
        while started.stdout.readline() != "waits\n":
            assert started.poll() is None
        return started, psutil.Process(json.loads((self.folder / "told.json").read_text())["pid"])

    def end(self) -> None:
        self.keeper.kill()
        self.keeper.wait()


@pytest.fixture
def runs(package, tmp_path):
    runs = Runs(package, tmp_path)
    yield runs
    runs.end()


def gone(process: psutil.Process) -> bool:
    """Whether it ends soon; a zombie has ended, and nobody has asked."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("ending", ENDS)
def test_a_step_is_to_its_caller_what_it_is_alone(runs, ending):
    """Status, both streams, folder, arguments, environment, signals; however it ends."""
    found = []
    for is_warm in (True, False):
        started = runs.start(ENDS[ending], is_warm)
        streams = [os.fstat(stream.fileno()).st_ino for stream in (started.stdout, started.stderr)]
        out, err = started.communicate(timeout=60)
        told = json.loads(out)
        assert told.pop("streams")[1:] == streams
        lines = [
            line for line in err.splitlines() if " took " not in line and not line.startswith("  ")
        ]
        found.append(
            (
                started.returncode,
                told,
                lines,
                json.loads((runs.folder / "told.json").read_text())["warm"],
            )
        )
    assert found[0][:3] == found[1][:3]
    assert [is_warm for *_, is_warm in found] == [True, False]


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_reaches_the_step_which_cleans_up(runs, number, status):
    started, _ = runs.waiting()
    started.send_signal(number)
    assert started.wait(timeout=20) == status
    assert (runs.folder / "left").read_text() == "cleaned up"


WRITES = """
from palimpsest.files import replacing, replacing_files
left = Path(wanted["left"])
with replacing(left / "table") as table, replacing_files(left / "model") as folder:
    table.write_text("half")
    (folder / "weights").write_text("half")
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
"""


@pytest.mark.parametrize("is_warm", [True, False])
def test_ctrl_c_is_one_line_and_leaves_nothing_half_written(runs, is_warm):
    left = runs.folder / "outputs"
    started = runs.start(WRITES, is_warm, left=str(left))
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert err == "on the other stream\npalimpsest probe_here: interrupted\n"
    assert [path.name for path in left.rglob("*")] == ["model"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_that_ends_a_step_ends_its_caller_by_the_same(runs, number):
    started, step = runs.waiting()
    started.send_signal(number)
    assert started.wait(timeout=20) == -number and gone(step)


def test_a_signal_that_comes_when_the_step_has_ended_changes_nothing(runs):
    started, step = runs.waiting(
        "print('waits', flush=True)\nwhile not Path('go').exists(): time.sleep(0.01)"
    )
    started.send_signal(signal.SIGSTOP)
    (runs.folder / "go").touch()
    assert gone(step)
    started.send_signal(signal.SIGTERM)
    started.send_signal(signal.SIGCONT)
    assert started.wait(timeout=20) == 0


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_a_signal_that_comes_before_the_step_is_obeyed(runs, number, status):
    """The warm process does not answer: whoever asks gives up, and ends as it would have alone."""
    runs.process.suspend()
    started = runs.start(WAITS, left=str(runs.folder / "left"))
    while psutil.Process(started.pid).status() != psutil.STATUS_SLEEPING:
        time.sleep(0.01)
    time.sleep(0.3)
    started.send_signal(number)
    assert started.wait(timeout=20) == status and not (runs.folder / "told.json").exists()
    runs.process.resume()


def test_a_signal_that_is_ignored_is_not_handed_on(runs):
    """As under nohup."""
    started, step = runs.waiting(prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    started.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert started.poll() is None and step.is_running()
    started.kill()


def test_streams_that_are_closed_are_none_of_the_step(runs):
    """Else it would hold the other end of its own line, and not see that its caller has gone."""
    started, step = runs.waiting(prepare=lambda: os.close(0))
    started.kill()
    assert gone(step)
    started = runs.start(prepare=lambda: os.close(2))
    assert started.communicate(timeout=60) and started.returncode == 0


def test_a_stopped_step_is_gone_with_all_of_its_run(runs):
    started, step = runs.waiting()
    started.send_signal(signal.SIGTSTP)
    while step.status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    runs.keeper.kill()
    started.kill()
    assert gone(step)


def test_a_step_whose_caller_is_killed_is_gone_too(runs):
    started, step = runs.waiting()
    assert step.pid != started.pid
    started.kill()
    assert gone(step) and not (runs.folder / "left").exists()


def test_a_stopped_caller_stops_its_step(runs):
    started, step = runs.waiting()
    caller = psutil.Process(started.pid)
    for number, status in (
        (signal.SIGTSTP, psutil.STATUS_STOPPED),
        (signal.SIGCONT, psutil.STATUS_SLEEPING),
    ):
        started.send_signal(number)
        until = time.monotonic() + 10
        while {step.status(), caller.status()} != {status} and time.monotonic() < until:
            time.sleep(0.01)
        assert step.status() == caller.status() == status
    started.kill()


@pytest.mark.parametrize(
    "environment",
    [
        {"ASKED": "no"},
        {"OMP_NUM_THREADS": "2"},
        {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
        {VARIABLE: "0"},
        {VARIABLE: "gone"},
    ],
)
def test_in_another_environment_a_step_computes_by_itself(runs, environment):
    assert runs.told()["warm"]
    assert not runs.told(environment=environment)["warm"]


@pytest.mark.parametrize("limit", ["umask 077", "ulimit -n 200", "nice -n 3"])
def test_under_other_limits_a_step_computes_by_itself(runs, limit):
    command = [
        sys.executable,
        "-m",
        "palimpsest",
        "probe_here",
        "--output",
        str(runs.folder / "told.json"),
    ]
    line = (
        f"{limit} {' '.join(command)}"
        if limit.startswith("nice")
        else f"{limit}; {' '.join(command)}"
    )
    subprocess.run(
        line,
        shell=True,
        cwd=runs.folder,
        env=runs.environment | {VARIABLE: runs.name},
        check=True,
        capture_output=True,
    )
    assert not json.loads((runs.folder / "told.json").read_text())["warm"]


def test_after_an_edit_of_the_code_a_step_computes_by_itself(runs, package):
    assert runs.told()["warm"]
    path = package / "palimpsest/errors.py"
    path.write_text(path.read_text() + "\n# a remark\n")
    assert not runs.told()["warm"]


def test_where_temporary_files_go_may_differ(runs):
    told = runs.told(environment={"TMPDIR": str(runs.folder)})
    assert told["warm"] and told["temporary"] == str(runs.folder)


@pytest.mark.parametrize("settings", [{"gpus": 1}, {"training": {"gpus": 1}}])
def test_a_gpu_is_not_asked_for_warm(runs, settings):
    assert not runs.told(**settings)["warm"] and runs.told(gpus=0)["warm"]


def test_another_version_of_the_code_is_not_served(runs, package, tmp_path):
    shutil.copytree(package, tmp_path / "workflow")
    assert not runs.told(environment={"PYTHONPATH": str(tmp_path / "workflow")})["warm"]


NOBODY = """
import os, sys
from palimpsest.engine import asking
os.setuid(65534)
print(asking.ask(["probe_here"]))
asking.same_user = lambda connection: True  # nor does the warm process serve whoever does not look
print(asking.ask(["probe_here"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_nobody_else_is_served(runs):
    own = runs.environment | {VARIABLE: runs.name}
    done = subprocess.run(
        [sys.executable, "-c", NOBODY],
        cwd=runs.folder,
        env=own,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["None", "None"], done.stderr
    assert runs.told()["warm"]


def test_what_a_step_imported_late_is_there_for_the_next(runs):
    assert not runs.told()["late"]
    assert runs.told()["late"]


def test_without_the_warm_process_a_step_goes_on_and_the_next_is_cold(runs):
    started, _ = runs.waiting(
        "print('waits', flush=True)\nwhile not Path('go').exists(): time.sleep(0.01)\nsys.exit(4)"
    )
    runs.process.kill()
    assert gone(runs.process)
    (runs.folder / "go").touch()
    assert started.wait(timeout=20) == 4
    assert not runs.told()["warm"]


def test_a_step_killed_when_nobody_can_say_so_counts_as_killed(runs):
    started, step = runs.waiting()
    runs.process.kill()
    assert gone(runs.process)
    step.kill()
    assert started.wait(timeout=20) == -signal.SIGKILL


@pytest.mark.parametrize("ends", ["well", "killed"])
def test_it_ends_with_its_run(runs, ends):
    assert runs.told()["warm"]
    runs.keeper.kill() if ends == "killed" else runs.keeper.stdin.close()
    runs.keeper.wait()
    assert gone(runs.process)


def test_a_library_with_a_thread_ends_it_and_steps_compute_by_themselves(runs, package):
    """A fork would have one thread and the locks of all."""
    threaded = package / "palimpsest/threaded.py"
    threaded.write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), "
        "daemon=True).start()\n"
    )
    assert not runs.told(uses="palimpsest.threaded")["warm"]
    assert gone(runs.process)
    assert not runs.told()["warm"]


def test_a_step_that_cannot_be_begun_is_computed_by_whoever_asks(runs, monkeypatch):
    """Its folder is gone before the warm process gets there."""
    runs.process.suspend()
    folder = runs.folder / "below"
    folder.mkdir()
    own = runs.environment | {VARIABLE: runs.name}
    command = [
        sys.executable,
        "-m",
        "palimpsest",
        "probe_here",
        "--output",
        str(runs.folder / "told.json"),
    ]
    started = subprocess.Popen(
        command, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(1)
    folder.rmdir()
    runs.process.resume()
    _, said = started.communicate(timeout=60)
    assert (
        "FileNotFoundError" in said
        and not (runs.folder / "told.json").exists()
        and started.returncode == 1
    )
    assert runs.told()["warm"]


def test_two_runs_do_not_share_one(runs, package, tmp_path):
    other = Runs(package, tmp_path)
    for one in (runs, other):
        assert one.told()["parent"] == one.process.pid
    other.end()
    assert gone(other.process) and runs.told()["warm"]


def test_it_stays_while_many_steps_come_and_go(runs):
    """Their ends and their callers' come in any order."""
    for _ in range(5):
        started = [runs.start() for _ in range(8)]
        assert [one.wait(timeout=60) for one in started] == [0] * 8
    assert runs.told()["warm"]


def test_requests_at_once_are_all_served(runs):
    started = [runs.start("sys.exit(wanted['number'])", number=number) for number in range(12)]
    assert [one.wait(timeout=60) for one in started] == list(range(12))
