"""What each metric makes of labels and outputs of the cell's own shapes: it is tried on answers that are right, then wrong.

A metric that raises would stop the training. One that gives the same number for both tells nothing, whatever its name:
probabilities cut to whole numbers, an argmax over a single output, labels of another form.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from stackfit.config.checks import RESERVED_METRICS
from stackfit.errors import ConfigError, Problems
from stackfit.files import printed
from stackfit.keys import value_names
from stackfit.model.agreement import Output
from stackfit.model.building import BASES, accepted_arguments, build, find_target

RIGHT = {"one_hot": "CategoricalAccuracy", "value": "MeanAbsoluteError"}  # else by the output's width
WEAK = 0.4  # of logits in the trial: a threshold for probabilities, 0.5, takes them all for 'no'
CLOSE = 1e-5  # relative: the same numbers added up in another order


@dataclass(frozen=True)
class Forms:
    """Labels `(n,)` or one-hot, with outputs `(n, width)` that answer right, and the same outputs for other labels."""

    labels: np.ndarray
    right: np.ndarray
    wrong: np.ndarray


def forms_of(labels: str, classes: int, width: int, activation: str | None) -> Forms | None:
    """A small batch for a task's labels and an output of this width; None where labels and output do not fit."""
    if labels == "value":
        values = np.linspace(0.1, 0.9, 9, dtype=np.float32)  # what any activation but tanh's lower half can give
        outputs = values[:, None] + np.float32(0.01)
        return Forms(values, outputs, outputs[::-1].copy())
    logits = activation == "linear"
    if width == 1 and labels == "class" and classes == 2:
        numbers = (np.arange(16) % 8 == 0).astype(np.int64)
        yes, no = (WEAK, -WEAK) if logits else (0.9, 0.1)
        right = np.where(numbers, yes, no)[:, None].astype(np.float32)
        return Forms(numbers, right, np.float32(yes + no) - right)
    if width < max(2, classes) or (labels == "one_hot" and width != classes):
        return None
    numbers = np.arange(2 * min(classes, 64) + 1, dtype=np.int64) % classes
    right, wrong = (_scores(claimed, width, logits) for claimed in (numbers, (numbers + 1) % classes))
    return Forms(np.eye(classes, dtype=np.float32)[numbers] if labels == "one_hot" else numbers, right, wrong)


def _scores(claimed: np.ndarray, width: int, logits: bool) -> np.ndarray:
    """The highest for the claimed class, the lowest for the one before it, no two equal."""
    falling = np.concatenate([[0.8], 0.2 * np.arange(width - 1, 0, -1) * 2 / (width * (width - 1))])
    if logits:
        falling = np.linspace(WEAK, -WEAK, width)
    return falling[(np.arange(width) - claimed[:, None]) % width].astype(np.float32)


class Trial:
    """One metric, made again for each batch that it is tried on.

    Args:
        node: its config, `{_target_: …, **arguments}`.
    """

    def __init__(self, name: str, node: Mapping[str, Any], forms: Forms, width: int):
        self.name, self.node, self.forms = name, node, forms
        self.narrow = width == 1 and forms.labels.ndim == 1
        self.direction: str | None = None
        self.keras = str(node["_target_"]).startswith("keras.")

    def _result(self, outputs: np.ndarray, column: bool) -> Any:
        metric = build(self.node, "", "metrics", Problems(), name=self.name)
        self.direction = getattr(metric, "_direction", None)  # Keras's: `up`, `down`, or none
        if [*inspect.signature(metric.update_state).parameters][1:2] == ["sample_weight"]:
            return TypeError("it takes values and their weights, and would take the outputs for weights")
        labels = self.forms.labels[:, None] if column else self.forms.labels
        try:
            with printed(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                metric.update_state(labels, outputs)
                return keras.tree.map_structure(np.asarray, metric.result())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # Keras's own, and whatever a user's class raises
            return error

    @functools.cached_property
    def plain(self) -> tuple[Any, Any]:
        return self._result(self.forms.right, False), self._result(self.forms.wrong, False)

    @functools.cached_property
    def column(self) -> bool:
        """Whether it gets labels as `(n, 1)`: it refuses `(n,)`, or compares each label with every output of the batch."""
        if not self.narrow or not (self.keras or isinstance(self.plain[0], BaseException)):
            return False
        return _works(self._columns[0]) and not _same(self._columns[0], self.plain[0])

    @functools.cached_property
    def _columns(self) -> tuple[Any, Any]:
        return self._result(self.forms.right, True), self._result(self.forms.wrong, True)

    @property
    def results(self) -> tuple[Any, Any]:
        return self._columns if self.column else self.plain

    @property
    def sound(self) -> bool:
        if not self.keras:  # of the user: it may measure something else than whether answers are right
            return _works(self.results[0])
        return _works(self.results[0]) and _works(self.results[1]) and not _same(*self.results)

    @property
    def is_nan(self) -> bool:
        return _works(self.results[0]) and any(np.isnan(value).any() for value in keras.tree.flatten(self.results[0]))

    @property
    def is_array(self) -> bool:
        return any(np.ndim(value) for value in keras.tree.flatten(self.results[0]) if _works(value))

    @property
    def names(self) -> list[str]:
        """Those of its values in logs, history and tables."""
        return value_names(self.name, self.results[0])


def _works(result: Any) -> bool:
    return not isinstance(result, BaseException)


def _same(one: Any, other: Any) -> bool:
    if not (_works(one) and _works(other)):
        return False
    ones, others = keras.tree.flatten(one), keras.tree.flatten(other)
    return len(ones) == len(others) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=CLOSE, atol=1e-7, equal_nan=True) for a, b in zip(ones, others, strict=True)
    )


def try_metrics(config: Mapping[str, Any], output: Output) -> dict[str, Trial]:
    """A trial of each metric whose arguments are sound, by name; none where labels and output do not fit."""
    task, width = config["task"], output.width
    if width is None or output.shape is None or len(output.shape) != 1:
        return {}
    forms = (task["labels"], config["data"]["num_classes"], width)
    found = {}
    for name, node in (task["metrics"] or {}).items():
        problems = Problems()
        made = build(node, f"task.metrics.{name}", "metrics", problems, name=name)
        if made is None or problems.errors or forms_of(*forms, None) is None:
            continue
        make = _of_keras if str(node["_target_"]).startswith("keras.") else _make
        trial = make(name, json.dumps(node), *forms, output.activation)
        if trial.is_nan and output.activation == "linear":  # it may want outputs above 0, which a linear one can give
            trial = make(name, json.dumps(node), *forms, None)
        found[name] = trial
    return found


def _make(name: str, node: str, labels: str, classes: int, width: int, activation: str | None) -> Trial:
    forms = forms_of(labels, classes, width, activation)
    assert forms is not None
    return Trial(name, json.loads(node), forms, width)


_of_keras = functools.lru_cache(maxsize=256)(_make)  # a user's class may be edited meanwhile


def find_misuse(
    trials: Mapping[str, Trial], config: Mapping[str, Any], output: Output
) -> Iterator[tuple[bool, ConfigError]]:
    """What a metric makes of the labels that is an error or means nothing, and values whose names are taken.

    Yields:
        `(only a warning, error)`
    """
    task = config["task"]
    for name, trial in trials.items():
        key = f"task.metrics.{name}._target_"
        if not trial.sound:
            metric = str(trial.node["_target_"]).rpartition(".")[2]
            logits = output.activation == "linear" and _sound_for(trial, task["labels"], config, output)
            failed = next((result for result in trial.results if not _works(result)), None)
            if logits:
                found = f"{metric} reads probabilities, but the output's activation is linear: it takes most logits for 'no'"
            elif failed is not None:
                text = re.sub(r"\{\{.*?\}\} ?| ?\[Op:.*", "", " ".join(str(failed).split()))  # names of TensorFlow's nodes
                text = text[:200].rstrip(".") or type(failed).__name__
                found = f"{metric} refuses these labels and outputs: {text}"
            else:
                value = np.ravel(keras.tree.flatten(trial.results[0])[0])[0]
                found = f"{metric} is {value:.4g} for right and for wrong answers alike, so it tells nothing about this output"
            meant = "" if failed is not None or logits else ". If it is meant: 'silence=[metric_meaning]'"
            yield logits, ConfigError(
                f"{found}. Expected a metric that fits labels and output. Write: {_cure(trial, config, output)}{meant}",
                kind="metric_meaning" if failed is None else None,
                among=(key, "task.labels", "task.loss._target_", "data.num_classes"),
            )
        taken = [other for other, of in trials.items() if other != name and set(trial.names) & set(of.names)]
        reserved = [each for each in trial.names if each != name and (each in RESERVED_METRICS or each.startswith(("val_", "test_")))]
        if taken or reserved:
            clash = f"as {taken[0]!r} has too" if taken else "which is a column of every run"
            yield False, ConfigError(
                f"Metric {name!r} has the values {', '.join(trial.names[:3])}, {clash}. Expected names of their own. "
                f"Write: my_{name}",
                key=f"task.metrics.{name}",
            )


def _cure(trial: Trial, config: Mapping[str, Any], output: Output) -> str:
    """The arguments with which the metric can be used, else the labels, else another metric."""
    name, width, task = trial.name, output.width or 1, config["task"]
    for change in _changes(trial.node, trial.is_nan):
        if Trial(name, {**trial.node, **change}, trial.forms, width).sound:
            values = {argument: str(value).lower() for argument, value in change.items()}
            typed = " ".join([f"task.metrics.{name}.{argument}={value}" for argument, value in values.items()])
            return f"{', '.join([f'{argument}: {value}' for argument, value in values.items()])}, or type {typed}"
    if output.activation == "linear" and _sound_for(trial, task["labels"], config, output):
        many = "softmax" if width > 1 else "sigmoid"
        return f"model.layers.{output.source}.activation={many} task.loss.from_logits=false"
    for labels, option in (("one_hot", "classification_one_hot"), ("class", "classification")):
        if labels != task["labels"] and width > 1 and _sound_for(trial, labels, config, output):
            return f"task={option}"
    wide = "SparseCategoricalAccuracy" if width > 1 else "BinaryAccuracy"
    return f"task.metrics.{name}._target_=keras.metrics.{RIGHT.get(task['labels'], wide)}"


def _sound_for(trial: Trial, labels: str, config: Mapping[str, Any], output: Output) -> bool:
    """Whether the metric is sound for labels of this form and probabilities."""
    width = output.width or 1
    forms = forms_of(labels, config["data"]["num_classes"], width, None)
    return forms is not None and Trial(trial.name, trial.node, forms, width).sound


def _changes(node: Mapping[str, Any], is_nan: bool) -> Iterator[dict[str, Any]]:
    """Other values for one or two of a metric's arguments: flags turned, a threshold, another axis."""
    known = accepted_arguments(find_target(str(node["_target_"]), "", BASES["metrics"]))[0]
    turned = {
        argument: not node.get(argument, parameter.default)
        for argument, parameter in known.items()
        if isinstance(parameter.default, bool)
    }
    others = {"threshold": 0.5, "thresholds": 0.0, **({"axis": 0} if is_nan else {})}
    turned |= {argument: value for argument, value in others.items() if argument in known}
    for count in (1, 2):
        yield from (dict(chosen) for chosen in itertools.combinations(turned.items(), count))


def give_columns(metric: keras.metrics.Metric) -> None:
    """Let the metric get its labels as `(n, 1)`."""
    update = metric.update_state

    def update_state(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        return update(y_true[:, None], y_pred, **weight)

    metric.update_state = update_state
