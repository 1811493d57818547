"""Which of the settings that differ follow from others: a table for people has no column for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stackfit.config.schedules import LENGTHS, WARM_UP
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
    found = {key for key in facts if names and _is_function(settings, names, key)}
    kinds = [key for key in facts if key.startswith("data.columns.") and key not in found]  # of one file read in several ways
    others = {key for key in facts if key not in kinds}
    return found | {key for key in others if kinds and _is_function(settings, [*names, *kinds], key)}


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
    """Lengths of schedules that follow from the run's steps: epochs x steps an epoch of the same data."""
    if not {"epochs", "batch_size"} <= {*settings}:
        return set()
    lengths = {"warmup_steps", *(length.name for length in LENGTHS.values())}
    keys = [key for key in keys if key.rpartition(".")[2] in lengths]
    data = [key for key in settings if key.startswith("data.") and settings[key].nunique(dropna=False) > 1]
    same_data = [rows for _, rows in settings.groupby(data, dropna=False)] if data else [settings]
    found = set()
    for key in keys:
        parts = [rows[["epochs", "batch_size", key]].dropna().astype(object) for rows in same_data]
        if any(all(_follows(part.itertuples(index=False, name=None), of) for part in parts) for of in STEPS):
            found.add(key)
    return found


# How a length follows: from the run, an epoch, its warm-up, or what is left after that. Given the length and the epochs: the
# least and the most steps an epoch.
STEPS: tuple[Callable[[int, int], tuple[float, float]], ...] = (
    lambda length, epochs: (length / epochs, length / epochs),
    lambda length, epochs: (length, length),
    lambda length, epochs: ((length - 1) / WARM_UP / epochs, length / WARM_UP / epochs),
    lambda length, epochs: (length / (1 - WARM_UP) / epochs, (length + 1) / (1 - WARM_UP) / epochs),
)


def _follows(rows: Any, steps_of: Callable[[int, int], tuple[float, float]]) -> bool:
    """Whether one number of examples makes every length; rows hold epochs, batch size and length."""
    least, most = 0, 10**12
    for epochs, batch, length in rows:
        if not all(isinstance(value, int) and value > 0 for value in (epochs, batch, length)):
            return False
        fewest, highest = (math.ceil(steps_of(length, epochs)[0]), math.floor(steps_of(length, epochs)[1]))
        if fewest > highest:
            return False
        least, most = max(least, batch * (fewest - 1)), min(most, batch * highest)
    return least < most


def _is_function(settings: pd.DataFrame, of: list[str], key: str) -> bool:
    return bool(settings.groupby(of, dropna=False)[key].nunique(dropna=False).max() == 1)
