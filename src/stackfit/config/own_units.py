"""Regression on scaled targets that reports in their own units.

The model ends in a layer that brings its output to the targets' units, so metrics, predictions and the saved model have
them; the loss is divided accordingly, so that a step is that of targets with mean 0 and deviation 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.errors import ConfigError

LAYER = "own_units"
POWERS = {"keras.losses.MeanSquaredError": 2, "keras.losses.MeanAbsoluteError": 1}
"""How a loss grows with the unit of its targets."""


def own_units(mean: float, deviation: float) -> dict[str, Any]:
    """The layer, as a config has it; in float32 whatever the precision is, which may not hold the values."""
    return {"_target_": "keras.layers.Rescaling", "scale": deviation, "offset": mean, "dtype": "float32"}


def loss_weight(config: Mapping[str, Any]) -> float | None:
    """What the loss is multiplied by; None where targets are not scaled.

    Raises:
        ConfigError: the loss does not grow with a power of the unit.
    """
    if not config["data"].get("scale_target") or config["task"]["labels"] != "value":
        return None
    layer, loss = (config["model"]["layers"] or {}).get(LAYER), (config["task"]["loss"] or {}).get("_target_")
    if not layer or loss not in POWERS:
        found = f"the loss is {loss}" if layer else f"data.num_classes is {config['data']['num_classes']}"
        raise ConfigError(
            f"data.scale_target is true, but {found}. Expected data.num_classes=0, and one of: {', '.join(POWERS)}. "
            "Write: task=regression data.num_classes=0, or data.scale_target=false",
            key="data.scale_target",
        )
    return float(layer["scale"]) ** -POWERS[loss]
