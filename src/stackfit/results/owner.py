"""Who is working in a run folder, and whether they are still alive.

In the same place, which is the same machine since its last start and the same view of its processes, the process tells.
Anywhere else only the owner's last write tells, and its age is the difference of two times of the disk: clocks of machines
differ.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from functools import cache
from pathlib import Path
from typing import Any

SILENT_SECONDS = 300.0  # an owner in another place counts as dead after this long without a write
_token: tuple[int, str] = (0, "")


@cache
def boot_id() -> str:
    """A word that changes when this machine restarts, or the empty string where a process's start needs none."""
    return _first_line("/proc/sys/kernel/random/boot_id")


@cache
def machine_id() -> str:
    """A word that stays when this machine restarts; containers and images may lack it or share it."""
    return _first_line("/etc/machine-id")


@cache
def namespace() -> str:
    """Which processes can be seen from here: in every container the first one is number 1."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def token() -> str:
    """A word of this process alone."""
    global _token
    if _token[0] != os.getpid():
        _token = (os.getpid(), secrets.token_hex(8))
    return _token[1]


def process_start(pid: int) -> str:
    """When the process started: tells a reused pid apart. Empty if there is no such process.

    On Linux in clock ticks since boot, which stay the same when the clock is set; elsewhere in seconds since 1970.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:  # it has ended, and its parent has not noticed
            return ""
        start = process.create_time()
    except (psutil.Error, ValueError, OverflowError):
        return ""
    if psutil.LINUX:
        return str(round((start - psutil.boot_time()) * os.sysconf("SC_CLK_TCK")))
    return f"{start:.2f}"


def this_process() -> dict[str, Any]:
    """The owner entry of `status.json` for the running process."""
    pid = os.getpid()
    return {
        "host": socket.gethostname(),
        "machine": machine_id(),
        "namespace": namespace(),
        "pid": pid,
        "process_start": process_start(pid),
        "boot_id": boot_id(),
        "token": token(),
        "lifetime": SILENT_SECONDS,
        "heartbeat": time.time(),
    }


def is_here(owner: Any) -> bool:
    """Whether the owner's processes can be seen from here, or could before this machine started again."""
    if not isinstance(owner, dict) or owner.get("host") != socket.gethostname():
        return False
    if owner.get("boot_id") == boot_id():
        return owner.get("namespace", namespace()) == namespace()
    return owner.get("machine", machine_id()) == machine_id()  # another machine may have this one's name


def is_alive(owner: Any, silent_seconds: float | None = None) -> bool:
    """Whether the owner still runs.

    Args:
        silent_seconds: since its last write, by the clock of the disk; of an owner in another place this alone tells. None
            for what a reader of its status has noted as `silent_seconds` in it.
    """
    if not isinstance(owner, dict) or not isinstance(owner.get("pid"), int):
        return False
    if not is_here(owner):  # abs: a clock that was set back must not make an owner immortal
        silent = owner.get("silent_seconds") if silent_seconds is None else silent_seconds
        lifetime = owner.get("lifetime", SILENT_SECONDS)
        return all(isinstance(n, (int, float)) for n in (silent, lifetime)) and abs(silent) < min(lifetime, SILENT_SECONDS)
    start = process_start(owner["pid"])
    # Without /proc, earlier versions recorded an empty start: there the pid alone has to tell.
    same = start != "" and owner.get("process_start", "") in (start, "")
    return same and owner.get("boot_id") == boot_id()


def is_me(owner: Any) -> bool:
    """Whether the running process is the owner."""
    me = this_process()
    return isinstance(owner, dict) and all(owner.get(key) == me[key] for key in ("host", "pid", "boot_id", "token"))
