"""The arguments of a target: which it takes, which of a node's do not fit, and which one it refused."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from stackfit.errors import ConfigError, did_you_mean

# Arguments that every layer takes through **kwargs (keras.layers.Layer).
LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")
_LAYER = {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in LAYER_ARGUMENTS}


def accepted_arguments(target: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """The arguments that a target takes by name, those of its **kwargs included, and whether it takes any others."""
    parameters = inspect.signature(target).parameters
    known = {n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_more = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if takes_more and isinstance(target, type) and issubclass(target, keras.layers.Layer):
        known = known | _LAYER | known  # its own come first
        takes_more = not target.__module__.startswith("keras.")
    elif takes_more and getattr(target, "__name__", "") == "dense_stack":
        known = known | accepted_arguments(keras.layers.Dense)[0] | known
        takes_more = False
    elif takes_more and isinstance(target, type) and issubclass(target, keras.optimizers.Optimizer):
        takes_more = False
    return known, takes_more


def required_arguments(target: Any) -> list[str]:
    """The arguments without a default."""
    return [name for name, parameter in accepted_arguments(target)[0].items() if parameter.default is parameter.empty]


def check_arguments(target: Any, node: Mapping[str, Any], key: str, extra: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Arguments that the target does not take, is not given, or takes of another kind; `extra` are those we add."""
    known, takes_more = accepted_arguments(target)
    label = str(node["_target_"]).rpartition(".")[2]
    for name, value in node.items():
        if name.startswith("_"):
            continue
        if name not in known and not takes_more:
            yield ConfigError(
                f"{label} has no argument {name!r}.{did_you_mean(name, known)} Expected some of: {', '.join(known)}. "
                "If it was left over by a change of _target_, set the old layer to null and add a new name.",
                among=(f"{key}.{name}", f"{key}._target_"),
                kind="name",
            )
        elif name in known and (wants := _other_kind(known[name].default, value)):
            yield ConfigError(
                f"{label}'s argument {name!r} is {value!r}. Expected {wants}, such as its default "
                f"{known[name].default}. Correct the value.",
                key=f"{key}.{name}",
                kind="name",
            )
    for name in required_arguments(target):
        if name not in node and name not in extra:
            yield ConfigError(
                f"{label} needs the argument {name!r}. Expected a value. Write: {name}: …",
                among=(f"{key}.{name}", f"{key}._target_"),
                kind="name",
            )


def _other_kind(default: Any, value: Any) -> str | None:
    """What an argument takes by its default, where the value is of another kind; Keras's signatures have no types."""
    if isinstance(default, bool):
        return "true or false" if isinstance(value, (str, float, list, Mapping)) else None
    if isinstance(default, (int, float)):
        return "a number" if isinstance(value, str) else None
    return None


def describe_refusal(node: Mapping[str, Any], guilty: str | None, error: BaseException) -> str:
    """What Keras, or a user's class, said against an argument, or against all of them, in three sentences."""
    label = str(node.get("_target_")).rpartition(".")[2]
    text = " ".join(str(error).split())
    value = node.get(guilty) if guilty else None
    if isinstance(value, str) and guilty and guilty.endswith("activation"):
        names = [n for n in dir(keras.activations) if n.islower() and callable(getattr(keras.activations, n))]
        names = [n for n in names if n not in ("deserialize", "get", "serialize")]
        return (
            f"There is no activation {value!r}.{did_you_mean(value, names)} "
            f"Expected one of: {', '.join(names)}. Write: {guilty}: {(closest(names, value))[0]}"
        )
    refused = f"argument {guilty!r}, {value!r}" if guilty else "arguments"
    return f"{label} refuses its {refused}: {text[:300].rstrip('.')}. Expected values that Keras accepts. Correct them."


def closest(names: list[str], name: str) -> list[str]:
    """The three names that look most like `name`, however little."""
    return difflib.get_close_matches(name, names, n=3, cutoff=0.0) or names[:3]
