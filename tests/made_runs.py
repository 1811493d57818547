"""Run folders as the runner leaves them, written through `RunFolder` itself, without training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.results.run_folder import RunFolder

SETTINGS: dict[str, Any] = {
    "data.kind": "fashion_mnist",
    "data.input_shape": [28, 28, 1],
    "model.layers.hidden.units": 64,
    "model.layers.hidden.activation": "relu",
    "model.layers.output.units": 10,
    "optimizer._target_": "keras.optimizers.Adam",
    "optimizer.learning_rate": 0.001,
    "task.loss._target_": "keras.losses.SparseCategoricalCrossentropy",
    "task.metrics.accuracy._target_": "keras.metrics.SparseCategoricalAccuracy",
    "epochs": 2,
    "seed": 0,
    "verbosity": 1,
}


def make_run(
    path: Path,
    settings: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    *,
    experiment: str = "base",
    axes: dict[str, Any] | None = None,
    sweep: str | None = None,
    history: int = 0,
    failed: str | None = None,
    state: str = "failed",
    correct: list[bool] | None = None,
) -> Path:
    """A run folder; `correct` makes predictions of two classes that are right where it is true."""
    folder = RunFolder(path)
    settings = {**SETTINGS, **(settings or {})}
    about = {
        "experiment": experiment,
        "overrides": [],
        "axes": axes or {},
        "cell": None,
        "sweep": sweep,
        "settings": settings,
        "seed": settings["seed"],
    }
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    assert folder.claim(str(path), about)
    for epoch in range(1, history + 1):
        folder.append_history({"epoch": epoch, "loss": 1 / epoch, "seconds": 0.5, "members": 1})
    if correct is not None:
        labels = np.arange(len(correct)) % 2
        guesses = np.where(correct, labels, 1 - labels)
        scores = np.eye(2, dtype=np.float32)[guesses]
        np.savez(folder.predictions, scores=scores, labels=labels)
    if failed:
        folder.fail(failed, status=state)
    else:
        metrics = {"loss": 0.5, "test_accuracy": 0.875, "stopped_epoch": 2} if metrics is None else metrics
        folder.finish(metrics, metrics)
    return path


def write_sweep(path: Path, cells: Iterable[str], key: str = "model.layers.hidden.units") -> None:
    """The `sweep.json` of cells with these values of `key`; `claim` puts the folder of one there."""
    path.mkdir(exist_ok=True)
    rows = [{"folder": str(value), "axes": {key: value}, "state": "waiting"} for value in cells]
    (path / "sweep.json").write_text(json.dumps({"format": 1, "experiment": "base", "cells": rows}))


def claim(
    path: Path, cell: str, epochs: int, rows: Sequence[Mapping[str, Any]] = (), settings: Mapping[str, Any] | None = None
) -> RunFolder:
    """A running cell of a sweep, with these rows of its history."""
    folder = RunFolder(path / cell)
    path.mkdir(parents=True, exist_ok=True)
    assert folder.claim(cell, {"experiment": "base", "settings": {**SETTINGS, "epochs": epochs, **(settings or {})}})
    for row in rows:
        folder.append_history(dict(row))
    return folder
