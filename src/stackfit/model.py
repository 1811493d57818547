"""Config to model: the named layers become one Keras Functional model, compiled for its task."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from stackfit.building import BASES, build, check_node, find_target
from stackfit.errors import ConfigError, did_you_mean

INPUT = "input"  # the name of the input layer, for `inputs: [input, …]`


def build_model(
    model_cfg: Mapping[str, Any], input_shape: tuple[int, ...], called: list[keras.layers.Layer] | None = None
) -> keras.Model:
    """Stack the layers of the config, top to bottom; `after` moves a layer, `inputs` wires branches and skips.

    Args:
        model_cfg: a mapping `layers: {name: {_target_: ..., **arguments}}`; a null layer is left out.
        input_shape: shape of one example, without the batch axis.
        called: gets every layer as soon as it has been called.

    Returns:
        A built, uncompiled model. Output shape: `(batch, *last_layer_shape)`.

    Raises:
        ConfigError: a layer refuses its arguments or its input; carries the config key, the caller adds file and line.
    """
    layers = order_layers({name: layer for name, layer in model_cfg["layers"].items() if layer is not None})
    inputs = keras.Input(shape=tuple(input_shape), name=INPUT)
    outputs: dict[str, Any] = {INPUT: inputs}
    called = [] if called is None else called
    called.append(inputs._keras_history.operation)
    ends = {INPUT}  # what nothing reads yet
    last = INPUT
    for name, layer in layers.items():
        key = f"model.layers.{name}"
        sources = _sources(name, layer.get("inputs"), last, outputs)
        arguments = {argument: value for argument, value in layer.items() if argument not in ("after", "inputs")}
        built = build(arguments, key, "layers", **({} if "name" in arguments else {"name": name}))
        value = outputs[sources[0]] if len(sources) == 1 else [outputs[source] for source in sources]
        for part in built if isinstance(built, list) else [built]:
            value = _call(part, value, key)
            called.append(part)
        outputs[name] = value
        ends = (ends - set(sources)) | {name}
        last = name
    for name in sorted(ends - {last}):
        raise ConfigError(
            f"The branch that ends in {name!r} leads nowhere. Expected every layer to be read by another, down to "
            f"{last!r}. Name it in a later layer's inputs: [{name}, …], or set it to null.",
            key="model.layers" if name == INPUT else f"model.layers.{name}",
        )
    return keras.Model(inputs, outputs[last], name="model")


def order_layers(layers: Mapping[str, Any]) -> dict[str, Any]:
    """The layers in the order in which they run: as written, but one with `after: NAME` directly behind NAME.

    Raises:
        ConfigError: `after` names no layer, or layers wait for one another.
    """
    waiting = {name: layer["after"] for name, layer in layers.items() if layer.get("after") is not None}
    ordered = [name for name in layers if name not in waiting]
    for name, before in waiting.items():
        if not isinstance(before, str) or (before not in layers and before != INPUT):
            raise ConfigError(
                f"There is no layer {before!r} to stand after.{did_you_mean(str(before), layers)} "
                f"Expected one of: {', '.join([INPUT, *layers])}. Correct the name.",
                key=f"model.layers.{name}.after",
            )
    while waiting:
        ready = [name for name, before in waiting.items() if before in ordered or before == INPUT]
        if not ready:
            name = next(iter(waiting))
            raise ConfigError(
                f"The layers {', '.join(waiting)} each stand after one another. Expected an order. Remove one `after`.",
                key=f"model.layers.{name}.after",
            )
        # Two layers after the same one keep the order in which they are written.
        for name in reversed(ready):
            before = waiting.pop(name)
            ordered.insert(0 if before == INPUT else ordered.index(before) + 1, name)
    return {name: layers[name] for name in ordered}


def _sources(name: str, inputs: Any, last: str, outputs: Mapping[str, Any]) -> list[str]:
    sources = [last] if inputs is None else inputs if isinstance(inputs, list) else [inputs]
    for source in sources:
        if not isinstance(source, str) or source not in outputs:
            raise ConfigError(
                f"There is no layer {source!r} above {name!r}.{did_you_mean(str(source), outputs)} "
                f"Expected some of: {', '.join(outputs)}. Correct the name, or move the layer up.",
                key=f"model.layers.{name}.inputs",
            )
    return sources or [last]


def _call(layer: keras.layers.Layer, value: Any, key: str) -> Any:
    try:
        return layer(value)
    except Exception as error:  # Keras's own, TensorFlow's (no memory), and whatever a user's layer raises
        shapes = [tuple(v.shape[1:]) for v in (value if isinstance(value, list) else [value])]
        text = " ".join(str(error).split()).partition(" Arguments received")[0].partition(" Full shape received")[0]
        raise ConfigError(
            f"{type(layer).__name__} cannot take what comes from above, {' and '.join(map(str, shapes))}: "
            f"{text[:300].rstrip('.')}. Expected a shape that the layer accepts. Change this layer or the one above it.",
            key=key,
            kind="shape",
        ) from error


def compile_model(model: keras.Model, optimizer_cfg: Any, task_cfg: Mapping[str, Any]) -> None:
    """Give the model its optimizer, loss and metrics; the optimizer is built at once.

    Raises:
        ConfigError: one of them refuses its arguments.
    """
    metrics = [
        build(metric, f"task.metrics.{name}", "metrics", name=name)
        for name, metric in (task_cfg["metrics"] or {}).items()
        if metric is not None
    ]
    model.compile(
        optimizer=build(optimizer_cfg, "optimizer", "optimizer"),
        loss=build(task_cfg["loss"], "task.loss", "loss"),
        metrics=metrics,
        jit_compile=False,  # the cohort's graph is compiled as a whole; see stackfit.training
    )
    model.optimizer.build(model.trainable_variables)


def check_output(model: keras.Model, config: Mapping[str, Any]) -> None:
    """Hold the model's output against the labels and the loss.

    Raises:
        ConfigError: kind `shape` when the output has more axes than the labels, kind `labels` when it is too narrow.
    """
    task, classes = config["task"], config["data"]["num_classes"]
    shape = tuple(model.output_shape[1:])
    last = model.layers[-1].name
    if len(shape) != 1:
        raise ConfigError(_explain_axes(model, shape, classes), key=_flatten_key(config, last), kind="shape")
    loss = find_target(task["loss"]["_target_"], "task.loss._target_", BASES["loss"]).__name__
    width = shape[0]
    key = next((f"model.layers.{n}.units" for n in (last, last.rpartition("_")[0]) if _has_units(config, n)), None)
    key = key or f"model.layers.{last}"
    sparse = loss.startswith("Sparse")
    if sparse and width < classes:
        without = ", ".join(_label_names(config["data"], width))
        raise ConfigError(
            f"The output has {width} units, so the labels {without} have none: a label must be below {width}. "
            f"Expected at least {classes}, one for each class. Write: {key}={classes}",
            key=key,
            kind="labels",
        )
    wanted = {"class": 1, "one_hot": classes, "value": 1}[task["labels"]]
    if not sparse and task["labels"] != "value" and width != wanted:
        raise ConfigError(
            f"{loss} compares the output's {width} units with labels of width {wanted}. "
            f"Expected {wanted} unit{'s' if wanted > 1 else ''}, or another task. "
            f"Write: {key}={wanted}, or task=classification",
            key=key,
            kind="labels",
        )
    if not sparse and task["labels"] == "class" and classes > 2:
        raise ConfigError(
            f"{loss} tells two classes apart, the data have {classes}. Expected a loss for class numbers. "
            "Write: task=classification",
            key="task.loss",
            kind="labels",
        )


def check_callbacks(config: Mapping[str, Any]) -> None:
    """Check the callbacks' classes and arguments, and that the metric each one watches will exist.

    Raises:
        ConfigError: a class or argument is wrong, a metric is never there, or TensorBoard is not installed.
    """
    metrics = ["loss", *(name for name, metric in config["task"]["metrics"].items() if metric is not None)]
    validated = config["data"]["validation_split"] > 0
    known = [*metrics, *(f"val_{name}" for name in metrics if validated)]
    for name, node in config["callbacks"].items():
        if node is None:
            continue
        key = f"callbacks.{name}"
        check_node(node, key, BASES["callbacks"])
        target = find_target(node["_target_"], f"{key}._target_", BASES["callbacks"])
        parameter = inspect.signature(target).parameters.get("monitor")
        monitor = node.get("monitor", parameter.default if parameter else None)
        if isinstance(monitor, str) and monitor not in known and _watches(target, node):
            lacking = monitor.startswith("val_") and not validated
            raise ConfigError(
                f"{target.__name__} watches {monitor!r}, which this run will not have.{did_you_mean(monitor, known)} "
                f"Expected one of: {', '.join(known)}. "
                + ("Write: data.validation_split=0.1" if lacking else f"Write: {key}.monitor={known[-1]}"),
                key=f"{key}.monitor" if "monitor" in node else key,
            )
        if target is keras.callbacks.TensorBoard and importlib.util.find_spec("tensorboard") is None:
            raise ConfigError(
                "TensorBoard is not installed. Expected the extra that this callback needs. "
                "Type: pip install 'stackfit[tensorboard]'",
                key=key,
            )


def _watches(target: type, node: Mapping[str, Any]) -> bool:
    """ModelCheckpoint looks at its metric only to keep the best."""
    return target is not keras.callbacks.ModelCheckpoint or bool(node.get("save_best_only"))


def _explain_axes(model: keras.Model, shape: tuple[int, ...], classes: int) -> str:
    stack = " -> ".join(f"{layer.name} {tuple(layer.output.shape[1:])}" for layer in model.layers)
    places = " x ".join(map(str, shape[:-1])) or "no"
    flattened = any(type(layer).__name__ == "Flatten" for layer in model.layers)
    meaning = (
        f"that is {places} sets of {shape[-1]} scores for one example, but an example has one label"
        if shape
        else "that is a single number without an axis of scores"
    )
    cure = (
        "Let the last layer give one axis."
        if flattened or not shape
        else "A Dense layer works on the last axis only and keeps the others: put Flatten before the first Dense. "
        "Write: flatten: {_target_: keras.layers.Flatten}, with after: input where it is not the first layer."
    )
    return (
        f"The output has shape {shape}: {meaning}. Expected ({classes},). The shapes along the stack: {stack}. {cure}"
    )


def _flatten_key(config: Mapping[str, Any], last: str) -> str:
    """A Flatten that was removed is the cause; else the last layer is where the shape shows."""
    layers = config["model"]["layers"]
    removed = [name for name, layer in layers.items() if layer is None and "flatten" in name]
    return f"model.layers.{removed[0] if removed else last}"


def _has_units(config: Mapping[str, Any], name: str) -> bool:
    return isinstance((config["model"]["layers"].get(name) or {}).get("units"), (int, list))


def _label_names(data: Mapping[str, Any], width: int) -> list[str]:
    names = list(data["class_names"] or [])
    return [
        f"{n} ({names[n]})" if n < len(names) and names[n] != str(n) else str(n)
        for n in range(width, data["num_classes"])
    ]
