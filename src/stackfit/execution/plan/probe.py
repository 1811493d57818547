"""How long training takes: dozens of warm steps of throw-away models, through the graphs that train and test."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stackfit.data import Dataset, StreamedDataset
from stackfit.data.dataset import Scaling, Split
from stackfit.execution import members
from stackfit.execution.cells import Cell

WARM, FEWEST = 8, 32  # steps: of the first call, which traces; at least as many are timed
SECONDS = 0.3  # of a timed call


@dataclass(frozen=True)
class Pace:
    """Of one cohort, in seconds: building and tracing it, then a step of all its members together."""

    start: float
    train_step: float
    validation_step: float
    test_step: float

    def seconds(self, epochs: Sequence[int], steps: Mapping[str, int]) -> float:
        """Of the whole cohort, for each member's epochs and the steps of a pass over each split.

        A member that has ended costs nothing: the others go on by as much faster.
        """
        return self.start + self.epoch(steps) * sum(epochs) / len(epochs) + steps["test"] * self.test_step

    def epoch(self, steps: Mapping[str, int]) -> float:
        """Of one epoch of all members, validation included."""
        return steps["train"] * self.train_step + steps["validation"] * self.validation_step


def stand_in(cell: Cell) -> Dataset:
    """Zeros of the shape that the config declares, for data that are not here."""
    data, examples = cell.config["data"], 2 * FEWEST * cell.config["batch_size"]
    x = np.zeros((examples, *data["input_shape"]), np.uint8 if data["scale"] == "unit" else np.float32)
    split = Split(x, np.zeros(examples, np.int64 if data["num_classes"] else np.float32))
    validation = split if data["validation_split"] else None
    return Dataset("zeros", split, validation, split, (), Scaling(divisor=np.array(255, np.float32)), "")


def measure(cells: Sequence[Cell], dataset: Dataset | StreamedDataset) -> Pace:
    """Build the cells as one cohort, train it for a moment, and drop it. Nothing is written.

    Raises:
        ConfigError: a model cannot be built or traced; TrainingError: its graph raised.
    """
    members.start(cells[0], together=len(cells) > 1)
    from stackfit.training.tensorflow import graphs
    from stackfit.training.tensorflow.pipeline import Feeds, Targets

    graphs.free()
    began = time.perf_counter()
    feeds = Feeds(dataset)
    cohort = [members.build_member(cell, dataset, feeds) for cell in cells]
    models = [member.model for member in cohort]
    jit = any(member.jit_compile for member in cohort)
    config = cells[0].config
    labels = [Targets(cell.config["task"]["labels"], config["data"]["num_classes"], None) for cell in cells]
    spent, paces = time.perf_counter() - began, {"train": 0.0, "validation": 0.0, "test": 0.0}
    functions = {
        "train": [model.train_step for model in models],
        "validation": [model.test_step for model in models],
        "test": [_evaluation(model) for model in models],
    }
    for split in (split for split in paces if feeds.has(split)):
        if split == "train":
            batches = [member.train for member in cohort]
        else:
            batches = [feeds.feed(split, config["batch_size"], targets) for targets in labels]
        each = split == "train" and any(members.trains_alone(cell) for cell in cells)
        traced, paces[split] = _time(graphs.build_loops(functions[split], batches, jit), batches, each)
        spent += traced
    return Pace(spent, paces["train"], paces["validation"], paces["test"])


def _evaluation(model: Any) -> Any:
    """What `graphs.evaluate_all` does with one batch."""
    return lambda batch: (model.test_step(batch), model(batch[0], training=False))


def _time(program: Any, feeds: Sequence[Any], each: bool) -> tuple[float, float]:
    """Seconds of the first call, which traces, and of a step; one step a call if `each`."""
    import tensorflow as tf

    from stackfit.training.tensorflow.graphs import call

    zeros = tf.zeros(len(feeds), tf.int32)

    def run(steps: int) -> float:
        inputs = [feed.begin(0) for feed in feeds]
        began = time.perf_counter()
        for _ in range(steps if each else 1):
            call(program, inputs, zeros, tf.fill([len(feeds)], 1 if each else steps))
        return time.perf_counter() - began

    most = max(feed.steps for feed in feeds)
    traced = run(min(WARM, most))
    warm = run(min(FEWEST, most)) / min(FEWEST, most)
    steps = min(most, max(FEWEST, int(SECONDS / max(warm, 1e-6))))
    return traced, (run(steps) + run(steps)) / (2 * steps)
