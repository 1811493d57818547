"""What every launcher ships: one command line for each worker."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from stackfit.results.sweep_folder import SweepFolder


def worker_commands(
    sweep: Path, number: int, max_members: int | None, trust: Iterable[str], *more: str
) -> list[list[str]]:
    """The command of each of `number` workers that are started together, now: an earlier `stackfit stop` is not for them.

    Raises:
        RunFolderError: the sweep's folder cannot be written.
    """
    words = ["--launch", SweepFolder(sweep).begin_launch(number), *more]
    words += ["--max-members", str(max_members)] if max_members else []
    words += [word for module in trust for word in ("--trust", module)]
    start = [sys.executable, "-m", "stackfit", "work", str(sweep)]
    return [[*start, "--rank", str(rank), "--of", str(number), *words] for rank in range(number)]
