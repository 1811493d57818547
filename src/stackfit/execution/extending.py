"""A worker's part in a search: the next batch, asked for from nothing but the sweep's folder and the project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stackfit import files
from stackfit.config.hydra.composition import Composer
from stackfit.config.hydra.space import Space
from stackfit.config.hydra.spread import Spread
from stackfit.errors import Problems
from stackfit.execution.executors import describe_job
from stackfit.execution.optuna_trials import need_optuna
from stackfit.execution.progress import Reporter
from stackfit.execution.searching import Search
from stackfit.execution.sweep import Sweep
from stackfit.results.study import SETTLED, read_study
from stackfit.results.sweep_folder import STUDY, SweepFolder


def extend(folder: SweepFolder, reporter: Reporter, trust: Iterable[str] = (), spent_seconds: float = 0.0) -> bool:
    """Ask for the next batch of the search in a sweep's folder and list it there; for workers.

    Two that do this at once ask for the same trials and write the same list.

    Args:
        spent_seconds: how long the caller has worked on the search; compared with the study's `minutes`.

    Returns:
        Whether there is a batch that was not there before; False if a trial has not ended, or the search is complete.

    Raises:
        ConfigError: Optuna is not installed, or the experiment has changed so that it does not compose.
        TrainingError: every trial so far has failed.
    """
    need_optuna()
    with files.writing(folder.jobs):
        folder.jobs.mkdir(exist_ok=True)
        with files.locked(folder.jobs):
            index, study = folder.read_index(), read_study(folder)
            if study is None or not all(trial.state in SETTLED for trial in study.trials):
                return False
            search = reopen(folder, index, reporter, trust)
            search.close_batch(study.trials)
            batch = 1 + max((trial.batch for trial in study.trials), default=-1)
            if not search.goes_on(spent_seconds) or not (jobs := search.ask(batch, study.trials)):
                return False
            listed = [{key: cell[key] for key in cell if key != "planned"} for cell in index["cells"] if "trial" in cell]
            cells = [*listed, *map(describe_job, jobs)]
            folder.write_index(index["experiment"], index["overrides"], index["axes"], cells, index[STUDY])
            return True


def reopen(folder: SweepFolder, index: Mapping[str, Any], reporter: Reporter, trust: Iterable[str] = ()) -> Search:
    """The search in a sweep's folder.

    Args:
        index: the content of its `sweep.json`.

    Raises:
        ConfigError: its experiment is not here, or composes no more.
    """
    fixed, problems = tuple(index["overrides"]), Problems()
    composer = Composer(index["experiment"])
    composition = composer.compose(fixed, problems)
    problems.raise_errors()
    axes = Spread(fixed, fixed, tuple(index["axes"]), (), {}, Space.read(fixed, index[STUDY]), index[STUDY])
    return Search(Sweep(composer, composition, problems, trust=trust, reporter=reporter, axes=axes, folder=folder))
