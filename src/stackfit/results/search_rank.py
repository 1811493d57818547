"""How the runs of a search are ranked: by what the search chose by. And the sweep that confirms it, if there is one."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import RunFolderError
from stackfit.files import shown
from stackfit.results.naming import is_name, newest_sweep
from stackfit.results.run_files import read_status, state_of
from stackfit.results.study import SEED, Trial, read_study
from stackfit.results.sweep_folder import STUDY, SweepFolder
from stackfit.results.sweep_head import Head, is_search, read_head

if TYPE_CHECKING:
    from stackfit.results.frames import Runs


Setting = tuple[tuple[str, str], ...]  # of a cell: its axes without the seed


@dataclass(frozen=True)
class Ranking:
    """By what runs are ranked: the first metric of their search."""

    metric: str
    direction: str
    settings: Mapping[str, Setting] | None = None  # of each folder that counts, ranked by their mean over seeds; None: each run alone
    chosen_in: Path | None = None  # the search, if those are the runs that confirm it


def search_at(path: Path) -> tuple[SweepFolder | None, SweepFolder | None]:
    """The search in a folder, and the sweep that confirms it if this or an experiment's name was asked for.

    Of a name it is the newest sweep that counts.
    """
    with contextlib.suppress(OSError, RunFolderError):  # who reads the runs says it
        folder = SweepFolder(newest_sweep(path))
        search = _search_of(folder)
        if search is not None and search is folder:
            return search, confirmation_of(search) if is_name(path) else None
        if search is not None:
            return search, folder
    return None, None


def ranking_of(runs: Runs) -> Ranking | None:
    """How runs of one experiment are ranked among which there is a search; None if there is none, or several by different metrics.

    If the newest search has been confirmed with new seeds, the settings of its confirmation are ranked, else all runs.
    """
    if runs.settings["experiment"].nunique() != 1:
        return None
    sweeps = [SweepFolder(path) for path in sorted({Path(folder).parent for folder in runs.about["folder"]})]
    found = [(sweep, search) for sweep in sweeps if (search := _search_of(sweep)) is not None]
    studies = [search.read_index()[STUDY] for _, search in found]
    if len({(study["metric"][0], study["direction"][0]) for study in studies}) != 1:
        return None
    newest = max((search for _, search in found), key=_written).path
    study = next(study for (_, search), study in zip(found, studies, strict=True) if search.path == newest)
    again = next((sweep for sweep, search in found if search.path == newest and sweep is not search), None)
    whole = again
    if again is None and study.get("seeds", 1) > 1:
        whole = next(search for _, search in found if search.path == newest)
    settings = None if whole is None else _settings(whole)
    return Ranking(study["metric"][0], study["direction"][0], settings, None if again is None else newest)


def best_mean(values: Mapping[str, float], settings: Mapping[str, Setting], direction: str) -> tuple[list[str], float, int]:
    """The folders of the setting with the best mean, this mean, and how many settings there are. Those come first of which
    every seed has a value; of equal ones, the first.

    Args:
        values: of at least one of the folders.
        settings: that of each folder.
    """
    groups: dict[Setting, list[str]] = {}
    for folder, setting in settings.items():
        groups.setdefault(setting, []).append(folder)
    whole = [folders for folders in groups.values() if all(folder in values for folder in folders)]
    known = whole or [left for folders in groups.values() if (left := [folder for folder in folders if folder in values])]
    means = [math.fsum(values[folder] for folder in folders) / len(folders) for folders in known]
    best = (max if direction == "max" else min)(means)
    return known[means.index(best)], best, len(known)


def confirmed(sweep: SweepFolder, metric: str, direction: str) -> dict[str, Any] | None:
    """What a confirmation says is best: `axes`, `value` (the mean), `seeds`, `settings` (how many), `folder`; None if nothing is finished."""
    settings, values = _settings(sweep), {}
    for folder in settings:
        status = read_status(Path(folder), damaged_is_empty=True)
        value = (status.get("metrics") or {}).get(metric)
        if state_of(status) == "finished" and isinstance(value, (int, float)) and math.isfinite(value):
            values[folder] = float(value)
    if not values:
        return None
    folders, mean, count = best_mean(values, settings, direction)
    return {"axes": dict(settings[folders[0]]), "value": mean, "seeds": len(folders), "settings": count, "folder": shown(sweep.path)}


def ranks_of(runs: Runs) -> dict[str, int]:
    """The place of each run of a search in it, by its folder: finished ones by their value, then the pruned ones by how far they came."""
    found: dict[str, int] = {}
    for path in sorted({Path(folder).parent for folder in runs.about["folder"]}):
        sweep = SweepFolder(path)
        if is_search(sweep.index):
            with contextlib.suppress(RunFolderError):  # damaged: its runs stand in the order of their settings
                study = read_study(sweep)
                trials = sorted(study.trials, key=lambda trial: _place(trial, study.directions[0])) if study else []
                found |= {str(path / name): place for place, trial in enumerate(trials) for name in trial.folders}
    return found


def seeds_of(confirmation: SweepFolder) -> int:
    """How many seeds its newest command trained each setting with."""
    return max(Counter(_settings(confirmation).values()).values())


def trial_of(trials: Iterable[Trial], axes: Mapping[str, str]) -> Trial | None:
    """The one that has this setting, whatever its seed."""
    return next((trial for trial in trials if _setting(trial.axes) == _setting(axes)), None)


def _place(trial: Trial, direction: str) -> tuple[Any, ...]:
    value = trial.value if trial.value is not None else math.nan
    worse = math.inf if math.isnan(value) else -value if direction == "max" else value
    if trial.state == "finished":
        return 0, worse, trial.number
    return 1 if trial.state == "pruned" else 2, -len(trial.curve), worse, trial.number


def _search_of(sweep: SweepFolder) -> SweepFolder | None:
    """The sweep itself if it is a search; the search next to it whose settings it trains with other seeds; else None."""
    head = read_head(sweep.index)
    if head is None or not (head.is_search or SEED in head.axes):
        return None
    try:
        index = sweep.read_index()
    except RunFolderError:
        return None
    if STUDY in index:
        return sweep
    if not (settings := {_setting(cell["axes"]) for cell in _planned(index)}):
        return None
    for search in _beside(sweep, index["overrides"], lambda head: head.is_search):
        with contextlib.suppress(RunFolderError):
            if settings <= {_setting(cell["axes"]) for cell in search.read_index()["cells"]}:
                return search
    return None


def confirmation_of(search: SweepFolder) -> SweepFolder | None:
    """The newest sweep next to a search that trains its settings with other seeds."""
    if (own := read_head(search.index)) is None:
        return None
    for sweep in _beside(search, own.overrides, lambda head: not head.is_search and SEED in head.axes):
        if (of := _search_of(sweep)) is not None and of.path == search.path:
            return sweep
    return None


def _beside(sweep: SweepFolder, overrides: Iterable[str], fits: Callable[[Head], bool]) -> list[SweepFolder]:
    """The other sweeps in this one's experiment with the same overrides whose heads fit; the newest first."""
    others = []
    for path in sweep.path.parent.glob(f"*/{sweep.index.name}"):
        head = read_head(path) if path != sweep.index else None
        if head and sorted(head.overrides) == sorted(overrides) and fits(head):
            others.append(SweepFolder(path.parent))
    return sorted(others, key=_written, reverse=True)


def _planned(index: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [cell for cell in index["cells"] if cell.get("planned", True)]


def _settings(sweep: SweepFolder) -> dict[str, Setting]:
    return {
        str(sweep.path / cell["folder"]): tuple((key, text) for key, text in cell["axes"].items() if key != SEED)
        for cell in _planned(sweep.read_index())
    }


def _setting(axes: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """To find it in another sweep, whatever the order of the axes."""
    return frozenset((key, text) for key, text in axes.items() if key != SEED)


def _written(sweep: SweepFolder) -> int:
    return sweep.index.stat().st_mtime_ns
