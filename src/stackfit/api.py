"""The Python API: the same engine as the command line."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.hydra.overrides import refuse_axes
from stackfit.config.trust import trusted_modules
from stackfit.errors import Problems, raising
from stackfit.execution.cells import build_cell, compose_command
from stackfit.execution.jobs import single_claim
from stackfit.execution.progress import Reporter, make_reporter
from stackfit.results.run import Run

if TYPE_CHECKING:
    import keras
    import pandas as pd

# Seeds, dtype policy and determinism belong to the process: a second thread's run waits, so that each has its own bits.
_turn = threading.RLock()


def run(
    experiment: str,
    *overrides: str,
    trust: Iterable[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Train one experiment: `stackfit.run("gsp631_base", "epochs=1")`.

    Args:
        overrides: in Hydra's grammar.
        trust: modules of your project whose classes the config may name.
        fresh: always make a new folder; else an interrupted run of the same config is resumed in its own folder.

    Raises:
        ConfigError: the experiment, an override, a value or the data are wrong; nothing was trained.
        TrainingError: the run failed; its folder says why.
        KeyboardInterrupt: you stopped it; the status in the folder is *interrupted*.
    """
    with _turn, raising() as problems:
        composition = Composer(experiment).compose(overrides, problems)
        refuse_axes(composition.axes, problems)
        return train(composition, problems, trust=trust, fresh=fresh, reporter=reporter)


def train(
    composition: Composition,
    problems: Problems,
    *,
    trust: Iterable[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """`run`, for a composition; `problems` are those of the composition."""
    cell = build_cell(composition, trusted_modules(trust), problems)
    if problems.wrong_names():  # the rest needs an engine, whose start takes seconds
        problems.raise_errors()
    from stackfit.execution.members import check_model, start
    from stackfit.execution.runner import run_cell

    start(cell)
    model = check_model(cell, problems).model
    problems.raise_errors()
    reporter = reporter or make_reporter(cell.config["verbosity"])
    for warning in problems.warnings:
        reporter.line(warning.as_warning())
    return run_cell(cell, single_claim(fresh), reporter, model)


def sweep(
    experiment: str,
    *overrides: str,
    trust: Iterable[str] = (),
    fresh: bool = False,
    fail_fast: bool = False,
    reporter: Reporter | None = None,
) -> pd.DataFrame:
    """Train every cell that is not finished: `stackfit.sweep("codelab_base_128", "model.layers.hidden.units=32,64")`.

    Args:
        overrides: in Hydra's grammar; `a=1,2` is an axis.
        fresh: start over in a new sweep folder; nothing is deleted.
        fail_fast: stop at the first failure.

    Returns:
        The sweep's table, one row a cell; see `stackfit.results.tables.table`.

    Raises:
        ConfigError: an axis, a key or a value is wrong; nothing was trained.
        KeyboardInterrupt: you stopped it; finished cells are kept.
    """
    from stackfit.execution.sweep import Sweep

    with _turn:
        composer = Composer(experiment)
        composition, problems, _ = compose_command(composer, overrides, multirun=True)
        reporter = reporter or make_reporter()
        planned = Sweep(composer, composition, problems, trust=trust, fresh=fresh, reporter=reporter)
        return table(planned.run(fail_fast).folder.path)


def table(paths: Any = (), **options: Any) -> pd.DataFrame:
    """One row a run: the settings that differ, then the metrics. Options as in `stackfit table`; see `stackfit.results.tables.table`."""
    from stackfit.results import tables

    return tables.table(paths, **options)


def load_model(run: Run | str | Path, trust: Iterable[str] = ()) -> keras.Model:
    """The trained model of a run, loaded in safe mode: no code in the file is executed.

    Raises:
        RunFolderError: the path is not a run folder, or the run saved no model.
        ConfigError: the run names modules that are trusted neither by `trust` nor by the project.
    """
    from stackfit.proof.saved import load_model as load

    return load(run if isinstance(run, Run) else Run(Path(run)), trust=trust)
