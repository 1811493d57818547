"""The Typer program. Commands import what they need when they run, so that `--help` and `list` answer at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="stackfit",
    help="Declarative Keras experiments: compose a layer stack in YAML, train it, sweep it, compare the runs.\n\n"
    "Start with `stackfit run digits_quickstart` (seconds, no download), then `stackfit list`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,  # ours knows keys, and words with = in them
    rich_markup_mode=None,
    epilog="Every command takes --debug (shows tracebacks).",
)
data_app = typer.Typer(
    help="What data are here; fetch them; look at an example.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(data_app, name="data")

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


Name = Annotated[
    str,
    typer.Argument(help="An experiment's name, as `stackfit list` shows it.", show_default=False),
]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value in Hydra's grammar.", show_default=False)]
Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Run folders, sweeps, or folders that hold them; ./outputs if none is given.", show_default=False
    ),
]
RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, as `stackfit run` prints it.", show_default=False)
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="MODULE",
        show_default=False,
        help="A Python module of your project whose classes the config may name.",
    ),
]


@app.command("list")
def list_command(pattern: Annotated[str | None, typer.Argument(help="Part of a name or question.")] = None) -> None:
    """The experiments: name, question, published result, typical time."""
    from stackfit.cli.listing import print_experiments

    print_experiments(pattern)


@app.command()
def show(
    experiment: Name,
    overrides: Overrides = None,
    origin: Annotated[bool, typer.Option("--origin", help="file:line behind every value.")] = False,
    diff: Annotated[
        str | None,
        typer.Option(
            "--diff",
            metavar="OTHER",
            help="Only what differs from another experiment.",
        ),
    ] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Put values in place of ${…}.")] = False,
    trust: Trust = None,
) -> None:
    """The composed config, as YAML. Trains nothing and loads no TensorFlow."""
    from stackfit.cli.listing import print_config

    print_config(experiment, overrides or [], origin=origin, diff=diff, resolve=resolve)


@app.command()
def explain(
    experiment: Name,
    key: Annotated[
        str, typer.Argument(help="A key such as optimizer.learning_rate, or a mapping such as model.layers.")
    ],
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """The chain that set one value: default, group file and who chose it, experiments, override, each with its line."""
    from stackfit.cli.explaining import print_explanation

    print_explanation(experiment, key, overrides or [], as_json=as_json)


@app.command(context_settings=_PASS_ON)
def run(
    context: typer.Context,
    experiment: Annotated[
        str | None,
        typer.Argument(
            help="An experiment's name, then overrides: key=value.",
            show_default=False,
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make a new folder; do not go on in an interrupted one.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
    trust: Trust = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop a sweep at its first failure.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before thousands of cells.")] = False,
) -> None:
    """Train an experiment, or with -m a sweep; the last line printed is its folder.

    stackfit run gsp631_base

    stackfit run gsp631_base model.layers.hidden.units=128 epochs=3

    stackfit run gsp631_base optimizer=sgd callbacks=[stop_at] callbacks.stop_at.value=0.84

    stackfit run gsp631_base -m model.layers.hidden.units=32,64,128 'seed=range(5)'

    What was interrupted goes on; of a sweep, the same command trains only what is not finished. Hydra's own flags work
    too: --cfg job, --info.
    """
    from stackfit.cli.running import run_command

    words = [*([experiment] if experiment is not None else []), *context.args]
    raise typer.Exit(
        run_command(words, fresh=fresh, quiet=quiet, trust=tuple(trust or ()), fail_fast=fail_fast, yes=yes)
    )


@app.command(context_settings=_PASS_ON)
def plan(
    context: typer.Context,
    experiment: Name,
    probe: Annotated[
        bool, typer.Option("--probe", help="Train throw-away models for a moment, to estimate the time.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as one JSON document.")] = False,
    trust: Trust = None,
) -> None:
    """What a run or a sweep (-m) would do: layers, memory, steps, cells, errors. Trains and writes nothing.

    stackfit plan gsp631_base

    stackfit plan gsp631_base -m model.layers.hidden.units=32,64,128 'seed=range(5)'

    FLOPs are those of one example's forward pass, a multiply-add being two; cost is a cell's training in FLOPs, by the
    cheapest cell. Exit code: 2 if a key, a type, a target or a single run's model is wrong, 1 if a cell of a sweep will
    fail, else 0.
    """
    from stackfit.cli.planning import plan_command

    raise typer.Exit(plan_command([experiment, *context.args], probe=probe, as_json=json, trust=tuple(trust or ())))


@app.command()
def table(
    paths: Paths = None,
    over: Annotated[
        str | None, typer.Option(help="Mean, deviation and 95 % interval over this setting, such as seed.")
    ] = None,
    epochs: Annotated[bool, typer.Option("--epochs", help="One row an epoch: the histories of all runs.")] = False,
    pivot: Annotated[str | None, typer.Option(help="ROW,COLUMN[,METRIC]: two settings as a matrix.")] = None,
    sort: Annotated[str | None, typer.Option(help="A column; -column for the largest first.")] = None,
    filter: Annotated[str | None, typer.Option(help="A pandas query: 'units > 64 and test_accuracy > 0.87'.")] = None,
    last: Annotated[int | None, typer.Option(help="Only the newest N runs.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a CSV file with full precision; - for stdout.")] = None,
    format: Annotated[str, typer.Option(help="text, md, json or csv.")] = "text",
) -> None:
    """One row a run: only the settings that differ, then the metrics."""
    from stackfit.cli.results import print_table

    print_table(
        paths, csv=csv, format=format, over=over, epochs=epochs, pivot=pivot, sort=sort, filter=filter, last=last
    )


@app.command()
def compare(
    paths: Paths = None,
    metric: Annotated[str | None, typer.Option(help="Compare by this metric; test_accuracy if there is one.")] = None,
    filter: Annotated[str | None, typer.Option(help="A pandas query that chooses runs.")] = None,
    format: Annotated[str, typer.Option(help="text, md, json or csv.")] = "text",
) -> None:
    """Is the difference real? Two runs: McNemar's test on the test set. Configurations with several seeds: a test
    across seeds."""
    from stackfit.cli.results import print_comparison

    print_comparison(paths, metric=metric, filter=filter, format=format)


@app.command()
def check(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="Names, as `stackfit list` shows them.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every shipped experiment, without the long ones.")] = False,
    long: Annotated[bool, typer.Option("--long", help="With --all: the long ones too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the claims.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the claims to a CSV file.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the claims to a JUnit file, for graders.")] = None,
    trust: Trust = None,
) -> None:
    """Hold experiments against what their sources published: passed, failed or skipped, claim by claim.

    Trains what is missing, reuses finished runs of the same config. Exit code 1 when a claim fails.
    """
    from stackfit.cli.checking import check_command

    raise typer.Exit(
        check_command(
            experiments or [], everything=everything, long=long, trust=trust or [], quiet=quiet, csv=csv, junit=junit
        )
    )


@app.command()
def verify(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Run folders, or folders that hold them, such as a sweep.", show_default=False
        ),
    ],
    tolerance: Annotated[
        float, typer.Option(help="By how much a metric may differ where not every bit is equal.")
    ] = 1e-3,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the verdicts.")] = False,
    trust: Trust = None,
) -> None:
    """Run again from the folder alone and compare every epoch's metrics, the weights and the predictions.

    bit-equal, within tolerance, or diverged: then with the first epoch that differs and what has changed since. The
    verdict is kept as certificate.json and shown by `stackfit table`. Exit code 1 when a run diverged.
    """
    from stackfit.cli.verifying import verify_command

    raise typer.Exit(verify_command(runs, tolerance=tolerance, trust=trust or [], quiet=quiet))


@app.command()
def eject(
    run: RunPath,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it here, your own data next to it.", show_default=False),
    ] = None,
    trust: Trust = None,
) -> None:
    """The run as a plain Keras script, without stackfit, whose weights are bit-equal to the run's.

    stackfit eject outputs/gsp631_base/2026-01-31_12-00-00 --out train.py
    """
    from stackfit.proof.eject.script import eject as script_of
    from stackfit.results.run import Run

    text = script_of(Run(run), trust or [], out)
    sys.stdout.write(f"{out}\n" if out else text)


@app.command()
def evaluate(
    run: RunPath,
    format: Annotated[str, typer.Option(help="text, md, json or csv.")] = "text",
    trust: Trust = None,
) -> None:
    """Training and test split side by side, with the gap between them."""
    from stackfit.cli.results import print_evaluation

    print_evaluation(run, format, trust or [])


@app.command()
def predict(
    run: RunPath,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Pictures (PNG, JPEG) of any size.", show_default=False),
    ] = None,
    item: Annotated[
        list[int] | None,
        typer.Option("--item", help="A test item's number, from 0; may be repeated.", show_default=False),
    ] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only test items that the model gets wrong.")] = False,
    count: Annotated[int, typer.Option(help="How many test items.")] = 8,
    invert: Annotated[
        bool, typer.Option("--invert", help="The picture is dark on white; the data bright on black.")
    ] = False,
    png: Annotated[Path | None, typer.Option(help="Write the item's picture to a PNG file.")] = None,
    trust: Trust = None,
) -> None:
    """Class names and probabilities: of your pictures, or of test items, right and wrong ones."""
    from stackfit.cli.results import print_predictions

    chosen = {"items": item or [], "wrong": wrong, "count": count, "invert": invert, "png": png}
    print_predictions(run, files or [], **chosen, trust=trust or [])


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new experiment's name, or with --callback the class's.")],
    parent: Annotated[str, typer.Option("--from", help="Start from this experiment.")] = "gsp631_base",
    callback: Annotated[bool, typer.Option("--callback", help="Write a callback of your own and trust it.")] = False,
) -> None:
    """A commented experiment file in ./experiments, or a callback of your own (--callback)."""
    from stackfit.cli.writing import write_callback, write_experiment

    for line in write_callback(name) if callback else write_experiment(name, parent):
        typer.echo(line)


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option("--output", help="Write it to a file.", show_default=False)] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Of a group's files in conf/: data, model, …", show_default=False)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make it from the installed Keras, whatever was shipped.")
    ] = False,
) -> None:
    """JSON Schema of experiment files, for editors: keys, targets with their arguments, types, choices."""
    from stackfit.cli.writing import print_schema

    print_schema(output, group, fresh)


@data_app.command("list")
def data_list() -> None:
    """Which data sets there are, and which are ready."""
    from stackfit.cli.data import print_data

    print_data()


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="An option of the data group, such as fashion_mnist or mnist.")],
    overrides: Overrides = None,
) -> None:
    """Fetch, check and prepare a data set, with a progress bar."""
    from stackfit.cli.data import fetch_data

    fetch_data(name, overrides or [])


@data_app.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="An option of the data group, such as fashion_mnist.")],
    index: Annotated[int, typer.Argument(help="Which example, from 0.")] = 0,
    overrides: Overrides = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    png: Annotated[Path | None, typer.Option(help="Write the picture to a PNG file.")] = None,
) -> None:
    """One example: picture, label and class name, value range before and after scaling."""
    from stackfit.cli.data import show_data

    show_data(name, index, overrides or [], split, png)


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

        sys.stdout.write("".join(f"{line}\n" for line in install()) if install_completion else SCRIPTS[shell()])
        raise typer.Exit
    if version:
        import stackfit

        sys.stdout.write(f"stackfit {stackfit.__version__}\n")
        raise typer.Exit
