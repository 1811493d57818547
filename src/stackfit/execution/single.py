"""A single run: from a composition to its finished folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stackfit.config.hydra.composition import Composition
from stackfit.config.trust import trusted_modules
from stackfit.errors import Problems
from stackfit.execution.cells import build_cell
from stackfit.execution.jobs import single_claim
from stackfit.execution.progress import Reporter, make_reporter
from stackfit.results.run import Run


def train(
    composition: Composition,
    problems: Problems,
    *,
    trust: Iterable[str] = (),
    fresh: bool = False,
    reporter: Callable[[int], Reporter] = make_reporter,
) -> Run:
    """Train one experiment.

    Args:
        problems: those of the composition.
        trust: modules of the project whose classes the config may name.
        fresh: always make a new folder; else an interrupted run of the same config is resumed in its own folder.
        reporter: called with the config's `verbosity`.

    Raises:
        ConfigError: the experiment, an override, a value or the data are wrong; nothing was trained.
        TrainingError: the run failed; its folder says why.
        KeyboardInterrupt: the user stopped it; the status in the folder is *interrupted*.
    """
    cell = build_cell(composition, trusted_modules(trust), problems)
    problems.raise_errors()  # what else is wrong needs an engine, whose start takes seconds
    from stackfit.execution.members import check_model, start
    from stackfit.execution.runner import run_cell

    start(cell)
    model = check_model(cell, problems).model
    problems.raise_errors()
    made = reporter(cell.config["verbosity"])
    for warning in problems.warnings:
        made.line(warning.as_warning())
    return run_cell(cell, single_claim(fresh), made, model)
