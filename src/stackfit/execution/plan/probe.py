"""How long a cohort takes: the engine measures steps of throw-away models."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stackfit.data import Dataset, StreamedDataset
from stackfit.data.dataset import Scaling, Split
from stackfit.execution import members
from stackfit.execution.cells import Cell
from stackfit.execution.engines import engine_of
from stackfit.training.engine import StepTime
from stackfit.waiting import doing

STEPS = 64  # in one pass over the zeros that replace absent data


@dataclass(frozen=True)
class Pace:
    """The times of one cohort in seconds: building and tracing it, then a step of all its members together."""

    start: float
    train_step: float
    validation_step: float
    test_step: float

    def seconds(self, epochs: Sequence[int], steps: Mapping[str, int]) -> float:
        """The time of the whole cohort, given each member's epochs and the steps of a pass over each split.

        A member that has ended takes no time: the others then train faster.
        """
        return self.start + self.epoch(steps) * sum(epochs) / len(epochs) + steps["test"] * self.test_step

    def epoch(self, steps: Mapping[str, int]) -> float:
        """The time of one epoch of all members, with validation."""
        return steps["train"] * self.train_step + steps["validation"] * self.validation_step


def stand_in(cell: Cell) -> Dataset:
    """Zeros of the shape that the config declares, instead of absent data."""
    data, examples = cell.config["data"], STEPS * cell.config["batch_size"]
    x = np.zeros((examples, *data["input_shape"]), np.uint8 if data["scale"] == "unit" else np.float32)
    split = Split(x, np.zeros(examples, np.int64 if data["num_classes"] else np.float32))
    validation = split if data["validation_split"] else None
    return Dataset("zeros", split, validation, split, (), Scaling(divisor=np.array(255, np.float32)), "")


@doing("Measuring the speed")
def measure(cells: Sequence[Cell], dataset: Dataset | StreamedDataset) -> Pace:
    """Build the cells as one cohort, train it for a moment, and drop it. Nothing is written.

    Raises:
        ConfigError: a model cannot be built or traced; TrainingError: its program raised.
    """
    members.start(cells[0], together=len(cells) > 1)
    engine = engine_of(cells[0].config)
    feeds = engine.feeds(dataset)
    began = time.perf_counter()
    cohort = [members.build_member(cell, dataset, feeds) for cell in cells]
    tests = [feeds.feed("test", members.settings_of(cell.config)) for cell in cells if feeds.has("test")]
    each_step = any(members.trains_alone(cell) for cell in cells)
    built = time.perf_counter() - began
    times = defaultdict(StepTime, engine.measure(cohort, tests, each_step))
    start = built + sum(time.first for time in times.values())
    return Pace(start, times["train"].step, times["validation"].step, times["test"].step)
