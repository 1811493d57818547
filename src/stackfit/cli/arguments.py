"""Arguments and options of the commands, each with its help and what a TAB offers for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stackfit.cli import completion
from stackfit.cli.text import complain, say


def word(
    text: str,
    offers: Callable[..., list[str]] | None = None,
    metavar: str | None = None,
    then: Callable[..., Any] | None = None,
) -> Any:
    """An argument with its help; `then` is called with its value and gives another one."""
    return typer.Argument(help=text, autocompletion=offers, metavar=metavar, show_default=False, callback=then)


def option(text: str, *names: str, offers: Callable[..., list[str]] | None = None, metavar: str | None = None) -> Any:
    """An option with its help; its name is the parameter's, unless another is given."""
    return typer.Option(*names, help=text, autocompletion=offers, metavar=metavar)


def split_names(text: str | None) -> list[str] | None:
    """The names of `A,B`; None for no text."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def chosen_runs(paths: Sequence[Path]) -> list[Path]:
    """The paths as they are, and for `NAME`, `NAME@best` and the like the run that they stand for, which is named on stderr."""
    from stackfit.results.choice import choose_run

    found = []
    for path in paths:
        run, said, doubts = choose_run(path)
        found.append(run)
        complain(doubts)
        if said:
            say(f"{path}: {said}")
    return found


def _chosen_run(ctx: typer.Context, value: Path) -> Path:
    return value if ctx.resilient_parsing else chosen_runs([value])[0]  # resilient: a shell asks for completions


def _chosen_among(ctx: typer.Context, values: list[Path] | None) -> list[Path] | None:
    from stackfit.results.choice import is_choice

    if ctx.resilient_parsing or not values:
        return values
    return [chosen_runs([path])[0] if is_choice(path) else path for path in values]


NAME_HELP = "An experiment's name, as `stackfit list` shows it, or its file: my/net.yaml."
Name = Annotated[str, word(NAME_HELP, completion.experiments)]
Overrides = Annotated[list[str] | None, word("key=value in Hydra's grammar.", completion.overrides)]
Paths = Annotated[
    list[Path] | None,
    word("Run folders, sweeps, experiments' names; ./outputs if none is given.", completion.runs, None, _chosen_among),
]
CHOICES = "NAME@best, @best:METRIC, @WORD: another."
RUN_HELP = f"A run folder, or an experiment's name: its newest finished run. {CHOICES}"
RunPath = Annotated[Path, word(RUN_HELP, completion.runs, "RUN", _chosen_run)]
RUNS_HELP = f"Run folders, or experiments' names: the newest finished run of each. {CHOICES}"
RunPaths = Annotated[list[Path], word(RUNS_HELP, completion.runs, "RUN...")]
DataName = Annotated[str, word("An option of the data group, such as fashion_mnist or mnist.", completion.data_sets)]
Multirun = Annotated[bool, option("A sweep: a key may have several values, a=1,2.", "--multirun", "-m")]
Trust = Annotated[
    list[str] | None,
    option("A Python module of your project whose classes the config may name.", "--trust", metavar="MODULE"),
]
DataPath = Annotated[
    Path | None,
    option("Where the run's own data are now: the file, or the folder that holds it.", "--data-path", metavar="PATH"),
]
Format = Annotated[str, option("text, md, json or csv.", offers=lambda: ["text", "md", "json", "csv"])]
By = Annotated[
    str | None,
    option("Groups: a setting, or part: the first part of the runs' folders in which they differ.", metavar="KEY"),
]
Filter = Annotated[str | None, option("A pandas query: 'units > 64 and test_accuracy > 0.87'.")]
Direction = Annotated[
    str | None,
    option("max or min: whether more is better, where the metric's class does not say it.", offers=lambda: ["max", "min"]),
]
