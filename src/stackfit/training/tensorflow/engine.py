"""TensorFlow as the engine: one graph with a loop for each member, whatever their shapes. Light until it is started."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from stackfit.data.dataset import Dataset, StreamedDataset
from stackfit.training.engine import Feed, Feeds, Logs, Member, Program, Settings, StepTime
from stackfit.training.tensorflow import runtime

if TYPE_CHECKING:
    import keras
    import numpy as np

MAX_MEMBERS = 8  # tracing costs about 0.25 s a member however many there are; more would only delay what is kept
MOST_WAITING = 32  # that wait for one another at rungs: in several programs each of them would be traced again at every rung
MEMBER_BYTES = 1_000_000_000  # all members of a cohort together


class TensorFlow:
    """See `stackfit.training.engine.Engine`, whose methods these are."""

    name = "tensorflow"
    shared: tuple[str, ...] = ("data", "batch_size", "precision", "jit_compile", "deterministic", "threads")
    building = nullcontext

    def start(self, settings: Settings, together: bool = False) -> None:
        # Three layers of 1,024 in batches of 512: a step 25 to 33 ms side by side, else 28 to 45. No bit depends on it.
        heavy = settings.threads > 1 and settings.needs_threads
        runtime.start(settings.deterministic, settings.threads, together or heavy, settings.lean)

    def fits(self, settings: Settings) -> bool:
        return not settings.needs_threads or runtime.gives_bits_of(settings.threads)

    def why_alone(self, listener: str | None) -> str | None:
        return f"{listener} listens to every batch" if listener else None

    def group_key(self, settings: Settings) -> Hashable:
        return tuple(getattr(settings, name) for name in self.shared)

    def limit(self, cells: int, largest: int, stack: int, whole: bool = False) -> int:
        fitting = max(1, min(cells if whole else MAX_MEMBERS, MEMBER_BYTES // max(1, largest)))
        cohorts = -(-cells // fitting)
        return -(-cells // cohorts)  # as even as it goes: 9 cells are 5 and 4, not 8 and 1

    def member_bytes(self, weights: int, gradients: int, optimizer: int) -> dict[str, int]:
        return {"weights": weights, "gradients": gradients, "optimizer": optimizer}

    def feeds(self, dataset: Dataset | StreamedDataset) -> Feeds:
        from stackfit.training.tensorflow.pipeline import Feeds
        from stackfit.training.tensorflow.program import free

        free()
        return Feeds(dataset)

    def program(self, members: Sequence[Member]) -> Program:
        from stackfit.training.tensorflow.program import GraphProgram

        return GraphProgram(members)

    def evaluate(self, models: Sequence[keras.Model], feeds: Sequence[Any]) -> list[tuple[Logs, np.ndarray]]:
        from stackfit.training.tensorflow.program import evaluate

        return evaluate(models, feeds)

    def measure(self, members: Sequence[Member], tests: Sequence[Feed], each_step: bool) -> dict[str, StepTime]:
        from stackfit.training.tensorflow.pace import measure

        return measure(members, tests, each_step)

    def count_flops(self, layer: keras.layers.Layer) -> int | None:
        from stackfit.training.tensorflow.flops import count_flops

        return count_flops(layer)

    def describe(self) -> dict[str, Any]:
        return runtime.describe()
