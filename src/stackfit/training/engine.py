"""What an engine must offer: it trains the members of a cohort in one program, and evaluates models.

The loop (`stackfit.training.loop`) knows the order of epochs, callbacks and checkpoints, but no library; an engine knows
its library, but no config and no folder. This module is light: importing it starts no engine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from stackfit.data.dataset import Dataset, StreamedDataset

if TYPE_CHECKING:
    import keras

    from stackfit.training.checkpoint import Checkpoint

Logs = dict[str, float]  # loss and metrics by name, as Python floats of float32 precision


@dataclass(frozen=True)
class Settings:
    """What an engine needs to know of a cell, as plain values.

    Args:
        labels: what the loss takes: `class`, `one_hot` or `value`.
        classes: number of classes, for `one_hot` and class weights.
        class_weight: weight by class number, in training, or `balanced` by the training part; classes that are not named weigh 1, as in Keras.
        order_seed: shuffles the training examples in every epoch; None for the stored order.
        data: equal for cells that train on the same data.
        threads: of one operation; `needs_threads`: another number may give other bits.
        lean: the cell names no code of the user's, which might want optional parts of the libraries.
        alike: equal for cells whose models differ only in the values of their variables; empty: it shares no program.
        stack: members that an engine stacks into one program; its bits depend on it.
        cache: a folder for what an engine keeps between processes; empty for none.
    """

    batch_size: int = 32
    labels: str = "class"
    classes: int = 0
    class_weight: Mapping[int, float] | Literal["balanced"] | None = None
    order_seed: int | None = None
    precision: str = "float32"
    jit_compile: bool = False
    deterministic: bool = True
    data: str = ""
    threads: int = 1
    needs_threads: bool = False
    lean: bool = False
    alike: str = ""
    stack: int = 1
    cache: str = ""


class Feed(Protocol):
    """The batches of one split for one member. What else it has is between an engine's feeds and its programs."""

    steps: int  # of one pass


class Feeds(Protocol):
    """The feeds of a data set; its arrays are moved to the engine once, whoever asks."""

    def has(self, split: str) -> bool:
        """Whether the data have this split."""

    def feed(self, split: str, settings: Settings, training: bool = False) -> Feed:
        """Batches of `train`, `validation` or `test`: in stored order, or shuffled and weighted for `training`."""


@dataclass
class Member:
    """One model in training.

    `model` is compiled and its optimizer built; `validation` may be None. `callbacks` are its own. From a `checkpoint`
    it continues after that epoch, bit for bit as if it had never stopped. After the epochs in `rungs` it waits to be ranked.
    """

    model: keras.Model
    train: Feed
    validation: Feed | None
    epochs: int
    callbacks: list[keras.callbacks.Callback] = field(default_factory=list)
    jit_compile: bool = False
    printed: Callable[[str], object] = sys.stderr.write  # takes what the member's callbacks print
    checkpoint: Checkpoint | None = None
    rungs: Sequence[int] = ()


def make_member(model: keras.Model, feeds: Feeds, settings: Settings, epochs: int) -> Member:
    """A member for a compiled model, still without callbacks, with its feeds."""
    train = feeds.feed("train", settings, training=True)
    validation = feeds.feed("validation", settings) if feeds.has("validation") else None
    return Member(model, train, validation, epochs, jit_compile=settings.jit_compile)


class Program(Protocol):
    """The members of a cohort, compiled together. Members are named by their number.

    What it computes are the bits that each member would have alone.
    """

    def trace(self) -> None:
        """Compile the training steps before anything is written: what a layer or a loss refuses shows here.

        Raises:
            Exception: whatever the layer or the loss raised.
        """

    def begin(self, epochs: Sequence[int]) -> None:
        """Get ready for the next epoch of every member, counted from 0: the order of its data."""

    def run(self, starts: Sequence[int], stops: Sequence[int]) -> None:
        """Train each member from step `starts[i]` up to, but not including, `stops[i]` of its epoch.

        Raises:
            TrainingError: an operation raised; which member caused it is not known.
        """

    def logs(self, number: int) -> Logs:
        """A member's loss and metrics since they were last reset."""

    def validate(self, numbers: Sequence[int], start: int = 0, stop: int | None = None) -> dict[int, Logs]:
        """Loss and metrics of these members over their validation data, by number.

        Args:
            start: the first step; at 0 the metrics start again.
            stop: the step after the last one; None for all.

        Raises:
            TrainingError: as in `run`.
        """

    def sync(self, number: int) -> None:
        """Bring what the program has changed into the member's Keras model, before a callback or a checkpoint reads it."""


@dataclass(frozen=True)
class StepTime:
    """Seconds of the first call, which compiles, and of one warm step of all members together."""

    first: float = 0.0
    step: float = 0.0


class Engine(Protocol):
    """A library that trains.

    `shared` names the settings that the cells of one group have in common.
    """

    name: str
    shared: tuple[str, ...]

    @property
    def building(self) -> Callable[[], AbstractContextManager[None]]:
        """Inside of what it gives, models and callbacks are built: what needs another engine's library is refused it."""


    def start(self, settings: Settings, together: bool = False) -> None:
        """Import the library as these settings ask for; `together`: several models will train in one program.

        Raises:
            ConfigError: Keras runs on another backend in this process already.
        """

    def fits(self, settings: Settings) -> bool:
        """Whether a cell with these settings has its own bits in this process, which has started the library."""

    def why_alone(self, listener: str | None) -> str | None:
        """Why a cell cannot train with others, or None; `listener` is the key of a callback called at every step."""

    def group_key(self, settings: Settings) -> Hashable:
        """Equal for cells that may train together."""

    def limit(self, cells: int, largest: int, stack: int, whole: bool = False) -> int:
        """How many of so many cells train in one cohort, where the largest takes so many bytes.

        Args:
            whole: they wait for one another at rungs, so one cohort is better than several wherever memory allows it.
        """

    def member_bytes(self, weights: int, gradients: int, optimizer: int) -> dict[str, int]:
        """What a member takes while it trains, by name and besides a batch's activations, given the bytes of its parts."""

    def feeds(self, dataset: Dataset | StreamedDataset) -> Feeds:
        """The data set's batches; what earlier cohorts left in memory is released first."""

    def program(self, members: Sequence[Member]) -> Program:
        """One program for all members."""

    def evaluate(self, models: Sequence[keras.Model], feeds: Sequence[Feed]) -> list[tuple[Logs, np.ndarray]]:
        """Loss, metrics and outputs of several models, each over one pass of its feed.

        Returns:
            For each model what `model.evaluate` gives, and its outputs as float32 `(examples, *output_shape)` in stored
            order.

        Raises:
            TrainingError: an operation raised.
        """

    def measure(self, members: Sequence[Member], tests: Sequence[Feed], each_step: bool) -> dict[str, StepTime]:
        """How long steps of `train`, `validation` and `test` take, by training throw-away members for a moment.

        Args:
            tests: one feed for each member, or none.
            each_step: Python is entered at every step, as a callback that listens to batches asks for.
        """

    def count_flops(self, layer: keras.layers.Layer) -> int | None:
        """Floating-point operations of a layer that was called once, for one example; None where that is not known."""

    def describe(self) -> dict[str, Any]:
        """What is in force: `cores`, `threads`, `devices`, `op_determinism`, `tensor_float_32`."""
