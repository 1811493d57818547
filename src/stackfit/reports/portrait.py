"""The page of one run: what it asks, how it learned, what it takes for what, what it is made of, and where it ran."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.config.claims import Claim, check_grammar
from stackfit.errors import RunFolderError, StackfitError
from stackfit.proof.judgement import judge
from stackfit.reports import charts
from stackfit.reports.answered import of_classes, of_values
from stackfit.reports.figures import Figure, Grid, Section, named, plain, rounded
from stackfit.reports.page import Page, made
from stackfit.reports.runs_table import command_of
from stackfit.reports.words import duration
from stackfit.results import run_files
from stackfit.results.certificate import Standing
from stackfit.results.frames import COUNTS, Runs
from stackfit.results.numbers import measured
from stackfit.results.run import Run

if TYPE_CHECKING:
    import numpy as np

MOST_CURVES = 6
MOST_FACTS = 6
MOST_LAYERS = 200


def portrait(runs: Runs, problems: list[str]) -> Page:
    """The page of the only one of `runs`; what cannot be read goes to the problems."""
    about, metrics = runs.about.iloc[0], runs.metrics.iloc[0]
    run = Run(Path(str(about["folder"])))
    config = _config(run, problems)
    parts = (_state, _verdicts, _learning, _test_items, _layers, _time, _environment, _again)
    sections = [section for part in parts for section in part(run, config, problems)]
    asked = config.get("about") if isinstance(config.get("about"), dict) else {}
    question = (asked or {}).get("question")
    names = [name for name in metrics.index if name not in COUNTS]
    ranked = sorted(names, key=lambda name: (not name.startswith("test_"), not name.endswith("accuracy"), name.startswith("val_")))
    numbers = {name: plain(metrics[name]) for name in ranked}
    known = {name: value for name, value in numbers.items() if value is not None}
    facts = list(zip(measured([float(value) for value in known.values()]), known, strict=True))[:MOST_FACTS]
    parameters, epochs = (plain(metrics.get(name)) for name in ("parameters", "stopped_epoch"))
    facts += [(f"{int(parameters):,}", "parameters")] if parameters is not None else []
    facts += [(f"{int(epochs)}", "epochs")] if epochs is not None else []
    seconds = plain(about["seconds"])
    facts += [(duration(float(seconds)), "from start to end")] if seconds is not None else []
    return Page(
        title=str(runs.settings["experiment"].iloc[0]),
        questions=[("", str(question))] if question else [],
        facts=facts,
        warnings=[*dict.fromkeys(problems)],
        sections=sections,
        made=made(),
    )


def figures_of(run: Run, problems: list[str]) -> Iterator[Figure]:
    """The figures of one run: its curves, what it takes for what, its layers."""
    config = _config(run, problems)
    for part in (_learning, _test_items, _layers):
        for section in part(run, config, problems):
            yield from section.figures


def _config(run: Run, problems: list[str]) -> dict[str, Any]:
    try:
        return run.config
    except StackfitError as error:
        problems.append(str(error))
        return {}


def _state(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    """Why it did not finish."""
    if run.state != "finished":
        yield Section("state", f"This run is {run.state}", [run.reason or "Its process is gone, or still at work."])


def _verdicts(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    """What its experiment claims of a single run, and what `verify` found."""
    section = Section("verdicts", "Verdicts")
    standing = Standing.of(run.folder, run.status)
    if standing.text:
        section.said.append(f"stackfit verify: {standing.text}.")
    rows = []
    expect = config.get("expect")
    for entry in expect if isinstance(expect, list) else []:
        if list(check_grammar(entry)):
            continue
        claim = Claim(**entry)
        published = claim.published_text()
        if run.state != "finished" or claim.seeds or claim.other or claim.where or claim.error or claim.subject in ("reload", "finished"):
            rows.append((claim.text(), "skipped", "needs more than this run: stackfit check", published, claim.source or ""))
            continue
        try:
            verdict = judge(claim, [run], [], lambda _: False)
            rows.append((claim.text(), verdict.state, verdict.found, published, claim.source or ""))
        except (StackfitError, KeyError, TypeError, ValueError, IndexError) as error:
            rows.append((claim.text(), "error", str(error), published, claim.source or ""))
    if rows:
        head = ("claim", "verdict", "found", "published", "source")
        section.grids.append(Grid(head, rows, "What the experiment claims", states=frozenset({1})).without_blanks())
    yield section


def _learning(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    """A curve for each metric, with the gap between training and validation."""
    section = Section("curves", "Learning curves")
    try:
        history = run_files.read_history(run.folder)
    except RunFolderError as error:
        problems.append(str(error))
        history = []
    names = dict.fromkeys(name for row in history for name, value in row.items() if value is not None)
    bases = dict.fromkeys(name.removeprefix("val_") for name in names if name not in ("epoch", "seconds", "members"))
    ranked = sorted(bases, key=lambda name: (name == "learning_rate", name == "loss"))
    for base in ranked[:MOST_CURVES]:
        if base == "learning_rate" and len({row.get(base) for row in history}) < 2:
            continue
        section.figures.append(_curve(base, history))
    if len(ranked) > MOST_CURVES:
        section.said = [f"{MOST_CURVES} of {len(ranked)} metrics have a chart; the others are: {', '.join(ranked[MOST_CURVES:])}."]
    yield section


def _curve(base: str, history: list[dict[str, Any]]) -> Figure:
    lines: dict[str, list[Any]] = {"part": [], "epoch": [], "value": []}
    gap: dict[str, list[Any]] = {"epoch": [], "training": [], "validation": []}
    for row in history:
        pair = {"training": rounded(row.get(base)), "validation": rounded(row.get(f"val_{base}"))}
        for part, value in pair.items():
            if value is not None:
                for name, cell in (("part", part), ("epoch", row.get("epoch")), ("value", value)):
                    lines[name].append(cell)
        if None not in pair.values():
            for name, cell in {"epoch": row.get("epoch"), **pair}.items():
                gap[name].append(cell)
    last = f" At the end training is {gap['training'][-1]:.4g} and validation {gap['validation'][-1]:.4g}." if gap["epoch"] else ""
    return Figure(
        base,
        f"{base} over {len(history)} epochs.{last}",
        charts.learning(named("lines"), named("gap"), base),
        {"lines": lines, "gap": gap},
        "The area is the gap between training and validation." if gap["epoch"] else "",
        kind="curves",
        by=(base,),
    )


def _test_items(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    """What it takes for what; of values, how far it is off."""
    task, data = config.get("task"), config.get("data")
    if run.state != "finished" or not isinstance(task, dict) or not isinstance(data, dict):
        return
    try:
        if not run_files.RunFiles(run.folder).predictions.exists():
            return
        scores, labels = run_files.read_predictions(run.folder)
    except RunFolderError as error:
        problems.append(str(error))
        return
    build = of_values if task.get("labels") == "value" else of_classes
    yield from build(run, task, data, scores, _as_numbers(labels))


def _as_numbers(labels: np.ndarray) -> np.ndarray:
    """Labels `(n,)`; of classes as numbers, of one-hot labels too."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        return labels
    return labels.reshape(len(labels))


def _layers(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    section = Section("layers", "Layers")
    try:
        layers = run_files.read_layers(run.folder)[:MOST_LAYERS]
    except RunFolderError as error:
        problems.append(str(error))
        layers = []
    if layers:
        shapes = [_shape(layer["output_shape"]) for layer in layers]
        names = [f"{number}. {layer['name']}" for number, layer in enumerate(layers, 1)]
        counts = [int(layer["parameters"]) for layer in layers]
        rows = [(layer["name"], str(layer["class"]), shape, f"{count:,}") for layer, shape, count in zip(layers, shapes, counts, strict=True)]
        head = ("layer", "class", "shape of one example", "parameters")
        section.grids = [Grid(head, rows, "Layers from the input to the output", frozenset({3}))]
        if sum(counts) and len(layers) <= 60:
            columns: dict[str, list[Any]] = {"layer": names, "class": [row[1] for row in rows], "shape": shapes, "parameters": counts}
            largest = max(range(len(counts)), key=counts.__getitem__)
            said = f"{len(layers)} layers with {sum(counts):,} parameters; most are in {layers[largest]['name']}: {counts[largest]:,}."
            section.figures = [Figure("Parameters of each layer", said, charts.layers(named("layers"), len(layers)), {"layers": columns}, wide=True, kind="layers")]
    yield section


def _shape(shape: Any) -> str:
    return " x ".join(map(str, shape)) if isinstance(shape, list) else str(shape)


def _time(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    section = Section("time", "Time")
    try:
        rows = [row for row in run_files.read_history(run.folder) if row.get("seconds") is not None]
    except RunFolderError:
        rows = []  # named already
    if len(rows) > 1:
        seconds = [rounded(float(row["seconds"] or 0)) for row in rows]
        mean = sum(seconds) / len(seconds)
        shared = max(int(row.get("members") or 1) for row in rows)
        note = f"Up to {shared} runs trained together; the seconds are those of all of them." if shared > 1 else ""
        columns = {"epoch": [row["epoch"] for row in rows], "seconds": seconds}
        section.figures = [Figure("Seconds of each epoch", f"{len(rows)} epochs of {mean:.3g} s on average.", charts.times(named("times")), {"times": columns}, note)]
    yield section


def _environment(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    environment = run_files.read_environment(run.folder)
    rows = []
    for name in ("platform", "instruction_set", "cores", "devices", "python"):
        if name in environment:
            rows.append((name.replace("_", " "), _words(environment[name])))
    versions = environment.get("versions")
    if isinstance(versions, dict):
        rows += [(str(name), str(version)) for name, version in versions.items() if version]
    for name in ("git_commit", "data_fingerprint"):
        if environment.get(name):
            rows.append((name.replace("_", " "), str(environment[name])))
    if rows:
        yield Section("environment", "Where it ran", grids=[Grid(("what", "value"), rows, "The environment of the run")])


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    return str(value)


def _again(run: Run, config: Mapping[str, Any], problems: list[str]) -> Iterator[Section]:
    folder = shlex.quote(str(run.folder))
    found = [("Train it again", command_of(run.status))]
    if run.state == "finished":
        found += [("Verify it", f"stackfit verify {folder}"), ("Its mistakes", f"stackfit predict {folder} --wrong")]
    yield Section("again", "Repeat it", commands=found)

