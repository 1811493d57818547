"""Training from Python: one run, a sweep, and the plan of either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from stackfit.api.notebook import reporter_of
from stackfit.api.proofs import Run, modules
from stackfit.api.records import Plan
from stackfit.api.views import table
from stackfit.api.wording import spoken, turn
from stackfit.config.given import given
from stackfit.config.hydra.composition import Composer
from stackfit.config.hydra.overrides import refuse_axes
from stackfit.config.override_text import override_lines
from stackfit.errors import raising
from stackfit.execution.cells import compose_command
from stackfit.execution.progress import Reporter
from stackfit.execution.single import train

if TYPE_CHECKING:
    import pandas as pd


@spoken
def run(
    experiment: str | PathLike[str],
    *overrides: Any,
    callbacks: Any = None,
    trust: str | Iterable[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Train one experiment: `stackfit.run("gsp631_base", {"epochs": 1, "model.layers.hidden.units": 128})`.

    Args:
        experiment: its name, as `stackfit.experiments()` shows it, or its file.
        overrides: a mapping of keys to values, or texts in Hydra's grammar: `"epochs=1", "optimizer=sgd"`, also in lists.
        callbacks: your own callbacks, one or several, also by name: `callbacks=[LossHistory]`, `callbacks={"history":
            LossHistory()}`. A class is known by its code: equal code is the same experiment, and an interrupted run of it
            resumes. An object is used as it is; such a run is never resumed, and cannot be verified. `run.callbacks` has
            them afterwards.
        trust: modules of your project whose classes the config may name.
        fresh: always make a new folder; else an interrupted run of the same config is resumed in its own folder.
        reporter: shows the progress; `Reporter(0)` of `stackfit.execution.progress` shows none.

    Returns:
        The finished run: `run.metrics`, `run.history`, `run.folder`.

    Raises:
        ConfigError: the experiment, an override, a value or the data are wrong; nothing was trained.
        TrainingError: the run failed; its folder says why.
        KeyboardInterrupt: you stopped it; the status in the folder is *interrupted*.
    """
    with turn, given(callbacks) as nodes, raising() as problems:
        composition = Composer(str(experiment), callbacks=nodes).compose(override_lines(overrides), problems)
        refuse_axes(composition.axes, problems)
        made = (lambda verbosity: reporter) if reporter else reporter_of
        done = train(composition, problems, trust=modules(trust), fresh=fresh, reporter=made)
        return Run(done.folder, callbacks=done.callbacks)


@spoken
def sweep(
    experiment: str | PathLike[str],
    *overrides: Any,
    callbacks: Any = None,
    trust: str | Iterable[str] = (),
    fresh: bool = False,
    fail_fast: bool = False,
    launcher: str | None = None,
    workers: int | None = None,
    sweeper: str | None = None,
    search: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
) -> pd.DataFrame:
    """Train every cell that is not finished: `stackfit.sweep("gsp631_base", {"model.layers.hidden.units": [32, 64]})`.

    A search asks for the cells itself: `stackfit.sweep("gsp631_base", {"model.layers.hidden.units": range(32, 513, 32)},
    "optimizer.learning_rate=tag(log, interval(1e-4,1e-2))", "data.validation_split=0.2", sweeper="search", search={"n_trials": 48})`.

    Args:
        experiment: its name, or its file.
        overrides: a mapping in which a list, a tuple or a range holds the values of an axis (an axis of lists is
            `[[64, 64], [32]]`), or texts in Hydra's grammar, where `a=1,2` is an axis.
        callbacks: classes of your own callbacks; each cell makes its own object.
        trust: modules of your project whose classes the config may name.
        fresh: start over in a new sweep folder; nothing is deleted.
        fail_fast: stop at the first failure.
        launcher: `"fused"` (this process), `"basic"` (one cell at a time), `"processes"`, `"slurm"` or `"ray"`.
        workers: how many of them, for the last three.
        sweeper: `"cells"` (all of them), or `"search"`; an experiment's own by default.
        search: settings of the sweeper `"search"`: `metric`, `n_trials`, `minutes`, `batch`, `seeds`, `sampler`, `pruner`, ….
        reporter: see `run`.

    Returns:
        The sweep's table, one row a cell; see `table`.

    Raises:
        ConfigError: an axis, a key or a value is wrong; nothing was trained.
        KeyboardInterrupt: you stopped it; finished cells are kept.
    """
    from stackfit.execution.sweep import Sweep

    with turn, given(callbacks, "every cell of a sweep makes its own") as nodes:
        composer = Composer(str(experiment), callbacks=nodes)
        lines = override_lines(overrides, axes=True)
        lines += [f"hydra/launcher={launcher}"] if launcher is not None else []
        lines += [f"hydra.launcher.workers={workers}"] if workers is not None else []
        lines += [f"hydra/sweeper={sweeper}"] if sweeper is not None else []
        lines += override_lines([{f"hydra.sweeper.{name}": value for name, value in (search or {}).items()}])
        composition, problems, _ = compose_command(composer, lines, multirun=True)
        made = reporter or reporter_of()
        planned = Sweep(composer, composition, problems, trust=modules(trust), fresh=fresh, reporter=made)
        return table(planned.run(fail_fast).folder.path)


@spoken
def plan(
    experiment: str | PathLike[str],
    *overrides: Any,
    multirun: bool = False,
    probe: bool = False,
    trust: str | Iterable[str] = (),
) -> Plan:
    """What a run or a sweep would do, and every error in it: `stackfit.plan("gsp631_base")["model"]["parameters"]`.

    Args:
        experiment: its name, or its file.
        overrides: see `run`; with `multirun`, see `sweep`.
        multirun: plan a sweep.
        probe: train throw-away models for a moment, to estimate the time.
        trust: modules of your project whose classes the config may name.

    Returns:
        A mapping, shown as text; `errors` and `warnings` hold what is wrong. Nothing is trained or written.

    Raises:
        ConfigError: there is no such experiment.
    """
    from stackfit.cli.planning import make_plan

    with turn:
        lines = override_lines(overrides, axes=multirun)
        return Plan(make_plan(str(experiment), lines, multirun, probe, modules(trust)))
