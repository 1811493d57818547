"""One run in words: `gsp631_base`, `gsp631_base@best`, `outputs/mine@best:val_loss`, `gsp631_base@2025-09-24_10-11-12`."""

from __future__ import annotations

from pathlib import Path

from stackfit.config import project
from stackfit.errors import ConfigError, RunFolderError, did_you_mean
from stackfit.files import shown
from stackfit.results.best import find_best
from stackfit.results.naming import folder_of, newest_below, newest_run
from stackfit.results.run_files import find_run_folders

SIGN = "@"
MOST_NAMED = 6


def is_choice(path: Path) -> bool:
    """Whether it is `WHERE@WHICH`, and not a path with an `@` in it."""
    return SIGN in path.name and not path.exists()


def choose_run(path: Path) -> tuple[Path, str, list[str]]:
    """A run's folder, what decided, and a sentence for each doubt; the path itself, with nothing, if it says no more.

    Args:
        path: an experiment's name stands for its newest finished run. Of the runs of a name or below a folder,
            `NAME@newest` is the same, `NAME@best` the best by `test_accuracy` or the first test metric, `NAME@best:METRIC`
            by another one, and `NAME@WORD` the only one whose folder is called so, or has this word in its name.

    Raises:
        RunFolderError: there is no such run, or several; ConfigError: see `find_best`.
    """
    if not is_choice(path):
        run = newest_run(path)
        return run, "" if run == path else f"its newest finished run is {shown(run)}", []
    name, _, which = path.name.rpartition(SIGN)
    where = folder_of(path.parent / name) if name else project.outputs() if path.parent == Path() else path.parent
    word, _, metric = which.partition(":")
    if word == "newest" and not metric:
        return (run := newest_below(where, str(where))), f"its newest finished run is {shown(run)}", []
    if word == "best":
        try:
            best, said, doubts = find_best([where], metric or None)
        except ConfigError as error:
            error.where = error.where and str(path)  # nobody has typed the option that it names
            raise
        return Path(best), f"{best} has {said}", doubts
    run = _named(where, which)
    return run, f"it is {shown(run)}", []


def _named(where: Path, word: str) -> Path:
    if not where.is_dir():
        raise RunFolderError(f"{shown(where)} does not exist. Expected a folder with runs. Try: stackfit table")
    runs = list(find_run_folders([where]))
    found = [run for run in runs if run.name == word] or [run for run in runs if word in run.name]
    if len(found) == 1:
        return found[0]
    names = [run.name for run in found or runs]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    what = f"{len(found)} runs" if found else "no run"
    near = "" if found else did_you_mean(word, ["newest", "best", *names])
    raise RunFolderError(
        f"{shown(where)} has {what} with {word!r} in the name.{near} Expected newest, best, best:METRIC, or a word that one of "
        f"these has alone: {', '.join(names[:MOST_NAMED])}{more}. Try: stackfit table {shown(where)}"
    )
