"""Class weights as a config names them: by class number, or by class name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BALANCED = "balanced"


def class_number(key: Any, classes: int, names: Sequence[str]) -> int | None:
    """The number of the class that a key of `task.class_weight` means; None if it means none.

    A name goes first: where the names are the labels 1, 2, 3, the key 1 is the label 1.
    """
    text = str(key)
    if text in names:
        return list(names).index(text)
    return int(text) if text.isdecimal() and int(text) < classes else None


def numbered(config: Mapping[str, Any]) -> Any:
    """`task.class_weight` of a checked config by class number; `balanced` and None stay."""
    weights, data = config["task"]["class_weight"], config["data"]
    if not isinstance(weights, Mapping):
        return weights
    names = [str(name) for name in data["class_names"] or ()]
    return {class_number(key, data["num_classes"], names): weight for key, weight in weights.items()}


def means_names(config: Mapping[str, Any]) -> bool:
    """Whether a key of `task.class_weight` was taken for a class number before names went first."""
    weights = config["task"]["class_weight"]
    names = [str(name) for name in config["data"]["class_names"] or ()]
    keys = [str(key) for key in weights] if isinstance(weights, Mapping) else []
    return any(
        key.isdecimal() and int(key) < len(names) and names.index(key) != int(key) for key in keys if key in names
    )
