"""The engine that trains, chosen here and nowhere else, and a cell's settings in its terms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stackfit.training.engine import Engine, Settings
from stackfit.training.tensorflow.engine import TensorFlow

ENGINE: Engine = TensorFlow()


def settings_of(config: Mapping[str, Any]) -> Settings:
    """What the engine needs to know of a resolved config."""
    task, data = config["task"], config["data"]
    return Settings(
        batch_size=config["batch_size"],
        labels=task["labels"],
        classes=data["num_classes"],
        class_weight=task["class_weight"],
        order_seed=config["seed"] if config["shuffle"] else None,
        precision=config["precision"],
        jit_compile=config["jit_compile"],
        deterministic=config["deterministic"],
        data=json.dumps(data, sort_keys=True, default=str),
    )
