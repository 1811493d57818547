"""What differs between runs: which settings, what to call them, and which runs differ in nothing but the
seed.

Plain Python on plain values, so that `[64, 64]`, `true` and `1` stay what they are and 2,000 runs cost
little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

from stackfit.errors import ConfigError, did_you_mean
from stackfit.results import Run, frame_of, union
from stackfit.selection import order, where_true

RESERVED = ("experiment", "n", "epoch", "seconds", "state", "reason", "folder", "folders", "started", "sweep")
LAST_METRICS = ("parameters", "stopped_epoch")
MISSING = object()


def identity(value: Any) -> Hashable:
    """A hashable that is equal for equal settings: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (list, tuple)):
        return ("list", *map(identity, value))
    if isinstance(value, dict):
        return ("dict", *((key, identity(value[key])) for key in sorted(value)))
    return value


def differing(runs: list[Run]) -> dict[str, str]:
    """`{key: short name}` of the settings that are not the same in all runs; a missing key differs from any
    value.

    The choice of a group (`optimizer=adam`) is shown if every run names one; the settings below it tell it
    otherwise.
    """
    keys = [key for key in union(run.groups for run in runs) if all(key in run.groups for run in runs)]
    keys += union(run.settings for run in runs)
    differ = [key for key in keys if len({identity(value_of(run, key)) for run in runs}) > 1]
    return short_names(differ, {*RESERVED, *union(run.metrics for run in runs)})


def short_names(keys: Iterable[str], taken: set[str]) -> dict[str, str]:
    """The last word of each key (before `._target_`), or all of it where two share that or it is taken."""
    keys = list(keys)
    last = {key: key.removesuffix("._target_").rpartition(".")[2] for key in keys}
    count = Counter(last.values())
    return {key: name if count[name] == 1 and name not in taken else key for key, name in last.items()}


def value_of(run: Run, key: str) -> Any:
    """A setting, a chosen group, or `experiment` of the run; `MISSING` if it has none."""
    if key == "experiment":
        return run.experiment
    return run.groups[key] if key in run.groups else run.settings.get(key, MISSING)


def shown_values(values: list[Any]) -> list[Any]:
    """Settings as one types them: lists as `[64,64]`; null is blank, but `null` where a missing key is."""
    null = "null" if any(value is MISSING for value in values) else None
    return [_shown(value, null) for value in values]


def _shown(value: Any, null: str | None) -> Any:
    if value is MISSING:
        return None
    if value is None:
        return null
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(str(_shown(item, "null")) for item in value) + "]"
    return str(value) if isinstance(value, dict) else value


def metrics_of(runs: list[Run]) -> list[str]:
    """Metrics in reading order: training, validation, test; parameters and epochs last."""

    def place(name: str) -> tuple[bool, bool, bool]:
        return name in LAST_METRICS, name.startswith("test_"), name.startswith("val_")

    return sorted(union(run.metrics for run in runs), key=place)


def in_order(runs: list[Run]) -> list[Run]:
    """By experiment; single runs by their start, the cells of a sweep by their settings."""
    differ = differing(runs)

    def key(run: Run) -> tuple[Any, ...]:
        cell = tuple(order(_shown(value_of(run, key), None)) for key in differ) if run.sweep else ()
        return run.experiment, run.sweep or "", cell, run.started, run.folder

    return sorted(runs, key=key)


def columns_of(runs: list[Run]) -> dict[str, list[Any]]:
    """What runs can be filtered and sorted by: settings by key, those that differ by short name too."""
    columns = {
        key: shown_values([value_of(run, key) for run in runs]) for key in union(run.settings for run in runs)
    }
    for key, name in differing(runs).items():
        columns[name] = shown_values([value_of(run, key) for run in runs])
    for name in union(run.metrics for run in runs):
        columns[name] = [run.metrics.get(name) for run in runs]
    for name in ("experiment", "seconds", "state", "reason", "folder", "started", "sweep"):
        columns[name] = [getattr(run, name) for run in runs]
    return columns


def filtered(runs: list[Run], query: str) -> list[Run]:
    """The runs for which a query on `columns_of` holds.

    Raises:
        ConfigError: see `selection.where_true`.
    """
    return [runs[row] for row in where_true(frame_of(columns_of(runs)), query)]


def resolve(runs: list[Run], name: str, option: str) -> str:
    """The key of a setting that was given by its key or by its short name.

    Raises:
        ConfigError: there is none.
    """
    keys = [*union(run.groups for run in runs), *union(run.settings for run in runs)]
    if name in (*keys, "experiment"):
        return name
    names = {short: key for key, short in {**short_names(keys, set()), **differing(runs)}.items()}
    if name in names:
        return names[name]
    raise ConfigError(
        f"No run has a setting {name!r}.{did_you_mean(name, [*names, *keys])} Expected one of the settings, "
        "by its key or its last word. Try: stackfit table, which shows those that differ.",
        where=option,
    )


def measure(run: Run, name: str) -> float | None:
    """A metric of the run, or its `seconds`."""
    return run.seconds if name == "seconds" else run.metrics.get(name)


def group(runs: list[Run], over: str) -> tuple[dict[str, str], list[list[Run]]]:
    """Runs that differ in nothing but `over` (a key), and the settings by which the groups differ.

    A setting that equals `over` in every run follows it by interpolation (a layer's `seed: ${seed}`), and
    divides none.
    """
    differ = {
        key: name
        for key, name in differing(runs).items()
        if key != over and any(identity(value_of(run, key)) != identity(value_of(run, over)) for run in runs)
    }
    groups: dict[Hashable, list[Run]] = {}
    for run in runs:
        own = (run.experiment, *(identity(value_of(run, key)) for key in differ))
        groups.setdefault(own, []).append(run)
    return differ, list(groups.values())


def independent(runs: list[Run], metric: str, over: str) -> list[float]:
    """One value for each value of `over`: a repeated seed is averaged, not counted twice."""
    values: dict[Hashable, list[float]] = {}
    for run in runs:
        if run.state == "finished" and (value := measure(run, metric)) is not None:
            values.setdefault(identity(value_of(run, over)), []).append(value)
    return [sum(same) / len(same) for same in values.values()]


def choose_metric(runs: list[Run], name: str | None, option: str) -> str:
    """The metric asked for, or `test_accuracy`, or the first of the test metrics, or of all.

    Raises:
        ConfigError: no run has it, or no run has any.
    """
    names = metrics_of(runs)
    if name in names:
        return str(name)
    if name is not None or not names:
        raise ConfigError(
            f"No finished run has a metric {name or 'at all'}.{did_you_mean(name or '', names)} "
            f"Expected one of: {', '.join(names) or 'none, as no run has finished'}. Try: stackfit table",
            where=option,
        )
    tests = [name for name in names if name.startswith("test_")]
    return "test_accuracy" if "test_accuracy" in tests else (tests or names)[0]
