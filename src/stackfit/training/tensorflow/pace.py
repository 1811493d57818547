"""How long steps take: of throw-away models, through the graphs that train and test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from stackfit.training.engine import Member, StepTime
from stackfit.training.tensorflow.program import build_loops, call
from stackfit.training.timing import time_steps


def measure(members: Sequence[Member], tests: Sequence[Any], each_step: bool) -> dict[str, StepTime]:
    """See `stackfit.training.engine.Engine`."""
    models = [member.model for member in members]
    jit_compile = any(member.jit_compile for member in members)
    validated: list[Any] = [member.validation for member in members if member.validation]
    programs: dict[str, tuple[list[Any], Sequence[Any]]] = {
        "train": ([model.train_step for model in models], [member.train for member in members]),
        "validation": ([model.test_step for model in models], validated),
        "test": ([_evaluation(model) for model in models], tests),
    }
    times = {}
    for split, (steps, feeds) in programs.items():
        if feeds:
            begin = _beginning(build_loops(steps, feeds, jit_compile), feeds)
            times[split] = time_steps(begin, max(feed.steps for feed in feeds), each_step and split == "train")
    return times


def _evaluation(model: Any) -> Any:
    """What evaluating does with one batch."""
    return lambda batch: (model.test_step(batch), model(batch[0], training=False))


def _beginning(program: Any, feeds: Sequence[Any]) -> Callable[[], Callable[[int], Any]]:
    zeros = tf.zeros(len(feeds), tf.int32)

    def begin() -> Callable[[int], Any]:
        inputs = [feed.begin(0) for feed in feeds]
        return lambda steps: call(program, inputs, zeros, tf.fill([len(feeds)], steps))

    return begin
