"""A real Slurm on this host, for tests: two nodes of Debian's packages, unpacked into a folder, without systemd or a database.

Needs Debian or Ubuntu and `apt-get download`; no root: then every job runs as this user.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins", "munge", "libmunge2", "libhwloc15",
            "liblua5.1-0", "libjson-c5", "libpciaccess0", "libxnvctrl0", "libltdl7", "ocl-icd-libopencl1")  # fmt: skip
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
PluginDir={plugins}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
SlurmdTimeout=10
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=2
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=2
"""


class Slurm:
    """`with Slurm(folder) as slurm:` its commands are on `slurm.environment`'s PATH."""

    def __init__(self, folder: Path):
        self.folder, self.root = folder, folder / "root"
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        libraries = self.root / "usr/lib/x86_64-linux-gnu"
        self.environment = os.environ | {
            "PATH": f"{self.root / 'usr/bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{libraries}:{libraries / 'slurm-wlm'}",
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def __enter__(self) -> Slurm:
        self.unpacked()
        for name in ("state", "spool-n1", "spool-n2"):
            (self.folder / name).mkdir(exist_ok=True)
        host = socket.gethostname()
        port, first, second = _free_ports(3)
        plugins = self.root / "usr/lib/x86_64-linux-gnu/slurm-wlm"
        names = {"host": host, "user": getpass.getuser(), "folder": self.folder, "plugins": plugins}
        conf = CONF.format(port=port, first=first, second=second, **names)
        (self.folder / "slurm.conf").write_text(conf)
        try:
            self._start("slurmctld", "-c", "-D")
            for node in ("n1", "n2"):
                self.start_node(node)
            self._wait_for_nodes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self.daemons):
            self.kill(name)

    def unpacked(self) -> Slurm:
        """With its packages fetched and unpacked.

        Raises:
            OSError, CalledProcessError: they cannot be.
        """
        if (self.root / "usr/sbin/slurmd-wlm").exists():
            return self
        debs = self.folder / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-o", "Acquire::Retries=0", "download", *PACKAGES], cwd=debs, check=True, timeout=300,
                       capture_output=True)  # fmt: skip
        for package in debs.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(self.root)], check=True)
        return self

    def _start(self, name: str, *words: str, label: str | None = None) -> None:
        program = self.root / "usr/sbin" / f"{name}-wlm"
        with (self.folder / f"{label or name}.out").open("ab") as log:
            self.daemons[label or name] = subprocess.Popen(
                [str(program), *words], stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def start_node(self, node: str) -> None:
        """Start the daemon of `n1` or `n2`."""
        self._start("slurmd", "-D", "-N", node, "-d", str(self.root / "usr/sbin/slurmstepd-wlm"), label=node)

    def kill(self, name: str) -> None:
        """Kill a daemon, `slurmctld` or a node's name; its tasks go on."""
        daemon = self.daemons.pop(name)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()

    def call(self, *words: str) -> str:
        """What a Slurm command prints."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
        return done.stdout

    def _wait_for_nodes(self, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        said = ""
        while time.monotonic() < until:
            try:
                said = self.call("sinfo", "-h", "-N", "-o", "%N %T", "-p", "main")
                if said.split() == ["n1", "idle", "n2", "idle"]:
                    return
            except RuntimeError as error:
                said = str(error)
            time.sleep(0.3)
        logs = "".join(path.read_text()[-2000:] for path in self.folder.glob("*.out"))
        raise RuntimeError(f"Slurm's nodes are not ready: {said}\n{logs}")

    def remove(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
