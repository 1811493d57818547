"""How long steps take: of throw-away models, through the programs that train and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stackfit.training.engine import Member, StepTime
from stackfit.training.jax.program import Stack, break_off, stacks_of
from stackfit.training.timing import time_steps


def measure(members: Sequence[Member], tests: Sequence[Any], each_step: bool) -> dict[str, StepTime]:
    """See `stackfit.training.engine.Engine`."""
    validated: list[Any] = [member.validation for member in members if member.validation]
    trained: list[Any] = [member.train for member in members]
    times = {}
    for split, feeds in {"train": trained, "validation": validated, "test": tests}.items():
        if feeds:
            begin = _runner([member.model for member in members], feeds, split == "train")
            times[split] = time_steps(begin, max(feed.steps for feed in feeds), each_step and split == "train")
    return times


def _runner(models: Sequence[Any], feeds: Sequence[Any], trains: bool) -> Callable[[], Callable[[int], None]]:
    stacks = [
        Stack(numbers, [models[number] for number in numbers], [feeds[number] for number in numbers])
        for numbers in stacks_of(feeds)
    ]

    def begin() -> Callable[[int], None]:
        orders = [stack.order(stack.feeds, [0] * len(stack.feeds)) for stack in stacks]

        def run(steps: int) -> None:
            for stack, order in zip(stacks, orders, strict=True):
                program = stack.compiled.train if trains else stack.compiled.test
                stack.run(program, order, stack.feeds[0].data, dict.fromkeys(range(len(stack.numbers)), (0, steps)))
            for stack in stacks:
                break_off(stack)

        return run

    return begin
