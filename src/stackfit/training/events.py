"""What happens while a cohort trains, member by member."""

from __future__ import annotations

from dataclasses import dataclass

from stackfit.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Step:
    """How far a cohort is in its epoch: `done` of 1.0, which comes only where members have ended; `epoch` counts from 1."""

    epoch: int
    done: float
    running: tuple[int, ...]


@dataclass(frozen=True)
class EpochEnd:
    """A member has completed an epoch (from 1). `seconds` is the cohort's time, `members` how many shared it.

    `learning_rate` is the one in force after the epoch's steps, before callbacks change it; None if there is not one.
    """

    member: int
    epoch: int
    logs: dict[str, float]
    learning_rate: float | None
    seconds: float
    members: int


@dataclass(frozen=True)
class Checkpointed:
    """A member's state after an epoch and its callbacks."""

    member: int
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Done:
    """A member has trained to its end, or its callbacks stopped it.

    `weights_epoch` is the epoch that ended with the member's weights, None if none did; `stopper` the number of the
    callback that stopped it, `batches` how many of the last epoch's it let pass where it did not wait for the end.
    """

    member: int
    epoch: int
    weights_epoch: int | None
    stopped: bool = False
    stopper: int | None = None
    batches: int | None = None


@dataclass(frozen=True)
class Failed:
    """A member's loss is not finite, or a callback of its own raised; the others go on."""

    member: int
    epoch: int
    error: BaseException


Event = Step | EpochEnd | Checkpointed | Done | Failed
