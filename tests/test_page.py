"""`reports`: the page holds what `table` and `compare` say, whatever names and numbers the runs have, and nothing that runs."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from pathlib import Path

import pytest
from made_runs import make_run
from pages import read_page, sections_of

import stackfit
from stackfit.reports.runs_table import command_of
from stackfit.reports.searched import command_of_sweep
from stackfit.results.comparison import compare
from stackfit.results.sweep_folder import SweepFolder

UNITS, RATES, SEEDS = (16, 32, 64), (0.001, 0.01), (0, 1, 2)
HOSTILE = '<img src=x onerror=alert(1)></script><script>alert(2)</script>"\'&{{ 7 * 7 }}'


def make_sweep(outputs, units=UNITS, rates=RATES, seeds=SEEDS, **more):
    """A finished sweep: the accuracy rises with the units, and differs a little by seed."""
    for unit in units:
        for rate in rates:
            for seed in seeds:
                settings = {"model.layers.hidden.units": unit, "optimizer.learning_rate": rate, "seed": seed, **more}
                accuracy = 0.6 + 0.002 * unit - rate + 0.001 * seed
                metrics = {"loss": 1 - accuracy, "test_loss": 1.1 - accuracy, "test_accuracy": accuracy, "stopped_epoch": 3, "parameters": unit * 100}
                make_run(outputs / "base" / f"{unit}-{rate}-{seed}", settings, metrics, axes={**settings}, sweep="sweep-0a0a0a0a", history=3)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a sweep of 18 runs and three that did not finish."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        folder = stackfit.config.project.outputs()
        make_sweep(folder)
        make_run(folder / "base" / "bad", {"seed": 8}, failed=f"ValueError: {HOSTILE}", sweep="sweep-0a0a0a0a")
        make_run(folder / "base" / "cut", {"seed": 9}, failed="Rank 9 of 16 at epoch 2.", state="pruned", sweep="sweep-0a0a0a0a", history=2)
        make_run(folder / "base" / "nan", {"seed": 7}, failed="The loss is NaN.", sweep="sweep-0a0a0a0a", history=1)
        path = stackfit.report()
        yield read_page(path), path.read_text(encoding="utf-8"), folder


def test_the_table_of_the_page_is_the_table(page):
    read, _, folder = page
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.resolve().parent)
        frame = stackfit.table()
    shown = read.data["table"]
    for column in shown["columns"]:
        expected = [None if value is None or value != value else value for value in frame[column["key"]].astype(object).where(frame[column["key"]].notna(), None)]
        assert read.column(shown["rows"][column["key"]]) == expected, column
    keys = {column["key"] for column in shown["columns"]}
    assert {"model.layers.hidden.units", "optimizer.learning_rate", "seed", "test_accuracy", "state", "reason", "folder"} <= keys
    table = next(rows for rows in read.tables if len(rows) == len(frame) + 1)
    assert table[0][1:] == [column["name"] for column in shown["columns"]]
    place = table[0].index("test_accuracy")
    assert [row[place] for row in table[1:]] == ["" if value != value else f"{value:.3f}" for value in frame["test_accuracy"]]


def test_each_row_leads_to_its_folder_and_repeats_its_run(page):
    read, _, folder = page
    links = [attributes["href"] for tag, attributes in read.tags if tag == "a" and attributes["href"].startswith("./")]
    assert len(links) == 21
    assert all((folder.resolve().parent / link / "status.json").is_file() for link in links)
    assert set(read.column(read.data["table"]["commands"])) == {"stackfit run base"}


def test_the_sentences_are_those_of_compare(page):
    read, _, folder = page
    for sentence in compare([folder]).sentences:
        assert " ".join(sentence.split()) in read.text


def test_charts_have_the_means_and_intervals_of_the_table_over_seeds(page):
    read, _, folder = page
    by_units = stackfit.table(folder, filter="seed < 7", by="units", over="seed")
    figure = next(each for each in read.data["figures"] if "means" in each["rows"])
    means = read.rows(figure["rows"]["means"])
    assert means["x"] == [16, 32, 64]
    own = by_units.groupby("model.layers.hidden.units")["test_accuracy_mean"].mean()
    assert means["mean"] == pytest.approx(own.tolist(), abs=1e-6)
    assert means["n"] == [3, 3, 3]
    assert all(low < mean < high for low, mean, high in zip(means["low"], means["mean"], means["high"], strict=True))
    points = read.rows(figure["rows"]["points"])
    assert len(points["value"]) == 18


def test_the_answer_comes_first_and_failed_runs_last_with_their_reasons(page):
    read, text, _ = page
    assert sections_of(text) == ["differences", "settings", "runs", "cost", "curves", "unfinished", "again"]
    assert "Rank 9 of 16 at epoch 2." in read.text and "pruned" in read.text
    assert "runs: 18 finished, 2 failed, 1 pruned" in read.text


def test_nothing_of_a_run_becomes_markup_and_only_our_scripts_may_run(page):
    read, text, _ = page
    assert HOSTILE in read.text and "<img src=x" not in text
    policy = next(attributes["content"] for tag, attributes in read.tags if attributes.get("http-equiv"))
    scripts = [script for attributes, script in read.scripts if attributes.get("type") != "application/json"]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 2 and policy.startswith("default-src 'none'; script-src ")
    assert re.findall(r"'sha256-([^']+)'", policy) == digests
    assert "unsafe-eval" not in policy and "http" not in policy
    assert not [attributes for _, attributes in read.tags if any(name.startswith("on") for name in attributes)]


def test_no_address_of_the_page_leaves_it(page):
    read, _, _ = page
    addresses = [value for _, attributes in read.tags for name, value in attributes.items() if name in ("src", "href") and value]
    assert all(address.startswith(("./", "#", "data:")) for address in addresses)


def test_a_page_says_what_its_charts_show_to_those_who_do_not_see_them(page):
    read, _, _ = page
    charts = [attributes for tag, attributes in read.tags if "data-figure" in attributes and tag == "div"]
    assert charts and all(attributes["role"] == "img" and attributes["aria-label"] for attributes in charts)
    assert len(charts) == len(read.data["figures"])


def written(lab, *paths, **options):
    path = stackfit.report(*(paths or (lab / "outputs",)), out=lab / "page.html", **options)
    return read_page(path)


def test_questions_and_values_of_any_length_or_meaning(lab):
    long = "x" * 10_000
    for number, value in enumerate((HOSTILE, long, f"{long}y", "a\u202eb\x1b[31m", "")):
        make_run(lab / "outputs" / "base" / str(number), {"data.path": value, "seed": number % 2}, {"test_accuracy": 0.5 + number / 100})
    read = written(lab)
    paths = read.column(read.data["table"]["rows"]["data.path"])
    assert sorted(paths) == sorted([HOSTILE, long, f"{long}y", "a\u202eb\x1b[31m", ""])
    assert [tag for tag, _ in read.tags].count("script") == 3


def test_a_metric_that_is_not_finite_is_a_blank(lab):
    for number, value in enumerate((0.5, math.nan, math.inf, 0.7)):
        make_run(lab / "outputs" / "base" / str(number), {"model.layers.hidden.units": 2**number}, {"test_accuracy": value, "loss": 1.0})
    read = written(lab)
    assert read.column(read.data["table"]["rows"]["test_accuracy"]) == [0.5, None, None, 0.7]
    assert "highest test_accuracy" in read.text and "0.7" in read.text


def test_what_is_decided_stands_before_what_is_not_and_the_rest_is_folded(lab):
    for unit, level in ((1, 0.9), (2, 0.899), (4, 0.898), (8, 0.2), (16, 0.1)):
        for seed in range(3):
            make_run(lab / "outputs" / "base" / f"{unit}-{seed}", {"model.layers.hidden.units": unit, "seed": seed}, {"test_accuracy": level + seed / 1000})
    text = stackfit.report(out=lab / "page.html").read_text()
    said = re.findall(r'<p class="said"[^>]*>(.*?)</p>', text)
    decided = [" is better than " in sentence for sentence in said]
    assert decided == sorted(decided, reverse=True) and 0 < sum(decided) < len(said)
    assert f"{len(said) - 3} more sentences" in text and {*compare([lab / "outputs"]).sentences} <= {sentence.replace("&#39;", "'").replace("&lt;", "<") for sentence in said}


def index_of(cells, **more):
    """The `sweep.json` of cells with these axes."""
    rows = [{"folder": str(number), "axes": axes, "overrides": [], "fingerprint": "0123456789", **more} for number, axes in enumerate(cells)]
    return {"format": 1, "experiment": "base", "overrides": ["epochs=2"], "axes": [*cells[0]], "cells": rows}


@pytest.mark.parametrize(
    ("cells", "command"),
    [
        ([{"a": "1", "b": "x"}, {"a": "1", "b": "y"}], "stackfit run base epochs=2 -m 'a=choice(1)' b=x,y"),
        ([{"a": "[64, 64]"}, {"a": "32"}], "stackfit run base epochs=2 -m 'a=[64, 64],32'"),
        ([{"a": "1", "b": "x"}, {"a": "2", "b": "y"}], None),  # two grids
    ],
)
def test_the_command_of_a_sweep_trains_its_cells_and_no_others(monkeypatch, cells, command):
    index = index_of(cells)
    index["cells"].append({**index["cells"][0], "axes": {"a": "9", "b": "earlier"}, "planned": False})
    monkeypatch.setattr(SweepFolder, "read_index", lambda self: index)
    assert command_of_sweep(Path("sweep")) == command


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ({"experiment": "xor_needs_a_hidden_layer", "sweep": "sweep-1", "overrides": ["seed=3"]}, "stackfit run xor_needs_a_hidden_layer hydra.mode=RUN seed=3"),
        ({"experiment": "digits_quickstart", "sweep": "sweep-1", "overrides": ["seed=3"]}, "stackfit run digits_quickstart seed=3"),
        ({"experiment": "digits_quickstart", "overrides": ["seed=3"]}, "stackfit run digits_quickstart seed=3"),
        ({"experiment": "gone", "sweep": "sweep-1", "overrides": []}, "stackfit run gone"),
    ],
)
def test_what_repeats_a_cell_trains_this_cell_and_no_sweep_that_its_experiment_declares(lab, status, command):
    assert command_of(status) == command


def test_runs_of_other_metrics_stand_in_one_table_and_the_default_metric_decides(lab):
    for seed in (0, 1):
        make_run(lab / "outputs" / "base" / f"a{seed}", {"seed": seed}, {"test_accuracy": 0.5})
        make_run(lab / "outputs" / "other" / f"b{seed}", {"seed": seed, "task.labels": "value"}, {"test_mean_error": 3.5}, experiment="other")
    read = written(lab)
    names = {column["key"] for column in read.data["table"]["columns"]}
    assert {"test_accuracy", "test_mean_error", "experiment"} <= names
    assert "4 runs of 2 experiments" in read.text
    assert "test_mean_error by" in written(lab, metric="test_mean_error").text


def test_fifty_settings_have_their_columns_and_the_first_of_them_a_chart(lab):
    for run in range(3):
        settings = {f"callbacks.own.argument_{number}": run * number for number in range(1, 51)}
        make_run(lab / "outputs" / "base" / str(run), settings, {"test_accuracy": 0.5 + run / 10})
    read = written(lab)
    assert sum(column["key"].startswith("callbacks.own") for column in read.data["table"]["columns"]) == 50
    assert sum("means" in figure["rows"] for figure in read.data["figures"]) == 12
    assert "12 of 50 settings have a chart. The others are: argument_13" in read.text


def test_a_history_that_was_cut_short_is_a_warning_and_the_others_have_curves(lab, capsys):
    make_sweep(lab / "outputs", units=(16,), rates=(0.001,))
    (lab / "outputs" / "base" / "16-0.001-0" / "history.csv").write_bytes(b"epoch,loss\n1,0.5\n2,\xff\xfe")
    read = written(lab)
    assert "history.csv cannot be read" in capsys.readouterr().err
    curves = next(figure for figure in read.data["figures"] if "epochs" in figure["rows"])
    assert set(read.rows(curves["rows"]["epochs"])["run"]) == {1, 2}
    assert "history.csv cannot be read" in read.text


def test_runs_of_which_none_finished_are_a_page_of_reasons(lab):
    for number in range(2):
        make_run(lab / "outputs" / "base" / str(number), {"seed": number}, failed="No room is left.")
    read = written(lab)
    assert "No room is left." in read.text and read.data["figures"] == []


def test_a_direction_that_nobody_knows_makes_no_best(lab):
    for number in range(3):
        make_run(lab / "outputs" / "base" / str(number), {"model.layers.hidden.units": 2**number}, {"test_gap": number / 7, "parameters": number})
    assert "highest" not in written(lab).text.split("Which differences")[0]
    assert "lowest test_gap: units=1" in written(lab, direction="min").text


def test_a_question_is_shown_as_text(lab):
    for number in range(2):
        folder = make_run(lab / "outputs" / "base" / str(number), {"seed": number})
        (folder / "config.yaml").write_text(json.dumps({"about": {"question": f"Is {HOSTILE} {'w' * 9_000} safe?"}}))
    read = written(lab)
    assert f"Is {HOSTILE} {'w' * 9_000} safe?" in read.text


def test_numbers_of_a_thousand_runs_fit_into_the_file_and_the_time(lab):
    """Smaller than the real thing, which the browser's test measures: bytes a run."""
    for number in range(40):
        make_run(lab / "outputs" / "base" / f"model.layers.hidden.units={number},seed=0-{number:08x}", {"model.layers.hidden.units": number + 1}, history=5)
    small, large = lab / "small.html", lab / "large.html"
    stackfit.report("outputs/base", out=small, filter="units <= 20")
    stackfit.report("outputs/base", out=large)
    assert (large.stat().st_size - small.stat().st_size) / 20 < 1_100
