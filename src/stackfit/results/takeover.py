"""Which of several processes takes a run folder, on a disk that they share and that may keep no locks.

Each take makes a file `.claim-N`, with N one higher than the last: making a file that must not be there yet is the one step
that every file system does for a single process. Who is late finds the next number taken, and stops writing.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
import time
from pathlib import Path

from stackfit.results import owner

PROBE_SECONDS = 30.0
_clocks: dict[int, tuple[float, float]] = {}  # by device: when it was asked (monotonic), and its time then


def disk_time(folder: Path) -> float:
    """The time by the clock that gives the files in `folder` their times, in seconds since 1970.

    Where nothing can be written it is this machine's.
    """
    now = time.monotonic()
    try:
        device = os.stat(folder).st_dev
        if device not in _clocks or now - _clocks[device][0] > PROBE_SECONDS:
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b".")
                probe.flush()
                os.fsync(probe.fileno())
                _clocks[device] = (now, os.fstat(probe.fileno()).st_mtime)
    except OSError:
        return time.time()
    asked, then = _clocks[device]
    return then + now - asked


def silent_seconds(file: Path) -> float:
    """How long ago the file was written, by the clock of its disk."""
    return disk_time(file.parent) - file.stat().st_mtime


def take(folder: Path, last: int) -> int | None:
    """Take a folder that nobody alive has.

    Args:
        last: the number of the last take, as its status says; 0 if it says none.

    Returns:
        The number of this take; None if another process was faster.

    Raises:
        OSError: the folder cannot be written.
    """
    number = last
    while True:
        number += 1
        file = _file(folder, number)
        if _make(file):
            return number
        holder, silent = {}, 0.0
        with contextlib.suppress(OSError, ValueError):  # it is being written
            silent = silent_seconds(file)
            holder = json.loads(file.read_bytes())
        alive = owner.is_alive(holder, silent) or (not holder and silent < owner.SILENT_SECONDS)
        if alive and not owner.is_me(holder):
            return None


def is_taken(folder: Path, number: int) -> bool:
    """Whether somebody has taken the folder since the take with this number."""
    ask_again(folder)
    return _file(folder, number + 1).exists()


def give_back(folder: Path, number: int) -> None:
    """Undo the take with this number and remove the folder, which holds nothing else; others may want it at the same time."""
    with contextlib.suppress(OSError):
        for each in range(number, 0, -1):  # the last one first: the earlier ones are of the dead
            _file(folder, each).unlink(missing_ok=True)
        folder.rmdir()  # unless another has made its claim by now


def ask_again(*folders: Path) -> None:
    """A network file system believes for a while what it knew of a name; after a listing of its folder it asks again."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.listdir(folder)


def exists(file: Path) -> bool:
    """Whether there is such a file, which another machine may just have made, with the two folders around it."""
    if not file.exists():
        ask_again(*reversed(file.parents[:3]))
    return file.exists()


def _file(folder: Path, number: int) -> Path:
    return folder / f".claim-{number}"


def _make(file: Path) -> bool:
    """Make the file, with this process in it, unless it is there."""
    text = json.dumps(owner.this_process()).encode()
    whole = file.with_name(f"{file.name}-{secrets.token_hex(4)}")
    try:
        whole.write_bytes(text)
        os.link(whole, file)  # it appears whole
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        try:
            with file.open("xb") as stream:
                stream.write(text)
        except FileExistsError:
            return False
    finally:
        whole.unlink(missing_ok=True)
    return True
