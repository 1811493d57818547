"""Stacks that Keras trains without complaint and that hardly anybody means: each a warning with a name.

A warning says what such a stack computes, and what to write instead. `silence: [NAME]` hides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from stackfit.errors import ConfigError
from stackfit.model.agreement import DISTRIBUTIONS, PASSING, activation_of
from stackfit.model.stack import INPUT, Stack

NARROW = 0.05  # inputs that span less than this were scaled twice: 1 / 255 is 0.004


def find_unlikely(stack: Stack, config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """What the layers do that cannot be meant; the stack must be complete."""
    yield from _softmax_before_the_end(stack)
    places = [*_places_as_classes(stack)]
    yield from places or _more_outputs_than_classes(stack, config)  # of such an output, the number follows
    yield from _value_ranges(stack, config["data"])
    yield from _half_precision(stack)


def check_trainable(model: keras.Model, layers: Mapping[str, Any]) -> Iterator[ConfigError]:
    """An error if nothing in the model can learn; `layers` are the config's."""
    if model.trainable_variables:
        return
    frozen = [f"model.layers.{name}.trainable" for name, layer in layers.items() if layer and layer.get("trainable") is False]
    found = f"all {model.count_params():,} weights are frozen" if frozen else "no layer has weights"
    cure = f"Write: {frozen[-1]}=true" if frozen else "Add a layer with weights, such as Dense"
    yield ConfigError(
        f"There is nothing to train: {found}. Expected at least one weight that the optimizer may change. {cure}",
        kind="frozen",
        among=(*frozen, "model.layers"),
    )


def _readers(stack: Stack, name: str) -> Iterator[tuple[str, Any]]:
    """The Keras layers that read a layer's values, with their keys, after those that only pass them on."""
    for reader, sources in stack.reads.items():
        if name in sources:
            parts = [part for part in stack.parts[reader] if not isinstance(part, PASSING)]
            if parts:
                yield reader, parts[0]
            else:
                yield from _readers(stack, reader)


def _softmax_before_the_end(stack: Stack) -> Iterator[ConfigError]:
    for name, parts in stack.parts.items():
        activation = activation_of(parts[-1:])
        if activation not in DISTRIBUTIONS:
            continue
        for reader, layer in _readers(stack, name):
            # An attention, a product or a sum takes a softmax for weights; a kernel and a second softmax do not.
            if not hasattr(layer, "kernel") and activation_of([layer]) not in DISTRIBUTIONS:
                continue
            extra = reader if not hasattr(layer, "kernel") else name if not hasattr(parts[-1], "kernel") else None
            write = f"model.layers.{extra}=null" if extra else f"model.layers.{name}.activation=relu"
            yield ConfigError(
                f"Layer {name!r} ends in {activation} and {reader!r} reads it: its values sum to 1, so most of what they tell "
                f"apart is lost. Expected {activation} once, at the output. Write: {write}",
                kind="inner_softmax",
                among=(f"model.layers.{name}.activation", f"model.layers.{name}", f"model.layers.{reader}"),
            )


def _places_as_classes(stack: Stack) -> Iterator[ConfigError]:
    """Scores at several places that a Flatten after them lays side by side: a class would be a place and a score."""
    output = stack.output
    if output is None or output.source in (output.name, INPUT) or stack.values.get(output.source) is None:
        return
    places = tuple(stack.values[output.source].shape[1:-1])
    if not places:
        return
    key = f"model.layers.{output.name}"
    yield ConfigError(
        f"{output.name!r} stands after {output.source!r}, whose scores are {' x '.join(map(str, places))} x "
        f"{stack.values[output.source].shape[-1]}: every place gives classes of its own. Expected one set of scores for one "
        f"example. Move {output.name!r} before the first Dense. Write: {key}.after=input",
        kind="extra_outputs",
        among=(f"{key}.after", key),
    )


def _more_outputs_than_classes(stack: Stack, config: Mapping[str, Any]) -> Iterator[ConfigError]:
    output, classes = stack.output, config["data"]["num_classes"]
    sparse = str((config["task"]["loss"] or {}).get("_target_")).rpartition(".")[2].startswith("Sparse")
    if output is None or not sparse or config["task"]["labels"] != "class":
        return
    if output.width and classes and output.width > classes:
        more = output.width - classes
        yield ConfigError(
            f"The output has {output.width} units for {classes} classes: no example belongs to the other {more}, which have no "
            f"name. Expected one unit for each class. Write: {output.key}.units={classes}",
            kind="extra_outputs",
            among=(f"{output.key}.units", output.key, "data.num_classes"),
        )


def _value_ranges(stack: Stack, data: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Layers made for values up to 255 that get values up to 1, and the other way round; pictures scaled twice."""
    ranges: dict[str, tuple[float, float] | None] = {INPUT: (0.0, 1.0) if data["scale"] == "unit" else None}
    for name, parts in stack.parts.items():
        sources = {ranges.get(source) for source in stack.reads[name]}
        known = sources.pop() if len(sources) == 1 else None
        for part in parts:
            expected = getattr(part, "value_range", None)
            if known and expected and max(expected) != known[1]:
                argument = f"model.layers.{name}.value_range"
                yield ConfigError(
                    f"{type(part).__name__} {name!r} expects values from {expected[0]:g} to {expected[1]:g} (value_range), but "
                    f"they go from {known[0]:g} to {known[1]:g} (data.scale={data['scale']}). Expected the same range. "
                    f"Write: '{argument}=[{known[0]:g},{known[1]:g}]'",
                    kind="value_range",
                    among=(argument, f"model.layers.{name}", "data.scale"),
                )
            known = _range_after(part, known)
            if known and isinstance(part, keras.layers.Rescaling) and known[1] - known[0] < NARROW:
                yield ConfigError(
                    f"Rescaling {name!r} leaves values from {known[0]:.3g} to {known[1]:.3g}: data.scale={data['scale']} has scaled "
                    f"them before. Expected one of the two. Write: model.layers.{name}=null, or data.scale=none",
                    kind="value_range",
                    among=(f"model.layers.{name}", "data.scale"),
                )
        ranges[name] = known


def _range_after(part: Any, known: tuple[float, float] | None) -> tuple[float, float] | None:
    """The range of values after a layer, where it can be told without calling it."""
    if known and isinstance(part, keras.layers.Rescaling) and all(isinstance(n, (int, float)) for n in (part.scale, part.offset)):
        low, high = sorted(value * part.scale + part.offset for value in known)
        return low, high
    same = isinstance(part, (keras.layers.Flatten, keras.layers.Reshape)) or hasattr(part, "value_range")
    return known if same or "image_preprocessing" in type(part).__module__ else None


def _half_precision(stack: Stack) -> Iterator[ConfigError]:
    output = stack.output
    if output is None or output.activation not in DISTRIBUTIONS:
        return
    dtype = output.layers[-1].compute_dtype
    if dtype in ("float16", "bfloat16"):
        yield ConfigError(
            f"The output computes its {output.activation} in {dtype}: small probabilities become 0 and the loss loses digits. "
            f"Expected float32 at the output. Write: model.layers.{output.source}.dtype=float32",
            kind="half_precision",
            among=(f"model.layers.{output.source}.dtype", f"model.layers.{output.source}", "precision"),
        )
