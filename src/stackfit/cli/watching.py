"""`watch`: the live screen of a sweep that others train. No TensorFlow."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from stackfit.cli.arguments import option
from stackfit.cli.text import width
from stackfit.cli.working import Sweep
from stackfit.errors import counted

if TYPE_CHECKING:
    from stackfit.results.underway import SweepView

SECONDS = 1.0  # between two looks
QUIET_SECONDS = 20.0  # after which a search does not ask for more: it was stopped, or its space is used up
HEIGHT = 24  # lines, where nobody knows how many the terminal has


def command(sweep: Sweep, once: Annotated[bool, option("Print it once.", "--once")] = False) -> None:
    """Cells by state, who trains them, epochs, the best so far, and about how long it will take. Ends when all are settled,
    or with Ctrl-C; the workers go on.

    stackfit watch outputs/gsp631_base/sweep-1a2b3c4d
    """
    from stackfit.execution.progress import takes_colour
    from stackfit.results.sweep_folder import SweepFolder
    from stackfit.results.underway import Underway

    folder = SweepFolder(sweep)
    folder.read_index()
    underway, since = Underway(sweep), time.monotonic()  # since when nothing happens
    if once or not takes_colour(sys.stdout):
        said: list[str] = []
        while True:
            view = underway.look()
            lines = [*_lines(view, folder.workers(), width(), len(view.cells) + HEIGHT)]
            if lines != said:
                sys.stdout.writelines(f"{line}\n" for line in lines)
                sys.stdout.flush()
            said = lines
            since = since if _is_settled(view) else time.monotonic()
            if once or _is_over(view, since):
                return
            time.sleep(5 * SECONDS)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=getattr(sys.stdout, "stream", sys.stdout), force_terminal=True)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            view = underway.look()
            columns, height = console.size
            text = "\n".join(_lines(view, folder.workers(), columns, height - 1))
            live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)
            since = since if _is_settled(view) else time.monotonic()
            if _is_over(view, since):
                return
            time.sleep(SECONDS)


def _lines(view: SweepView, workers: list[dict[str, object]], columns: int, height: int) -> Iterator[str]:
    from stackfit.execution.screen import joined, sweep_lines

    count = counted(len(workers), "worker")
    below = joined([count, *(f"{worker.get('host')} {worker.get('pid')}" for worker in workers)], columns)
    yield from sweep_lines(view, columns, max(4, height - len(below)))
    yield from below


def _is_settled(view: SweepView) -> bool:
    from stackfit.results.underway import SETTLED

    return bool(view.cells) and set(view.counts) <= {*SETTLED}


def _is_over(view: SweepView, since: float) -> bool:
    return _is_settled(view) and (not view.asks or time.monotonic() - since > QUIET_SECONDS)
