"""Layers that take numbers of theirs from the data: adapted to the training part, in the order of the stack.

What `adapt` finds are weights (Normalization), or boundaries and words, which no file of weights holds (`found_in`).
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from stackfit.config.adaptation import GIVEN
from stackfit.errors import ConfigError, said


def find_adapting(model: keras.Model) -> list[keras.layers.Layer]:
    """The model's own layers that are adapted, adapted or not yet, from its inputs on."""
    return [layer for layer in model.layers if _adapts(layer)]


def _adapts(layer: keras.layers.Layer) -> bool:
    if not callable(getattr(layer, "adapt", None)):
        return False
    config = layer.get_config()
    if config.get("num_bins") is not None:  # after `adapt` the boundaries stand there too
        return True
    return all(config.get(argument) is None for argument in GIVEN)


def check_place(name: str, part: keras.layers.Layer) -> Iterator[ConfigError]:
    """Whether a layer of the key `name` can be one of a stack, fed by the data, and adapted if it has to be."""
    key = f"model.layers.{name}"
    kind = type(part).__name__
    if isinstance(part, keras.layers.InputLayer):
        yield ConfigError(
            f"{name!r} is an InputLayer, but stackfit makes the input, of data.input_shape. Expected the layers after it. "
            f"Write: {key}=null",
            key=key,
        )
    elif hasattr(part, "state_size") and not isinstance(part, keras.layers.RNN):
        yield ConfigError(
            f"{kind} {name!r} computes one step of a sequence. Expected it inside a layer that goes through all. "
            f"Write: {name}: {{_target_: keras.layers.RNN, cell: {{_target_: keras.layers.{kind}, …}}}}",
            key=key,
        )
    elif stateful := [each for each in part._flatten_layers() if isinstance(each, keras.layers.RNN) and each.stateful]:
        cure = f"Write: {key}.stateful=false" if stateful[0] is part else f"Write stateful: false inside {name!r}"
        yield ConfigError(
            f"{type(stateful[0]).__name__} in {name!r} is stateful: it goes on where the sequence in the batch before ended, but "
            f"every example is a sequence of its own. Expected a layer that starts each one from zero. {cure}",
            key=key,
        )
    elif _draws_while_traced(type(part)):
        yield ConfigError(
            f"{kind} {name!r} draws with Python's random while its graph is made, once for all steps and whatever the seed: the "
            "run could not be repeated. Expected a layer that draws in every step, such as RandAugment. "
            f"Write: {key}=null",
            key=key,
        )
    elif texts := [each for each in part._flatten_layers() if each.compute_dtype == "string"]:
        yield ConfigError(
            f"{type(texts[0]).__name__} {name!r} reads texts, but the model's inputs are numbers: stackfit has encoded the "
            f"columns of a table before. Expected a layer for numbers, such as IntegerLookup. Write: {key}=null",
            key=key,
        )
    elif inner := [each for each in part._flatten_layers(include_self=False) if _adapts(each)]:
        yield ConfigError(
            f"{type(inner[0]).__name__} stands inside {kind} {name!r}, where it cannot be adapted to the data. "
            "Expected it as a layer of its own, or with its numbers given. Write it as a layer above.",
            key=key,
        )


def _draws_while_traced(kind: type) -> bool:
    """Whether a class of Keras uses Python's `random`, which no seed generator of the model knows."""
    module = kind.__module__
    return module.startswith("keras.") and random in vars(sys.modules[module]).values()


def front_of(model: keras.Model, layer: keras.layers.Layer) -> keras.Model | None:
    """The model up to what a layer reads; None if it reads the model's input itself."""
    return None if layer.input is model.inputs[0] else keras.Model(model.inputs, layer.input)


def adapt_layers(model: keras.Model, x: np.ndarray, batch_size: int) -> Iterator[str]:
    """Adapt each layer to what it reads of the training examples `x`, scaled; gives their names.

    Raises:
        ConfigError: the data do not fit a layer.
    """
    for layer in find_adapting(model):
        front = front_of(model, layer)
        read = x if front is None else front.predict(x, batch_size=batch_size, verbose=0)
        _check_whole(layer, read)
        kind, key = type(layer).__name__, f"model.layers.{layer.name}"
        try:
            layer.adapt(read)
        except Exception as error:  # Keras's own, and whatever a user's layer raises
            text = said(error)[:300].rstrip(".")
            raise ConfigError(
                f"{kind} {layer.name!r} cannot be adapted to the training examples: {text}. Expected data that the layer takes. "
                f"Give its numbers as an argument, or write: {key}=null",
                key=key,
            ) from error
        found, built = layer.compute_output_shape(layer.input.shape), layer.output.shape
        if tuple(found) != tuple(built) and None not in built[1:]:
            raise ConfigError(
                f"{kind} {layer.name!r} gives {tuple(found)[1:]} after it was adapted, but the layers after it are built for "
                f"{tuple(built)[1:]}: the training examples have fewer different values. Expected a size that the data fill. "
                "Lower it.",
                key=key,
            )
        yield layer.name


def _check_whole(layer: keras.layers.Layer, read: np.ndarray) -> None:
    if not np.issubdtype(np.dtype(layer.compute_dtype), np.integer):
        return
    odd = read[read % 1 != 0]
    if odd.size:
        raise ConfigError(
            f"{type(layer).__name__} {layer.name!r} reads whole numbers, but the training examples hold {odd.flat[0]:g} there. "
            "Expected numbers that are not scaled. Write: data.scale=none",
            among=(f"model.layers.{layer.name}", "data.scale"),
        )


def found_in(model: keras.Model) -> dict[str, dict[str, Any]]:
    """By layer, what was found in the data and is not a weight."""
    found: dict[str, dict[str, Any]] = {}
    for layer in find_adapting(model):
        if hasattr(layer, "bin_boundaries"):
            found[layer.name] = {"bin_boundaries": list(layer.bin_boundaries)}
        elif hasattr(layer, "get_vocabulary"):
            words = np.asarray(layer.get_vocabulary(include_special_tokens=False)).tolist()
            weights = getattr(layer, "idf_weights", None)
            found[layer.name] = {"vocabulary": words}
            if weights is not None:
                found[layer.name]["idf_weights"] = weights.numpy().tolist()[-len(words) :]
    return found


def give_found(model: keras.Model, found: Mapping[str, Any]) -> None:
    """Give a model that was built again what `found_in` gave.

    Raises:
        KeyError: it has a layer of which nothing is known; ValueError, TypeError: it is of another kind.
    """
    for layer in find_adapting(model):
        if hasattr(layer, "bin_boundaries"):
            layer.bin_boundaries = [float(value) for value in found[layer.name]["bin_boundaries"]]
        elif hasattr(layer, "get_vocabulary"):
            layer.set_vocabulary(found[layer.name]["vocabulary"], found[layer.name].get("idf_weights"))
