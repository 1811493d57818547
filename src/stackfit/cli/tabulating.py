"""`table`: one row a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import Filter, Format, Paths, option
from stackfit.cli.idle import Idle
from stackfit.cli.text import complain, width, write_csv

IDLE = (Idle("format", beside="csv"),)


def command(
    paths: Paths = None,
    over: Annotated[str | None, option("Mean, deviation and 95 % interval over this setting, such as seed.")] = None,
    epochs: Annotated[bool, option("One row an epoch: the histories of all runs.", "--epochs")] = False,
    pivot: Annotated[str | None, option("ROW,COLUMN[,METRIC]: two settings as a matrix.")] = None,
    sort: Annotated[str | None, option("A column; -column for the largest first.")] = None,
    filter: Filter = None,
    last: Annotated[int | None, option("Only the newest N runs.")] = None,
    csv: Annotated[Path | None, option("Write a CSV file with full precision; - for stdout.")] = None,
    format: Format = "text",
    strict: Annotated[
        bool, option("Read every file; exit code 1 if a run was changed or diverged, or its verdict is stale.", "--strict")
    ] = False,
) -> int:
    """Runs that failed or were interrupted are listed with their reason."""
    from stackfit.results import formats, tables
    from stackfit.results.frames import read_runs

    axes = [part.strip() for part in pivot.split(",")] if pivot else None
    runs, problems = read_runs(paths or (), whole=strict)
    code = 1 if strict and problems else 0
    frame = tables.build_table(
        runs, problems, over=over, epochs=epochs, pivot=axes, sort=sort, filter=filter, last=last
    )
    complain(problems)
    if csv is None:
        sys.stdout.write(formats.render(frame, format, width() if format == "text" else None))
        return code
    write_csv(formats.render(frame, "csv"), csv)
    return code
