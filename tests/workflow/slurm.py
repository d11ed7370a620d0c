"""A real Slurm of one node on this machine: its daemons run in a folder, as the present user, and
end with the test.

The packages of Debian and Ubuntu are enough: slurmctld slurmd slurm-client munge. No cgroups, no
accounting, nothing below /etc. Memory is watched by polling, and a job that takes more than it
asked for is killed.
"""

from __future__ import annotations

import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])  # of daemons
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=1,sched_interval=2
MpiDefault=none
ReturnToService=2
MinJobAge=36000
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE
"""


def missing() -> list[str]:
    """The programs that a cluster needs and this machine has not."""
    return [name for name in PROGRAMS if not shutil.which(name, path=PLACES)]


class Slurm:
    """A cluster whose files lie in ``folder``; up between `with` and its end. ``variables`` must
    stand in the environment of what uses it."""

    def __init__(self, folder: Path, cpus: int = 4, memory: int = 32_000):
        """``cpus`` and megabytes of ``memory`` as the node tells them, however many there are."""
        self.folder = folder
        self.sizes = {"cpus": cpus, "memory": memory}
        self.daemons: list[subprocess.Popen] = []
        self.variables = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(folder / "bin"), PLACES]),
        }

    def __enter__(self) -> Slurm:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        host = socket.gethostname().partition(".")[0]
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                host=host,
                user=getpass.getuser(),
                ports=free_ports(2),
                **self.sizes,
            )
        )
        # The plugin takes SLURM_CONF out of the environment of what it starts inside a job.
        srun = self.folder / "bin" / "srun"
        found = shutil.which("srun", path=PLACES)
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {found} "$@"\n', encoding="utf-8"
        )
        srun.chmod(0o755)
        try:
            self._start(
                "munged",
                "--foreground",
                "--force",
                *(
                    f"--{name}={self.folder}/munge.{end}"
                    for name, end in (
                        ("socket", "socket"),
                        ("key-file", "key"),
                        ("pid-file", "pid"),
                        ("log-file", "log"),
                        ("seed-file", "seed"),
                    )
                ),
            )
            self._until(lambda: (self.folder / "munge.socket").exists())
            self._start("slurmctld", "-D", "-c", "-f", f"{self.folder}/slurm.conf")
            self._start("slurmd", "-D", "-f", f"{self.folder}/slurm.conf", "-N", host)
            self._until(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%t"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        """End all jobs, then the daemons, the last one that was started first."""
        if self.queue():
            self.ask("scancel", "--user", getpass.getuser())
            self.ask("scancel", "--signal=KILL", "--full", "--user", getpass.getuser())
            with suppress(AssertionError):
                self._until(lambda: not self.queue())
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def ask(self, *command: str) -> str:
        """What a command of Slurm says; nothing where it fails."""
        done = subprocess.run(
            command,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    def queue(self, states: str = "PENDING,RUNNING,COMPLETING,SUSPENDED") -> dict[str, str]:
        """Id -> state of the jobs that wait or run; of all that Slurm knows with 'all'."""
        said = self.ask("squeue", "--noheader", f"--states={states}", "--format=%i|%T")
        return dict(line.strip().split("|") for line in said.splitlines() if "|" in line)

    def job(self, number: str) -> dict[str, str]:
        """All that Slurm says of a job: 'Comment', 'TimeLimit', 'NumCPUs', ..."""
        said = self.ask("scontrol", "--oneliner", "show", "job", number)
        return dict(pair.split("=", 1) for pair in said.split() if "=" in pair)

    def jobs(self) -> list[dict[str, str]]:
        """The same of all jobs that Slurm knows, in the order in which they were submitted."""
        said = self.ask("scontrol", "--oneliner", "show", "job").splitlines()
        found = [dict(pair.split("=", 1) for pair in line.split() if "=" in pair) for line in said]
        return sorted((one for one in found if "JobId" in one), key=lambda one: int(one["JobId"]))

    def _start(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.out", "w") as out:
            self.daemons.append(
                subprocess.Popen(
                    [shutil.which(name, path=PLACES), *arguments],
                    env=os.environ | self.variables,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the test
                    preexec_fn=end_with_parent,
                )
            )

    def _until(self, holds, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while not holds():
            said = "\n".join(one.read_text() for one in self.folder.glob("*.out"))
            ended = [one.args[0] for one in self.daemons if one.poll() is not None]
            assert not ended and time.monotonic() < until, f"ended: {ended}\n{said[-4000:]}"
            time.sleep(0.1)


def end_with_parent() -> None:
    """Of a process: it gets SIGTERM when the one that started it ends (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
