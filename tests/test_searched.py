"""`searched`: the part of a page about a search says what the search's summary says, in charts, tables and commands."""

from __future__ import annotations

import json
import random
import shlex
import sys

import pytest
from made_runs import make_run
from pages import read_page, sections_of
from test_page import HOSTILE
from test_search_summary import UNITS, write_trial
from test_study import SETTINGS

import stackfit
from stackfit.config import project
from stackfit.config.hydra.composition import Composer
from stackfit.config.hydra.space import Space
from stackfit.config.hydra.spread import read_spread
from stackfit.errors import Problems
from stackfit.execution import samplers
from stackfit.reports.searched import search_command
from stackfit.results.directions import BY_CLASS
from stackfit.results.search_lines import search_facts
from stackfit.results.search_summary import summarize_search
from stackfit.results.sweep_folder import SweepFolder

RATE = "optimizer.learning_rate"
BOTH = {"metric": ["val_accuracy", "parameters"], "direction": ["max", "min"], "pruner": "none"}


def make_search(name="sweep-0a0a0a0a", trials=24, seeds=1, settings=None, longest=8):
    """A search of which most trials were pruned after epochs 1, 2 and 4; with two metrics all are finished."""
    finishes = bool(settings) and settings.get("pruner") == "none"
    sweep, cells, noise = SweepFolder(project.outputs() / "xor_needs_a_hidden_layer" / name), [], random.Random(0)
    for trial in range(trials):
        units, rate = 16 * (trial % 16 + 1), 10 ** noise.uniform(-4, -1)
        epochs = longest if finishes or trial % 8 == 0 else (1, 1, 1, 1, 2, 2, 4)[trial % 7]
        for seed in range(seeds):
            level = 0.9 - 0.05 * abs(rate - 0.01) + units / 10_000 + seed / 1000
            axes = {UNITS: str(units), RATE: f"{rate:.4g}", **({"seed": str(seed)} if seeds > 1 else {})}
            curve, state = [level * (1 - 0.5**epoch) for epoch in range(1, epochs + 1)], "finished" if epochs == longest else "pruned"
            cells.append(write_trial(sweep, trial, axes, curve, state, longest=longest, batch=8, others={"parameters": 7 * units, "test_accuracy": 0.5}))
    space = {UNITS: "range(16,257,step=16)", RATE: "tag(log, interval(1e-4,1e-1))"}
    study = {**SETTINGS, "batch": 8, "n_trials": trials, "pruner": "halving", "space": space, **(settings or {})}
    sweep.write_index("xor_needs_a_hidden_layer", [], [UNITS, RATE], cells, study)
    return sweep


def figure(read, *names):
    """The rows of the figure that has these data sets."""
    places = next(each["rows"] for each in read.data["figures"] if {*names} == {*each["rows"]})
    return [read.rows(places[name]) for name in names]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of one search, and its summary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("searched"))
        sweep = make_search()
        path = stackfit.report(sweep.path)
        yield read_page(path), path.read_text(encoding="utf-8"), summarize_search(sweep)


def test_the_search_comes_first_and_in_the_words_of_the_table(page):
    read, text, summary = page
    assert sections_of(text)[:2] == ["search", "differences"]
    for _, sentence in search_facts(summary):
        assert sentence in read.text
    assert summary["command"] in read.text and f"stackfit new NAME --from-best {summary['folder']}" in read.text


def test_runs_are_held_against_each_other_by_what_the_search_chose_unless_others_are_with_them(lab):
    make_search(trials=8)
    assert "val_accuracy by setting" in read_page(stackfit.report("outputs")).text
    assert "test_accuracy by setting" in read_page(stackfit.report("outputs", metric="test_accuracy")).text
    make_run(lab / "outputs" / "base" / "1")
    assert "test_accuracy by setting" in read_page(stackfit.report("outputs")).text


def test_the_history_of_the_best_value_stands_next_to_what_chance_would_have_found(page):
    read, _, summary = page
    steps, chance = figure(read, "steps", "chance")
    ends = [*summary["progress"], [summary["epochs"], summary["progress"][-1][1]]]
    assert [[epochs, best] for epochs, best in zip(steps["epochs"], steps["best"], strict=True)] == [[e, pytest.approx(v, abs=1e-6)] for e, v in ends]
    random_search, one_epoch = summary["chance"]
    assert chance["name"] == ["random search", "one epoch of all"]
    assert chance["epochs"] == [random_search["epochs"], one_epoch["epochs"]]
    assert chance["low"] == [pytest.approx(each["low"], abs=1e-6) for each in summary["chance"]]
    assert [high is None for high in chance["high"]] == [each["high"] is None for each in summary["chance"]] == [False, True]
    assert chance["open"] == ["", "or more"] and chance["expected"][0].count(" to ") == 1 and chance["expected"][1].endswith(" or more")


@pytest.mark.extra
def test_axes_have_their_share(page):
    read, _, summary = page
    (shares,) = figure(read, "shares")
    assert dict(zip(shares["axis"], shares["share"], strict=True)) == {
        key.rpartition(".")[2]: pytest.approx(value, abs=1e-6) for key, value in summary["importance"].items()
    }
    assert shares["faint"] == [axis in summary["importance_by_chance"] for axis in summary["importance"]]


def test_trials_have_their_rung_and_reason(page):
    read, _, summary = page
    (ends,) = figure(read, "ends")
    pruned = [trials for trials, state in zip(ends["trials"], ends["state"], strict=True) if state == "pruned"]
    assert sum(pruned) == summary["trials"]["pruned"] and ends["epoch"] == [1, 2, 4, 8] and ends["trials"][-1] == 3
    table = next(rows for rows in read.tables if rows[0][-1] == "reason" and rows[0][0] == "trial")
    assert len(table) - 1 == summary["trials"]["pruned"]
    assert [int(row[1]) for row in table[1:]] == sorted(int(row[1]) for row in table[1:])
    assert {row[-1] for row in table[1:]} == {"rank 3 of 4 at epoch 1"}
    assert "Why runs did not finish" not in read.text  # said already


def test_where_less_is_better_the_open_end_is_below(lab):
    summary = summarize_search(make_search(settings={"direction": ["min"]}))
    steps, chance = figure(read_page(stackfit.report("outputs")), "steps", "chance")
    assert steps["best"][-1] == pytest.approx(summary["best"]["value"], abs=1e-6)
    assert chance["open"][1] == "or less" and chance["low"][1] is None and chance["high"][1] is not None


def test_a_search_of_two_metrics_of_which_more_is_better_steps_the_other_way(lab):
    make_search(trials=8, settings={**BOTH, "direction": ["max", "max"]})
    page = read_page(stackfit.report("outputs"))
    place = next(number for number, each in enumerate(page.data["figures"]) if "costs" in each["rows"])
    assert "step-before" in json.dumps(page.data["figures"][place]["spec"])


def test_without_optuna_the_page_says_what_the_axes_need(lab, monkeypatch):
    make_search()
    monkeypatch.setitem(sys.modules, "optuna", None)
    page = read_page(stackfit.report("outputs"))
    assert "Matters: needs Optuna: pip install 'stackfit[search]'." in page.text
    assert not any("shares" in each["rows"] for each in page.data["figures"])


def test_two_metrics_have_a_front_that_leads_to_the_runs(lab):
    summary = summarize_search(make_search(settings=BOTH))
    read = read_page(stackfit.report("outputs"))
    points = next(read.rows(each["rows"]["costs"]) for each in read.data["figures"] if "costs" in each["rows"])
    folders = read.column(read.data["table"]["rows"]["folder"])
    front = {folders[run] for run, is_front in zip(points["run"], points["front"], strict=True) if is_front}
    assert front == {entry["folders"][0] for entry in summary["front"]} and 0 < len(front) < 24
    table = next(rows for rows in read.tables if rows[0] == ["trial", "val_accuracy", "parameters", "setting"])
    assert [int(row[0]) for row in table[1:]] == [entry["trial"] for entry in summary["front"]]


def test_of_several_seeds_the_front_is_of_their_means_and_nobody_may_choose_runs_in_it(lab):
    make_search(seeds=2, trials=8, settings={**BOTH, "seeds": 2})
    read = read_page(stackfit.report("outputs"))
    place = next(number for number, each in enumerate(read.data["figures"]) if "costs" in each["rows"])
    assert len(read.rows(read.data["figures"][place]["rows"]["costs"])["run"]) == 8
    assert "brush" not in json.dumps(read.data["figures"][place]["spec"]) and "Each is the mean of its seeds." in read.text


def test_a_search_that_has_only_begun_or_is_damaged_is_a_page_all_the_same(lab, capsys):
    sweep = make_search("sweep-1", trials=3)
    index = json.loads(sweep.index.read_text())
    broken = make_search("sweep-2", trials=2)
    broken.index.write_text(broken.index.read_text().replace('"trial": 1', '"trial": "first"'))
    cell = {**index["cells"][0], "axes": {UNITS: HOSTILE, RATE: "0.1"}, "overrides": [f"{UNITS}={HOSTILE}"], "trial": 3}
    cell["folder"] = sweep.cell(cell["axes"], cell["fingerprint"]).name  # waits
    sweep.index.write_text(json.dumps({**index, "cells": [*index["cells"], cell]}))
    path = stackfit.report("outputs")
    read = read_page(path)
    assert "sweep.json cannot be read" in capsys.readouterr().err and "sweep.json cannot be read" in read.text
    assert "4 trials so far: 1 finished, 2 pruned, 1 waiting" in read.text and "not said of fewer than 20 trials" in read.text
    assert sections_of(path.read_text())[0] == "search"


def test_several_searches_have_a_section_each(lab):
    for number in range(5):
        make_search(f"sweep-{number}", trials=2)
    path = stackfit.report("outputs", filter="state == 'finished'")  # the runs on the page; a search is told whole
    assert sections_of(path.read_text())[:5] == ["search-1", "search-2", "search-3", "search-4", "searches"]
    read = read_page(path)
    assert "2 trials: 1 finished, 1 pruned" in read.text
    names = [attributes["aria-label"] for _, attributes in read.tags if attributes.get("role") == "region"]
    assert len(names) == len({*names}) >= 5


def folder_of(words):
    """The folder that `stackfit run` would take for these words."""
    name, *overrides = [word for word in words if word != "-m"]
    composition, problems = Composer(name).compose(overrides, Problems()), Problems()
    spread = read_spread(composition, lambda cells: True, problems, BY_CLASS)
    assert not problems.errors
    folder = SweepFolder.find(project.outputs() / name, name, spread.named, spread.names, False, spread.study)
    return folder, {"experiment": name, "overrides": [*spread.fixed]}, spread.study, spread.space


HEAD = "defaults: [digits_quickstart, override hydra/sweeper: search, _self_]\ndata: {validation_split: 0.2}\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    batch: 4\n"
UNION = """    params: {epochs: "1,2", batch_size: 100, model.layers.hidden.units: "4,8"}
    union:
      - {optimizer: adam, optimizer.beta_1: "interval(0.5,0.9)", model.layers.hidden.units: "16"}
      - {optimizer: momentum, optimizer.momentum: "tag(log, interval(1e-2, .9))", +model.layers.hidden.name: "'a,b',c"}
"""
ALIKE = """    union:
      - {batch_size: 1e2, model.layers.hidden.activation: "null,relu", optimizer.learning_rate: "1e-3"}
      - {batch_size: 1e2, model.layers.hidden.units: "[4,4],[8]", optimizer.learning_rate: "1e-3"}
"""


@pytest.mark.parametrize(
    "words",
    [
        ["search_quickstart"],
        ["search_quickstart", "epochs=3", "hydra.sweeper.batch=16", "model.layers.hidden.units=8,16"],
        ["digits_quickstart", "-m", "hydra/sweeper=search", "data.validation_split=0.2", "hydra.sweeper.metric=[val_loss,parameters]",
         "hydra.sweeper.pruner=none", "hydra.sweeper.minutes=2", "hydra.sweeper.seeds=2", "optimizer=adam,sgd",
         "model.layers.hidden.units=tag(log, int(interval(8,64)))"],
        ["search_quickstart", "epochs=choice(2)", "model.layers.hidden.units=8,16"],
        ["union"],
        ["union", "batch_size=50,100", "epochs=choice(3)", "seed=int(interval(0,5))"],
        ["alike", "epochs=1,2"],
        ["digits_quickstart", "-m", "hydra/sweeper=search", "data.validation_split=0.2", "epochs=1,2",
         "hydra.sweeper.union=[{optimizer:adam},{optimizer:sgd,optimizer.learning_rate:'0.1,0.2'}]"],
    ],
)  # fmt: skip
def test_the_command_of_a_search_leads_to_its_folder_and_asks_for_the_same(lab, write, words):
    write("experiments/union.yaml", HEAD + UNION)
    write("experiments/alike.yaml", HEAD + ALIKE)
    folder, index, study, space = folder_of(words)
    again, _, told, same = folder_of(shlex.split(search_command(index, study))[2:])
    assert again.path == folder.path and told == study and same == space == Space.read(space.fixed, json.loads(json.dumps(study)))
    assert samplers.ask(space, {**study, "sampler": "random"}, (), 0, 8) == samplers.ask(same, {**told, "sampler": "random"}, (), 0, 8)
