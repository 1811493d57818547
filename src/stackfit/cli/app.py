"""The commands: what each is called, where it lives, and what it does in a line. Its module is loaded when it is called.

A new command is a module with a function `command`, and a line in `COMMANDS`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from stackfit.cli.idle import Command

# The name: the module, and the first line of the command's help; the docstring of its `command` says the rest.
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("listing", "The experiments: name, question, published result, typical time."),
    "show": ("showing", "The composed config, as YAML."),
    "options": ("offering", "The groups, their options, and every key with its default."),
    "explain": ("explaining", "Every place that set a value, first to last."),
    "run": ("running", "Train an experiment, or a sweep (-m)."),
    "work": ("working", "A worker: take cells of a sweep that nobody has, train them, take more."),
    "watch": ("watching", "The live screen of a sweep that others train."),
    "stop": ("stopping", "Ask a sweep's workers to stop."),
    "plan": ("planning", "What a run or a sweep (-m) would do, and every error in it."),
    "table": ("tabulating", "One row a run: the settings that differ, then the metrics."),
    "compare": ("comparing", "Whether the difference between runs is real."),
    "report": ("reporting", "Runs, or a class's claims, as one HTML page that opens offline."),
    "plot": ("plotting", "One figure for a paper: PNG, SVG or PDF."),
    "best": ("best", "The folder of the best run by a metric."),
    "check": ("checking", "Hold experiments against what their sources published."),
    "verify": ("verifying", "Train a run again and compare it bit by bit."),
    "eject": ("ejecting", "The run as a plain Keras script, without stackfit."),
    "export": ("exporting", "The model as SavedModel, ONNX or TensorFlow Lite; the run as an RO-Crate."),
    "log-to": ("", "Finished runs into the tools that others use."),
    "log-to mlflow": ("log_to_mlflow", "Runs and sweeps into MLflow."),
    "evaluate": ("evaluating", "Training and test split side by side, with the gap between them."),
    "predict": ("predicting", "Classes with probabilities, or values: of pictures, rows or test items."),
    "new": ("writing", "Write an experiment or a callback of your own to start from."),
    "schema": ("schema", "JSON Schema of experiment files, for editors."),
    "data": ("", "The data sets: which are here; fetch one; look at an example."),
    "data list": ("data_list", "The data sets, and which are ready."),
    "data fetch": ("data_fetch", "Fetch, check and prepare a data set."),
    "data show": ("data_show", "One example, before and after scaling."),
}
PLAIN: dict[str, Any] = {"rich_markup_mode": None, "add_completion": False}  # our scripts complete words with = in them


class Commands(TyperGroup):
    """The commands of the table. Until one is called, all that is known of it is its line."""

    above = ""  # the group's name in the table

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for path, (_, line) in COMMANDS.items():
            above, _, name = path.rpartition(" ")
            if above == self.above:
                self.commands[name] = TyperCommand(name, short_help=line)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, in place of its line."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, load_command(f"{self.above} {name}".strip()) if known else None, rest


def group_of(name: str) -> type[Commands]:
    """The commands after a group's name."""
    return type("GroupCommands", (Commands,), {"above": name})


def load_command(name: str) -> Any:
    """The Typer command with this name in the table: a group, or the function `command` of its module."""
    module, line = COMMANDS[name]
    if not module:
        app = typer.Typer(cls=group_of(name), help=line, no_args_is_help=True, **PLAIN)
        app.callback()(lambda: None)
        return typer.main.get_command(app)
    loaded = importlib.import_module(f"stackfit.cli.{module}")
    said = re.sub(r"^stackfit ", "\b\nstackfit ", inspect.getdoc(loaded.command) or "", flags=re.MULTILINE)  # an example is not wrapped
    text = f"{line}\n\n{said}"
    app = typer.Typer(**PLAIN)
    checked = type("Checked", (Command,), {"idle": getattr(loaded, "IDLE", ())})
    app.command(name, help=text, cls=checked, context_settings=getattr(loaded, "SETTINGS", None))(loaded.command)
    return typer.main.get_command(app)


app = typer.Typer(
    cls=Commands,
    name="stackfit",
    help="Declarative Keras experiments: compose a layer stack in YAML, train it, sweep it, compare the runs.\n\n"
    "Start with `stackfit run digits_quickstart` (seconds, no download), then `stackfit list`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Every command takes --debug (shows tracebacks).",
    **PLAIN,
)


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="The version, then exit.", is_eager=True)] = False,
    show_completion: Annotated[
        bool, typer.Option("--show-completion", help="The script that completes by TAB in your shell, bash or zsh.")
    ] = False,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help="Let your shell load that script when it starts.")
    ] = False,
) -> None:
    if show_completion or install_completion:
        from stackfit.cli.shells import SCRIPTS, install, shell
        from stackfit.cli.text import write_whole

        write_whole("".join(f"{line}\n" for line in install()) if install_completion else SCRIPTS[shell()])
        raise typer.Exit
    if version:
        import stackfit

        sys.stdout.write(f"stackfit {stackfit.__version__}\n")
        raise typer.Exit
