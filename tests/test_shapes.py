"""Tables of 40 runs, with options drawn at random, against what their own files say, read without stackfit."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
import re
import statistics
from functools import partial
from pathlib import Path

import pytest
from made_runs import claim, make_run

from stackfit.results.formats import render
from stackfit.results.frames import read_runs
from stackfit.results.tables import build_table

KEYS = {
    "units": "model.layers.hidden.units",
    "learning_rate": "optimizer.learning_rate",
    "momentum": "optimizer.momentum",
    "scale": "data.scale",
    "kind": "data.kind",
    "seed": "seed",
}
METRICS = ("loss", "val_loss", "test_accuracy")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """`{folder: content of status.json}`: three experiments, two data sets; some failed, interrupted, running, or old."""
    root, draw = tmp_path_factory.mktemp("outputs"), random.Random(7)
    found = {}
    for number in range(40):
        experiment = ("base", "wide", "tab")[number % 3]
        settings = {KEYS["units"]: draw.choice([16, 64, 128]), "seed": draw.randrange(4), KEYS["learning_rate"]: draw.choice([0.01, 0.001])}
        if experiment == "tab":
            settings |= {"data.kind": "csv", "data.scale": draw.choice(["none", 255]), KEYS["momentum"]: draw.choice([0.0, 0.9])}
        metrics = {name: draw.random() for name in METRICS} | {"stopped_epoch": 2, "parameters": settings[KEYS["units"]] * 10}
        if draw.random() < 0.3:
            del metrics["val_loss"]
        state = draw.choice(["finished"] * 6 + ["failed", "interrupted", "running"])
        path = root / experiment / f"2025-01-01_10-00-00-{number}"
        path.parent.mkdir(exist_ok=True)
        if state == "running":
            claim(path.parent, path.name, 2, [{"epoch": 1, "loss": 0.7, "seconds": 0.1, "members": 1}], settings)
        else:
            failed = {} if state == "finished" else {"failed": "no memory", "state": state}
            make_run(path, settings, metrics, experiment=experiment, history=draw.randrange(4), **failed)
        status = json.loads((path / "status.json").read_text())
        status |= {"started": f"2025-01-01T10:{number * 7 % 40:02}:00+00:00", "experiment": experiment, "seconds": float(number)}
        status = {key: value for key, value in status.items() if key not in ("manifest", "own_seconds", "members", "results_format")}
        (path / "status.json").write_text(json.dumps(status))
        (path / "manifest.json").unlink(missing_ok=True)
        found[str(path)] = status
    return found


def value_of(status, name):
    if name in ("started", "experiment"):
        return status[name]
    if name == "state":
        return status["status"]
    if name in KEYS:
        return status["settings"].get(KEYS[name])
    return status["metrics"].get(name) if status["status"] == "finished" else None


# A query, and the same in Python where what it names is not blank.
FILTERS = {
    "units > 16": lambda run: run("units") > 16,
    "test_accuracy != 0.5": lambda run: run("test_accuracy") is not None,
    "not val_loss > 0.5": lambda run: run("val_loss") is not None and run("val_loss") <= 0.5,
    "state == 'failed' or test_accuracy > 0.4": lambda run: run("state") == "failed" or (run("test_accuracy") or 0) > 0.4,
    "momentum not in [0.9, 3]": lambda run: run("momentum") == 0.0,
    "scale != 'none'": lambda run: run("scale") == 255,
    "not (units == 64 and val_loss < 0.5)": lambda run: run("units") != 64 or (run("val_loss") is not None and run("val_loss") >= 0.5),
    "`optimizer.learning_rate` == 0.01 & ~(seed == 0)": lambda run: run("learning_rate") == 0.01 and run("seed") != 0,
}


def expected_runs(files, filter, last, by):
    names = sorted(files, key=lambda folder: files[folder]["started"], reverse=True)
    if last:
        groups = {}
        for folder in names:
            groups.setdefault(by and value_of(files[folder], by), []).append(folder)
        names = [folder for group in groups.values() for folder in group[:last]]
    return {folder for folder in names if not filter or FILTERS[filter](partial(value_of, files[folder]))}


def same(found, expected):
    if expected is None:
        return found is None or found != found
    return found == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)


def records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def ordered(values, descending):
    present = [value for value in values if value is not None]
    return values[: len(present)] == sorted(present, reverse=descending)


@pytest.fixture(scope="module")
def runs(files):
    return read_runs({folder.rsplit("/", 2)[0] for folder in files})[0]


@pytest.mark.parametrize("number", range(60))
def test_each_row_has_what_the_runs_own_files_say(files, runs, number):
    draw = random.Random(number)
    filter, last = draw.choice([None, *FILTERS]), draw.choice([None, None, 3, 15])
    by, top = draw.choice([None, None, "units", "experiment", "kind"]), draw.choice([None, None, 2, 6])
    sort = draw.choice([None, "units", "test_accuracy", "val_loss", "momentum", "started"])
    descending = sort is not None and draw.random() < 0.5
    direction = draw.choice(["max", "min"]) if top and not descending else None
    columns = draw.choice([None, ["folder", *draw.sample([*KEYS, *METRICS, "state", "experiment", "started"], 5)]])
    options = {"filter": filter, "last": last, "by": by, "top": top, "direction": direction, "columns": columns}
    options["sort"] = f"-{sort}" if descending else sort
    if by == "experiment" and columns:
        options["columns"] = columns = [*columns, "experiment"]
    problems = []
    frame = build_table(runs, problems, **options)
    rows = records(frame)
    for row in rows:
        for name, value in row.items():
            short = {key: short for short, key in KEYS.items()}.get(name, name)
            if short in (*KEYS, *METRICS, "state", "experiment", "started"):
                assert same(value, value_of(files[row["folder"]], short)), (options, row["folder"], name)
    matching = expected_runs(files, filter, last, by)
    folders = [row["folder"] for row in rows]
    assert len({*folders}) == len(folders) and {*folders} <= matching
    ranked = sort or ("test_accuracy" if top else None)
    largest = descending if direction is None else direction == "max"
    if top and not sort and direction is None:
        largest = True
    if top and sort in METRICS and not descending and direction is None:
        largest = sort == "test_accuracy"  # its class says so
    groups = {}
    for folder in matching:
        groups.setdefault(by and value_of(files[folder], by), []).append(folder)
    for group, members in groups.items():
        shown = [folder for folder in folders if folder in members]
        assert len(shown) == min(top or len(members), len(members)), (options, group)
        if ranked:
            values = [value_of(files[folder], ranked) for folder in shown]
            assert ordered(values, largest), (options, values)
            everyone = [value for folder in members if (value := value_of(files[folder], ranked)) is not None]
            assert [v for v in values if v is not None] == sorted(everyone, reverse=largest)[: len(shown)]
    if by:
        places = [value_of(files[folder], by) for folder in folders]
        assert len([1 for a, b in itertools.pairwise(places) if a != b]) == max(0, len({*places}) - 1)
    assert bool(problems) == (filter is not None and not rows)
    as_csv = [*csv.DictReader(io.StringIO(render(frame, "csv")))]
    assert [row["folder"] for row in as_csv] == [row["folder"] for row in json.loads(render(frame, "json"))] == folders
    for row, texts in zip(rows, as_csv, strict=True):
        assert all(float(texts[name]) == value for name, value in row.items() if isinstance(value, float) and value == value)
    if columns and rows:
        plain = build_table(runs, [], **options | {"columns": ["folder", "state", "test_accuracy"]})
        lines = [line.split() for line in render(plain).splitlines()[2:]]
        assert [line[0] for line in lines] == folders
        for line, row in zip(lines, records(plain), strict=True):
            assert line[1] == row["state"]
            assert [float(text) for text in line[2:]] == [round(row[name], 4) for name in ["test_accuracy"] if row[name] is not None]


@pytest.mark.parametrize("filter", [None, *FILTERS])
@pytest.mark.parametrize("over", ["seed", "units"])
def test_each_mean_is_that_of_the_runs_in_its_row(files, runs, over, filter):
    rows = records(build_table(runs, [], over=over, filter=filter))
    assert sorted(folder for row in rows for folder in row["folders"]) == sorted(expected_runs(files, filter, None, None))
    for row in rows:
        statuses = [files[folder] for folder in row["folders"]]
        fixed = {tuple(str(value_of(status, key)) for key in KEYS if key != over) for status in statuses}
        assert len(fixed) == 1
        for name in METRICS:
            values = {}
            for status in statuses:
                if (value := value_of(status, name)) is not None:
                    values.setdefault(value_of(status, over), []).append(value)
            means = [statistics.fmean(each) for each in values.values()]
            if f"{name}_mean" in row:
                assert same(row[f"{name}_mean"], statistics.fmean(means) if means else None)
                assert same(row[f"{name}_sd"], statistics.stdev(means) if len(means) > 1 else None)
        assert row["n"] == len({value_of(status, over) for status in statuses if status["status"] == "finished"})


@pytest.mark.parametrize("filter", [None, "units > 16", "scale != 'none'", "not val_loss > 0.5"])
@pytest.mark.parametrize("axes", [("units", "seed"), ("kind", "units"), ("scale", "experiment"), ("momentum", "seed")])
def test_each_cell_of_a_matrix_is_the_mean_of_its_runs(files, runs, axes, filter):
    frame = build_table(runs, [], pivot=axes, filter=filter)
    cells = {}
    for folder in expected_runs(files, filter, None, None):
        value = value_of(files[folder], "test_accuracy")
        if value is not None:
            cells.setdefault(tuple(value_of(files[folder], name) for name in axes), []).append(value)
    found = {}
    for row in records(frame):
        for head in frame.columns[1:]:
            if not head.endswith("_n") and row[head] is not None:
                found[row[frame.columns[0]], head.rpartition("=")[2]] = (row[head], row.get(f"{head}_n", 1))
    assert sorted(n for _, n in found.values()) == sorted(map(len, cells.values()))
    expected = sorted(statistics.fmean(each) for each in cells.values())
    assert sorted(mean for mean, _ in found.values()) == pytest.approx(expected)


@pytest.mark.parametrize("options", [{}, {"sort": "loss"}, {"sort": "-units"}, {"filter": "loss < 0.6"}, {"filter": "test_accuracy > 0.5 and epoch > 1"}, {"top": 3}])
def test_each_epoch_is_a_row_of_its_runs_history(files, runs, options):
    rows = records(build_table(runs, [], epochs=True, **options))
    own = {}
    for folder in files:
        try:
            text = Path(folder, "history.csv").read_text()
        except FileNotFoundError:
            continue
        own |= {(folder, int(row["epoch"])): row for row in csv.DictReader(io.StringIO(text))}
    for row in rows:
        history = own[row["folder"], row["epoch"]]
        assert row["loss"] == float(history["loss"]) and same(row[KEYS["units"]], value_of(files[row["folder"]], "units"))
    places = {(row["folder"], row["epoch"]) for row in rows}
    assert len(places) == len(rows)
    if options.get("filter") == "loss < 0.6":
        assert places == {place for place, row in own.items() if float(row["loss"]) < 0.6}
    elif "filter" in options:
        assert places == {(f, e) for f, e in own if e > 1 and (value_of(files[f], "test_accuracy") or 0) > 0.5}
    elif "top" in options:
        best = sorted(files, key=lambda folder: value_of(files[folder], "test_accuracy") or 0)[-3:]
        assert places == {place for place in own if place[0] in best}
    else:
        assert places == {*own}
    if options.get("sort") == "loss":
        assert ordered([row["loss"] for row in rows], False)
    assert not any(re.search(r"column_\d", name) for row in rows[:1] for name in row)
