"""What a search found: its best setting, what it spent, what chance would have found with that, and which axes mattered."""

from __future__ import annotations

import contextlib
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError, StackfitError, raising
from stackfit.files import reading, shown
from stackfit.results import search_chance
from stackfit.results.frames import Paths
from stackfit.results.naming import is_name
from stackfit.results.search_importance import find_importance
from stackfit.results.search_rank import confirmed, search_at, trial_of
from stackfit.results.study import SEED, SETTLED, Study, Trial, read_study
from stackfit.results.sweep_folder import AGAIN, SweepFolder

BLIND = ("random", "qmc", "grid")  # samplers that learn nothing: their trials are a sample of the space
TOP = 3  # of the trials by their value
ALL, FIRST_BATCH = "all", "first batch"  # which trials were chosen blindly
BETTER, NO_BETTER, UNKNOWN = "better", "no better", "not known"


def summary_of(paths: Paths) -> dict[str, Any] | None:
    """`summarize_search` of the only path: a search's folder, or an experiment's name whose newest sweep is a search or its
    confirmation."""
    given = [paths] if isinstance(paths, (str, PathLike)) else [*paths]
    if len(given) != 1:
        return None
    path = Path(given[0])
    search, confirmation = search_at(path)
    if search is None or (confirmation is not None and not is_name(path)):
        return None
    with contextlib.suppress(OSError, RunFolderError):  # who reads the runs says it
        return summarize_search(search, confirmation=confirmation)
    return None


def summarize_search(
    folder: SweepFolder, study: Study | None = None, confirmation: SweepFolder | None = None
) -> dict[str, Any] | None:
    """The summary of a search as plain containers; None if the sweep is not a search.

    Args:
        study: of this folder, if it has been read already.
        confirmation: the sweep that trained its best settings again.

    Returns:
        `experiment`, `folder`, `axes`, `sampler`, `pruner`, `metrics`, `directions`, `seeds`; `trials`: how many by state; `epochs`
        spent, and `full_epochs` that all these trials would take; `best`: its `trial`, `axes`, `overrides`, `value`,
        `values`, `folders`; `top`: the best `TOP`; `front`: several of these, of a search with two metrics; `progress`: `[epochs, best value so far]`; `chance`: see
        `_chance`; `importance`: a share for each axis, `importance_by_chance` and `importance_of`; `command`: trains the best, that
        of the confirmation if there is one; `confirmed`: see `search_rank.confirmed`.

    Raises:
        RunFolderError: see `read_study`.
    """
    study = study or read_study(folder)
    if study is None:
        return None
    index = folder.read_index()
    with reading(folder.index, "the settings and the space of a search", AGAIN):
        learns, size = study.settings["sampler"] not in BLIND, space_of(study.settings).size
    sign = [1.0 if direction == "max" else -1.0 for direction in study.directions]
    finished = [trial for trial in study.trials if trial.state == "finished" and all(map(math.isfinite, trial.values))]
    ranked = sorted(finished, key=lambda trial: (-sign[0] * trial.values[0], trial.number))
    best = next(iter(ranked), None)
    several = len(study.metrics) > 1
    front = find_front(finished, sign) if several else []
    ends = [(trial.batch, trial.epochs, sign[0] * trial.values[0] if trial in finished else None) for trial in study.trials]
    importance = find_importance(study)
    again = None if several or confirmation is None else confirmed(confirmation, study.metrics[0], study.directions[0])
    chosen = trial_of(study.trials, again["axes"]) if again else best
    return {
        "experiment": index["experiment"],
        "folder": shown(folder.path),
        "axes": [*index["axes"]],
        "sampler": study.settings.get("sampler"),
        "pruner": study.settings.get("pruner"),
        "metrics": [*study.metrics],
        "directions": [*study.directions],
        "seeds": max((len(trial.folders) for trial in study.trials), default=1),
        "trials": dict(Counter(trial.state for trial in study.trials)),
        "settled": all(trial.state in SETTLED for trial in study.trials),
        "epochs": sum(trial.epochs for trial in study.trials),
        "full_epochs": sum(trial.longest for trial in study.trials),
        "best": None if best is None or several else _described(best, folder, index),
        "top": [] if several else [_described(trial, folder, index) for trial in ranked[:TOP]],
        "front": [_described(trial, folder, index) for trial in front],
        "progress": [] if several else [[epochs, sign[0] * value] for epochs, value in search_chance.best_so_far(ends)],
        "chance": _chance(study, best, sign[0], size, learns) if best and not several else [],
        "importance": dict(importance.shares),
        "importance_by_chance": [*importance.by_chance],
        "importance_of": importance.said,
        "command": None if chosen is None or several else _command(index["experiment"], typed_for(index, chosen, again is not None)),
        "confirmed": again,
    }


def _described(trial: Trial, folder: SweepFolder, index: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "axes": dict(trial.axes),
        "overrides": typed_for(index, trial),
        "value": trial.value,
        "values": [*trial.values],
        "folders": [shown(folder.path / name) for name in trial.folders],
    }


def find_front(trials: Sequence[Trial], sign: Sequence[float]) -> list[Trial]:
    """Those that no other one is as good as in every metric and better in one; the best by the first metric comes first."""
    signed = {trial.number: tuple(s * value for s, value in zip(sign, trial.values, strict=True)) for trial in trials}

    def beaten(own: tuple[float, ...]) -> bool:
        return any(other != own and all(a >= b for a, b in zip(other, own, strict=True)) for other in signed.values())

    left = [trial for trial in trials if not beaten(signed[trial.number])]
    return sorted(left, key=lambda trial: [-value for value in signed[trial.number]] + [trial.number])


def space_of(settings: Mapping[str, Any]) -> Any:
    """The space that a search's settings describe; Hydra's grammar is read only here."""
    from stackfit.config.hydra.space import Space

    return Space.read((), settings)


def _chance(study: Study, best: Trial, sign: float, size: float, learns: bool) -> list[dict[str, Any]]:
    """The baselines of `search_chance` over the trials that were chosen blindly: all, or the first batch of a sampler that
    learns, unless the search has tried all that there is.

    Returns:
        For each its `name`, `low` and `high`, `exact`, `settings`, `epochs`; `of`: which trials it rests on, and `known`: how many;
        and `search`: whether the search did better. No values where the budget is too small, or the histories lack the metric.
    """
    seeds = len(best.folders)
    settled = [trial for trial in study.trials if trial.state in SETTLED]
    whole = len(settled) >= size
    every = whole or not learns
    blind = [trial for trial in settled if every or trial.batch == 0]
    pool = search_chance.endings([_settled(trial, sign) for trial in blind if trial.state != "pruned" or trial.curve])
    budget = sum(trial.epochs for trial in settled) / seeds
    of_random = search_chance.random_search(pool, budget, whole) if pool else None
    told = pool and not any(math.isnan(ending.first) for ending in pool)
    of_one = search_chance.one_epoch(pool, budget, whole) if told else None
    return [
        {"name": name, "of": ALL if every else FIRST_BATCH, "known": len(pool), **_judged(baseline, sign * (best.value or 0.0), sign, seeds)}
        for name, baseline in (("random search", of_random), ("one epoch of all", of_one))
    ]


def _settled(trial: Trial, sign: float) -> search_chance.Settled:
    curve = tuple(sign * value for value in trial.curve)
    final = sign * trial.value if trial.state == "finished" and trial.value is not None else None
    seeds = len(trial.folders)
    return search_chance.Settled(curve, trial.epochs / seeds, trial.longest // seeds, final, trial.state == "pruned")


def _judged(baseline: search_chance.Baseline | None, best: float, sign: float, seeds: int) -> dict[str, Any]:
    if baseline is None:
        return {"low": None, "high": None, "exact": False, "settings": 0, "epochs": 0, "search": UNKNOWN}
    least = 1e-9 * max(1.0, abs(best))
    search = NO_BETTER if baseline.low >= best - least else BETTER if baseline.high < best - least else UNKNOWN
    low, high = sorted((sign * baseline.low, sign * baseline.high))
    return {
        "low": None if math.isinf(low) else low,
        "high": None if math.isinf(high) else high,
        "exact": high - low <= least,
        "settings": baseline.settings,
        "epochs": round(baseline.epochs * seeds),
        "search": search,
    }


def typed_for(index: Mapping[str, Any], trial: Trial, again: bool = False) -> list[str]:
    """The overrides of a trial's setting, without the seeds that the search gave it.

    Args:
        again: it was trained again with other seeds, so one that the search has varied is left out, too.
    """
    cell = next(cell for cell in index["cells"] if cell["folder"] == trial.folders[0])
    words = list(cell["overrides"])
    if SEED in cell["axes"] and (again or SEED not in trial.axes):
        words.reverse()
        words.remove(f"{SEED}={cell['axes'][SEED]}")  # the search's own comes last; one that was typed for all cells stays
        words.reverse()
    return [word for word in words if not word.startswith("hydra")]


def _command(experiment: str, overrides: Sequence[str]) -> str:
    """The command that trains one setting, whatever its experiment's file declares."""
    once = ["hydra.mode=RUN"] if declares_sweep(experiment) else []
    return shlex.join(["stackfit", "run", experiment, *once, *overrides])


def declares_sweep(experiment: str) -> bool:
    from stackfit.config.hydra.composition import Composer

    with contextlib.suppress(StackfitError), raising() as problems:  # it may be gone by now
        return Composer(experiment).compose((), problems).declares_sweep
    return False
