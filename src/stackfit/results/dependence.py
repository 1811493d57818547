"""Which of the settings that differ follow from others: a table for people has no column for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stackfit.config.schedules import LENGTHS
from stackfit.results.differences import differing
from stackfit.results.frames import Runs

if TYPE_CHECKING:
    import pandas as pd

# What names data, and what their section says of them besides.
NAMES = ("data.kind", "data.name", "data.path", "data.test_path", "data.label")
FACTS = ("examples", "splits", "input_shape", "num_classes", "class_names", "columns")
TARGET = "._target_"


def following(runs: Runs) -> set[str]:
    """The keys of settings that differ and say nothing that other settings do not say.

    Not every key that changes together with another one: elsewhere than in one sweep that may be a coincidence.
    """
    keys = [key for key in differing(runs) if key not in runs.axes]
    settings = runs.settings
    facts = _facts(settings, keys)
    found = {*facts, *_of_groups(runs, keys), *_of_facts(settings, keys, facts), *_lengths(settings, keys)}
    return found | _of_classes(settings, [key for key in keys if key not in found])


def _of_groups(runs: Runs, keys: list[str]) -> set[str]:
    """What the choice of a group determines (`optimizer.learning_rate` by `optimizer=adam`).

    Only within one sweep, where nothing but an axis changes a setting.
    """
    if not keys or runs.about["sweep"].nunique(dropna=False) > 1:
        return set()
    choices = [axis for axis in runs.groups if axis in differing(runs)]
    values = [runs.settings.groupby(axis)[keys].nunique(dropna=False) for axis in choices]
    return {key for key in keys if any(value[key].max() == 1 for value in values)}


def _facts(settings: pd.DataFrame, keys: list[str]) -> set[str]:
    """What is said of data, where all runs on the same data say the same."""
    facts = [key for key in keys if key.startswith("data.") and key.split(".")[1] in FACTS]
    names = [key for key in NAMES if key in settings and settings[key].nunique(dropna=False) > 1]
    return {key for key in facts if names and _is_function(settings, names, key)}


def _of_facts(settings: pd.DataFrame, keys: list[str], facts: set[str]) -> set[str]:
    """What equals a fact in every run, as the units of an output that are `${data.num_classes}`."""
    return {key for key in keys if any(settings[key].equals(settings[fact]) for fact in facts)}


def _of_classes(settings: pd.DataFrame, keys: list[str]) -> set[str]:
    """Arguments of a class that not every run names, where all runs that name it have the same.

    Where they differ, the class itself follows from an argument that all of these runs have.
    """
    found = set()
    for target in (key for key in keys if key.endswith(TARGET)):
        arguments = [key for key in settings if key.startswith(target.removesuffix("_target_")) and key != target]
        arguments = [key for key in arguments if settings[key].hasnans]
        alike = {key for key in arguments if _is_function(settings, [target], key)}
        found |= alike & {*keys}
        others = [key for key in arguments if key in keys and key not in alike]
        if settings[target].nunique() == 1 and any(settings[key].notna().equals(settings[target].notna()) for key in others):
            found.add(target)
    return found


def _lengths(settings: pd.DataFrame, keys: list[str]) -> set[str]:
    """Lengths of schedules that are the steps of the run: epochs x steps an epoch of the same data."""
    if not {"epochs", "batch_size"} <= {*settings}:
        return set()
    lengths = {name for name, _ in LENGTHS.values()}
    keys = [key for key in keys if key.rpartition(".")[2] in lengths]
    data = [key for key in settings if key.startswith("data.") and settings[key].nunique(dropna=False) > 1]
    same_data = [rows for _, rows in settings.groupby(data, dropna=False)] if data else [settings]
    found = set()
    for key in keys:
        parts = [rows[["epochs", "batch_size", key]].dropna().astype(object) for rows in same_data]
        if all(_are_runs_steps(part.itertuples(index=False, name=None)) for part in parts):
            found.add(key)
    return found


def _are_runs_steps(rows: Any) -> bool:
    """Whether one number of examples makes each length epochs x ceil(examples / batch size); rows hold these three."""
    least, most = 0, 10**12
    for epochs, batch, length in rows:
        if not all(isinstance(value, int) and value > 0 for value in (epochs, batch, length)) or length % epochs:
            return False
        steps = length // epochs
        least, most = max(least, batch * (steps - 1)), min(most, batch * steps)
    return least < most


def _is_function(settings: pd.DataFrame, of: list[str], key: str) -> bool:
    return bool(settings.groupby(of, dropna=False)[key].nunique(dropna=False).max() == 1)
