"""The plan of a search: its space, its budget under the pruner, and the first batch, planned as a sweep is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.hydra.space import Space, size_of
from stackfit.errors import Problems
from stackfit.execution import samplers
from stackfit.execution.cells import Cell
from stackfit.execution.optuna_trials import has_optuna
from stackfit.execution.plan import probe
from stackfit.execution.plan.run import SPLITS, list_problems, start_plan
from stackfit.execution.plan.sweep import describe_jobs
from stackfit.execution.progress import Reporter
from stackfit.execution.pruning import pruner_of
from stackfit.execution.searching import Search
from stackfit.execution.sweep import Sweep

FEW = 4  # one in so many of a cohort is measured, too: fewer members train faster, but not in proportion


def plan_search(
    composer: Composer,
    composition: Composition,
    problems: Problems,
    overrides: Sequence[str],
    trust: Iterable[str] = (),
    began: float | None = None,
) -> dict[str, Any]:
    """The plan of a sweep that is a search; for the arguments see `plan_sweep`. `cells` and `cohorts` are those of its first batch.

    Returns:
        A mapping, as of a sweep; and `search`: `axes`, each with its `space` and how many `values` it has (None: infinitely
        many), `size`, `settings`, `trials`, `batches`, `epochs` (`budget` under the pruner, `full`, `share`, and `training`:
        how many of a batch's trials train in each epoch), `seconds`,
        `installed` (whether Optuna is). Without a number of trials, that of one batch.
    """
    plan = start_plan("sweep", composer.experiment, overrides)
    sweep = Sweep(composer, composition, problems, trust=trust, reporter=Reporter(0))
    problems.raise_errors()
    search = Search(sweep)
    space, settings = search.space, search.settings
    most = min(math.inf if settings["n_trials"] is None else settings["n_trials"], space.size)
    trials = int(most) if math.isfinite(most) else None
    batch = settings["batch"] if trials is None else min(settings["batch"], trials)
    jobs = []
    with problems.collect():
        search.check_space(at_once=False)
        problems.raise_errors()  # the first batch has the same ones again, once a trial
        points = samplers.ask(space, settings, (), 0, batch)
        jobs = sweep.plan_cells([seeded for point in points for seeded in search.seeded(point)], build=False)
    if problems.errors:
        return {**plan, **list_problems(problems), "exit_code": 2}
    seeds = settings["seeds"]
    epochs = [int(job.cell.config["epochs"]) for job in jobs[::seeds]]
    training = trials_by_epoch(settings, epochs)
    whole, rest = divmod(trials or batch, batch)
    of_batch = sum(map(len, training))
    budget = seeds * (whole * of_batch + sum(map(len, trials_by_epoch(settings, epochs[:rest]))))
    full = seeds * (whole * sum(epochs) + sum(epochs[:rest]))
    place_of = {id(job.cell): place // seeds for place, job in enumerate(jobs)}

    def estimate(groups: Sequence[dict[str, Any]], data_of: Callable[[Cell], Any]) -> None:
        for group in groups:
            cells = [job.cell for job in group["jobs"]]
            members = [sum(place_of[id(cell)] in left for cell in cells) for left in training]
            group["seconds"] = _seconds(cells, members, group["rows"][0]["steps"], data_of(cells[0]))

    found = describe_jobs(plan, sweep, jobs, began, estimate)
    first = [group["seconds"] for group in found["cohorts"]]
    seconds = None
    if began is not None and first and None not in first:  # else nothing is left to train of the first batch, or to measure
        start = found["totals"]["seconds"] - sum(first)
        seconds = start + sum(first) * budget / (seeds * of_batch)
    about = {
        "sampler": settings["sampler"],
        "pruner": settings["pruner"],
        "metric": settings["metric"],
        "seeds": seeds,
        "axes": [*_axes(space, settings)],
        "size": int(space.size) if math.isfinite(space.size) else None,
        "trials": trials,
        "minutes": settings["minutes"],
        "batch": batch,
        "batches": trials and math.ceil(trials / batch),
        "rungs": sorted({rung for trial, end in enumerate(epochs) for rung in pruner_of(settings).rungs(end, trial)}),
        "epochs": {"budget": budget, "full": full, "share": budget / full, "training": [*map(len, training)]},
        "seconds": seconds,
        "listed": len(search.read_trials()),
        "installed": has_optuna(),
    }
    return {**found, "kind": "search", "search": about, "totals": None}


def trials_by_epoch(settings: Mapping[str, Any], epochs: Sequence[int]) -> list[set[int]]:
    """Which of a batch's trials train in each epoch, if the earlier ones are better: how many it is holds for any ranking
    without equal values.

    Args:
        epochs: that each trial trains at most.
    """
    pruner, found = pruner_of(settings), []
    left, longest = {*range(len(epochs))}, max(epochs, default=0)
    for epoch in range(1, longest + 1):
        found.append({trial for trial in left if epochs[trial] >= epoch})
        ranked = {trial: -float(trial) for trial in left if epoch in pruner.rungs(longest, trial)}  # also those that have ended
        left -= {*pruner.decide(epoch, ranked)} if ranked else set()
    return found


def _axes(space: Space, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number, grid in enumerate(space.grids):
        for axis in grid:
            if number and axis.key in settings["space"]:
                continue  # all grids have it
            size = size_of(axis)
            values = int(size) if math.isfinite(size) else None
            yield {"key": axis.key.lstrip("+"), "space": axis.text, "values": values, "grid": number if len(space.grids) > 1 else None}


def _seconds(cells: Sequence[Cell], members: Sequence[int], steps: Mapping[str, Any], dataset: Any) -> float | None:
    """The time of a cohort of which so many members train in each epoch."""
    passes = {name: steps[name] for name in SPLITS}
    if None in passes.values():
        return None
    data = dataset or probe.stand_in(cells[0])
    pace = probe.measure(cells, data)
    each = pace.epoch(passes) / len(cells)
    always = 0.0
    if (few := len(cells) // FEW) and min(members) < len(cells):
        of_few = probe.measure(cells[:few], data).epoch(passes)
        each = max(0.0, (pace.epoch(passes) - of_few) / (len(cells) - few))
        always = max(0.0, of_few - each * few)
    return pace.start + sum(always + each * count for count in members if count) + passes["test"] * pace.test_step
