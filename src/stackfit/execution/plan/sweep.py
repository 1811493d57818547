"""The plan of a sweep: a row for every cell, the cohorts, the failures. Nothing is trained or written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stackfit.config.hydra.composition import Composer, Composition
from stackfit.errors import ConfigError, ConfigErrors, Problems
from stackfit.execution import cohorts, members
from stackfit.execution.cells import Cell
from stackfit.execution.engines import engine_of, here, is_here
from stackfit.execution.jobs import Job
from stackfit.execution.plan import probe
from stackfit.execution.plan.memory import describe_memory
from stackfit.execution.plan.run import SPLITS, count_steps, describe_data, list_problems, look, start_plan
from stackfit.execution.progress import Reporter
from stackfit.execution.sweep import Sweep
from stackfit.files import shown
from stackfit.model.sizes import ModelSize, size_model

TRAINING = 3  # of a forward pass; the backward pass takes about two


def plan_sweep(
    composer: Composer,
    composition: Composition,
    problems: Problems,
    overrides: Sequence[str],
    trust: Iterable[str] = (),
    began: float | None = None,
) -> dict[str, Any]:
    """The plan of a sweep, made by the code that trains it: its cells with their states, its cohorts, its problems.

    Args:
        problems: of the composition.
        overrides: as typed.
        began: `time.perf_counter()` when the command started, to estimate times by training each different cohort for a
            moment, with throw-away models; None for no estimates.

    Returns:
        A mapping; `cells` and everything that depends on them is None if a wrong key, value or target keeps the sweep
        from starting.
    """
    plan = start_plan("sweep", composer.experiment, overrides)
    jobs: list[Job] = []
    with problems.collect():
        sweep = Sweep(composer, composition, problems, trust=trust, reporter=Reporter(0))
        jobs = sweep.plan_cells(sweep.axes.points, build=False)
    if problems.errors:
        return {**plan, **list_problems(problems), "exit_code": 2}
    return describe_jobs(plan, sweep, jobs, began, estimate)


def describe_jobs(
    plan: dict[str, Any], sweep: Sweep, jobs: Sequence[Job], began: float | None, estimate: Callable[..., None]
) -> dict[str, Any]:
    """The plan with a row for each job, the cohorts, totals, and the problems of their models.

    Args:
        began: see `plan_sweep`; None for no estimates.
        estimate: fills in the seconds of each cohort; see `estimate`.
    """
    problems = sweep.problems
    data_of = cohorts.once_per_data(look)
    sizes: dict[str, ModelSize] = {}

    index_layers: dict[str, list[Any]] = {}

    def look_at(cell: Cell, model: Any) -> None:
        sizes[members.model_key(cell)] = size_model(model, here(cell.config).count_flops)
        index_layers[members.model_key(cell)] = members.find_index_layers(model)

    checks = cohorts.ModelChecks(look_at)
    waiting = [job for job in jobs if job.waits]
    most = sweep.executor.max_members
    members.start(jobs[0].cell, together=len(waiting) > 1 and most != 1)
    errors: dict[str, ConfigError] = {}  # by text: an error of several cells is listed once
    rows = []
    for number, job in enumerate(jobs, 1):
        found = checks(job.cell)
        wrong = [found] if isinstance(found, ConfigError) else []
        if isinstance(found, ConfigErrors):
            wrong = found.errors
        data = data_of(job.cell)
        of_data = Problems()
        members.check_inputs(job.cell, index_layers.get(members.model_key(job.cell), ()), data, of_data)
        wrong = [*wrong, *of_data.errors]
        errors |= {str(error): error for error in wrong}
        unusual = checks.problems[members.model_key(job.cell)].warnings
        problems.include(Problems(warnings=unusual))
        row = _row(job, sizes.get(members.model_key(job.cell)), describe_data(job.cell, data))
        rows.append(
            {
                "number": number,
                **row,
                "errors": [[*errors].index(str(error)) for error in wrong],
                "warnings": [[*map(str, problems.warnings)].index(str(warning)) for warning in unusual],
            }
        )
    problems.errors += errors.values()
    good = [(job, row) for job, row in zip(jobs, rows, strict=True) if job.waits and not row["errors"]]
    groups = _group(good, checks, most)
    for group in groups:
        cells = [job.cell for job in group["jobs"]]
        of_cells = [sizes[members.model_key(cell)] for cell in cells]
        group |= describe_memory(cells, of_cells, describe_data(cells[0], data_of(cells[0]))["bytes"])
    start = None
    if began is not None:
        start = time.perf_counter() - began
        with problems.collect():
            estimate(groups, data_of)
    return {
        **plan,
        "axes": list(sweep.axes.names),
        "folder": shown(sweep.folder.path),
        "cells": rows,
        "cohorts": [{key: group[key] for key in ("number", "cells", "alone", "stack", "memory", "seconds")} for group in groups],
        "totals": {
            "cells": len(rows),
            "finished": sum(row["state"] == "finished" for row in rows),
            "elsewhere": sum(row["state"] == "busy" for row in rows),
            "failing": sum(bool(row["errors"]) for row in rows),
            "to_train": len(good),
            "cohorts": len(groups),
            "seconds": start and _sum([start, *(group["seconds"] for group in groups)]),
        },
        **list_problems(problems),
        "exit_code": 2 if problems.wrong_names() else int(bool(problems.errors)),
    }


def _sum(values: Sequence[Any]) -> Any:
    return None if None in values else sum(values)


def _row(job: Job, size: ModelSize | None, data: dict[str, Any]) -> dict[str, Any]:
    steps = count_steps(data, job.cell.config)
    examples = data["examples"]["train"]
    return {
        "cell": job.label,
        "axes": job.cell.axes,
        "state": job.state,
        "reason": job.reason or None,
        "folder": shown(job.path) if job.fingerprint and job.path and job.path.is_dir() else None,
        "parameters": size and size.parameters,
        "flops": size and size.flops,
        "flops_complete": size and size.flops_complete,
        "training_flops": size and examples and TRAINING * size.flops * examples * steps["epochs"],
        "steps": steps,
        "cohort": None,
        "seconds": None,
    }


def _group(
    good: Sequence[tuple[Job, dict[str, Any]]], checks: cohorts.ModelChecks, most: int | None
) -> list[dict[str, Any]]:
    """The cohorts, numbered from 1; each cell's row learns its number."""
    row_of = {id(job): row for job, row in good}
    groups = []
    for number, together in enumerate(cohorts.group_jobs([job for job, _ in good], checks, most), 1):
        rows = [row_of[id(job)] for job in together]
        for row in rows:
            row["cohort"] = number
        alone = _why_alone(together[0].cell, [job.cell for job, _ in good], most) if len(together) == 1 else None
        groups.append({
            "number": number, "cells": [row["number"] for row in rows], "alone": alone, "seconds": None,
            "rows": rows, "jobs": together,
        })  # fmt: skip
    return groups


def _why_alone(cell: Cell, cells: Sequence[Cell], most: int | None) -> str:
    if len(cells) == 1:
        return "no other cell has to be trained"
    if most == 1:
        return "the launcher trains one cell at a time"
    if reason := members.trains_alone(cell):
        return reason
    own = _shared(cell)
    others = [_shared(other) for other in cells if other is not cell and not members.trains_alone(other)]
    unlike = [key for key in own if all(other[key] != own[key] for other in others)]
    return f"no other cell has its {' and '.join(unlike)}" if unlike else "there is no room, or no other cell of its kind is left"


def _shared(cell: Cell) -> dict[str, Any]:
    """What cells must have alike to train together."""
    settings = members.settings_of(cell.config)
    return {key: getattr(settings, key) for key in engine_of(cell.config).shared}


def estimate(groups: Sequence[dict[str, Any]], data_of: Callable[[Cell], Any]) -> None:
    """Fill in every cohort's seconds, and each of its cells' share, by its epochs."""
    known: dict[str, probe.Pace] = {}
    for group in groups:
        cells = sorted((job.cell for job in group["jobs"]), key=members.model_key)
        key = json.dumps([*map(members.model_key, cells), _shared(cells[0])], default=str)
        if not is_here(cells[0].config):  # its engine needs a process of its own
            continue
        if key not in known:
            known[key] = probe.measure(cells, data_of(cells[0]) or probe.stand_in(cells[0]))
        epochs = [row["steps"]["epochs"] for row in group["rows"]]
        passes = {name: group["rows"][0]["steps"][name] for name in SPLITS}
        if None not in passes.values():
            group["seconds"] = known[key].seconds(epochs, passes)
            for row in group["rows"]:
                row["seconds"] = group["seconds"] * row["steps"]["epochs"] / sum(epochs)
