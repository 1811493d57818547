"""`plan`: what a command would do, as tables or as JSON."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import Any

from stackfit.cli.running import parse_words
from stackfit.errors import ConfigError

STATES = {"changed since it ran": "changed", "failed before": "failed", "was interrupted": "interrupted",
          "its status is damaged": "damaged"}  # fmt: skip


def plan_command(words: list[str], *, probe: bool, as_json: bool, trust: tuple[str, ...]) -> int:
    """Print the plan of a run or a sweep; its exit code.

    Raises:
        ConfigError: the words are wrong, or a cell of the sweep has a wrong key, type or target.
    """
    began = time.perf_counter()
    typed = parse_words(words)
    if other := [flag for flag in typed.flags if flag != "--multirun"]:
        raise ConfigError(f"plan does not take {other[0]}. Expected key=value and -m. Try: stackfit plan --help")
    from stackfit.composition import Composer
    from stackfit.sweeps import is_sweep

    composer = Composer(typed.experiment)
    sweeps = is_sweep(composer, typed.overrides, typed.multirun)
    if sweeps:
        from stackfit.sweep_plan import plan_sweep as plan
    else:
        from stackfit.plan import plan_run as plan
    found = plan(composer, typed.overrides, trust, began if probe else None)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in (sweep_lines(found) if sweeps else run_lines(found)))
        for kind in ("warnings", "errors"):
            for one in found[kind]:
                place = "  ".join(filter(None, (one["where"], one["key"])))
                print(f"{kind[:-1]}: {place}\n  {one['message']}" if place else f"{kind[:-1]}: {one['message']}",
                      file=sys.stderr)  # fmt: skip
    return (1 if sweeps else 2) if found["errors"] else 0


def run_lines(plan: dict[str, Any]) -> Iterator[str]:
    """A plan of one experiment: its layers, then a line for everything else."""
    model, data, steps, memory, times = (plan[key] for key in ("model", "data", "steps", "memory", "time"))
    yield f"{plan['experiment']}: {model['stack'] if model else 'cannot be trained'}"
    if plan["layers"]:
        yield from _layer_table(plan["layers"], model)
    if data:
        yield _fact("data", _data(data))
    if steps:
        passes = [f"{steps[name]:,} {name}" for name in ("validation", "test") if steps[name]]
        if steps["train"] is not None:
            passes[:0] = [f"{steps['train']:,} an epoch, {steps['train_total']:,} in {steps['epochs']} epochs"]
        yield _fact("steps", ", ".join(passes) or "not known before the data are here")
    if memory:
        each = [f"{name} {_size(size)}" for name, size in memory.items() if size is not None]
        yield _fact("memory", ", ".join(each) + f": {_size(sum(size or 0 for size in memory.values()))}")
    if times:
        yield _fact("time", _times(times))
    elif not plan["errors"]:
        yield _fact("time", "not measured; --probe trains for a moment to estimate it")
    if plan["continues"]:
        yield _fact("run", f"goes on in {plan['continues']}, which was interrupted")


def _layer_table(layers: Sequence[dict[str, Any]], model: dict[str, Any] | None) -> Iterator[str]:
    rows = [["layer", "type", "output", "parameters", "FLOPs", "activations"]]
    for layer in layers:
        frozen = layer["parameters"] - layer["trainable"]
        rows.append([
            layer["name"], layer["type"], " x ".join("?" if n is None else str(n) for n in layer["output_shape"]) or "1",
            f"{layer['parameters']:,}" + (f" ({frozen:,} frozen)" if frozen else "") if layer["parameters"] else "",
            "?" if layer["flops"] is None else f"{layer['flops']:,}", _size(layer["activation_bytes"]),
        ])  # fmt: skip
    if model:
        frozen = model["parameters"] - model["trainable"]
        least = "" if model["flops_complete"] else "at least "
        rows.append(["total", "", "", f"{model['parameters']:,}" + (f" ({frozen:,} frozen)" if frozen else ""),
                     f"{least}{model['flops']:,}", _size(model["activation_bytes"])])  # fmt: skip
    yield from _table(rows, "lllrrr", total=bool(model))


def _table(rows: list[list[str]], align: str, total: bool = False) -> Iterator[str]:
    from tabulate import tabulate

    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]
    rule = ["─" * width for width in widths]
    lined = [rows[0], rule, *(rows[1:-1] if total else rows[1:]), *([rule, rows[-1]] if total else [])]
    sides = ["right" if side == "r" else "left" for side in align]
    yield from (
        line.rstrip() for line in tabulate(lined, tablefmt="plain", disable_numparse=True, colalign=sides).split("\n")
    )


def _fact(name: str, text: str) -> str:
    return textwrap.fill(text, 80, initial_indent=f"{name:<8}", subsequent_indent=" " * 8)


def _size(size: int) -> str:
    """`3.1 kB`; kB are 1,000 bytes."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _data(data: dict[str, Any]) -> str:
    sizes = [f"{size:,} {name}" for name, size in data["examples"].items() if size]
    shape = " x ".join(map(str, data["input_shape"]))
    state = "here" if data["here"] else "not here yet: sizes as declared"
    return f"{data['name']}, {state}: {', '.join(sizes) or 'of unknown size'}, each {shape}" + (
        ", streamed" if data["streamed"] else ""
    )


def _times(times: dict[str, Any]) -> str:
    step = f"{_seconds(times['step'])} a step"
    if times["total"] is None:
        return f"{step}; start {_seconds(times['start'])}"
    return f"about {_seconds(times['total'])}: start {_seconds(times['start'])}, {_seconds(times['epoch'])} an epoch, {step}"


def sweep_lines(plan: dict[str, Any]) -> Iterator[str]:
    """A plan of a sweep: a row for each cell, notes on cohorts, totals."""
    totals, cells = plan["totals"], plan["cells"]
    sizes = {group["number"]: len(group["cells"]) for group in plan["cohorts"]}
    timed = totals["seconds"] is not None
    costs = [cell["training_flops"] for cell in cells if cell["training_flops"]]
    rows = [["cell", "parameters", "FLOPs", "time" if timed else "cost", "state", "cohort"]]
    for cell in cells:
        share = cell["training_flops"] and cell["training_flops"] / min(costs)
        cost = f"{share:.3g}x" if share else ""
        least = "" if cell["flops_complete"] else "≥ "
        state = STATES.get(cell["state"], cell["state"])
        rows.append([
            "\n".join(textwrap.wrap(cell["cell"], 34)),
            "" if cell["parameters"] is None else f"{cell['parameters']:,}",
            "" if cell["flops"] is None else f"{least}{cell['flops']:,}",
            cost if not timed else "" if cell["seconds"] is None else _seconds(cell["seconds"]),
            f"{state}, FAILS" if cell["errors"] else state,
            f"{cell['cohort']} of {sizes[cell['cohort']]}" if cell["cohort"] else "",
        ])  # fmt: skip
    yield from _table(rows, "lrrrll")
    yield from notes(plan)


def notes(plan: dict[str, Any]) -> Iterator[str]:
    """What stands below the cells: why some train alone, why some fail, and the totals."""
    totals = plan["totals"]
    for group in plan["cohorts"]:
        if group["alone"] and totals["to_train"] > 1:
            yield _fact("alone", f"{group['cells'][0]}: {group['alone']}")
    for number, error in enumerate(plan["errors"]):
        cells = [cell["cell"] for cell in plan["cells"] if number in cell["errors"]]
        if cells:
            yield _fact("fails", f"{'; '.join(cells)}: {textwrap.shorten(error['message'], 120, placeholder=' …')}")
    parts = [f"{totals['cells']} cells", f"{totals['finished']} finished", f"{totals['to_train']} to train in "
             f"{totals['cohorts']} cohort{'s' * (totals['cohorts'] != 1)}"]  # fmt: skip
    parts += [f"{totals['elsewhere']} with another process"] if totals["elsewhere"] else []
    parts += [f"{totals['failing']} failing"] if totals["failing"] else []
    parts += [f"about {_seconds(totals['seconds'])}"] if totals["seconds"] is not None else []
    yield _fact("total", ", ".join(parts))
    yield _fact("folder", plan["folder"])
