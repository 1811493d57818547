"""What this process may use of its machine: cores, and other Python processes of ours."""

from __future__ import annotations

import os
import sys

from stackfit.config import project


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def child(module: str, *words: str) -> tuple[list[str], dict[str, str]]:
    """The command, and its environment, of another process that runs a module of ours."""
    # -P: a module in the current folder must not replace a library's.
    paths = [str(project.PACKAGE.parent), os.environ.get("PYTHONPATH")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    return [sys.executable, "-P", "-m", module, *words], environment
