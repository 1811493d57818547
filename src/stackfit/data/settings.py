"""The `data` section as an object, and what a reader hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from stackfit.errors import DataError, did_you_mean
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
    """The section as `schema.Data`; what it does not set has the schema's default, and `???` where it has none.

    Raises:
        DataError: a key that `data` has not.
    """
    if isinstance(data, Data):
        return data
    if not isinstance(data, dict):  # a DictConfig
        from omegaconf import OmegaConf

        data = OmegaConf.to_container(data, resolve=True)  # type: ignore[assignment]
    known = [field.name for field in fields(Data)]
    for key in data:
        if key not in known:
            raise DataError(
                f"The data section has no key {key!r}.{did_you_mean(str(key), known)} Expected one of "
                f"{', '.join(known)}. Remove it or correct it.",
                key=f"data.{key}",
            )
    return Data(**data)


def declared(settings: Data, key: str) -> Any:
    """The value of a declaration, or None where the config leaves it open."""
    value = getattr(settings, key)
    return None if isinstance(value, str) and value == MISSING else value
