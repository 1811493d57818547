"""The part of a resolved config that the engine needs, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stackfit.config import class_weights
from stackfit.config.threads import need_threads, threads_of
from stackfit.config.trust import used_modules
from stackfit.training.engine import Settings


def settings_of(config: Mapping[str, Any]) -> Settings:
    """The part of a resolved config that the engine needs."""
    task, data = config["task"], config["data"]
    return Settings(
        **_stacking(config),
        batch_size=config["batch_size"],
        labels=task["labels"],
        classes=data["num_classes"],
        class_weight=task["class_weight"] and class_weights.numbered(config),
        order_seed=config["seed"] if config["shuffle"] else None,
        precision=config["precision"],
        jit_compile=config["jit_compile"],
        deterministic=config["deterministic"],
        data=json.dumps(data, sort_keys=True, default=str),
        threads=threads_of(config),
        needs_threads=need_threads(config),
    )


def _stacking(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which cells an engine stacks: a module of the user's may keep what is in no variable."""
    if config.get("engine", "tensorflow") != "jax":
        return {}
    parts = [without_rate(config["optimizer"]), *(config[key] for key in ("model", "task", "data", "precision"))]
    alike = "" if used_modules({str(number): part for number, part in enumerate(parts)}) else json.dumps(parts, default=str)
    return {"alike": alike, "stack": config["stack"]}


def without_rate(optimizer: Mapping[str, Any] | None) -> dict[str, Any]:
    """An optimizer's node with any learning rate that is a number alike; anything else has to be built."""
    node = dict(optimizer or {})
    if isinstance(node.get("learning_rate"), float):
        node["learning_rate"] = 0.0
    return node


