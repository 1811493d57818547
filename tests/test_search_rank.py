"""A search has one best, wherever it is asked for: by its own metric, and by the mean of new seeds once it is confirmed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from made_runs import make_run
from pages import read_page
from test_search_summary import UNITS, write_trial
from test_study import SETTINGS

import stackfit
from stackfit.results.best import find_best
from stackfit.results.search_rank import best_mean, search_at
from stackfit.results.sweep_folder import SweepFolder

NAME = "xor_needs_a_hidden_layer"


def make_search(name="sweep-1", values=((0.9, 0.5), (0.8, 0.95), (0.7, 0.6)), settings=None, seeds=1, fixed=(), first=1):
    """A search of trials with these final validation and test accuracies, and two that were pruned after 1 and 2 epochs."""
    sweep, cells = SweepFolder(Path("outputs") / NAME / name), []
    curves = [[0.1, 0.2, 0.3, value] for value, _ in values] + [[0.9], [0.1, 0.1]]
    for number, curve in enumerate(curves):
        for seed in range(seeds):
            axes = {UNITS: str(number + first), **({"seed": str(seed)} if seeds > 1 else {})}
            state = "finished" if number < len(values) else "pruned"
            test = values[number][1] if state == "finished" else None
            cells.append(write_trial(sweep, number, axes, curve, state, final=curve[-1] - 0.3 * seed * (number == 0), others={"test_accuracy": test}))
    study = {**SETTINGS, "space": {UNITS: "interval(0,9)"}, "pruner": "halving", "seeds": seeds, **(settings or {})}
    sweep.write_index(NAME, [*fixed], [UNITS], cells, study)
    return sweep


def confirm(values, name="sweep-2", fixed=()):
    """A sweep that trains settings with new seeds: `{units: [(validation, test accuracy) of each seed]}`; None for a failed one."""
    sweep, cells = SweepFolder(Path("outputs") / NAME / name), []
    for units, pairs in values.items():
        for seed, pair in enumerate(pairs, 1):
            axes = {UNITS: str(units), "seed": str(seed)}
            final, test = pair or (None, None)
            cell = write_trial(sweep, 0, axes, [0.5], "finished" if pair else "failed", final=final, others={"test_accuracy": test})
            cells.append({key: value for key, value in cell.items() if key not in ("trial", "batch")})
    sweep.write_index(NAME, [*fixed], [UNITS, "seed"], cells)
    return sweep


NEW = {1: [(0.7, 0.5), (0.6, 0.99)], 2: [(0.8, 0.5), (0.7, 0.5)]}


def test_a_search_is_ranked_by_what_it_chose_by_and_says_so(lab, cli):
    sweep = make_search()
    make_run(Path("outputs") / NAME / "single", {}, {"test_accuracy": 0.99}, experiment=NAME)
    for paths in (NAME, sweep.path, [sweep.path, f"outputs/{NAME}/single"]):
        folder, said, _ = find_best(paths)
        assert f"{UNITS}=1-" in folder and said == "val_accuracy 0.9, the highest of 3 runs, by the metric of the search"
    assert f"{UNITS}=2-" in find_best(sweep.path, "test_accuracy", "max")[0] and "single" in find_best(NAME, "test_accuracy", "max")[0]
    assert f"{UNITS}=3-" in find_best(NAME, direction="min")[0]
    assert f"{UNITS}=1-" in cli("predict", f"{NAME}@best").err  # it is found before its model is missed
    make_run(Path("outputs") / "base" / "other", {}, {"test_accuracy": 0.99})
    assert "test_accuracy 0.99" in find_best("outputs", direction="max")[1]  # several experiments


def test_of_a_confirmed_search_the_setting_with_the_best_mean_is_the_best_everywhere(lab, cli):
    search, again = make_search(), confirm(NEW)
    said = "val_accuracy 0.75 over 2 seeds, the highest mean of 2 settings, by the metric of the search; its best run has 0.8"
    for path in (NAME, again.path):
        assert find_best(path)[1] == said and f"{again.path}/{UNITS}=2,seed=1-" in find_best(path)[0]
    assert f"{search.path}/{UNITS}=1-" in find_best(search.path)[0]  # what the search itself has chosen
    for number, path in enumerate((NAME, again.path)):
        made = cli("new", f"found{number}", "--from-best", str(path))
        assert made.code == 0 and "The best of 2 settings trained again: units=2, val_accuracy 0.75, the mean of 2 new seeds" in made.out, made
        content = yaml.safe_load(Path(f"experiments/found{number}.yaml").read_text())
        assert content["model"]["layers"]["hidden"]["units"] == 2 and "seed" not in content
    assert cli("new", "first", "--from-best", str(search.path)).out.startswith("The best of 5 trials: units=1")
    for words in (["table", NAME], ["compare", NAME, "--metric", "val_accuracy"]):  # the newest sweep is the confirmation
        out = cli(*words).out
        assert "best     units=1: val_accuracy 0.90 (trial 0)" in out and "confirm  units=2: val_accuracy 0.75" in out, out
        assert out.endswith(f"{again.path}\n")
    assert "confirm" not in cli("table", str(search.path)).out and "search " not in cli("table", str(again.path)).out
    assert stackfit.search_summary(NAME)["confirmed"]["value"] == pytest.approx(0.75)
    text = read_page(stackfit.report(NAME)).text
    assert "highest mean val_accuracy over 2 seeds: units=2" in text and "What the search found" in text
    assert "test_accuracy by setting" not in text
    assert stackfit.plot(NAME, kind="axis").figure.title == "val_accuracy by units"
    text = read_page(stackfit.report(again.path)).text
    assert "highest mean val_accuracy over 2 seeds: units=2" in text and "--confirm 2" in text


def test_relatives_a_failed_seed_less_is_better_several_seeds_and_other_sweeps(lab):
    make_search(settings={"direction": ["min"]})
    confirm({1: [(0.1, 0.5), None], 2: [(0.8, 0.5), (0.7, 0.5)], 3: [(0.9, 0.5), (0.7, 0.5)]})
    assert find_best(NAME)[1].startswith("val_accuracy 0.75 over 2 seeds, the lowest mean of 2 settings")  # one has failed
    several = make_search("sweep-3", seeds=2, fixed=["epochs=3"])  # trial 0: 0.9 and 0.6
    assert find_best(several.path)[1] == (
        "val_accuracy 0.8 over 2 seeds, the highest mean of 3 settings, by the metric of the search; its best run has 0.8"
    )
    assert search_at(several.path)[0].path == several.path
    grid = confirm(NEW, "sweep-4", fixed=["epochs=4"])  # of another command: no confirmation of either
    assert search_at(grid.path) == (None, None) and find_best(grid.path, direction="max")[1].startswith("test_accuracy 0.99")
    confirm({7: NEW[1]}, "sweep-5")
    assert search_at(Path(f"outputs/{NAME}/sweep-5")) == (None, None)  # a setting that no search has tried


def test_the_search_that_went_on_after_its_confirmation_keeps_it_and_a_newer_search_does_not(lab):
    search, again = make_search(), confirm(NEW)
    os.utime(search.index)  # its command was typed again
    assert [each.path.name for each in search_at(Path(NAME))] == ["sweep-1", "sweep-2"] and "0.75" in find_best(NAME)[1]
    newer = make_search("sweep-3", values=((0.4, 0.4),), settings={"sampler": "random"}, first=11)
    os.utime(newer.index, (2e9, 2e9))
    assert search_at(Path(NAME))[0].path.name == "sweep-3" and "mean" not in find_best(NAME)[1]
    assert search_at(again.path)[0].path.name == "sweep-1"  # the other has not tried all of its settings


def test_the_runs_by_which_settings_were_chosen_are_not_compared_with_those_that_confirm_them(lab, cli):
    search, again = make_search(), confirm(NEW)
    for words in ([], ["--metric", "test_accuracy"]):
        answer = cli("compare", NAME, *words, "--format", "json")
        rows, said = [*json.loads(answer.out).values()][1], " ".join(answer.err.split())
        assert {row["configuration"]: row["n"] for row in rows} == {"units=1": 2, "units=2": 2}
        assert "Not compared: 3 finished runs of the search itself, by which the settings" in said and f"stackfit compare {search.path}" in said
    means = json.loads(cli("compare", str(again.path), "--format", "json").out)
    assert [row["val_accuracy_mean"] for row in [*means.values()][1]] == [pytest.approx(0.75), pytest.approx(0.65)]
    assert len([*json.loads(cli("compare", str(search.path), "--format", "json").out).values()][1]) == 3  # what the search itself has
    assert "again    stackfit run xor_needs_a_hidden_layer hydra.mode=RUN \\\n           model.layers.hidden.units=2\n" in cli("compare", NAME).out
    assert stackfit.search_summary(search.path)["command"].endswith("units=1")
    page = read_page(stackfit.report(NAME)).text
    assert "stackfit run xor_needs_a_hidden_layer hydra.mode=RUN model.layers.hidden.units=2" in page


def test_compare_and_the_best_rows_are_by_what_the_search_chose_unless_others_are_asked_for(lab, cli):
    sweep = make_search(settings={"direction": ["min"]})  # whatever the metric's class says
    for paths in ([NAME], [str(sweep.path)]):
        out = cli("compare", *paths).out
        assert out.startswith("val_accuracy, mean") and [line.split()[0] for line in out.splitlines()[4:7]] == ["units=3", "units=2", "units=1"], out
    assert stackfit.table(NAME, top=1)[UNITS].tolist() == ["3"] and stackfit.table(NAME, top=1, direction="max")[UNITS].tolist() == ["1"]
    assert stackfit.table(NAME, pivot=(UNITS, "seed")).iloc[:, 1].tolist() == [0.9, 0.8, 0.7]
    assert cli("compare", NAME, "--metric", "test_accuracy").out.startswith("test_accuracy, mean")
    assert cli("compare", NAME, "--direction", "max").out.index("units=1") < cli("compare", NAME, "--direction", "max").out.index("units=3")
    make_run(Path("outputs") / "base" / "other", {}, {"test_accuracy": 0.99})
    assert stackfit.table("outputs", top=1, direction="max")["experiment"].tolist() == ["base"]  # of several, by test_accuracy
    make_search("sweep-2", settings={"metric": ["loss"], "direction": ["min"]})
    assert cli("compare", NAME).out.startswith("test_accuracy, mean")  # two searches by different metrics


def test_of_a_search_without_a_value_of_its_metric_nothing_else_is_ranked(lab, cli):
    make_search(values=(), settings={"metric": ["val_accuracy"]})
    for name, accuracy in (("one", 0.5), ("two", 0.75)):
        make_run(Path("outputs") / NAME / name, {UNITS: len(name) + int(4 * accuracy)}, {"test_accuracy": accuracy}, experiment=NAME)
    for words in (["best", NAME], ["compare", NAME], ["table", NAME, "--top", "1"]):
        answer = cli(*words)
        assert answer.code == 2 and "No run has a value of val_accuracy. Expected a finished run with one." in answer.err, words
    assert cli("compare", NAME, "--metric", "test_accuracy").code == 0
    assert "test_accuracy by setting" in read_page(stackfit.report(NAME)).text  # a page is made all the same


def test_the_mean_of_all_seeds_counts_and_of_some_only_where_no_setting_has_all():
    settings = {"a": (("u", "1"),), "b": (("u", "1"),), "c": (("u", "2"),)}
    assert best_mean({"a": 1.0, "c": 0.5}, settings, "max") == (["c"], 0.5, 1)
    assert best_mean({"a": 1.0}, settings, "max") == (["a"], 1.0, 1)
    assert best_mean({"a": 1.0, "b": 0.5, "c": 0.75}, settings, "min") == (["a", "b"], 0.75, 2)


def test_the_table_of_a_search_has_its_metric_and_axes_and_the_best_first(lab, cli):
    make_search()
    out = cli("table", NAME).out.splitlines()
    head = out[0].split()
    assert head[:2] == ["units", "val_accuracy"], out
    assert [line.split()[0] for line in out[2:7]] == ["1", "2", "3", "5", "4"]  # 5 came further than 4
    assert [row["folder"].rpartition("=")[2][0] for row in json.loads(cli("table", NAME, "--format", "json").out)] == [*"12354"]
    assert [line.split()[0] for line in cli("table", NAME, "--sort", "units").out.splitlines()[2:7]] == [*"12345"]
    assert stackfit.table(NAME)[UNITS].tolist() == [*"12354"]
