"""Learning-rate schedules and the length of the run: a step count that is left open is the run's, another may not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackfit.errors import ConfigError

PREFIX = "keras.optimizers.schedules."
# The arguments that hold a schedule's length in steps, and whether the rate stays where it is after so many.
LENGTHS = {
    "CosineDecay": ("decay_steps", True),
    "PolynomialDecay": ("decay_steps", True),
    "ExponentialDecay": ("decay_steps", False),
    "InverseTimeDecay": ("decay_steps", False),
    "CosineDecayRestarts": ("first_decay_steps", False),
}


def find_schedules(node: Any, key: str = "optimizer") -> Iterator[tuple[str, dict[str, Any], str, bool]]:
    """Keras's schedules inside the optimizer's node: key, node, name of the length, whether the rate ends with it."""
    if isinstance(node, Mapping):
        name = str(node.get("_target_")).removeprefix(PREFIX)
        if name in LENGTHS and str(node.get("_target_")).startswith(PREFIX):
            yield key, node, *LENGTHS[name]  # type: ignore[misc]
        for part, value in node.items():
            yield from find_schedules(value, f"{key}.{part}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from find_schedules(value, f"{key}.{number}")


def fill_steps(optimizer: Any, steps: int | None) -> Iterator[ConfigError]:
    """Set every length that is null to the run's steps, so that the rate falls over the whole run.

    Args:
        optimizer: the resolved node; it is changed.
        steps: of the training: epochs x steps per epoch; None if that is not known.

    Yields:
        Errors: a length is null, and the steps are not known.
    """
    for key, node, name, _ in find_schedules(optimizer):
        if node.get(name, 0) is not None:
            continue
        if steps is None:
            yield ConfigError(
                f"{name} is left to the length of the run, but how many examples the data have is not known before they "
                f"are here. Expected a number. Write: {key}.{name}=1000, or declare them: +data.examples.train=…",
                key=f"{key}.{name}",
            )
        else:
            node[name] = max(1, steps - _warm_up(node))


def find_unfit(optimizer: Any, steps: int) -> Iterator[ConfigError]:
    """Warnings of schedules that are longer than the run, or that end before half of it."""
    for key, node, name, ends in find_schedules(optimizer):
        length = node.get(name)
        if isinstance(length, bool) or not isinstance(length, (int, float)):
            continue
        whole = length + _warm_up(node)
        if whole > steps:
            effect = "the learning rate does not fall as far as the schedule says"
        elif ends and whole < steps / 2 and not node.get("cycle"):
            effect = f"the learning rate stays at its last value from step {whole:g} on"
        else:
            continue
        yield ConfigError(
            f"{name} is {length:g}, but the run has {steps:,} steps: {effect}. Expected about the steps of the run. "
            f"Write: {key}.{name}=null, which stands for them",
            key=f"{key}.{name}",
            kind="schedule_length",
        )


def _warm_up(node: Mapping[str, Any]) -> int:
    steps = node.get("warmup_steps") if node.get("warmup_target") is not None else 0
    return steps if isinstance(steps, int) else 0
