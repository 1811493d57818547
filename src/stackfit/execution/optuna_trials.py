"""A search's trials as Optuna has them: for its sampler TPE, and for `study.journal`, which its dashboard opens."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit import files
from stackfit.config.hydra.axes import Axis, Point
from stackfit.config.hydra.space import Space
from stackfit.errors import ConfigError
from stackfit.results.study import Trial

if TYPE_CHECKING:
    import optuna

GRID = "grid"  # the parameter that chooses one of a union's grids
WAYS = {"max": "maximize", "min": "minimize"}


def has_optuna() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("optuna") is not None


def need_optuna() -> None:
    """Raise a ConfigError if the extra is not installed."""
    if not has_optuna():
        raise ConfigError(
            "The sweeper search needs optuna, which is not installed. Expected the extra. Type: pip install 'stackfit[search]'"
        )


def tell(space: Space, study: Mapping[str, Any], trials: Sequence[Trial], seed: int) -> optuna.Study:
    """A study of Optuna with a new TPE that knows these trials."""
    import optuna

    with _quiet():
        # The trials of a batch that are asked for already count as bad ones, so that the next lies elsewhere.
        several = len(space.grids) > 1
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=several, constant_liar=True)
        told = optuna.create_study(sampler=sampler, directions=[WAYS[way] for way in study["direction"]])
        for trial in trials:
            if (frozen := as_frozen(space, trial)) is not None:
                told.add_trial(frozen)
    return told


def draw(space: Space, told: optuna.Study) -> Point:
    """The next point by the study's sampler."""
    with _quiet():
        trial, grid = told.ask(), 0
        if len(space.grids) > 1:
            grid = trial.suggest_categorical(GRID, [*range(len(space.grids))])
        texts = [_suggest(trial, name, axis) for name, axis in _named_axes(space, grid)]
    return space.point(grid, texts)


def write_journal(path: Path, name: str, space: Space, study: Mapping[str, Any], trials: Sequence[Trial]) -> None:
    """Write the trials as a journal that Optuna opens; stackfit itself never reads it."""
    import optuna
    from optuna.storages.journal import BaseJournalBackend

    class Lines(BaseJournalBackend):
        """The journal's lines; Optuna's own file takes 2 ms for each, because it waits for the disk."""

        def __init__(self) -> None:
            self.logs: list[dict[str, Any]] = []

        def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
            return iter(self.logs[log_number_from:])

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            self.logs += logs

    lines = Lines()
    with _quiet():
        directions = [WAYS[way] for way in study["direction"]]
        made = optuna.create_study(storage=optuna.storages.JournalStorage(lines), study_name=name, directions=directions)
        made.set_metric_names(study["metric"])
        for trial in trials:
            if (frozen := as_frozen(space, trial)) is not None:
                made.add_trial(frozen)
    files.write_text(path, "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in lines.logs))


def as_frozen(space: Space, trial: Trial) -> optuna.trial.FrozenTrial | None:
    """A trial that has ended, as Optuna keeps it; None for one that has not, or whose axes are not of this space."""
    import optuna
    from optuna.trial import TrialState

    grid = space.grid_of(trial.axes)
    states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    if grid is None or trial.state not in states:
        return None
    state = states[trial.state]
    if trial.value is None or not all(map(math.isfinite, trial.values)):
        state = TrialState.FAIL
    params: dict[str, Any] = {GRID: grid} if len(space.grids) > 1 else {}
    distributions: dict[str, Any] = {}
    if params:
        distributions[GRID] = optuna.distributions.CategoricalDistribution([*range(len(space.grids))])
    for name, axis in _named_axes(space, grid):
        distributions[name] = _distribution(axis)
        params[name] = _inside(axis, trial.axes[axis.key.lstrip("+")])
    return optuna.trial.create_trial(
        state=state,
        values=list(trial.values) if state == TrialState.COMPLETE else None,
        params=params,
        distributions=distributions,
        intermediate_values={epoch: value for epoch, value in enumerate(trial.curve, 1) if math.isfinite(value)},
        user_attrs={"trial": trial.number, "folders": list(trial.folders), **({"reason": trial.reason} if trial.reason else {})},
    )


def _named_axes(space: Space, grid: int) -> Iterator[tuple[str, Axis]]:
    """A grid's axes with the names of their parameters: one that has other values in another grid is another parameter."""
    for axis in space.grids[grid]:
        texts = {other.text for axes in space.grids for other in axes if other.key == axis.key}
        key = axis.key.lstrip("+")
        yield (key if len(texts) == 1 else f"{key}@{grid}"), axis


def _numbers(axis: Axis) -> dict[int, str]:
    """The texts of evenly spaced whole numbers, in order; empty if the axis's values are others."""
    if axis.scale or len(axis.values) < 2 or not all(re.fullmatch(r"-?\d+", text) for text in axis.values):
        return {}
    found = {int(text): text for text in axis.values}
    ordered = sorted(found)
    steps = {after - before for before, after in itertools.pairwise(ordered)}
    return {number: found[number] for number in ordered} if len(steps) == 1 and len(found) == len(axis.values) else {}


def _distribution(axis: Axis) -> Any:
    from optuna import distributions

    if axis.scale:
        whole, log = axis.scale.startswith("int"), axis.scale.endswith("log")
        low, high = map(int if whole else float, axis.values)
        return (distributions.IntDistribution if whole else distributions.FloatDistribution)(low, high, log=log)
    if numbers := [*_numbers(axis)]:
        return distributions.IntDistribution(numbers[0], numbers[-1], step=numbers[1] - numbers[0])
    return distributions.CategoricalDistribution(axis.values)


def _inside(axis: Axis, text: str) -> Any:
    """The parameter's value for a text of the axis."""
    if axis.scale:
        return int(text) if axis.scale.startswith("int") else float(text)
    return int(text) if _numbers(axis) else text


def _suggest(trial: optuna.Trial, name: str, axis: Axis) -> str:
    if axis.scale:
        low, high = axis.values
        log = axis.scale.endswith("log")
        if axis.scale.startswith("int"):
            return str(trial.suggest_int(name, int(low), int(high), log=log))
        return repr(trial.suggest_float(name, float(low), float(high), log=log))
    if numbers := _numbers(axis):
        first, second, *_ = numbers
        return numbers[trial.suggest_int(name, first, [*numbers][-1], step=second - first)]
    return trial.suggest_categorical(name, axis.values)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's own messages, and as it was afterwards."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):  # `group` is experimental
            yield
    finally:
        optuna.logging.set_verbosity(before)
