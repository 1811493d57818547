"""Learning-rate schedules and the length of the run: a step count that is left open is the run's, another may not fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackfit.errors import ConfigError

PREFIX = "keras.optimizers.schedules."
OTHER_BITS = "keras.optimizers.ScheduleFreeAdamW"  # see docs/keras.md
OTHER_BITS_LAYER = "keras.layers.GroupQueryAttention"
RUN, EPOCH = "the run", "an epoch"


@dataclass(frozen=True)
class Length:
    """The argument that holds a schedule's length in steps, what null stands for, and whether the rate ends with it."""

    name: str
    null: str = RUN
    ends: bool = True


LENGTHS = {
    "CosineDecay": Length("decay_steps"),
    "PolynomialDecay": Length("decay_steps"),
    "ExponentialDecay": Length("decay_steps", EPOCH, ends=False),  # by how much it falls is told for so many steps
    "InverseTimeDecay": Length("decay_steps", EPOCH, ends=False),
    "CosineDecayRestarts": Length("first_decay_steps", ends=False),
    "PiecewiseConstantDecay": Length("boundaries"),
}
END_RATE = 0.0001  # of a PolynomialDecay that names none
WARM_UP = 0.1  # of the run, where warmup_steps is null


def find_schedules(node: Any, key: str = "optimizer") -> Iterator[tuple[str, dict[str, Any], Length]]:
    """Keras's schedules inside the optimizer's node: key, node and length."""
    if isinstance(node, Mapping):
        name = str(node.get("_target_")).removeprefix(PREFIX)
        if name in LENGTHS and str(node.get("_target_")).startswith(PREFIX):
            yield key, node, LENGTHS[name]  # type: ignore[misc]
        for part, value in node.items():
            yield from find_schedules(value, f"{key}.{part}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from find_schedules(value, f"{key}.{number}")


def fill_steps(optimizer: Any, steps: int | None, epochs: int) -> Iterator[ConfigError]:
    """Set every length that is null to the steps that it stands for.

    Args:
        optimizer: the resolved node; it is changed.
        steps: of an epoch; None if that is not known.

    Yields:
        Errors: a length is null, and the steps are not known.
    """
    for key, node, length in find_schedules(optimizer):
        for name in ("warmup_steps", length.name):  # what is left after the warm-up is the decay's
            if node.get(name, 0) is not None:
                continue
            if steps is None:
                yield ConfigError(
                    f"{name} is left to the length of the run, but how many examples the data have is not known before they "
                    f"are here. Expected a number. Write: {key}.{name}=1000, or declare them: +data.examples.train=…",
                    key=f"{key}.{name}",
                )
            elif name == "warmup_steps":
                node[name] = math.ceil(WARM_UP * steps * epochs)
            elif name == "boundaries":
                continue  # Keras says that it wants them
            else:
                node[name] = steps if length.null == EPOCH else max(1, steps * epochs - _warm_up(node))


def find_unfit(optimizer: Any, steps: int, epochs: int) -> Iterator[ConfigError]:
    """Warnings of schedules that are longer than the run, end before half of it or in its first epoch, or never move.

    Args:
        steps: of an epoch.
    """
    total = steps * epochs
    for key, node, length in find_schedules(optimizer):
        name, given = length.name, node.get(length.name)
        null = f" Write: {key}.{name}=null, which stands for the steps of {length.null}"
        if name == "boundaries":
            null = f" Write other {name} at {key}.{name}"
            if not (isinstance(given, list) and given and all(map(_is_number, given))):
                continue
            first, whole = given[0], given[-1]
        elif isinstance(given, (int, float)) and not isinstance(given, bool):
            first, whole = 0, given + _warm_up(node)
        else:
            continue
        if first >= total or _stands_still(node):
            effect, null = "the learning rate never moves", " Write a number as optimizer.learning_rate, or another schedule"
        elif whole > total:
            effect = "the learning rate does not fall as far as the schedule says"
        elif length.ends and not node.get("cycle") and (whole < total / 2 or (epochs > 1 and whole <= steps)):
            effect = f"the learning rate stays at its last value from step {whole:g} on"
        else:
            continue
        yield ConfigError(
            f"{name} is {given if isinstance(given, list) else f'{given:g}'}, but the run has {total:,} steps: {effect}. "
            f"Expected a schedule for these steps.{null}",
            key=f"{key}.{name}",
            kind="schedule_length",
        )


def find_unlike_fit(optimizer: Any) -> Iterator[ConfigError]:
    """Errors of optimizers and schedules that end with other bits in a loop of TensorFlow's than in Keras's `fit`.

    Its constants are folded into one another, `x / 90 * pi` into `x * (pi / 90)`, and in a loop others are. Of Keras's schedules
    this changes bits of a cosine that starts at once, of its optimizers those of ScheduleFreeAdamW: measured over all of them.
    """
    if isinstance(optimizer, Mapping) and optimizer.get("_target_") == OTHER_BITS:
        yield ConfigError(
            f"{OTHER_BITS} gives other bits in Keras's train function than in stackfit's loop: the script would end with other "
            "weights. Expected another optimizer, such as AdamW. Run it so, then eject that run.",
            key="optimizer._target_",
        )
    for key, node, _ in find_schedules(optimizer):
        if node["_target_"] == f"{PREFIX}CosineDecay" and node.get("warmup_target") is None:
            yield ConfigError(
                f"{key} is a CosineDecay without a warm-up: TensorFlow rounds it in another way in stackfit's loop than in "
                "Keras's fit, and the script would end with other weights. Expected another schedule. Run the experiment with "
                "optimizer=warmup_cosine, then eject that run",
                key=key,
            )


def find_unlike_layers(node: Any, key: str = "model.layers") -> Iterator[ConfigError]:
    """Errors of layers that end with other bits in a loop of TensorFlow's than in Keras's `fit`, wherever they stand.

    Measured over all of Keras's: a GroupQueryAttention that computes its product in one operation, which one with dropout does not.
    """
    if isinstance(node, Mapping):
        if node.get("_target_") == OTHER_BITS_LAYER and not node.get("dropout"):
            yield ConfigError(
                f"{key} is a GroupQueryAttention without dropout: it gives other bits in Keras's train function than in stackfit's "
                "loop, and the script would end with other weights. Expected another attention, such as MultiHeadAttention. Run it "
                "so, then eject that run.",
                key=key,
            )
        for part, value in node.items():
            yield from find_unlike_layers(value, f"{key}.{part}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from find_unlike_layers(value, f"{key}.{number}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _stands_still(node: Mapping[str, Any]) -> bool:
    """Whether its arguments give one rate for every step."""
    kind = node["_target_"].removeprefix(PREFIX)
    if kind == "ExponentialDecay":
        return bool(node.get("decay_rate") == 1)
    if kind == "InverseTimeDecay":
        return bool(node.get("decay_rate") == 0)
    if kind == "PolynomialDecay":
        return bool(node.get("initial_learning_rate") == node.get("end_learning_rate", END_RATE))
    if kind == "PiecewiseConstantDecay":
        values = node.get("values")
        return isinstance(values, list) and bool(values) and all(value == values[0] for value in values)
    return node.get("alpha") == 1 and node.get("warmup_target") is None


def _warm_up(node: Mapping[str, Any]) -> int:
    steps = node.get("warmup_steps") if node.get("warmup_target") is not None else 0
    return steps if isinstance(steps, int) else 0
