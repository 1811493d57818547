"""The Python API: the same engine as the command line."""

from __future__ import annotations

import sys
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
from stackfit.files import shown
from stackfit.results import run as results
from stackfit.results.naming import newest_run
from stackfit.results.run_files import RunFiles

if TYPE_CHECKING:
    import keras
    import pandas as pd

# Seeds, dtype policy and determinism belong to the process: a second thread's run waits, so that each has its own bits.
_turn = threading.RLock()


class Run(results.Run):
    """A run folder that also predicts; see `stackfit.results.run.Run`."""

    def predict(self, examples: Any, trust: Iterable[str] = ()) -> pd.DataFrame:
        """Predict unscaled examples; the run's own scaling is applied.

        Args:
            examples: a DataFrame whose columns are found by name, an array `(examples, *input_shape)`, or paths of
                pictures or CSV files; values as they stand in the training data.
            trust: modules of your project whose layers the config may name.

        Returns:
            One row an example: of files its `name`, `predicted`, and of classes the probability of each as `p_NAME`.

        Raises:
            DataError: a column is missing, the shape is another, or a value is not a number.
            RunFolderError, ConfigError: see `load_model`.
        """
        from stackfit.proof.predictions import predict_frame

        return predict_frame(self, examples, trust, lambda line: print(line, file=sys.stderr))


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
        return Run(train(composition, problems, trust=trust, fresh=fresh, reporter=reporter).folder)


def train(
    composition: Composition,
    problems: Problems,
    *,
    trust: Iterable[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
) -> results.Run:
    """`run`, for a composition; `problems` are those of the composition."""
    cell = build_cell(composition, trusted_modules(trust), problems)
    problems.raise_errors()  # before the engine starts, which takes seconds; `plan` names those that need it as well
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


def load_model(run: results.Run | str | Path, trust: Iterable[str] = ()) -> keras.Model:
    """The trained model of a run: its layers from the run's config, its arrays from `model.keras`; no code is loaded.

    Its inputs are scaled as in training: `(x - subtract) / divide`, with the numbers of the run's `scaling.json`. A line on
    stderr says so. `Run.predict` takes unscaled examples.

    Args:
        run: also a run's folder, or an experiment's name: its newest finished run.

    Raises:
        RunFolderError: the path is not a run folder, the run saved no model, or another one than its config describes.
        ConfigError: the run names modules that are trusted neither by `trust` nor by the project.
    """
    from stackfit.proof.saved import load_model as load

    opened = run if isinstance(run, results.Run) else Run(newest_run(Path(run)))
    model = load(opened, trust=trust)
    scale, columns = (opened.config["data"].get(key) for key in ("scale", "columns"))
    if scale != "none" or columns:
        file = RunFiles(opened.folder).scaling
        where = f", with the numbers of {shown(file)}" if file.exists() else ""
        how = "encoded and scaled" if columns else "scaled"
        print(
            f"This model takes inputs {how} as in training: data.scale is {scale}{where}. Unscaled ones: Run.predict",
            file=sys.stderr,
        )
    return model
