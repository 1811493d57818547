"""The wiring of layers: what `inputs` says that a layer reads, and how it is passed to it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import keras

from stackfit.errors import said


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
    text = said(error)
    text = re.sub(r"^Exception encountered when calling \w+\.call\(\)\. ", "", text)
    return text.partition(" Arguments received")[0].partition(" Full shape received")[0][:300].rstrip(".")


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
