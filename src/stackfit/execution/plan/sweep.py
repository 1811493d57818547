"""What a sweep would do: a row for every cell, which cells train together, what fails. Trains and writes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stackfit.config.hydra.composition import Composer
from stackfit.config.project import shown
from stackfit.errors import ConfigError, ConfigErrors, Problems
from stackfit.execution import cohorts, members
from stackfit.execution.cells import Cell
from stackfit.execution.plan import probe
from stackfit.execution.plan.run import FORMAT, SPLITS, count_steps, describe_data, list_problems, look
from stackfit.execution.progress import Reporter
from stackfit.execution.sweep import Placed, Sweep, wrong_names
from stackfit.model.sizes import ModelSize, size_model

TRAINING = 3  # of a forward pass; the backward pass takes about two


def plan_sweep(
    composer: Composer, overrides: Sequence[str], trust: Iterable[str] = (), began: float | None = None
) -> dict[str, Any]:
    """The plan of a sweep, made by what trains it: its cells and their states, its cohorts, and what cannot be built.

    Args:
        began: `time.perf_counter()` when the command started, to estimate times by training each different cohort, of
            throw-away models, for a moment; None for no estimates.

    Returns:
        A mapping; `cells` and what follows from them is None when a wrong key, value or target keeps it from starting.
    """
    plan = {
        "format": FORMAT,
        "kind": "sweep",
        "experiment": composer.experiment,
        "overrides": list(overrides),
        **dict.fromkeys(("axes", "folder", "cells", "cohorts", "totals")),
    }
    problems = Problems()
    with problems.collect():
        sweep = Sweep(composer.experiment, overrides, trust=trust, reporter=Reporter(0), composer=composer, build=False)
    if problems.errors:
        return {**plan, **list_problems(problems), "exit_code": 2}
    entries, data_of = sweep.entries, cohorts.once_per_data(look)
    sizes: dict[str, ModelSize] = {}
    trial = cohorts.Trial(lambda cell, model: sizes.__setitem__(members.model_key(cell), size_model(model)))
    waiting = [entry for entry in entries if entry.waits]
    members.start(entries[0].cell, together=len(waiting) > 1 and sweep.max_members != 1)
    errors: dict[str, ConfigError] = {}  # by text: what several cells have is said once
    rows = []
    for number, entry in enumerate(entries, 1):
        found = trial(entry.cell)
        wrong = found.errors if isinstance(found, ConfigErrors) else [found] if isinstance(found, ConfigError) else []
        errors |= {str(error): error for error in wrong}
        unusual = trial.problems[members.model_key(entry.cell)].warnings
        problems.include(Problems(warnings=unusual))
        row = _row(entry, sizes.get(members.model_key(entry.cell)), describe_data(entry.cell, data_of(entry.cell)))
        rows.append(
            {
                "number": number,
                **row,
                "errors": [[*errors].index(str(error)) for error in wrong],
                "warnings": [[*map(str, problems.warnings)].index(str(warning)) for warning in unusual],
            }
        )
    problems.errors += errors.values()
    good = [(entry, row) for entry, row in zip(entries, rows, strict=True) if entry.waits and not row["errors"]]
    groups = _group(good, trial, sweep.max_members)
    start = None
    if began is not None:
        start = time.perf_counter() - began
        with problems.collect():
            _estimate(groups, data_of)
    return {
        **plan,
        "axes": sweep.axis_names,
        "folder": shown(sweep.folder.path),
        "cells": rows,
        "cohorts": [{key: group[key] for key in ("number", "cells", "alone", "seconds")} for group in groups],
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
        "exit_code": 2 if wrong_names(problems) else int(bool(problems.errors)),
    }


def _sum(values: Sequence[Any]) -> Any:
    return None if None in values else sum(values)


def _row(entry: Placed, size: ModelSize | None, data: dict[str, Any]) -> dict[str, Any]:
    steps = count_steps(data, entry.cell.config)
    examples = data["examples"]["train"]
    state, _, reason = entry.why.partition(": ")
    return {
        "cell": entry.label,
        "axes": entry.cell.axes,
        "state": state,
        "reason": reason or None,
        "folder": shown(entry.folder) if entry.fingerprint and entry.folder.is_dir() else None,
        "parameters": size and size.parameters,
        "flops": size and size.flops,
        "flops_complete": size and size.flops_complete,
        "training_flops": size and examples and TRAINING * size.flops * examples * steps["epochs"],
        "steps": steps,
        "cohort": None,
        "seconds": None,
    }


def _group(
    good: Sequence[tuple[Placed, dict[str, Any]]], trial: cohorts.Trial, most: int | None
) -> list[dict[str, Any]]:
    """The cohorts, numbered from 1; each cell's row learns its number."""
    row_of = {id(entry): row for entry, row in good}
    groups = []
    for number, entries in enumerate(cohorts.group([entry for entry, _ in good], trial, most), 1):
        rows = [row_of[id(entry)] for entry in entries]
        for row in rows:
            row["cohort"] = number
        alone = _why_alone(entries[0].cell, [entry.cell for entry, _ in good], most) if len(entries) == 1 else None
        groups.append({
            "number": number, "cells": [row["number"] for row in rows], "alone": alone, "seconds": None,
            "rows": rows, "entries": entries,
        })  # fmt: skip
    return groups


def _why_alone(cell: Cell, cells: Sequence[Cell], most: int | None) -> str:
    if len(cells) == 1:
        return "no other cell is to be trained"
    if most == 1:
        return "one cell a cohort is what the launcher takes"
    if reason := members.trains_alone(cell):
        return reason
    others = [other.config for other in cells if other is not cell and not members.trains_alone(other)]
    own = [key for key in cohorts.SHARED if all(other[key] != cell.config[key] for other in others)]
    return f"no other cell has its {' and '.join(own)}" if own else "no room or no other cell of its kind is left"


def _estimate(groups: Sequence[dict[str, Any]], data_of: Callable[[Cell], Any]) -> None:
    """Fill in every cohort's seconds, and each of its cells' share, by its epochs."""
    known: dict[str, probe.Pace] = {}
    for group in groups:
        cells = sorted((entry.cell for entry in group["entries"]), key=members.model_key)
        shared = [cells[0].config[key] for key in cohorts.SHARED]
        key = json.dumps([*map(members.model_key, cells), shared], default=str)
        if key not in known:
            known[key] = probe.measure(cells, data_of(cells[0]) or probe.stand_in(cells[0]))
        epochs = [row["steps"]["epochs"] for row in group["rows"]]
        passes = {name: group["rows"][0]["steps"][name] for name in SPLITS}
        if None not in passes.values():
            group["seconds"] = known[key].seconds(epochs, passes)
            for row in group["rows"]:
                row["seconds"] = group["seconds"] * row["steps"]["epochs"] / sum(epochs)
