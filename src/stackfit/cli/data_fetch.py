"""`data fetch`: data are fetched before they are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stackfit import waiting
from stackfit.cli.arguments import DataName, Overrides
from stackfit.errors import raising

if TYPE_CHECKING:
    from stackfit.data import Progress


def command(name: DataName, overrides: Overrides = None) -> None:
    """With a progress bar. A run fetches what it needs by itself; this is for a machine that will be offline."""
    from stackfit.data import fetch

    data = data_config(name, overrides or ())
    with progress_bar() as progress:
        row = fetch(name, data, progress)
    examples = " + ".join(f"{size:,}" for size in row.examples.values() if size)
    sys.stdout.write(f"{name}: {row.state}, {examples} examples\n{row.where}".rstrip() + "\n")


def data_config(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The `data` section of `data=NAME` with overrides, resolved; what is not set stays `???`.

    Raises:
        ConfigError: no such data set, or a wrong override.
    """
    from omegaconf import OmegaConf

    from stackfit.config.hydra.composition import Composer
    from stackfit.data.settings import settings_of
    from stackfit.data.unread import find_unread
    from stackfit.execution.unread_settings import check_unread

    with raising() as problems:
        composition = Composer("digits_quickstart").compose([f"data={name}", *overrides], problems)
        data: Any = OmegaConf.to_container(composition.config.data, resolve=True)
        check_unread(composition, find_unread(settings_of(data)), problems)
    return data


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on a terminal, lines elsewhere; both on stderr."""
    from stackfit.data import Progress
    from stackfit.execution.progress import takes_colour

    if not takes_colour(sys.stderr):
        yield Progress(say=lambda line: print(line, file=sys.stderr, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(file=getattr(sys.stderr, "stream", sys.stderr))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    sys.stderr.write("")  # a status line gives way
    with waiting.elsewhere(), Bar(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield Progress(say=lambda line: console.print(line, markup=False, highlight=False), step=step)
