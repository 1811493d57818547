"""The plan of a run: its model, data, steps and time. Nothing is trained or written.

Plans are plain containers, as `stackfit plan --json` prints them; sizes in bytes, times in seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from stackfit.config import project
from stackfit.config.hydra.composition import Composition
from stackfit.config.trust import trusted_modules
from stackfit.data import Dataset, StreamedDataset
from stackfit.errors import AbsentError, ConfigError, Problems
from stackfit.execution import members, runner
from stackfit.execution.cells import Cell, build_cell
from stackfit.execution.engines import here
from stackfit.execution.jobs import find_continuable
from stackfit.execution.plan import probe
from stackfit.execution.plan.memory import describe_memory
from stackfit.files import shown
from stackfit.model.sizes import size_layers, size_model

FORMAT = 1  # of the document
RATES = 30  # steps at which a schedule is asked
SPLITS = ("train", "validation", "test")


def plan_run(
    composition: Composition,
    problems: Problems,
    overrides: Sequence[str],
    trust: Iterable[str] = (),
    began: float | None = None,
) -> dict[str, Any]:
    """The plan of one experiment.

    Args:
        problems: of the composition.
        overrides: as typed.
        began: `time.perf_counter()` when the command started, to estimate the time by training a throw-away model for a
            moment; None for no estimate.

    Returns:
        A mapping; a part that cannot be known because of an error is None. `layers` ends before the layer that cannot be
        built.
    """
    plan = start_plan("run", composition.experiment, overrides)
    cell = build_cell(composition, trusted_modules(trust), problems)
    dataset = None
    if not problems.touches("data"):
        with problems.collect():
            dataset = look(cell)
    if problems.touches("engine"):  # nothing can build the model
        return _end(plan, problems)
    members.start(cell)
    stack = members.check_model(cell, problems)
    if not problems.touches("data"):
        plan["data"] = describe_data(cell, dataset)
        if not problems.covers("epochs", "batch_size"):
            plan["steps"] = count_steps(plan["data"], cell.config)
    if problems.errors:
        plan["layers"] = [asdict(layer) for layer in size_layers(stack.called, here(cell.config).count_flops)]
        return _end(plan, problems)
    plan["adapted"] = []
    plan |= _describe_model(cell, stack.model, plan["data"])
    plan["rates"] = rates_of(stack.model.optimizer, plan["steps"]["train_total"])
    if dataset is not None:
        problems.warnings += runner.warnings_of(cell, dataset)
        members.check_inputs(cell, members.find_index_layers(stack.model), dataset, problems)
        with problems.collect():
            members.adapt_layers(cell, stack.model, dataset, plan["adapted"].append)
        left = find_continuable(project.outputs() / cell.experiment, cell.fingerprint(dataset.fingerprint))
        plan["continues"] = left and shown(left.path)
    if began is not None:
        with problems.collect():
            plan["time"] = _estimate(cell, dataset, plan["steps"], began)
    return _end(plan, problems)


PARTS = {
    "run": ("model", "layers", "data", "steps", "memory", "stack", "time", "continues", "adapted", "rates"),
    "sweep": ("axes", "folder", "cells", "cohorts", "totals"),
}


def start_plan(kind: str, experiment: str, overrides: Sequence[str]) -> dict[str, Any]:
    """A plan whose parts are not known yet."""
    return {
        "format": FORMAT,
        "kind": kind,
        "experiment": experiment,
        "overrides": list(overrides),
        **dict.fromkeys(PARTS[kind]),
    }


def refused_plan(kind: str, experiment: str, overrides: Sequence[str], error: ConfigError) -> dict[str, Any]:
    """The plan of a command that does not compose."""
    problems = Problems()
    with problems.collect():
        raise error
    return _end(start_plan(kind, experiment, overrides), problems)


def _end(plan: dict[str, Any], problems: Problems) -> dict[str, Any]:
    return {**plan, **list_problems(problems), "exit_code": 2 if problems.errors else 0}


def look(cell: Cell) -> Dataset | StreamedDataset | None:
    """The cell's data, or None if they are absent."""
    try:
        return runner.load_data(cell, lambda line: None, build=False)
    except AbsentError:
        return None


def _describe_model(cell: Cell, built: Any, data: dict[str, Any]) -> dict[str, Any]:
    model = size_model(built, here(cell.config).count_flops)
    described = asdict(model)
    for name in ("weights", "gradients", "optimizer"):
        del described[f"{name}_bytes"]
    return {
        "layers": described.pop("layers"),
        "model": {"stack": members.describe_stack(built), **described},
        **describe_memory([cell], [model], data["bytes"]),
    }


def rates_of(optimizer: Any, steps: int | None) -> list[list[float]] | None:
    """Pairs of step and rate of the optimizer's schedule, from the first to the last; None without a schedule, or known steps."""
    schedule = getattr(getattr(optimizer, "inner_optimizer", optimizer), "_learning_rate", None)
    if not callable(schedule) or not steps:
        return None
    asked = min(steps, RATES)
    places = [number * (steps - 1) // max(asked - 1, 1) for number in range(asked)]
    return [[step, float(schedule(step))] for step in places]


def describe_data(cell: Cell, dataset: Dataset | StreamedDataset | None) -> dict[str, Any]:
    """The data as found on this machine, or else as declared: `examples` by split, None if not known."""
    config = cell.config["data"]
    declared = dict(config["examples"] or {})
    examples: dict[str, Any]
    about = {
        "name": config["name"] or config["kind"],
        "here": dataset is not None,
        "input_shape": config["input_shape"],
    }
    if isinstance(dataset, Dataset):
        splits = {name: getattr(dataset, name) for name in SPLITS}
        examples = {name: len(split) if split else 0 for name, split in splits.items()}
        size = sum(split.x.nbytes + split.y.nbytes for split in splits.values() if split)
        features = dataset.encoding.features if dataset.encoding else None
        return {**about, "streamed": False, "examples": examples, "bytes": size, "features": features}
    if dataset is not None:
        examples = {name: dataset.sizes.get(name, 0) for name in SPLITS}
        return {**about, "streamed": True, "examples": examples, "bytes": 0}
    train, share = declared.get("train"), config["validation_split"]
    if train:
        train = math.floor(train * (1 - share))  # as `data.settings.split_at` cuts
    validation = train and declared["train"] - train
    examples = {"train": train, "validation": validation, "test": declared.get("test")}
    # Pictures are kept as they are stored, one byte a value; everything else as float32.
    item = (1 if config["scale"] == "unit" else 4) * math.prod(config["input_shape"]) + 8
    size = None if None in examples.values() else item * sum(examples.values())
    streamed = size is not None and size > config["max_memory_bytes"]
    return {**about, "streamed": streamed, "examples": examples, "bytes": 0 if streamed else size}


def count_steps(data: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Steps of one pass over each split, and `train_total` over all epochs; None if the size is not known."""
    steps: dict[str, Any] = {
        name: None if examples is None else math.ceil(examples / config["batch_size"])
        for name, examples in data["examples"].items()
    }
    return {**steps, "epochs": config["epochs"], "train_total": steps["train"] and steps["train"] * config["epochs"]}


def list_problems(problems: Problems) -> dict[str, list[dict[str, Any]]]:
    """Errors and warnings as containers."""
    return {
        name: [{"where": error.where, "key": error.key, "kind": error.kind, "message": error.message} for error in errors]
        for name, errors in (("errors", problems.errors), ("warnings", problems.warnings))
    }


def _estimate(
    cell: Cell, dataset: Dataset | StreamedDataset | None, steps: dict[str, Any], began: float
) -> dict[str, Any]:
    """Seconds, from the probe and from the start of this process; None if the number of steps is not known."""
    start = time.perf_counter() - began
    pace = probe.measure([cell], dataset or probe.stand_in(cell))
    passes = {name: steps[name] for name in SPLITS}
    known = None not in passes.values()
    return {
        "start": start + pace.start,
        "step": pace.train_step,
        "epoch": pace.epoch(passes) if known else None,
        "total": start + pace.seconds([steps["epochs"]], passes) if known else None,
    }
