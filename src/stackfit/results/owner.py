"""Who is working in a run folder, and whether they are still alive."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path
from typing import Any

SILENT_SECONDS = 300.0  # an owner on another host counts as dead after this long without a heartbeat


@cache
def boot_id() -> str:
    """A word that changes when this host restarts, or the empty string where a process's start needs none."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def process_start(pid: int) -> str:
    """When the process started: tells a reused pid apart. Empty if there is no such process.

    On Linux in clock ticks since boot, which stay the same when the clock is set; elsewhere in seconds since 1970.
    """
    import psutil

    try:
        start = psutil.Process(pid).create_time()
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
        "pid": pid,
        "process_start": process_start(pid),
        "boot_id": boot_id(),
        "heartbeat": time.time(),
    }


def is_alive(owner: dict[str, Any] | None) -> bool:
    """Whether the owner still runs. On another host only its heartbeat can tell (`SILENT_SECONDS`)."""
    if not isinstance(owner, dict) or not isinstance(owner.get("pid"), int):
        return False
    if owner.get("host") != socket.gethostname():
        beat = owner.get("heartbeat")
        # abs: a clock that was set back must not make an owner immortal.
        return isinstance(beat, (int, float)) and abs(time.time() - beat) < SILENT_SECONDS
    start = process_start(owner["pid"])
    # Without /proc, earlier versions recorded an empty start: there the pid alone has to tell.
    same = start != "" and owner.get("process_start", "") in (start, "")
    return same and owner.get("boot_id") == boot_id()


def is_me(owner: dict[str, Any] | None) -> bool:
    """Whether the running process is the owner."""
    me = this_process()
    return isinstance(owner, dict) and all(owner.get(key) == me[key] for key in me if key != "heartbeat")
