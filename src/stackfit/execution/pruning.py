"""Which trials of a search's batch stop early: all that have reached a rung are ranked at once, and the worse part ends.

A rung is a number of epochs. What is decided depends on the values and the trials' numbers alone: every process that reads
the same folders decides the same.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Pruner(Protocol):
    """Decides about one batch at a time."""

    def rungs(self, epochs: int, trial: int) -> tuple[int, ...]:
        """The epochs after which this trial waits to be ranked; it trains for `epochs` at most."""

    def decide(self, rung: int, values: Mapping[int, float]) -> Mapping[int, str]:
        """The trials that end here, and why.

        Args:
            values: by trial number, of all trials of the batch that no earlier rung has ended and that wait at this one
                or have ended before it; larger is better, -inf for one that failed.
        """


@dataclass(frozen=True)
class Nothing:
    """Every trial trains to its end."""

    def rungs(self, epochs: int, trial: int) -> tuple[int, ...]:
        return ()

    def decide(self, rung: int, values: Mapping[int, float]) -> Mapping[int, str]:
        return {}


@dataclass(frozen=True)
class Halving:
    """At epochs `first_rung`, `first_rung * eta`, … the best of `eta` trials stays: of n the best n / eta, rounded up."""

    eta: int = 2
    first_rung: int = 1

    def rungs(self, epochs: int, trial: int) -> tuple[int, ...]:
        found = []
        rung = self.first_rung
        while rung < epochs:
            found.append(rung)
            rung *= self.eta
        return tuple(found)

    def decide(self, rung: int, values: Mapping[int, float]) -> Mapping[int, str]:
        return _ended(rung, values, -(-len(values) // self.eta))


@dataclass(frozen=True)
class Median(Halving):
    """At the rungs of `Halving` those end that are below the median of all that are there."""

    def decide(self, rung: int, values: Mapping[int, float]) -> Mapping[int, str]:
        median = statistics.median(values.values())
        kept = sum(value >= median for value in values.values())
        return _ended(rung, values, kept, ", below the median")


@dataclass(frozen=True)
class Hyperband(Halving):
    """Brackets of `Halving`, each ranked alone: bracket k has its first rung `eta` times later than bracket k - 1.

    A trial's place in its batch gives its bracket: of `eta` trials in a row the last one is in a later bracket, of
    `eta * eta` the last one in the next, and so on; so with `eta` 2 half of a batch is in bracket 0, a quarter in bracket 1.
    """

    batch: int = 16

    def bracket(self, trial: int) -> int:
        """The bracket of a trial, from 0."""
        place, bracket = trial % self.batch + 1, 0
        while place % self.eta == 0:
            place, bracket = place // self.eta, bracket + 1
        return bracket

    def rungs(self, epochs: int, trial: int) -> tuple[int, ...]:
        return super().rungs(epochs, trial)[self.bracket(trial) :]

    def decide(self, rung: int, values: Mapping[int, float]) -> Mapping[int, str]:
        ended: dict[int, str] = {}
        for bracket in sorted({self.bracket(trial) for trial in values}):
            own = {trial: value for trial, value in values.items() if self.bracket(trial) == bracket}
            ended |= _ended(rung, own, -(-len(own) // self.eta), f" in bracket {bracket}")
        return ended


def _ended(rung: int, values: Mapping[int, float], kept: int, more: str = "") -> dict[int, str]:
    """All but the best `kept`; of equal ones the earlier trial is better."""
    ranked = sorted(values, key=lambda trial: (-values[trial], trial))
    return {
        trial: f"rank {rank} of {len(ranked)} at epoch {rung}{more}" for rank, trial in enumerate(ranked, 1) if rank > kept
    }


def pruner_of(settings: Mapping[str, Any]) -> Pruner:
    """The pruner of a search's settings, which are checked (`config.hydra.search_settings`)."""
    name, numbers = settings["pruner"], (settings["eta"], settings["first_rung"])
    if name == "hyperband":
        return Hyperband(*numbers, settings["batch"])
    return Nothing() if name == "none" else {"halving": Halving, "median": Median}[name](*numbers)
