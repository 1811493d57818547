"""`data list`, `data fetch`, `data show`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stackfit.config.project import shown
from stackfit.data import Progress, declare, fetch, list_data, render_picture, show_item, write_png
from stackfit.errors import raising
from stackfit.results.layout import lay_out


def print_data() -> None:
    """One line a data set."""
    rows = []
    for row in list_data():
        examples = " + ".join(f"{size:,}" for size in row.examples.values() if size) or "-"
        shape = " x ".join(map(str, row.shape)) or "-"
        size = f"{row.bytes / 1e6:.0f} MB" if row.bytes else ""
        rows.append([row.name, row.state, examples, shape, str(row.classes or "-"), size, str(row.where)])
    sys.stdout.writelines(f"{line}\n" for line in lay_out(rows, "lllllll", ()))


def fetch_data(name: str, overrides: list[str]) -> None:
    """Fetch and prepare one data set.

    Raises:
        DataError: it cannot be had.
    """
    data = data_config(name, overrides)
    with progress_bar() as progress:
        row = fetch(name, data, progress)
    examples = " + ".join(f"{size:,}" for size in row.examples.values() if size)
    sys.stdout.write(f"{name}: {row.state}, {examples} examples\n{row.where}".rstrip() + "\n")


def show_data(name: str, index: int, overrides: list[str], split: str, png: Path | None) -> None:
    """One example, with its picture if it is one.

    Raises:
        DataError: no such data or example.
    """
    data = data_config(name, overrides)
    with progress_bar() as progress:
        item = show_item({**data, **declare(data)}, index, split, progress)
    named = f" ({item.class_name})" if item.class_name else ""
    sys.stdout.write(f"{name}, {split} example {index}: label {item.label}{named}\n")
    sys.stdout.write(f"shape {tuple(item.x.shape)}, dtype {item.x.dtype}\n")
    sys.stdout.write("values of the split: {:g} to {:g}, after scaling {:.4g} to {:.4g}\n".format(
        *item.stored_range, *item.scaled_range))  # fmt: skip
    show_picture(item.picture, png)
    if item.picture is None:
        sys.stdout.write(f"{item.x.tolist()}\n")


def show_picture(picture: Any, png: Path | None) -> None:
    """A picture in the terminal, or in a PNG file."""
    if picture is None:
        return
    if png is not None:
        write_png(picture, png)
        sys.stdout.write(f"{shown(png)}\n")
    else:
        sys.stdout.write(render_picture(picture, colour=sys.stdout.isatty()) + "\n")


def data_config(name: str, overrides: list[str]) -> dict[str, Any]:
    """The `data` section of `data=NAME` with overrides, resolved; what is not set stays `???`.

    Raises:
        ConfigError: no such data set, or a wrong override.
    """
    from omegaconf import OmegaConf

    from stackfit.config.hydra.composition import Composer

    with raising() as problems:
        composition = Composer("digits_quickstart").compose([f"data={name}", *overrides], problems)
    data = OmegaConf.to_container(composition.config.data, resolve=True)
    assert isinstance(data, dict)
    return data


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on a terminal, lines elsewhere; both on stderr."""
    if not sys.stderr.isatty():
        yield Progress(say=lambda line: print(line, file=sys.stderr, flush=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total or None)
            bar.update(tasks[what], completed=done, total=total or None)

        yield Progress(say=lambda line: console.print(line, markup=False, highlight=False), step=step)
