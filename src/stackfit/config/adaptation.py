"""Which layers of a config take numbers of theirs from the data (Keras's `adapt`), told without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.config.methods import defines

LAYERS = frozenset(
    f"keras.layers.{name}" for name in ("Normalization", "Discretization", "IntegerLookup", "StringLookup", "TextVectorization")
)
GIVEN = ("mean", "bin_boundaries", "vocabulary")  # the arguments that hold what `adapt` would find


def adapts(layer: Any) -> bool:
    """Whether a layer's node leaves it to the data."""
    if not isinstance(layer, Mapping) or any(layer.get(argument) is not None for argument in GIVEN):
        return False
    target = str(layer.get("_target_"))
    return target in LAYERS or (not target.startswith("keras.") and defines(target, ["adapt"], LAYERS))


def has_adapting(config: Mapping[str, Any]) -> bool:
    """Whether any layer of a resolved config does."""
    return any(map(adapts, (config["model"]["layers"] or {}).values()))
