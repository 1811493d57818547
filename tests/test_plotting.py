"""`plotting`: figures for papers, at a width in millimetres, with the numbers of the table."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from made_runs import make_run
from PIL import Image

import stackfit
from stackfit.reports.plotting import KINDS, plot_of

UNITS, RATES, SEEDS = (16, 64, 256), (0.001, 0.01), range(3)


@pytest.fixture
def sweep(lab):
    """Eighteen runs whose accuracy is a function of their settings, with a seed that moves it a little."""
    for units in UNITS:
        for rate in RATES:
            for seed in SEEDS:
                accuracy = 0.6 + units / 1000 + 10 * rate + seed / 1000
                make_run(
                    lab / "outputs" / "base" / f"{units}-{rate}-{seed}",
                    {"model.layers.hidden.units": units, "optimizer.learning_rate": rate, "seed": seed},
                    {"loss": 0.5, "test_accuracy": accuracy, "stopped_epoch": 3, "parameters": 10 * units},
                    history=3,
                )
    return lab


def rows(plot, name):
    return plot.spec["datasets"][name]


@pytest.mark.parametrize(
    "kind, ending", [*((kind, "png") for kind in KINDS if kind not in ("confusion", "layers")), ("axis", "svg"), ("axis", "pdf")]
)
def test_each_kind_is_written_in_each_form_as_wide_as_it_is_asked_for(sweep, cli, kind, ending):
    answer = cli("plot", "base", "--kind", kind, "--out", f"figure.{ending}", "--width", "90")
    assert (answer.code, answer.out) == (0, f"figure.{ending}\n"), answer.err
    content = Path(f"figure.{ending}").read_bytes()
    if ending == "png":
        with Image.open("figure.png") as picture:
            assert picture.width == pytest.approx(90 / 25.4 * 300, abs=2)
            assert len(np.unique(np.asarray(picture.convert("L")))) > 20  # something is drawn
    elif ending == "svg":
        assert re.search(rb'width="90\.00mm"', content)
    else:
        (width, _) = map(float, re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", content).groups())
        assert width == pytest.approx(90 / 25.4 * 72, abs=1)


def test_an_axis_shows_the_mean_over_seeds_with_its_interval_and_says_so(sweep):
    plot, problems = plot_of(["base"], "axis", by=["learning_rate"])
    assert problems == []
    assert [row["x"] for row in rows(plot, "means")] == [*RATES]
    table = stackfit.table("base").groupby("optimizer.learning_rate")["test_accuracy"]
    assert [row["mean"] for row in rows(plot, "means")] == pytest.approx(list(table.mean()), rel=1e-5)
    assert [row["n"] for row in rows(plot, "means")] == [3, 3]  # seeds: the other setting is averaged
    assert len(rows(plot, "points")) == 18
    assert "bars are its 95 % interval" in " ".join(plot.spec["title"]["text"])


def test_a_heat_map_has_the_mean_of_each_pair(sweep):
    plot, _ = plot_of(["base"], "heatmap", by=["units", "learning_rate"])
    means = {(row["row"], row["column"]): row["mean"] for row in rows(plot, "cells")}
    assert means[("256", "0.01")] == pytest.approx(0.6 + 0.256 + 0.1 + 0.001, rel=1e-5)
    assert len(means) == 6


def test_every_setting_and_pair_has_a_figure_also_where_the_report_shows_only_some(lab):
    names = [f"model.layers.hidden.a{number}" for number in range(14)]
    for number in range(28):
        make_run(lab / "outputs/base" / str(number), {name: (number + place) % 7 % 2 for place, name in enumerate(names)}, {"test_accuracy": number / 28})
    for by in (["a0", "a2"], ["a5", "a9"], ["a12", "a13"], ["a13"]):
        figure = plot_of(["base"], "heatmap", by=by)[0].figure
        assert {*by} <= {key.rpartition(".")[2] for key in figure.by} and "Mean test_accuracy" in figure.alt
    plot, _ = plot_of(["base"], by=["a13"])
    assert plot.figure.kind == "axis" and [row["x"] for row in rows(plot, "means")] == [0, 1]


def test_curves_are_coloured_by_the_setting_that_is_asked_for(sweep):
    plot, _ = plot_of(["base"], "curves", by=["learning_rate"])
    assert {row["group"] for row in rows(plot, "epochs")} == {"0.001", "0.01"}
    assert len(rows(plot, "epochs")) == 18 * 3


def test_without_a_kind_several_runs_are_shown_by_their_first_setting_and_one_by_its_curves(sweep):
    assert plot_of(["base"])[0].figure.kind == "axis"
    alone, _ = plot_of(["outputs/base/16-0.001-0"])
    assert alone.figure.kind == "curves"
    assert [row["value"] for row in rows(alone, "lines")] == pytest.approx([1, 0.5, 1 / 3], rel=1e-5)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((120, 219, 335, 481), ["120", "219", "335", "481"]),  # before: 1e+2, 2e+2, 3e+2, 5e+2
        ((2**20, 2**21, 2**23), ["1048576", "2097152", "8388608"]),
        ((1.0000001, 1.0000002, 1.5), ["1.0000001", "1.0000002", "1.5"]),
        ((1e-4, 1e-3, 0.01), ["0.0001", "0.001", "0.01"]),
    ],
)
def test_an_axis_names_each_value_as_it_is(lab, values, texts):
    for number, value in enumerate(values):
        make_run(lab / "outputs/base" / str(number), {"model.layers.hidden.units": value}, {"test_accuracy": 0.5 + number / 10})
    plot, _ = plot_of(["base"], "axis", by=["units"])
    (axis,) = {json.dumps(layer["encoding"]["x"]["axis"]) for layer in plot.spec["layer"]}
    axis = json.loads(axis)
    written = [f"{int(value)}" if axis["format"] == "d" else f"{value:{axis['format'].replace('~', '')}}".rstrip("0") for value in axis["values"]]
    assert [float(text) for text in written] == [float(text) for text in texts] and len({*written}) == len(values)
    assert (axis["format"] == "d") is all(isinstance(value, int) for value in values)


def test_a_run_of_one_epoch_is_a_point_among_the_curves(lab):
    for number, epochs in enumerate((1, 3)):
        make_run(lab / "outputs/base" / str(number), {"model.layers.hidden.units": number}, history=epochs)
    plot, _ = plot_of(["base"], "curves")
    line, point = plot.spec["layer"]
    assert (line["mark"]["type"], point["mark"]["type"]) == ("line", "circle")
    assert point["transform"][-1] == {"filter": "datum.epochs == 1"}


@pytest.mark.tf
def test_one_run_has_a_confusion_matrix_with_the_counts_of_its_predictions(finished, lab):
    plot, _ = plot_of([finished], "confusion")
    with np.load(finished / "predictions.npz") as stored:
        said, true = stored["scores"].argmax(1), stored["labels"]
    counts = {(row["true"], row["predicted"]): row["count"] for row in rows(plot, "matrix")}
    assert counts[("3", "3")] == int(((said == 3) & (true == 3)).sum())
    assert sum(counts.values()) == 360
    layers, _ = plot_of([finished], "layers")
    assert sum(row["parameters"] for row in rows(layers, "layers")) == 610


def test_a_notebook_shows_it_as_svg(sweep):
    plot, _ = plot_of(["base"], "pareto")
    bundle = plot._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "parameters" in bundle["text/plain"]


@pytest.mark.parametrize(
    "words, said",
    [
        (["--kind", "axes"], "There is no kind 'axes'. Did you mean 'axis'? Expected one of: curves, axis"),
        (["--metric", "test_acuracy"], "Did you mean 'test_accuracy'?"),
        (["--by", "unit"], "--by: no setting 'unit' differs among these runs. Did you mean 'units'?"),
        (["--kind", "confusion"], "A table of 18 runs has no figure of the kind confusion. Expected one of:"),
        (["--out", "figure.jpg"], "Expected a name that ends with .png, .svg or .pdf. Write: --out figure.png"),
        (["--out", "absent/figure.png"], "absent"),
        (["--out", "outputs.png/x.png"], "outputs.png"),
        (["--kind", "axis", "--by", "seed"], "--by: seed only repeats the runs, and its values are averaged. Expected one of: units, learning_rate."),
        (["--kind", "heatmap", "--by", "units,seed"], "--by: seed only repeats the runs"),
        (["--kind", "axis", "--by", "units,learning_rate"], "There is no axis of units and learning_rate. Expected one setting."),
        (["--kind", "heatmap", "--by", "units", "--filter", "learning_rate < 0.005"], "There is no heatmap of units. Expected two settings whose values"),
        (["--width", "5"], "--width is 5. Expected 40 to 500, in millimetres."),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_type(sweep, cli, words, said):
    answer = cli("plot", "base", *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert answer.err.count("error:") == 1


@pytest.fixture
def many(lab):
    """Three runs that differ in 50 settings."""
    for run in range(3):
        settings = {f"callbacks.own.argument_{number}": run * number for number in range(1, 51)}
        make_run(lab / "outputs" / "base" / str(run), settings, {"test_accuracy": 0.5 + run / 10})


def test_any_setting_may_be_asked_for_however_many_differ(many):
    plot, _ = plot_of(["base"], by=["argument_40"])
    assert (plot.figure.kind, plot.figure.by) == ("axis", ("callbacks.own.argument_40",))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("argument_8,argument_9", "Expected two settings whose values were tried together, in at most 400 pairs. Write for example: --kind axis --by argument_1"),
        ("argment_9", "Did you mean 'argument_9'?"),
    ],
)
def test_settings_that_make_no_heat_map_are_named_with_what_is_needed(many, cli, by, said):
    answer = cli("plot", "base", "--kind", "heatmap", "--by", by)
    assert (answer.code, answer.out) == (2, "") and said in answer.err


def test_a_heat_map_of_the_last_two_of_many_settings_is_drawn(lab):
    for number in range(16):
        settings = {f"callbacks.own.argument_{digit}": (number >> digit) % 2 for digit in range(4)}
        make_run(lab / "outputs" / "base" / str(number), settings, {"test_accuracy": 0.5 + number / 100})
    plot, _ = plot_of(["base"], by=["argument_2", "argument_3"])
    assert (plot.figure.kind, len(rows(plot, "cells"))) == ("heatmap", 4)


def test_one_run_has_nothing_by_a_setting_and_without_a_history_no_curves(lab, cli):
    make_run(lab / "outputs" / "base" / "one")
    assert "no setting 'units' differs among these runs" in cli("plot", "base", "--by", "units").err
    assert "Expected finished runs that have numbers in their history and metrics." in cli("plot", "base").err


@pytest.mark.parametrize("values", [(160, 224, 240), (0.00212641668563, 0.0030, 0.0128994)])
def test_an_axis_names_the_values_and_not_the_nearest_round_ones(lab, values):
    for number, value in enumerate(values):
        make_run(lab / "outputs" / "base" / str(number), {"model.layers.hidden.units": value}, {"test_accuracy": number / 7})
    texts = re.findall(r">([\d.e+-]+)</text>", plot_of(["base"], "axis")[0].svg())
    assert texts[:3] == [f"{value:.6g}" for value in values]


def test_a_setting_that_some_runs_do_not_have_is_drawn_with_a_place_for_none(lab):
    for number, value in enumerate((None, 0.5, 0.9, 0.99)):
        settings = {"optimizer.momentum": value} if value else {"optimizer._target_": "keras.optimizers.Adam"}
        make_run(lab / "outputs" / "base" / str(number), settings, {"test_accuracy": number / 7})
    plot, _ = plot_of(["base"], by=["momentum"])
    assert [row["x"] for row in rows(plot, "means")] == ["0.5", "0.9", "0.99", "none"] and ">none</text>" in plot.svg()
    assert "momentum" in stackfit.report("base").read_text()


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ((1, None), ["1", "none"]),
        ((True, 1, 0), ["0", "True", "1"]),
        (("none", None, ""), ["", "none", "not set"]),
        ((3, "3", "[3]"), ["3", "'3'", "[3]"]),
        ((2**70, 1, "2024-01-01"), ["1", "2024-01-01", "1180591620717411303424"]),
        ((f"{'x' * 70}1", f"{'x' * 70}2"), [f"{'x' * 70}1", f"{'x' * 70}2"]),
        ((math.nan, 2.5), ["2.5", "none"]),
    ],
)
def test_each_different_value_of_a_setting_has_a_place_of_its_own(lab, values, places):
    """In an axis, in the colours of curves, and on both sides of a heat map; two values never share a mean."""
    scores = [number / 7 for number in range(len(values))]
    for number, value in enumerate(values):
        for seed in (0, 1):
            settings = {"optimizer.momentum": value, "epochs": 2 + seed, "seed": seed}
            make_run(lab / "outputs" / "base" / f"{number}-{seed}", settings, {"test_accuracy": scores[number]}, history=1)
    plot, _ = plot_of(["base"], by=["momentum"])
    assert [row["x"] for row in rows(plot, "means")] == places
    assert sorted(row["mean"] for row in rows(plot, "means")) == pytest.approx(scores, abs=1e-4)
    assert {row["x"] for row in rows(plot, "points")} == {*places}
    assert [*dict.fromkeys(row["row"] for row in rows(plot_of(["base"], by=["momentum", "epochs"])[0], "cells"))] == places
    assert {row["group"] for row in rows(plot_of(["base"], "curves", by=["momentum"])[0], "epochs")} == {*places}


def test_runs_without_numbers_have_no_figure(lab, cli):
    make_run(lab / "outputs" / "base" / "one", failed="it failed")
    answer = cli("plot", "base")
    assert answer.code == 2
    assert "has no figure of the kind" in answer.err
