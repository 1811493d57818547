"""The settings of `hydra/sweeper=search`: read from a composed config, checked, and completed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from stackfit.config.hydra.axes import MOST
from stackfit.config.hydra.composition import Composition
from stackfit.config.hydra.space import Space, size_of
from stackfit.errors import ConfigError, Problems, did_you_mean, nearest
from stackfit.keys import without_number

SAMPLERS = ("tpe", "random", "qmc", "grid")
PRUNERS = ("halving", "hyperband", "median", "none")
DIRECTIONS = ("max", "min")
TRIALS = 48  # where nothing says when the search ends
LEAST = {"n_trials": 1, "batch": 1, "seeds": 1, "seed": 0, "eta": 2, "first_rung": 1}
AT_THE_END = {"parameters": "min", "stopped_epoch": None}  # no metrics of a task: whether more of them is better
_KEY = "hydra.sweeper."


def read_settings(composition: Composition, space: Space, by_class: Mapping[str, str], problems: Problems) -> dict[str, Any]:
    """The settings as `sweep.json` keeps them: `metric` and `direction` are lists of equal length, `n_trials` is known.

    Args:
        space: what the search varies.
        by_class: of metrics' classes whether more is better; see `results.directions`.
        problems: takes an error for each setting that is wrong, with its place; the settings are then of no use.
    """
    given = {key: value for key, value in composition.sweeper.items() if key not in ("_target_", "params", "union")}
    metrics = given["metric"] if isinstance(given["metric"], list) else [given["metric"]]
    directions = given["direction"]
    directions = directions if isinstance(directions, list) else [directions] * len(metrics)
    plain: Any = OmegaConf.to_container(composition.config)
    found = [*_check_numbers(given), *_check_names(given), *_check_count(metrics, directions, given["pruner"])]
    found += _check_listed(given["sampler"], space)
    axes = {axis.key.lstrip("+") for grid in space.grids for axis in grid}
    if "seed" in axes and given["seeds"] != 1:
        found.append(_wrong("seeds", given["seeds"], "1 where the search varies the seed itself", "1"))
    if not found:
        may_differ = any(map(_decides, axes))  # `check_reported` looks at each of their values
        reported = _reported(plain)
        for number, metric in enumerate(metrics):
            if not may_differ and metric not in reported and without_number(metric) not in reported:
                found.append(_unknown(metric, reported, plain))
            elif given["pruner"] != "none" and (metric in AT_THE_END or metric.startswith("test_")):
                found.append(_known_late(metric, given["pruner"]))
            elif directions[number] is None and not (way := _direction_of(metric, plain, by_class)):
                found.append(_undirected(metric))
            else:
                directions = [*directions[:number], directions[number] or way, *directions[number + 1 :]]
    n_trials = given["n_trials"]
    if n_trials is None and given["minutes"] is None and given["sampler"] != "grid":
        n_trials = TRIALS
    problems.add(found)
    if not found:
        problems.warnings += [each for each in _warnings(given, metrics, n_trials) if each.kind not in (plain["silence"] or ())]
    for each in (*problems.errors, *problems.warnings):
        if each.key and each.key.startswith(_KEY):
            each.where = each.where or composition.origins.locate(each.key)
    return {**given, "metric": metrics, "direction": directions, "n_trials": n_trials}


def _check_numbers(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    for name, least in LEAST.items():
        if given[name] is not None and given[name] < least:
            yield _wrong(name, given[name], f"a whole number of at least {least}", str(max(least, 1)))
    if given["minutes"] is not None and not given["minutes"] > 0:
        yield _wrong("minutes", given["minutes"], "a number above 0", "10")


def _check_names(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        if given[name] not in known:
            near = nearest(str(given[name]), known) or known[0]
            yield _wrong(name, given[name], f"one of {', '.join(known)}", near, did_you_mean(str(given[name]), known))
    several = given["direction"]
    for way in several if isinstance(several, list) else [several]:
        if way not in (*DIRECTIONS, None):
            cure = "min" if str(way).lower().startswith("min") else "max"
            yield _wrong("direction", several, "max (more is better) or min, one for each metric", cure)


def _check_count(metrics: list[str], directions: list[Any], pruner: str) -> Iterator[ConfigError]:
    both = f"[{','.join(map(str, metrics))}]"
    if len(metrics) not in (1, 2) or len({*metrics}) != len(metrics) or not all(isinstance(name, str) for name in metrics):
        yield _wrong("metric", both, "one metric, or two different ones", "val_accuracy")
    elif len(directions) != len(metrics):
        cure = f"[{','.join(['max'] * len(metrics))}]" if len(metrics) > 1 else "max"
        yield _wrong("direction", directions, "one for each metric", cure)
    elif len(metrics) == 2 and pruner != "none":
        yield ConfigError(
            f"{_KEY}metric is {both}, and cells are pruned by one metric, not by two. Expected {_KEY}pruner=none with it. "
            f"Write: {_KEY}pruner=none",
            key=f"{_KEY}metric",
        )


def _check_listed(sampler: Any, space: Space) -> Iterator[ConfigError]:
    for axis in itertools.chain.from_iterable(space.grids) if sampler == "grid" else ():
        if (size := size_of(axis)) > MOST:
            many = "infinitely many" if math.isinf(size) else f"{int(size):,}"
            expected = f"axes with a list of values; {axis.key} has {many}, {axis.text}"
            yield _wrong("sampler", sampler, expected, f"random, or {axis.key}=a,b,c")


def check_reported(metrics: Sequence[str], config: Mapping[str, Any], axes: Mapping[str, str]) -> Iterator[ConfigError]:
    """The metrics that a cell of the space does not report, each with the axis that may be the reason."""
    reported = _reported(config)
    because = [f"{key}={text}" for key, text in axes.items() if _decides(key)]
    for metric in metrics if because else ():
        if metric not in reported and without_number(metric) not in reported:
            said = _unknown(metric, reported, config).message.replace("The cells", f"With {' '.join(because)} the cells", 1)
            yield ConfigError(said, where=because[0])


def _decides(axis: str) -> bool:
    """Whether it depends on this axis what cells report."""
    return f"{axis}.".startswith(("task.", "data."))


def _wrong(name: str, value: Any, expected: str, cure: str, near: str = "") -> ConfigError:
    shown = f"[{','.join(map(str, value))}]" if isinstance(value, list) else value
    return ConfigError(f"{_KEY}{name} is {shown}.{near} Expected {expected}. Write: {_KEY}{name}={cure}", key=f"{_KEY}{name}")


def _reported(plain: Mapping[str, Any]) -> list[str]:
    """The columns of the table of such cells."""
    names = ["loss", *(name for name, metric in plain["task"]["metrics"].items() if metric)]
    prefixes = ("val_", "", "test_") if plain["data"]["validation_split"] else ("", "test_")
    return [prefix + name for prefix in prefixes for name in names] + [*AT_THE_END]


def _unknown(metric: str, reported: list[str], plain: Mapping[str, Any]) -> ConfigError:
    near = did_you_mean(metric, reported)
    cure = f"Write: {_KEY}metric={nearest(metric, reported) or reported[0]}"
    if metric.removeprefix("val_") in reported and metric.startswith("val_") and not plain["data"]["validation_split"]:
        near, cure = " They have no validation part.", "Write: data.validation_split=0.2"
    said = f"The cells report no {metric!r}.{near} Expected one of: {', '.join(reported)}. {cure}"
    return ConfigError(said, key=f"{_KEY}metric")


def _known_late(metric: str, pruner: str) -> ConfigError:
    return ConfigError(
        f"{metric} is known only at the end of a run, and the pruner {pruner} ranks after epochs. Expected a metric of every "
        f"epoch, such as val_accuracy, or no pruning. Write: {_KEY}pruner=none",
        key=f"{_KEY}metric",
    )


def _direction_of(metric: str, plain: Mapping[str, Any], by_class: Mapping[str, str]) -> str | None:
    if metric in AT_THE_END:
        return AT_THE_END[metric]
    name = metric.removeprefix("test_").removeprefix("val_")
    metrics = plain["task"]["metrics"]
    node = metrics.get(name) or metrics.get(without_number(name))
    return "min" if name == "loss" else by_class.get((node or {}).get("_target_", ""))


def _undirected(metric: str) -> ConfigError:
    return ConfigError(
        f"Whether more {metric} is better is not known: its class does not say it. Expected max or min. Write: {_KEY}direction=max",
        key=f"{_KEY}direction",
    )


def _warnings(given: Mapping[str, Any], metrics: list[str], n_trials: int | None) -> Iterator[ConfigError]:
    batch = given["batch"]
    if given["sampler"] == "tpe" and n_trials is not None and n_trials < batch:
        said = (
            f"{_KEY}n_trials is {n_trials}, below the batch of {batch}: all trials are asked for at once, so the sampler learns "
            f"nothing. Expected several batches. Write for example: {_KEY}batch={max(1, n_trials // 2)}"
        )
        yield ConfigError(said, key=f"{_KEY}n_trials", kind="few_trials")
    for metric in metrics:
        if metric.startswith("test_"):
            said = (
                f"The search chooses by {metric}, so what it finds looks better on the test set than it is. Expected a metric of "
                "the validation part. Write: data.validation_split=0.2 and a metric that begins with val_"
            )
            yield ConfigError(said, key=f"{_KEY}metric", kind="searched_test")
