"""`python tests/jax_start.py`: members of a stack as they start, next to the same models made by Keras alone.

Prints one line of JSON: the variables that differ, by model; how many were compared; and the CPU seconds of a hundred members.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import numpy as np
from composing import compose_cell
from jax_mixes import DIGITS, few_digits

from stackfit.execution import members
from stackfit.execution.engines import engine_of
from stackfit.training.jax import runtime
from stackfit.training.jax.engine import Jax

runtime.start()
from stackfit.training.jax import program  # noqa: E402

OWN = "{_target_: keras.initializers.%s}"
LAYERS: dict[str, list[str]] = {
    "dense": [],
    "own": [
        "+model.layers.hidden.kernel_initializer=" + OWN % "TruncatedNormal, stddev: 0.2, seed: 7",
        "+model.layers.hidden.bias_initializer=" + OWN % "Constant, value: -0.0",
        "+model.layers.output.bias_initializer=" + OWN % "Constant, value: 0.0",
        "+model.layers.output.kernel_initializer=" + OWN % "Orthogonal, gain: 0.5",
    ],
    "conv": [
        "+model.layers.conv={_target_: keras.layers.Conv2D, filters: 3, kernel_size: 3, after: input}",
        "+model.layers.norm={_target_: keras.layers.BatchNormalization, after: conv}",
        "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.5, after: norm}",
    ],
    "recurrent": [
        "+model.layers.rows={_target_: keras.layers.Reshape, target_shape: [8, 8], after: input}",
        "+model.layers.lstm={_target_: keras.layers.LSTM, units: 5, return_sequences: true, dropout: 0.1, after: rows}",
        "+model.layers.both={_target_: keras.layers.Bidirectional, layer: {_target_: keras.layers.GRU, units: 3}, after: lstm}",
    ],
    "half": ["precision=mixed_bfloat16", "+model.layers.norm={_target_: keras.layers.LayerNormalization, after: hidden}"],
    "indices": ["data.scale=none", "+model.layers.embed={_target_: keras.layers.Embedding, input_dim: 17, output_dim: 2, after: input}"],
    "metrics": [
        "optimizer=adamw",
        "task.labels=one_hot",
        "task.loss={_target_: keras.losses.CategoricalCrossentropy}",
        "task.metrics.accuracy={_target_: keras.metrics.CategoricalAccuracy}",
        "+task.metrics.f1={_target_: keras.metrics.F1Score, average: macro}",
        "+task.metrics.auc={_target_: keras.metrics.AUC, multi_label: true, num_labels: 10}",
    ],
}
SEEDS = (0, 1, 5, 77)


def starts(overrides: list[str], dataset: Any) -> list[list[np.ndarray]]:
    """The variables of some members of one stack."""
    cells = [compose_cell(DIGITS, ["engine=jax", "stack=8", f"seed={seed}", "model.layers.hidden.units=6", *overrides]) for seed in SEEDS]
    members.start(cells[0])
    engine = engine_of(cells[0].config)
    feeds = engine.feeds(dataset)
    cohort = [members.build_member(cell, dataset, feeds) for cell in cells]
    engine.program(cohort)
    models = [member.model for member in cohort]
    return [[each.numpy() for each in [*m.variables, *m.optimizer.variables, *m.metrics_variables]] for m in models]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    """Whether they are equal to the bit."""
    return [(a.dtype, a.shape, a.tobytes()) for a in one] == [(b.dtype, b.shape, b.tobytes()) for b in other]


def main() -> None:
    """Compare, and print."""
    dataset, building, build_metrics = few_digits(), Jax.building, program.build_metrics
    found: dict[str, Any] = {"unlike": [], "variables": {}}
    for name, overrides in LAYERS.items():
        ours = starts(overrides, dataset)
        Jax.building, program.build_metrics = staticmethod(contextlib.nullcontext), of_keras
        alone = starts(overrides, dataset)
        Jax.building, program.build_metrics = staticmethod(building), build_metrics
        found["unlike"] += [[name, seed] for seed, one, other in zip(SEEDS, ours, alone, strict=True) if not same(one, other)]
        found["variables"][name] = len(ours[0])
        found["distinct"] = len({b"".join(each.tobytes() for each in one) for one in ours})
    cells = [compose_cell(DIGITS, ["engine=jax", "stack=64", f"seed={seed}"]) for seed in range(100)]
    engine = engine_of(cells[0].config)
    feeds = engine.feeds(dataset)
    began = time.process_time()
    engine.program([members.build_member(cell, dataset, feeds) for cell in cells])
    print(json.dumps({**found, "seconds": time.process_time() - began}))


def of_keras(model: Any, feed: Any) -> None:
    """Make the variables of loss and metrics as Keras does."""
    import jax

    index = jax.ShapeDtypeStruct((min(feed.form.batch_size, feed.examples),), "int32")
    model._symbolic_build(data_batch=jax.eval_shape(feed.form.batch, feed.data, index))


if __name__ == "__main__":
    main()
