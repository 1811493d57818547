"""A shared disk with bad habits, for real processes: `shared_disk.c` is loaded below them with LD_PRELOAD."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("shared_disk.c")
HABITS = {
    "names that show late": {"LATE": "3"},
    "listings from memory": {"STALE": "3"},
    "locks that lock nobody out": {"NOLOCKS": "1"},
    "clocks an hour apart": {},
}
APART = ("3600", "-3600", "0")  # seconds that the clocks of three machines are ahead of the disk's


@functools.cache
def library() -> str:
    """The compiled library."""
    assert shutil.which("gcc"), "There is no C compiler. These tests need one: apt-get install gcc libc6-dev"
    made = Path(tempfile.mkdtemp(prefix="stackfit-shared-disk-")) / "shared_disk.so"
    words = ("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Wno-implicit-fallthrough", "-Werror", str(SOURCE))
    subprocess.run([*words, "-o", str(made), "-ldl", "-pthread"], check=True)
    return str(made)


def machine(disk: Path, number: int, *habits: str) -> dict[str, str]:
    """The environment of a process on machine `number`, from 0, where `disk` has these of the `HABITS`."""
    settings = {key: value for habit in habits for key, value in HABITS[habit].items()}
    if "clocks an hour apart" in habits:
        settings["CLOCK"] = APART[number % len(APART)]
    settings["HOST"] = f"machine-{number}"
    return os.environ | {"LD_PRELOAD": library(), "SHARED_DISK": str(disk), **{f"SHARED_DISK_{key}": value for key, value in settings.items()}}
