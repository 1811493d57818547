"""`work`: a worker of a sweep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stackfit.cli import completion
from stackfit.cli.arguments import Trust, option, word
from stackfit.errors import ConfigError


def newest(ctx: typer.Context, path: Path) -> Path:
    """The sweep that a name stands for; it is named on stderr."""
    if ctx.resilient_parsing:  # a shell asks for completions
        return path
    from stackfit.files import shown
    from stackfit.results.naming import newest_sweep

    sweep = newest_sweep(path)
    if sweep != path:
        print(shown(sweep), file=sys.stderr)
    return sweep


Sweep = Annotated[Path, word("A sweep's folder, or an experiment's name: its newest sweep.", completion.runs, "SWEEP", newest)]


def command(
    sweep: Sweep,
    rank: Annotated[int, option("This worker's number among those started together, from 0.")] = 0,
    of: Annotated[int, option("How many workers are started together.")] = 1,
    launch: Annotated[str | None, typer.Option(hidden=True)] = None,
    cells: Annotated[int | None, option("Take at most this many cells.")] = None,
    minutes: Annotated[float | None, option("Stop after this long; cells keep their checkpoint.")] = None,
    max_members: Annotated[int | None, option("Train at most this many cells together.")] = None,
    requeues: Annotated[int, option("In a Slurm task that gets SIGTERM: go back into the queue, this often at most.")] = 0,
    trust: Trust = None,
    quiet: Annotated[bool, option("No progress.", "--quiet", "-q")] = False,
) -> int:
    """Start it in the project's folder, as often as you like, on every machine that sees the folder.

    stackfit work outputs/gsp631_base/sweep-1a2b3c4d

    stackfit work outputs/gsp631_base/sweep-1a2b3c4d --minutes 55

    It takes cells that nobody has, trains them together, and takes more until none is left. The exit code is 75 if
    it was told to stop (`stackfit stop`, SIGTERM, --minutes, --cells) and cells are left.
    """
    positive = {"--of": of, "--cells": cells, "--minutes": minutes, "--max-members": max_members}
    for name, value in positive.items():
        if value is not None and not value > 0:
            raise ConfigError(f"{name} is {value}. Expected a number above 0. Write for example: {name} 8")
    if not 0 <= rank < of:
        raise ConfigError(
            f"--rank is {rank} and --of is {of}. Expected a rank from 0 to {of - 1}. Write for example: --rank 0 --of {of}"
        )
    from stackfit.execution.progress import Reporter
    from stackfit.execution.worker import STOPPED, Worker

    worker = Worker(
        sweep,
        Reporter(0 if quiet else 1),
        rank=rank,
        of=of,
        trust=trust or (),
        launch=Path(launch).name if launch else None,
        max_members=max_members,
        most_cells=cells,
        minutes=minutes,
    )
    code = worker.work()
    if code == STOPPED and requeues and worker.was_terminated:
        from stackfit.execution.slurm import requeue

        if said := requeue(requeues):
            print(said, file=sys.stderr)
    return code
