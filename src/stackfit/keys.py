"""Dotted keys: nested mappings made flat, names as short as they stay different, and names for the values of one metric."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`; an empty mapping disappears."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        here = f"{prefix}.{key}" if prefix else str(key)
        flat |= flatten(value, here) if isinstance(value, Mapping) else {here: value}
    return flat


def short_names(keys: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """`{key: name}`: the shortest end of each key (before `._target_`) that no other key has and that is not `taken`.

    `units`, or `hidden.units` where two layers have units; the whole key where every end is taken.
    """
    ends = {}
    for key in keys:
        words = key.removesuffix("._target_").split(".")
        ends[key] = [".".join(words[-n:]) for n in range(1, len(words) + 1)]
    count = Counter([*taken, *(end for own in ends.values() for end in own)])
    return {key: next((end for end in own if count[end] == 1), key) for key, own in ends.items()}


def value_names(name: str, result: Any) -> list[str]:
    """A name for each value of what a metric gives: `f1_0`, `f1_1`, … of an array, `f1_low` of a mapping, in the order of
    its sorted keys; `f1` itself for a single number."""
    if isinstance(result, Mapping):
        return [each for key in sorted(result) for each in value_names(f"{name}_{key}", result[key])]
    names = ["_".join([name, *map(str, place)]) for place in itertools.product(*map(range, getattr(result, "shape", ())))]
    return names if len(names) != 1 else [name]


def without_number(name: str) -> str:
    """`f1` for `f1_0`, one of a metric's numbered values."""
    return re.sub(r"(_\d+)+$", "", name)


def label_of(axes: Mapping[str, Any]) -> str:
    """`units=64, seed=0`: a sweep's axes under their short names."""
    return ", ".join(f"{name}={axes[key]}" for key, name in short_names(axes).items())
