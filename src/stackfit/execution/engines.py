"""The engine that trains a cell: chosen by its config, here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.training.engine import Engine
from stackfit.training.jax.engine import Jax
from stackfit.training.tensorflow.engine import TensorFlow

ENGINES: dict[str, Engine] = {"tensorflow": TensorFlow(), "jax": Jax()}


def engine_of(config: Mapping[str, Any]) -> Engine:
    """The engine of a resolved config; of a run's from before there was a choice too."""
    return ENGINES[config.get("engine", "tensorflow")]
