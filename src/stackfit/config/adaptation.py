"""Which layers of a config take numbers of theirs from the data (Keras's `adapt`), told without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LAYERS = frozenset(
    f"keras.layers.{name}" for name in ("Normalization", "Discretization", "IntegerLookup", "StringLookup", "TextVectorization")
)
GIVEN = ("mean", "bin_boundaries", "vocabulary")  # the arguments that hold what `adapt` would find


def adapts(layer: Any) -> bool:
    """Whether a layer's node leaves it to the data."""
    known = isinstance(layer, Mapping) and layer.get("_target_") in LAYERS
    return known and all(layer.get(argument) is None for argument in GIVEN)


def has_adapting(config: Mapping[str, Any]) -> bool:
    """Whether any layer of a resolved config does."""
    return any(map(adapts, (config["model"]["layers"] or {}).values()))
