"""Arguments and options of the commands, each with its help and what a TAB offers for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from stackfit.cli import completion


def word(text: str, offers: Callable[..., list[str]] | None = None, metavar: str | None = None) -> Any:
    """An argument with its help."""
    return typer.Argument(help=text, autocompletion=offers, metavar=metavar, show_default=False)


def option(text: str, *names: str, offers: Callable[..., list[str]] | None = None, metavar: str | None = None) -> Any:
    """An option with its help; its name is the parameter's, unless another is given."""
    return typer.Option(*names, help=text, autocompletion=offers, metavar=metavar)


NAME_HELP = "An experiment's name, as `stackfit list` shows it, or its file: my/net.yaml."
Name = Annotated[str, word(NAME_HELP, completion.experiments)]
Overrides = Annotated[list[str] | None, word("key=value in Hydra's grammar.", completion.overrides)]
Paths = Annotated[
    list[Path] | None,
    word("Run folders, sweeps, or folders that hold them; ./outputs if none is given.", completion.runs),
]
RunPath = Annotated[Path, word("A run folder, as `stackfit run` prints it.", completion.runs, "RUN")]
RunPaths = Annotated[list[Path], word("Run folders, as `stackfit run` prints them.", completion.runs, "RUN...")]
DataName = Annotated[str, word("An option of the data group, such as fashion_mnist or mnist.", completion.data_sets)]
Multirun = Annotated[bool, option("A sweep: a key may have several values, a=1,2.", "--multirun", "-m")]
Trust = Annotated[
    list[str] | None,
    option("A Python module of your project whose classes the config may name.", "--trust", metavar="MODULE"),
]
Format = Annotated[str, option("text, md, json or csv.", offers=lambda: ["text", "md", "json", "csv"])]
Filter = Annotated[str | None, option("A pandas query: 'units > 64 and test_accuracy > 0.87'.")]
