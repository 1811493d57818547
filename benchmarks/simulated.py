"""A search over settings that are all recorded: cells are deterministic, so it need not train them again.

It asks and prunes with stackfit's own functions, and takes every curve from the folder of the full grid. `search_kt` holds the
first of its searches against a real one, trial by trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit.config.hydra.composition import Composer
from stackfit.config.hydra.space import Space
from stackfit.config.hydra.spread import Spread, read_spread
from stackfit.errors import raising
from stackfit.execution import samplers
from stackfit.execution.pruning import pruner_of
from stackfit.results.directions import BY_CLASS
from stackfit.results.run_files import find_run_folders, read_history, read_status
from stackfit.results.study import Trial


@dataclass(frozen=True)
class Known:
    """A setting that was trained to its end: the metric after each epoch, and of its saved weights."""

    curve: tuple[float, ...]
    final: float

    def at(self, epoch: int) -> float:
        """The value that counts at a rung: after a run's end its final one."""
        return self.curve[epoch - 1] if epoch <= len(self.curve) else self.final


Grid = Mapping[Any, Known]


def spread_of(experiment: str, *overrides: str) -> Spread:
    """The space and the settings of an experiment's search."""
    with raising() as problems:
        composition = Composer(experiment).compose(overrides, problems)
        return read_spread(composition, lambda cells: True, problems, BY_CLASS)


def read_grid(folder: Path, metric: str) -> Grid:
    """The cells of a finished sweep, by their axes."""
    grid = {}
    for path in find_run_folders([folder]):
        status = read_status(path)
        curve = tuple(float(row[metric] or math.nan) for row in read_history(path))
        grid[samplers.key_of(status["axes"])] = Known(curve, float(status["metrics"][metric]))
    return grid


def simulate(space: Space, settings: Mapping[str, Any], grid: Grid) -> list[Trial]:
    """The trials of the search with these settings, as their folders would tell them."""
    trials: list[Trial] = []
    for batch in range(settings["n_trials"]):
        points = samplers.ask(space, settings, trials, batch, min(settings["batch"], settings["n_trials"] - len(trials)))
        if not points:
            break
        trials += _train([samplers.key_of(point.axes) for point in points], settings, grid, batch, len(trials))
    return trials


def _train(keys: Sequence[Any], settings: Mapping[str, Any], grid: Grid, batch: int, first: int) -> list[Trial]:
    """A batch: up to each rung, where the worse part ends."""
    sign = 1.0 if settings["direction"][0] == "max" else -1.0
    known = {first + place: grid[key] for place, key in enumerate(keys)}
    pruner, longest = pruner_of(settings), max(len(each.curve) for each in known.values())
    ended: dict[int, tuple[int, str]] = {}
    for rung in range(1, longest + 1):
        ranked = {trial: sign * each.at(rung) for trial, each in known.items() if rung in pruner.rungs(longest + 1, trial)}
        ranked = {trial: value for trial, value in ranked.items() if trial not in ended}
        if ranked:
            ended |= {trial: (rung, reason) for trial, reason in pruner.decide(rung, ranked).items()}
    found = []
    for (trial, each), key in zip(known.items(), keys, strict=True):
        rung, reason = ended.get(trial, (longest, ""))
        if trial in ended and rung < len(each.curve):
            curve = each.curve[:rung]
            found.append(Trial(trial, batch, dict(key), (), "pruned", curve, curve[-1], rung, reason))
        else:
            found.append(Trial(trial, batch, dict(key), (), "finished", each.curve, each.final, len(each.curve), "", (each.final,)))
    return found


def best_of(trials: Sequence[Trial]) -> Trial:
    """The best finished trial, where more is better; the earlier of equal ones."""
    return max((trial for trial in trials if trial.state == "finished"), key=lambda trial: trial.values[0])
