"""The wiring of layers: what `inputs` says that a layer reads, and how it is passed to it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stackfit.errors import ConfigError, said


def names_in(wiring: Any) -> list[Any]:
    """The layers in `inputs`: one name, a list of them, or a mapping from a layer's arguments to either."""
    if isinstance(wiring, Mapping):
        return [name for each in wiring.values() for name in names_in(each)]
    return as_list(wiring)


def passed(wiring: Any, values: Mapping[str, Any]) -> Any:
    """The wiring with each layer's value for its name; a list of one name is the value itself."""
    if isinstance(wiring, Mapping):
        return {argument: passed(each, values) for argument, each in wiring.items()}
    given = [values[name] for name in as_list(wiring)]
    return given[0] if len(given) == 1 else given


def said_of(error: Exception) -> str:
    """What Keras says of a call, without its frame."""
    text = said(error).rpartition(" Error encountered: ")[2]
    text = re.sub(r"^Exception encountered when calling \w+\.call\(\)\. ", "", text)
    return text.partition(" Arguments received")[0].partition(" Full shape received")[0][:300].rstrip(".")


def no_room(what: str, error: Exception, among: Sequence[str]) -> ConfigError:
    """The error of a part of a model that does not fit into memory."""
    text = re.sub(r"\{\{.*?\}\} | on /job:.*", "", said_of(error))
    said = ConfigError(f"{what} does not fit into memory: {text}. Expected a smaller model. Lower its arguments.", among=among)
    said.__cause__ = error
    return said


def other_form(part: keras.layers.Layer, wiring: Any) -> str:
    """What a layer expects; for one that takes several arguments, or a list, the other form of `inputs`."""
    parameters = inspect.signature(part.call).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    names = names_in(wiring)
    if isinstance(wiring, Mapping) and len(needed) == 1 and not {*needed} <= {*wiring}:
        return f"Expected one argument, {needed[0]}. Write: inputs: [{', '.join(names)}]. "
    if not isinstance(wiring, Mapping) and len(needed) > 1:
        names = (names * len(needed))[: len(needed)]
        pairs = [f"{argument}: {name}" for argument, name in zip(needed, names, strict=True)]
        return f"Expected a layer for each of its arguments. Write: inputs: {{{', '.join(pairs)}}}. "
    return "Expected a shape that the layer accepts. "


def as_list(value: Any) -> list[Any]:
    """A list as it is, and anything else as the only item of one."""
    return value if isinstance(value, list) else [value]


def check_computed(part: keras.layers.Layer, read: Any, declared: Any) -> None:
    """Compute a layer outside training, without values, where Keras's model has not: a ValueError if its shape is another.

    Keras's model takes a layer's word for its shape, and computes the other layers as in training. Of Keras's layers, those
    for preprocessing do otherwise; users' own may. What a layer with `adapt` computes is known when it has seen the data.
    """
    kind = type(part)
    own = not kind.__module__.startswith("keras.")
    training = "training" in inspect.signature(part.call).parameters
    says_itself = kind.compute_output_shape is not keras.layers.Layer.compute_output_shape
    if hasattr(part, "adapt") or not (own or ".preprocessing." in kind.__module__) or not (says_itself or training):
        return
    given = {"training": False} if training else {}
    if isinstance(read, Mapping):
        computed = keras.Operation.compute_output_spec(part, **read, **given)
    else:
        computed = keras.Operation.compute_output_spec(part, read, **given)
    if not hasattr(computed, "shape") or not hasattr(declared, "shape"):
        return
    here, there = tuple(computed.shape[1:]), tuple(declared.shape[1:])
    if len(here) != len(there) or any(a != b for a, b in zip(here, there, strict=True) if None not in (a, b)):
        raise ValueError(f"outside training it gives {here}, but the layers below are built for {there}")
