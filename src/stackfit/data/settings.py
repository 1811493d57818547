"""The `data` section as an object, and what a reader hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackfit.schema import Data

MISSING = "???"


@dataclass(frozen=True)
class Loaded:
    """Arrays as stored: `train_x`, `train_y` and, where there is a test part, `test_x`, `test_y`.

    `white` is the stored value that scale `unit` maps to 1.
    """

    name: str
    arrays: dict[str, np.ndarray]
    fingerprint: str
    class_names: tuple[str, ...] = ()
    white: float = 255.0


def settings_of(data: Mapping[str, Any] | Data) -> Data:
    """The section as `schema.Data`: defaults where it says nothing, `???` where it must and does not."""
    if isinstance(data, Data):
        return data
    if isinstance(data, dict):
        return Data(**data)
    from omegaconf import OmegaConf

    return Data(**OmegaConf.to_container(data, resolve=True))  # type: ignore[arg-type]


def declared(settings: Data, key: str) -> Any:
    """The value of a key, or None where the config leaves it open."""
    value = getattr(settings, key)
    return None if isinstance(value, str) and value == MISSING else value
