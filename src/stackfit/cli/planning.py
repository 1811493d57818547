"""`plan`: what a command would do, as tables or JSON."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from stackfit.cli.arguments import Multirun, Name, Overrides, Trust, option
from stackfit.cli.running import parse_words
from stackfit.cli.text import as_fact, as_seconds, write_whole
from stackfit.errors import ConfigError, counted, printable
from stackfit.keys import short_names
from stackfit.results.layout import lay_out

_TARGET = re.compile(r"_target_\s*:\s*([\w]+\.)*")  # repeated in every value of an axis of classes
BARS = "▁▂▃▄▅▆▇█"
MOST = 20  # names of a table's columns
SETTINGS = {"ignore_unknown_options": True}  # Hydra's flags stay among the words
STATES = {"changed since it ran": "changed", "failed before": "failed", "was interrupted": "interrupted",
          "its status is damaged": "damaged"}  # fmt: skip


def command(
    experiment: Name,
    overrides: Overrides = None,
    multirun: Multirun = False,
    probe: Annotated[bool, option("Train throw-away models for a moment, to estimate the time.", "--probe")] = False,
    as_json: Annotated[bool, option("The same as one JSON document.", "--json")] = False,
    trust: Trust = None,
) -> int:
    """Layers, shapes, parameters, memory and steps; for a sweep, every cell. Trains and writes nothing.

    stackfit plan gsp631_base

    stackfit plan gsp631_base -m model.layers.hidden.units=32,64 'seed=range(5)'

    FLOPs are those of one example's forward pass, a multiply-add being two; cost is a cell's training in FLOPs, relative
    to the cheapest cell. Exit code: 2 if a key, a type, a target or a single run's model is wrong, 1 if a cell of a sweep
    will fail, else 0.
    """
    began = time.perf_counter()
    typed = parse_words([experiment, *(overrides or ()), *(["-m"] if multirun else [])], "plan")
    if other := [flag for flag in typed.flags if flag != "--multirun"]:
        raise ConfigError(f"plan does not take {other[0]}. Expected key=value and -m. Try: stackfit plan --help")
    found = make_plan(typed.experiment, typed.overrides, typed.multirun, probe, tuple(trust or ()), began)
    if as_json:
        write_whole(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in plan_lines(found))
        sys.stdout.flush()
        for said in problem_lines(found):
            print(printable(said), file=sys.stderr)
    return int(found["exit_code"])


def make_plan(
    experiment: str,
    overrides: Sequence[str],
    multirun: bool,
    probe: bool,
    trust: tuple[str, ...],
    began: float | None = None,
) -> dict[str, Any]:
    """The plan of a run, or of a sweep: by `multirun`, or because the experiment declares one.

    Args:
        began: `time.perf_counter()` when the command started.

    Raises:
        ConfigError: there is no such experiment.
    """
    from stackfit.config.hydra.composition import Composer
    from stackfit.config.hydra.sweeper_keys import sweeper_of
    from stackfit.execution.cells import compose_command
    from stackfit.execution.plan.run import plan_run, refused_plan

    composer = Composer(experiment)
    sweeps, start = multirun, (began or time.perf_counter()) if probe else None
    try:
        composition, problems, sweeps = compose_command(composer, overrides, multirun)
        if sweeps:
            if sweeper_of(composition.sweeper) == "search":
                from stackfit.execution.plan.search import plan_search

                return plan_search(composer, composition, problems, overrides, trust, start)
            from stackfit.execution.plan.sweep import plan_sweep

            return plan_sweep(composer, composition, problems, overrides, trust, start)
        return plan_run(composition, problems, overrides, trust, start)
    except ConfigError as error:
        return refused_plan("sweep" if sweeps else "run", experiment, overrides, error)


def plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    """A plan as text, of whatever kind."""
    if plan["kind"] == "search":
        from stackfit.cli.planned_search import search_lines

        yield from search_lines(plan)
    else:
        yield from sweep_lines(plan) if plan["kind"] == "sweep" else run_lines(plan)


def problem_lines(plan: dict[str, Any]) -> Iterator[str]:
    """Warnings, then errors, each with its place and the numbers of the cells that have it."""
    for kind in ("warnings", "errors"):
        for number, problem in enumerate(plan[kind]):
            cells = [cell["number"] for cell in plan.get("cells") or () if number in cell[kind]]
            place = [f"cell{'s' * (len(cells) > 1)} {_numbers(cells)}" if cells else None, problem["where"], problem["key"]]
            hide = f"\n  To hide this: 'silence=[{problem['kind']}]'" if kind == "warnings" else ""
            yield f"{kind[:-1]}: {'  '.join(filter(None, place))}\n  {problem['message']}{hide}"


def run_lines(plan: dict[str, Any]) -> Iterator[str]:
    """A plan of one experiment: its layers, then a line each for the rest."""
    model, data, steps, memory, times = (plan[key] for key in ("model", "data", "steps", "memory", "time"))
    yield f"{plan['experiment']}: {model['stack'] if model else 'cannot be trained'}"
    if plan["layers"]:
        yield from _layer_table(plan["layers"], model)
    if data:
        yield as_fact("data", _data(data))
        if features := data.get("features"):
            more = f" and {len(features) - MOST:,} more" if len(features) > MOST else ""
            yield as_fact("inputs", ", ".join(features[:MOST]) + more)
    for line in plan["adapted"] or ():
        yield as_fact("adapt", line)
    if steps:
        passes = [f"{steps[name]:,} {name}" for name in ("validation", "test") if steps[name]]
        if steps["train"] is not None:
            passes[:0] = [f"{steps['train']:,} an epoch, {steps['train_total']:,} in {counted(steps['epochs'], 'epoch')}"]
        yield as_fact("steps", ", ".join(passes) or "not known before the data are here")
    rates = [rate for _, rate in plan["rates"] or ()]
    if len({*rates}) > 1:
        yield as_fact("rate", _rates(rates))
    if memory:
        yield as_fact("memory", _memory(plan))
    if times:
        yield as_fact("time", _times(times))
    elif not plan["errors"]:
        yield as_fact("time", "not measured; --probe trains for a moment to estimate it")
    if plan["continues"]:
        yield as_fact("run", f"resumes in {plan['continues']}, which was interrupted")


def _memory(found: dict[str, Any], cohort: str = "") -> str:
    """What each part of a run or a cohort takes, then all of it."""
    stack = f"a stack of {found['stack']}" if found["stack"] else ""
    of = ", ".join(filter(None, [cohort, stack]))
    each = [f"{name} {_size(size)}" for name, size in found["memory"].items() if size is not None]
    return f"{of}: " * bool(of) + f"{', '.join(each)}: {_size(_total(found))}"


def _total(found: dict[str, Any]) -> int:
    return sum(size or 0 for size in found["memory"].values())


def _rates(rates: list[float]) -> str:
    """The learning rate over the run as a line of bars, with the first, the highest and the last value."""
    low, high = min(rates), max(rates)
    bars = "".join(BARS[round((rate - low) / (high - low) * (len(BARS) - 1))] for rate in rates)
    highest = "" if high in (rates[0], rates[-1]) else f", highest {high:.3g}"
    return f"{bars} {rates[0]:.3g}{highest}, last {rates[-1]:.3g}"


def _layer_table(layers: Sequence[dict[str, Any]], model: dict[str, Any] | None) -> Iterator[str]:
    rows = [["layer", "type", "output", "parameters", "FLOPs", "activations"]]
    for layer in layers:
        frozen = layer["parameters"] - layer["trainable"]
        rows.append([
            layer["name"], layer["type"], " x ".join("?" if n is None else str(n) for n in layer["output_shape"]) or "1",
            _parameters(layer["parameters"], frozen) if layer["parameters"] else "",
            "?" if layer["flops"] is None else f"{layer['flops']:,}", _size(layer["activation_bytes"]),
        ])  # fmt: skip
    if model:
        frozen = model["parameters"] - model["trainable"]
        least = "" if model["flops_complete"] else "at least "
        rows.append(["total", "", "", _parameters(model["parameters"], frozen),
                     f"{least}{model['flops']:,}", _size(model["activation_bytes"])])  # fmt: skip
    yield from lay_out(rows, "lllrrr", (1, len(rows) - 1) if model else (1,))


def _parameters(count: int, frozen: int) -> str:
    return f"{count:,} ({frozen:,} frozen)" if frozen else f"{count:,}"


def _columns() -> int:
    """The terminal's width, at least 80."""
    return max(80, shutil.get_terminal_size((80, 24)).columns)


def _size(size: int) -> str:
    """`3.1 kB`; kB are 1,000 bytes."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def _data(data: dict[str, Any]) -> str:
    sizes = [f"{size:,} {name}" for name, size in data["examples"].items() if size]
    shape = " x ".join(map(str, data["input_shape"]))
    state = "here" if data["here"] else "not here yet: sizes as declared"
    return f"{data['name']}, {state}: {', '.join(sizes) or 'of unknown size'}, each {shape}" + (
        ", streamed" if data["streamed"] else ""
    )


def _times(times: dict[str, Any]) -> str:
    step = f"{as_seconds(times['step'])} a step"
    if times["total"] is None:
        return f"{step}; start {as_seconds(times['start'])}"
    return f"about {as_seconds(times['total'])}: start {as_seconds(times['start'])}, {as_seconds(times['epoch'])} an epoch, {step}"


def sweep_lines(plan: dict[str, Any]) -> Iterator[str]:
    """A plan of a sweep: a row for each cell, notes on cohorts, totals."""
    cells = plan["cells"]
    if not cells:
        yield f"{plan['experiment']}: cannot be trained"
        return
    sizes = {group["number"]: len(group["cells"]) for group in plan["cohorts"]}
    timed = any(cell["seconds"] is not None for cell in cells)
    cheapest = min((cell["training_flops"] for cell in cells if cell["training_flops"]), default=1)
    rows = [["", *short_names(plan["axes"]).values(), "parameters", "FLOPs", "time" if timed else "cost", "cohort"]]
    for number, cell in enumerate(cells, 1):
        cost = f"{cell['training_flops'] / cheapest:.3g}x" if cell["training_flops"] else ""
        if timed:
            cost = "" if cell["seconds"] is None else as_seconds(cell["seconds"])
        least = "" if cell["flops_complete"] else "≥ "
        rows.append([
            str(number),
            *("\n".join(textwrap.wrap(_TARGET.sub("", cell["axes"].get(axis, "")), 20)) for axis in plan["axes"]),
            "" if cell["parameters"] is None else f"{cell['parameters']:,}",
            "" if cell["flops"] is None else f"{least}{cell['flops']:,}",
            cost,
            f"{cell['cohort']} ({sizes[cell['cohort']]})" if cell["cohort"] else "",
        ])  # fmt: skip
    sides = "r" + "l" * len(plan["axes"]) + "rrrll"
    room = max(24, _columns() - 2 - max(map(len, lay_out(rows, sides[:-1], ()))))
    states = [textwrap.shorten(_state(cell, plan["errors"]), room, placeholder="…") for cell in cells]
    rows = [[*row, state] for row, state in zip(rows, ["state", *states], strict=True)]
    yield from lay_out(rows, sides)
    yield from _notes(plan)


def _state(cell: dict[str, Any], errors: Sequence[dict[str, Any]]) -> str:
    if cell["errors"]:
        return f"fails: {errors[cell['errors'][0]]['message']}"
    return STATES.get(cell["state"], cell["state"]) + (f": {cell['reason']}" if cell["reason"] else "")


def _notes(plan: dict[str, Any]) -> Iterator[str]:
    """The lines below the cells: why some train alone, then the totals."""
    totals = plan["totals"]
    alone: dict[str, list[int]] = {}
    for group in plan["cohorts"]:
        if group["alone"] and totals["to_train"] > 1:
            alone.setdefault(group["alone"], []).extend(group["cells"])
    for reason, cells in alone.items():
        yield as_fact("alone", f"{_numbers(cells)}: {reason}")
    if plan["cohorts"]:
        largest = max(plan["cohorts"], key=_total)
        yield as_fact("memory", _memory(largest, f"cohort {largest['number']}" * (totals["cohorts"] > 1)))
    cohorts = f"in {counted(totals['cohorts'], 'cohort')}" if totals["cohorts"] else ""
    parts = [counted(totals["cells"], "cell"), f"{totals['finished']} finished", f"{totals['to_train']} to train {cohorts}"]
    parts += [f"{totals['elsewhere']} with another process"] if totals["elsewhere"] else []
    parts += [f"{totals['failing']} failing"] if totals["failing"] else []
    parts += [f"about {as_seconds(totals['seconds'])}"] if totals["seconds"] is not None else []
    yield as_fact("total", ", ".join(part.strip() for part in parts))
    yield as_fact("folder", plan["folder"])


def _numbers(numbers: Sequence[int]) -> str:
    """`1, 3 to 5` of 1, 3, 4, 5."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
