"""The engine that trains a cell: chosen by its config, here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.training.engine import Engine
from stackfit.training.jax.engine import Jax
from stackfit.training.tensorflow.engine import TensorFlow

ENGINES: dict[str, Engine] = {"tensorflow": TensorFlow(), "jax": Jax()}


_started: list[str] = []  # the engine of this process; Keras runs on one backend


def note_started(engine: Engine) -> None:
    """From now on this process trains with it alone."""
    _started[:] = [engine.name]


def is_here(config: Mapping[str, Any]) -> bool:
    """Whether this process trains with the config's engine, or has not started any."""
    return _started in ([], [engine_of(config).name])


def here(config: Mapping[str, Any]) -> Engine:
    """The engine of this process, which looks at a config's model although another one may train it."""
    return ENGINES[_started[0]] if _started else engine_of(config)


def engine_of(config: Mapping[str, Any]) -> Engine:
    """The engine of a resolved config; of a run's from before there was a choice too."""
    return ENGINES[config.get("engine", "tensorflow")]
