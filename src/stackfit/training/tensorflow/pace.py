"""How long steps take: dozens of warm ones of throw-away models, through the graphs that train and test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from stackfit.training.engine import Member, StepTime
from stackfit.training.tensorflow.program import build_loops, call

WARM, FEWEST = 8, 32  # steps: of the first call, which traces; at least as many are timed
SECONDS = 0.3  # of a timed call


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
            times[split] = _time(build_loops(steps, feeds, jit_compile), feeds, each_step and split == "train")
    return times


def _evaluation(model: Any) -> Any:
    """What evaluating does with one batch."""
    return lambda batch: (model.test_step(batch), model(batch[0], training=False))


def _time(program: Any, feeds: Sequence[Any], each: bool) -> StepTime:
    zeros = tf.zeros(len(feeds), tf.int32)

    def run(steps: int) -> float:
        inputs = [feed.begin(0) for feed in feeds]
        began = time.perf_counter()
        for _ in range(steps if each else 1):
            call(program, inputs, zeros, tf.fill([len(feeds)], 1 if each else steps))
        return time.perf_counter() - began

    most = max(feed.steps for feed in feeds)
    first = run(min(WARM, most))
    warm = run(min(FEWEST, most)) / min(FEWEST, most)
    steps = min(most, max(FEWEST, int(SECONDS / max(warm, 1e-6))))
    return StepTime(first, (run(steps) + run(steps)) / (2 * steps))
