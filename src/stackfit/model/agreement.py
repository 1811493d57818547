"""Whether output, activation, loss, metrics and labels agree: what Keras would train on silently, or stop at late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from stackfit.errors import ConfigError, counted

SIGMOIDS = ("sigmoid", "hard_sigmoid")
DISTRIBUTIONS = ("softmax", "sparsemax")
PASSING = (keras.layers.Dropout, keras.layers.Flatten, keras.layers.Reshape, keras.layers.GaussianNoise)  # no activation
# Losses that take class numbers, as their names begin; Circle compares embeddings, of any width.
_NUMBERS = ("Sparse", "CategoricalGeneralized", "Circle")
_LABELS = {"class": "class numbers", "one_hot": "one-hot labels", "value": "values"}


@dataclass(frozen=True)
class Output:
    """What the model ends in, as far as it is known: the last key, its Keras layers after those they pass on, its shape."""

    name: str
    layers: Sequence[keras.layers.Layer]
    shape: tuple[int, ...] | None  # without the batch axis; None where a layer above is wrong
    source: str  # the key of the layer whose activation counts: a dropout after it has none
    removed: tuple[str, ...] = ()  # layers that stood after it in the config and are null
    others: tuple[str, ...] = ()  # further layers that are null

    @property
    def key(self) -> str:
        return f"model.layers.{self.name}"

    def causes(self, *keys: str) -> list[str]:
        """The keys with those of layers that were set to null: first the ones after it, last those above."""
        first, last = ([f"model.layers.{name}" for name in names] for names in (self.removed, self.others))
        return [*first, *keys, *last]

    @property
    def width(self) -> int | None:
        """How many numbers the output has on its last axis."""
        known = self.shape[-1] if self.shape else getattr(self.layers[-1], "units", None)
        return known if isinstance(known, int) else None

    @property
    def activation(self) -> str | None:
        """`linear`, `softmax`, …; None where only a user's own code knows."""
        return activation_of(self.layers)


def activation_of(layers: Sequence[keras.layers.Layer]) -> str | None:
    """The activation in which Keras layers in a row end: `linear`, `softmax`, …; None where it is not known."""
    last = next((layer for layer in reversed(layers) if not isinstance(layer, PASSING)), None)
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    if isinstance(last, keras.layers.Activation) or type(last).__name__ in ("Dense", "EinsumDense") or (
        type(last).__name__.startswith("Conv")
    ):
        name = getattr(last.activation, "__name__", None)
        return name if hasattr(keras.activations, name or "") else None
    return None


def find_disagreements(output: Output, config: Mapping[str, Any], loss: type | None) -> Iterator[tuple[bool, ConfigError]]:
    """What does not agree, as `(only a warning, error)`.

    Args:
        loss: the loss's class; None where it is not known.
    """
    classes, labels = config["data"]["num_classes"], config["task"]["labels"]
    name = loss.__name__ if loss and loss.__module__.startswith("keras.") else None
    if name:
        wrong_loss = list(_loss_against_labels(name, labels, classes))
        yield from ((False, error) for error in wrong_loss)
        if not wrong_loss:
            yield from ((False, error) for error in _width_against_classes(output, config, name))
        if output.activation:
            yield from _activation_against_loss(output, config, name)
    if output.width:
        yield from _metrics_against_labels(output, config, output.width)


def _loss_against_labels(loss: str, labels: str, classes: int) -> Iterator[ConfigError]:
    among = ("task.loss._target_", "task.labels", "data.num_classes")
    labelled = None
    if loss.startswith(_NUMBERS) and labels != "class":
        labelled, wants, cure = _LABELS[labels], "class numbers", "task.labels=class"
    elif loss.startswith("Categorical") and not loss.startswith(_NUMBERS) and labels != "one_hot":
        labelled, wants, cure = _LABELS[labels], "one-hot labels", "task.labels=one_hot"
    elif loss.startswith("Binary") and labels == "value":
        labelled, wants, cure = "values", "classes", "task=regression"
    if labelled:
        yield ConfigError(
            f"{loss} compares with {wants}, but the labels are {labelled}. Expected a loss and labels that agree. "
            f"Write: {cure}, or task=classification",
            kind="labels",
            among=among,
        )
    elif labels == "one_hot" and classes < 2:
        yield ConfigError(
            f"task.labels is one_hot, but data.num_classes is {classes}. Expected at least two classes. Write: task=regression",
            kind="labels",
            among=("task.labels", "data.num_classes"),
        )
    elif labels == "class" and not loss.startswith(_NUMBERS) and classes > 2:
        yield ConfigError(
            f"{loss} tells two classes apart, the data have {classes}. Expected a loss for class numbers. "
            "Write: task=classification",
            kind="labels",
            among=among,
        )


def _width_against_classes(output: Output, config: Mapping[str, Any], loss: str) -> Iterator[ConfigError]:
    labels, classes, width = config["task"]["labels"], config["data"]["num_classes"], output.width
    if width is None:
        return
    units = "units" if isinstance((config["model"]["layers"][output.name] or {}).get("units"), (int, list)) else None
    key = f"{output.key}.units" if units else output.key
    among = output.causes(key, "data.num_classes", "task.labels", "task.loss._target_")
    if loss.startswith(_NUMBERS) and labels == "class":
        if width < classes and loss != "Circle":
            without = ", ".join(_label_names(config["data"], width))
            yield ConfigError(
                f"The output has {width} units, so the labels {without} have none: a label must be below {width}. "
                f"Expected at least {classes}, one for each class. Write: {key}={classes}",
                kind="labels",
                among=among,
            )
        return
    wanted = {"class": 1, "one_hot": classes, "value": 1}[labels]
    if width != wanted:
        another = ", or task=classification" if labels != "value" else ""
        yield ConfigError(
            f"{loss} compares the output's {width} units with labels of width {wanted}. "
            f"Expected {counted(wanted, 'unit')}, or another task. Write: {key}={wanted}{another}",
            kind="labels",
            among=among,
        )


def _activation_against_loss(output: Output, config: Mapping[str, Any], loss: str) -> Iterator[tuple[bool, ConfigError]]:
    activation, width, node = output.activation, output.width, config["task"]["loss"]
    logits = bool(node.get("from_logits", False))
    many = loss.startswith(("Sparse", "Categorical"))
    said = f"The output's activation is {activation}"
    layer = f"model.layers.{output.source}"
    key = f"{layer}.activation"
    message, warning = None, False
    if not (many or loss.startswith("Binary")):
        if activation == "softmax" and width == 1:
            message = f"{said} over one unit: that is always 1. Expected no activation. Write: {key}=null"
    elif logits and activation != "linear":
        if activation in (*SIGMOIDS, *DISTRIBUTIONS, "log_softmax"):
            message = (
                f"{said}, and {loss} has from_logits: true, so it applies {'softmax' if many else 'sigmoid'} again and the "
                f"loss is wrong. Expected logits, or a loss for probabilities. Write: {key}=null, or task.loss.from_logits=false"
            )
    elif not logits and many:
        if activation in SIGMOIDS:
            warning = True
            message = (
                f"{said} over {width} units: each is a probability by itself, and {loss} divides by their sum. Expected "
                f"softmax, which gives one distribution over the classes. Write: {key}=softmax"
            )
        elif activation not in DISTRIBUTIONS:
            message = (
                f"{said}, but {loss} has from_logits: false and takes the outputs for probabilities: the loss is wrong. "
                f"Expected softmax, or a loss for logits. Write: {key}=softmax, or task=classification_logits"
            )
    elif not logits:
        if activation in DISTRIBUTIONS and width == 1:
            message = f"{said} over one unit: that is always 1. Expected sigmoid. Write: {key}=sigmoid"
        elif activation not in (*SIGMOIDS, *DISTRIBUTIONS):
            message = (
                f"{said}, but {loss} has from_logits: false and takes the output for a probability: the loss is wrong. "
                f"Expected sigmoid, or a loss for logits. Write: {key}=sigmoid, or task.loss.from_logits=true"
            )
    if message:
        overrule = "" if warning else ". If it is meant: 'silence=[activation_loss]'"
        among = output.causes(key, f"{layer}._target_", "task.loss.from_logits", "task.loss._target_")
        yield warning, ConfigError(message + overrule, kind="activation_loss", among=among)


def _metrics_against_labels(output: Output, config: Mapping[str, Any], width: int) -> Iterator[tuple[bool, ConfigError]]:
    """What a trial does not show; see `stackfit.model.metric_checks`."""
    for name, node in (config["task"]["metrics"] or {}).items():
        target = node.get("_target_") if isinstance(node, Mapping) else None
        if target == "keras.metrics.BinaryAccuracy" and config["task"]["labels"] == "one_hot" and width > 2:
            key = f"task.metrics.{name}._target_"
            yield (
                True,
                ConfigError(
                    f"BinaryAccuracy counts each of the {width} outputs by itself: always answering 'no' is right {width - 1} "
                    f"times in {width}. Expected a metric that fits loss and labels. Write: {key}=keras.metrics.CategoricalAccuracy",
                    kind="metric_meaning",
                    among=(key, "task.labels", "task.loss._target_", "data.num_classes"),
                ),
            )


def _label_names(data: Mapping[str, Any], width: int) -> list[str]:
    names = list(data["class_names"] or [])
    return [
        f"{n} ({names[n]})" if n < len(names) and names[n] != str(n) else str(n)
        for n in range(width, data["num_classes"])
    ]
