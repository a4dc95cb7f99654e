"""A Slurm of one node on the loopback interface, for as long as a test needs it.

It has its own key, ports and folders. Only its configuration lies where all of Slurm looks for it:
the executor plugin clears the environment of its jobs, `SLURM_CONF` with it.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "setpriv"]
FOLDER = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf")
MARK = "# One node, made by the tests of scb: may be deleted.\n"
CPUS = 2
MEMORY = 16000  # MB, as told to Slurm: it checks requests against it, and takes none of it

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# Neither cgroups nor an accounting database.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
MinJobAge=3600
KillWait=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why no Slurm can be started here; None if one can."""
    if missing := [program for program in PROGRAMS if _find(program) is None]:
        return f"not installed: {', '.join(missing)} (packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "only root can start Slurm"
    conf = FOLDER / "slurm.conf"
    if conf.exists():
        text = conf.read_text()
        if not text.startswith(MARK):
            return f"{conf} is of a real cluster: it is left alone"
        # Left behind by a test that was killed, or in use by one that runs?
        owner = re.search(r"^# Of process (\d+)", text, re.MULTILINE)
        if owner and Path(f"/proc/{owner[1]}").exists():
            return f"process {owner[1]} has a Slurm running already"
    return None


def _find(program: str) -> str | None:
    # Daemons may not be on everyone's PATH.
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class Cluster:
    """Slurm between ``with`` and the end of its block."""

    def __enter__(self) -> "Cluster":
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.folder = Path(tempfile.mkdtemp(prefix="scb-slurm-", dir="/run"))
        self.folder.chmod(0o755)  # munged insists
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        ports = [_free_port() for _ in range(2)]
        conf = SLURM_CONF.format(
            host=socket.gethostname().split(".")[0],
            folder=self.folder,
            controller_port=ports[0],
            node_port=ports[1],
            cpus=CPUS,
            memory=MEMORY,
        )
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "slurm.conf").write_text(f"{MARK}# Of process {os.getpid()}\n{conf}")
        # A GPU that is counted, but is no device.
        (FOLDER / "gres.conf").write_text(f"{MARK}Name=gpu File=/dev/null\n")

        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        options = {
            "key-file": key,
            "socket": self.folder / "munge.socket",
            "pid-file": self.folder / "munged.pid",
            "seed-file": self.folder / "munged.seed",
            "log-file": self.folder / "munged.log",
        }
        self._daemon(
            "munged", "--foreground", *(f"--{key}={path}" for key, path in options.items())
        )
        self._wait("munged", (self.folder / "munge.socket").exists)
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D")
        self._wait("slurmd", lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"))

    def _daemon(self, program: str, *arguments: str) -> None:
        path = _find(program)
        assert path is not None
        with (self.folder / f"{program}.out").open("wb") as output:
            self.daemons.append(
                subprocess.Popen(
                    # Ends with the process of the tests, even if that is killed.
                    ["setpriv", "--pdeathsig", "TERM", path, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            )

    def _wait(self, program: str, ready: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not ready():
            stopped = any(daemon.poll() is not None for daemon in self.daemons)
            if stopped or time.monotonic() > end:
                said = "\n".join(
                    path.read_text(errors="replace")[-2000:]
                    for path in sorted(self.folder.glob("*.[lo][ou][gt]"))
                )
                raise RuntimeError(f"{program} does not come up:\n{said}")
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        # Jobs first: they are children of a slurmd that would leave them behind.
        if len(self.daemons) == 3:
            self.ask("scancel", "--full", "--signal=KILL", "--user=root")
            self.ask("scancel", "--user=root")
            end = time.monotonic() + 20
            while self.ask("squeue", "--noheader").strip() and time.monotonic() < end:
                time.sleep(0.2)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name in FILES:
            path = FOLDER / name
            if path.exists() and path.read_text().startswith(MARK):
                path.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def ask(*command: str) -> str:
        """What a command of Slurm prints; empty if it fails."""
        return subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs of workflows since the start, in order.

        Each by the fields of ``scontrol show job``, with ``Rule`` and ``Wildcards`` from the
        comment that the plugin writes.
        """
        jobs = []
        for line in self.ask("scontrol", "show", "job", "--oneliner").splitlines():
            job = dict(re.findall(r"(?:^|\s)([\w/:]+)=(\S*)", line))
            match = re.fullmatch(r"rule_(\w+?)(?:_wildcards_(.*))?", job.get("Comment", ""))
            if match:
                jobs.append(job | {"Rule": match[1], "Wildcards": match[2] or ""})
        return sorted(jobs, key=lambda job: int(job["JobId"]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
