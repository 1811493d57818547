"""JAX as the engine: members of one shape stacked, each shape a program of its own. Light until it is started."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from stackfit.data.dataset import Dataset, StreamedDataset
from stackfit.training.engine import Feed, Feeds, Logs, Member, Program, Settings, StepTime
from stackfit.training.jax import runtime

if TYPE_CHECKING:
    import keras
    import numpy as np

UNSTACKED = 8  # members of a cohort that is not stacked: more would only delay what is kept


class Jax:
    """See `stackfit.training.engine.Engine`, whose methods these are."""

    name = "jax"
    shared: tuple[str, ...] = ("data", "batch_size", "precision", "deterministic", "stack")
    building = staticmethod(runtime.building)

    def start(self, settings: Settings, together: bool = False) -> None:
        runtime.start(settings.deterministic, settings.lean, settings.cache)

    def fits(self, settings: Settings) -> bool:
        return runtime.gives_bits_of(settings.deterministic)

    def why_alone(self, listener: str | None) -> str | None:
        return f"{listener} listens to every batch" if listener else None

    def group_key(self, settings: Settings) -> Hashable:
        """A stack holds members of one shape."""
        own = settings.alike if settings.stack > 1 else ""
        return (*(getattr(settings, name) for name in self.shared), own)

    def limit(self, cells: int, largest: int, stack: int, whole: bool = False) -> int:
        """One stack a cohort; without stacking so many that none waits long for its folder."""
        return stack if stack > 1 else UNSTACKED

    def member_bytes(self, weights: int, gradients: int, optimizer: int) -> dict[str, int]:
        from stackfit.training.jax.room import member_bytes

        return member_bytes(weights, gradients, optimizer)

    def feeds(self, dataset: Dataset | StreamedDataset) -> Feeds:
        from stackfit.training.jax.pipeline import Feeds

        return Feeds(dataset)

    def program(self, members: Sequence[Member]) -> Program:
        from stackfit.training.jax.program import JaxProgram

        return JaxProgram(members)

    def evaluate(self, models: Sequence[keras.Model], feeds: Sequence[Any]) -> list[tuple[Logs, np.ndarray]]:
        from stackfit.training.jax.program import evaluate

        return evaluate(models, feeds)

    def measure(self, members: Sequence[Member], tests: Sequence[Feed], each_step: bool) -> dict[str, StepTime]:
        from stackfit.training.jax.pace import measure

        return measure(members, tests, each_step)

    def count_flops(self, layer: keras.layers.Layer) -> int | None:
        from stackfit.training.jax.flops import count_flops

        return count_flops(layer)

    def describe(self) -> dict[str, Any]:
        return runtime.describe()
