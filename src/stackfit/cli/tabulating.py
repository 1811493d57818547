"""`table`: one row a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import By, Direction, Filter, Format, Paths, option, split_names
from stackfit.cli.idle import Idle
from stackfit.cli.text import complain, width, write_csv, write_whole

IDLE = (Idle("format", beside="csv"),)


def command(
    paths: Paths = None,
    over: Annotated[str | None, option("Mean, deviation and 95 % interval over this setting, such as seed.")] = None,
    epochs: Annotated[bool, option("One row an epoch: the histories of all runs.", "--epochs")] = False,
    pivot: Annotated[str | None, option("ROW,COLUMN[,METRIC]: two settings as a matrix.")] = None,
    by: By = None,
    sort: Annotated[str | None, option("A column; -column for the largest first.")] = None,
    top: Annotated[int | None, option("Only the N best by the column to sort by, or the metric of a search, or test_accuracy.", metavar="N")] = None,
    direction: Direction = None,
    filter: Filter = None,
    last: Annotated[int | None, option("Only the newest N runs.", metavar="N")] = None,
    columns: Annotated[str | None, option("Only these, in this order.", metavar="A,B,…")] = None,
    csv: Annotated[Path | None, option("Write a CSV file with full precision; - for stdout.")] = None,
    format: Format = "text",
    strict: Annotated[
        bool, option("Read every file; exit code 1 if a run was changed or diverged, or its verdict is stale.", "--strict")
    ] = False,
) -> int:
    """Runs that failed, were interrupted or pruned are listed with their reason. Below a search stands what it found. With --by, --top and --last hold for each group:

    stackfit table outputs --by part --top 1
    """
    from stackfit.results import formats, tables
    from stackfit.results.frames import read_runs
    from stackfit.results.search_lines import decisive_of, render_search
    from stackfit.results.search_summary import summary_of

    runs, problems = read_runs(paths or (), whole=strict)
    code = 1 if strict and problems else 0
    frame = tables.build_table(
        runs,
        problems,
        over=over,
        epochs=epochs,
        pivot=split_names(pivot),
        by=by,
        sort=sort,
        top=top,
        direction=direction,
        filter=filter,
        last=last,
        columns=split_names(columns),
    )
    complain(problems)
    if csv is None:
        found = summary_of(paths or ())
        frame.attrs["decisive"] = [*frame.attrs.get("decisive", ()), *decisive_of(found, frame.attrs["short"])]
        write_whole(formats.render(frame, format, width()), format)
        if format in ("text", "md"):
            write_whole(render_search(found, format, width()), format)
        return code
    write_csv(formats.render(frame, "csv"), csv)
    return code
