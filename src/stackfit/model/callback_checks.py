"""Whether each callback can do what it is asked: its hooks, the metric that it watches, the learning rate it sets."""

from __future__ import annotations

import difflib
import dis
import importlib.util
import inspect
import itertools
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import keras

from stackfit.callbacks import MLflow
from stackfit.config.given import described
from stackfit.errors import ConfigError, did_you_mean
from stackfit.keys import without_number
from stackfit.model.metric_checks import Trial

HOOKS = [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]
RATE = ("learning_rate", "lr")
EXTRAS = {keras.callbacks.TensorBoard: ("tensorboard", "tensorboard"), MLflow: ("mlflow", "mlflow")}  # the module, the extra


def find_idle(
    name: str, target: type, config: Mapping[str, Any], trials: Mapping[str, Trial]
) -> Iterator[ConfigError]:
    """What keeps the callback from working in this run: a metric that it will not have, a schedule, a missing extra."""
    node, key = described(config["callbacks"][name]), f"callbacks.{name}"
    yield from _find_monitor(target, key, config, node, trials)
    if issubclass(target, keras.callbacks.LearningRateScheduler) and isinstance(node.get("schedule"), Mapping):
        yield ConfigError(
            f"{target.__name__} calls its schedule with an epoch, but an object of keras.optimizers.schedules counts steps. "
            "Expected one of two ways. Write: optimizer.learning_rate: {_target_: keras.optimizers.schedules.…} for rates "
            "by step, or callbacks=[schedule] (stackfit.callbacks.EpochSchedule) for rates by epoch",
            key=f"{key}.schedule",
        )
    elif (schedule := _find_schedule(config["optimizer"], "optimizer")) and _sets_rate(target):
        yield ConfigError(
            f"{target.__name__} sets the learning rate, but the optimizer has a schedule, which allows no other. "
            f"Expected one of the two. Write: {schedule}=0.001, or set this callback to null",
            among=(f"{key}._target_", schedule),
        )
    if issubclass(target, keras.callbacks.TensorBoard) and config.get("engine") == "jax":
        yield ConfigError(
            f"{target.__name__} writes with TensorFlow itself, and engine is jax. Expected another callback, or the other "
            f"engine. Write: {key}=null, or engine=tensorflow",
            among=(f"{key}._target_", "engine"),
        )
    for kind, (module, extra) in EXTRAS.items():
        if target is kind and importlib.util.find_spec(module) is None:
            yield ConfigError(
                f"{kind.__name__} needs {module}, which is not installed. Expected the extra that this callback needs. "
                f"Type: pip install 'stackfit[{extra}]'",
                key=key,
            )


def _find_monitor(
    target: type, key: str, config: Mapping[str, Any], node: Mapping[str, Any], trials: Mapping[str, Trial]
) -> Iterator[ConfigError]:
    """A metric that this run will not have, or of which Keras does not know whether more is better."""
    source = {"loss": "loss"}  # the name of each value, and of its metric
    for metric, given in (config["task"]["metrics"] or {}).items():
        if given is not None:
            source |= dict.fromkeys(trials[metric].names if metric in trials else [metric], metric)
    validated = (config["data"]["validation_split"] or 0) > 0
    known = [*source, *(f"val_{metric}" for metric in source if validated)]
    parameters = inspect.signature(target).parameters
    monitor, mode = (
        node.get(name, parameters[name].default if name in parameters else None) for name in ("monitor", "mode")
    )
    if not isinstance(monitor, str) or not _watches(target, node):
        return
    measured = monitor.removeprefix("val_")
    metric = without_number(measured)
    # Where the model has problems, no metric was tried, and how many values it has is not known.
    unsure = metric != measured and metric in source and metric not in trials
    if monitor not in known and not unsure:
        lacking = measured in source
        yield ConfigError(
            f"{target.__name__} watches {monitor!r}, which this run will not have"
            f"{': there are no validation data.' if lacking else f'.{did_you_mean(monitor, known)}'} "
            f"Expected one of: {', '.join(known)}. "
            + ("Write: data.validation_split=0.1" if lacking else f"Write: {key}.monitor={known[-1]}"),
            among=(
                f"{key}.monitor",
                f"{key}._target_",
                "data.validation_split" if lacking else f"task.metrics.{measured}",
            ),
        )
    elif monitor in known and mode == "auto" and hasattr(target, "_set_monitor_op") and measured != "loss":
        trial = trials.get(source[measured])
        if trial and (trial.direction is None or trial.names != [measured]):
            yield ConfigError(
                f"{target.__name__} watches {monitor!r}, and with mode: auto Keras does not know whether more of it is "
                f"better. Expected max or min. Write: {key}.mode={'min' if trial.direction == 'down' else 'max'}",
                among=(f"{key}.mode", f"{key}.monitor", f"{key}._target_", f"task.metrics.{source[measured]}._target_"),
            )


def _watches(target: type, node: Mapping[str, Any]) -> bool:
    """ModelCheckpoint looks at its metric only to keep the best."""
    return target is not keras.callbacks.ModelCheckpoint or bool(node.get("save_best_only"))


def _find_schedule(node: Any, key: str) -> str | None:
    """The key of a learning rate that is a schedule, in an optimizer or in one inside it."""
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if isinstance(value, Mapping):
            found = f"{key}.{name}" if name == "learning_rate" else _find_schedule(value, f"{key}.{name}")
            if found:
                return found
    return None


def _sets_rate(target: type) -> bool:
    """Whether a method assigns to an attribute that is the learning rate."""
    for function in _functions_of(target).values():
        steps = [(step.opname, step.argval) for step in dis.get_instructions(function)]
        assigns = any(first[1] in RATE and then[1] == "assign" for first, then in itertools.pairwise(steps))
        if assigns or any(operation == "STORE_ATTR" and name in RATE for operation, name in steps):
            return True
    return False


def _functions_of(target: type) -> dict[str, FunctionType]:
    """The methods that a callback's class and its bases below Keras's `Callback` define."""
    below = [kind for kind in target.__mro__ if issubclass(kind, keras.callbacks.Callback)]
    found: dict[str, FunctionType] = {}
    for kind in reversed(below[: below.index(keras.callbacks.Callback)]):
        found |= {name: value for name, value in vars(kind).items() if isinstance(value, FunctionType)}
    return found


def find_hooks(name: str, target: type) -> Iterator[tuple[bool, ConfigError]]:
    """Hooks of a user's class that Keras will not call, or not with these arguments, as `(only a warning, error)`."""
    functions = _functions_of(target)
    key = f"callbacks.{name}._target_"
    called = {word for function in functions.values() for word in function.__code__.co_names}
    for method, function in functions.items():
        near = difflib.get_close_matches(method.lower(), HOOKS, n=1, cutoff=0.8)
        given = [*inspect.signature(getattr(keras.callbacks.Callback, near[0])).parameters] if near else []
        if method in HOOKS:
            try:
                inspect.signature(function).bind(*given)
            except TypeError:
                yield False, ConfigError(
                    f"{target.__name__}.{method} takes {inspect.signature(function)}, but Keras calls it with "
                    f"({', '.join(given[1:])}). Expected these. Write: def {method}({_written(given)}):",
                    key=key,
                )
        elif near and not method.startswith("_") and method not in called:
            yield True, ConfigError(
                f"{target.__name__} has a method {method!r}, which Keras does not call. Expected the name of a hook. "
                f"Write: def {near[0]}({_written(given)}):",
                key=key,
                kind="almost_hook",
            )


def _written(arguments: list[str]) -> str:
    return ", ".join([f"{name}=None" if name == "logs" else name for name in arguments])
