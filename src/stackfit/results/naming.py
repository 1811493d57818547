"""Runs by the name of their experiment: `gsp631_base` for `outputs/gsp631_base`, or for its newest finished run."""

from __future__ import annotations

from pathlib import Path

from stackfit.config import project
from stackfit.errors import RunFolderError, did_you_mean
from stackfit.files import shown
from stackfit.results.run_files import STATUS, find_run_folders, read_status, state_of
from stackfit.results.selection import order


def is_name(path: Path) -> bool:
    """Whether it can only be an experiment's name: nothing exists at this path, and it has no `/`, or one in a name."""
    return not path.exists() and (len(path.parts) == 1 or _folder(path).is_dir())


def _folder(path: Path) -> Path:
    return project.outputs() / "--".join(path.parts)  # `cnn/deep` has its runs in outputs/cnn--deep


def stands_for_run(path: Path) -> bool:
    """Whether it is a run folder, or an experiment's name."""
    return is_name(path) or (path / STATUS).is_file()


def folder_of(path: Path) -> Path:
    """The path itself, or of an experiment's name the folder with all of its runs.

    Raises:
        RunFolderError: there is neither such a path nor an experiment of this name with runs.
    """
    if not is_name(path):
        return path
    folder = _folder(path)
    if not folder.is_dir():
        raise _unknown(path.name)
    return folder


def newest_run(path: Path) -> Path:
    """The path itself, or of an experiment's name its newest finished run, sweeps included.

    Raises:
        RunFolderError: there is neither such a path nor an experiment of this name with a finished run.
    """
    folder = folder_of(path)
    return path if folder == path else newest_below(folder, str(path))


def newest_below(folder: Path, name: str) -> Path:
    """The newest finished run at or below a folder, which is called `name` in the message if there is none."""
    if not folder.is_dir():
        raise RunFolderError(f"{shown(folder)} does not exist. Expected a folder with runs. Try: stackfit table")
    found = []
    unfinished: dict[str, int] = {}
    for run in find_run_folders([folder]):
        try:
            status = read_status(run)
        except RunFolderError:
            continue  # damaged: `stackfit table` names it
        state = state_of(status)
        if state == "finished":
            found.append((str(status.get("started")), order(str(run)), run))
        else:
            unfinished[state] = unfinished.get(state, 0) + 1
    if not found:
        states = ", ".join(f"{count} {state}" for state, count in unfinished.items())
        raise RunFolderError(
            f"{name} has no finished run{f', only {states}' if states else ''}. Expected one. "
            f"Try: stackfit table {name}, for the reasons, or: stackfit run {Path(name).name}"
        )
    return max(found)[-1]


def newest_sweep(path: Path) -> Path:
    """The path itself, or of an experiment's name its newest planned sweep, if it has one."""
    folder = folder_of(path)
    sweeps = [] if folder == path else [*folder.glob("*/sweep.json")]
    return max(sweeps, key=lambda index: index.stat().st_mtime_ns).parent if sweeps else folder


def _unknown(name: str) -> RunFolderError:
    """About a name of which there are no runs: of an experiment's, how to train it; else the nearest that has runs."""
    folder = project.outputs()
    places = [own for own in (project.own("experiments"), project.shipped("experiments")) if own]
    if any(name == known.replace("/", "--") for own in places for known, _ in project.named_files(own)):
        return RunFolderError(f"{name} has no run in {shown(folder)}. Expected a finished run. Try: stackfit run {name}")
    known = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return RunFolderError(
        f"{name} does not exist.{did_you_mean(name, known)} Expected a run folder, a folder with runs below it, or the "
        f"name of an experiment with runs in {shown(folder)}. Try: stackfit table, for all in ./outputs, or: stackfit list, "
        "for what can be run"
    )
