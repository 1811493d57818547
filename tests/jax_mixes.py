"""`python tests/jax_mixes.py FIRST LAST`: random mixes of cells trained on JAX, fused, alone and resumed.

In a process of its own, since Keras has one backend a process. Prints one line of JSON a mix: its cells, and in what they differ.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import numpy as np
from composing import compose, compose_cell

from stackfit.config.hydra.composition import Composer
from stackfit.data import load_dataset
from stackfit.data.dataset import Dataset, Scaling, Split
from stackfit.execution import members
from stackfit.execution.cells import Cell
from stackfit.execution.engines import engine_of
from stackfit.files import printed

DIGITS = Composer("digits_quickstart")
TRAIN, VALIDATION, TEST = 50, 22, 30
OPTIMIZERS = ("adam", "sgd", "rmsprop", "adamw", "momentum")
LAYERS = {
    "drop": "{_target_: keras.layers.Dropout, rate: %s, after: hidden}",
    "norm": "{_target_: keras.layers.BatchNormalization, momentum: %s, after: hidden}",
    "conv": "{_target_: keras.layers.Conv2D, filters: 2, kernel_size: 3, bias_initializer: {_target_: keras.initializers.Constant, value: %s}, after: input}",
    "noise": "{_target_: keras.layers.GaussianNoise, stddev: %s, after: input}",
}
SCHEDULE = "optimizer.learning_rate={_target_: keras.optimizers.schedules.CosineDecay, initial_learning_rate: 0.01, decay_steps: 9}"
PLATEAU = "+callbacks.plateau={_target_: keras.callbacks.ReduceLROnPlateau, monitor: loss, patience: 0, min_delta: 10.0}"
EARLY = "+callbacks.early={_target_: keras.callbacks.EarlyStopping, monitor: val_loss, patience: 0, min_delta: 9.0, restore_best_weights: true}"


def draw_mix(number: int) -> list[list[str]]:
    """The overrides of some cells that may train together."""
    rng = np.random.default_rng(number)
    size = int(rng.choice([7, 16, 25, 60]))
    together = [f"batch_size={size}", "engine=jax", "stack=8", "data.validation_split=0.2", f"shuffle={bool(rng.random() < 0.7)}"]
    shapes = [_draw_shape(rng) for _ in range(int(rng.integers(1, 4)))]
    cells = []
    for seed in range(int(rng.integers(3, 6))):
        own = [f"seed={seed}", f"epochs={rng.integers(1, 4)}", *shapes[rng.integers(len(shapes))]]
        if not any(each.startswith("optimizer.learning_rate") for each in own):
            own.append(f"optimizer.learning_rate={rng.choice([0.1, 0.01, 0.003])}")
        own += [callback for callback in (PLATEAU, EARLY) if rng.random() < 0.25 and not (callback == PLATEAU and SCHEDULE in own)]
        cells.append([*together, *own])
    return cells


def _draw_shape(rng: np.random.Generator) -> list[str]:
    widths = rng.integers(2, 12, rng.integers(1, 3)).tolist()
    own = [f"model.layers.hidden.units={widths}".replace(" ", ""), f"optimizer={rng.choice(OPTIMIZERS)}"]
    own += [f"+model.layers.{name}={node % rng.choice([0.3, 0.6])}" for name, node in LAYERS.items() if rng.random() < 0.35]
    own += [SCHEDULE] if rng.random() < 0.3 else []
    return [*own, "task.class_weight={0: 2.0, 3: 0.5}"] if rng.random() < 0.3 else own


def few_digits() -> Dataset:
    whole = load_dataset(compose(DIGITS).config.data)
    x, y = whole.train.x, whole.train.y
    parts = {"train": Split(x[:TRAIN], y[:TRAIN]), "validation": Split(x[TRAIN:][:VALIDATION], y[TRAIN:][:VALIDATION])}
    test = Split(whole.test.x[:TEST], whole.test.y[:TEST])
    return dataclasses.replace(whole, **parts, test=test, scaling=Scaling(divisor=np.array(16, np.float32)))


def train(cells: list[Cell], dataset: Dataset, checkpoints: list[Any]) -> list[tuple[Any, ...]]:
    """For each cell its weights, optimizer, history, learning rates, test scores, and checkpoint after the first epoch."""
    from stackfit.training import loop

    engine = engine_of(cells[0].config)
    feeds = engine.feeds(dataset)
    cohort = [members.build_member(cell, dataset, feeds) for cell in cells]
    for member, cell, checkpoint in zip(cohort, cells, checkpoints, strict=True):
        member.callbacks = members.build_callbacks(cell, None, lambda line: None)
        member.checkpoint = checkpoint
    program = engine.program(cohort)
    program.trace()
    events = list(loop.train(cohort, program))
    tests = engine.evaluate([m.model for m in cohort], [feeds.feed("test", members.settings_of(c.config)) for c in cells])
    found = []
    for number, (member, (logs, scores)) in enumerate(zip(cohort, tests, strict=True)):
        own = [event for event in events if getattr(event, "member", None) == number]
        failed = [str(event.error) for event in own if isinstance(event, loop.Failed)]
        ends = [(each.epoch, each.logs, each.learning_rate) for each in own if isinstance(each, loop.EpochEnd)]
        first = next((each.checkpoint for each in own if isinstance(each, loop.Checkpointed)), None)
        arrays = [variable.numpy() for variable in loop.variables_of(member.model)]
        found.append((arrays, ends, logs, scores, failed, first))
    return found


def differences(one: tuple[Any, ...], other: tuple[Any, ...], from_epoch: int = 0) -> list[str]:
    """In what two trainings of a cell differ; of the second only epochs after `from_epoch` are there."""
    names = []
    if len(one[0]) != len(other[0]) or not all(map(np.array_equal, one[0], other[0])):
        names.append("variables")
    names += ["history"] if [end for end in one[1] if end[0] > from_epoch] != other[1] else []
    return names + [name for at, name in ((2, "test"), (4, "failed")) if one[at] != other[at]] + (
        [] if np.array_equal(one[3], other[3]) else ["scores"]
    )


def main(first: int, last: int) -> None:
    """Train each mix, and say what differs."""
    dataset = few_digits()
    for number in range(first, last):
        mix = draw_mix(number)
        cells = [compose_cell(DIGITS, overrides) for overrides in mix]
        members.start(cells[0])
        fused = train(cells, dataset, [None] * len(cells))
        alone = [train([cell], dataset, [None])[0] for cell in cells]
        resumed = [train([cell], dataset, [each[-1]])[0] for cell, each in zip(cells, fused, strict=True)]
        unlike = [
            {"alone": differences(each, single), "resumed": differences(each, again, 1)}
            for each, single, again in zip(fused, alone, resumed, strict=True)
        ]
        distinct = len({each[0][0].tobytes() for each in fused})
        print(json.dumps({"cells": mix, "unlike": unlike, "distinct": distinct, "failed": [each[4] for each in fused]}))
        assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    with printed():
        pass
    main(int(sys.argv[1]), int(sys.argv[2]))
