"""`tables`, `differences`, `selection`, `formats`: what differs, grouped, chosen, sorted, rendered."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import SETTINGS, make_run

from stackfit.errors import ConfigError
from stackfit.results import tables
from stackfit.results.formats import render
from stackfit.results.frames import read_runs, runs_of
from stackfit.results.layout import lay_out
from stackfit.results.tables import read_table, table

UNITS = "model.layers.hidden.units"


def run(folder="a", settings=None, metrics=None, *, state="finished", **fields):
    """A folder and the content of its `status.json`."""
    known = {"status": state, "experiment": "base", "reason": None, "started": "", "seconds": 1.5, "axes": {}}
    metrics = {"test_accuracy": 0.5} if metrics is None else metrics
    return Path(folder), {**known, "settings": {**SETTINGS, **(settings or {})}, "metrics": metrics, **fields}


def build_table(runs, problems=None, **options):
    return tables.build_table(runs_of(dict(runs)), [] if problems is None else problems, **options)


def shown(frame) -> list[str]:
    """The columns that people are shown, as they are headed."""
    return [frame.attrs["short"].get(name, name) for name in frame if name not in frame.attrs["aside"]]


def sweep(widths=(32, 64), seeds=(0, 1, 2), accuracy=lambda units, seed: units / 100 + seed / 1000) -> list:
    return [
        run(
            f"{units}-{seed}",
            {UNITS: units, "seed": seed},
            {"test_accuracy": accuracy(units, seed)},
            sweep="s",
        )
        for units in widths
        for seed in seeds
    ]


# ---- what differs


def test_only_what_differs_is_shown_under_its_last_word_in_a_stable_order(tmp_path):
    metrics = {"loss": 0.3, "accuracy": 0.9, "test_loss": 0.4, "test_accuracy": 0.8, "val_loss": 0.5}
    make_run(tmp_path / "a", {UNITS: 32}, {**metrics, "stopped_epoch": 5, "parameters": 25450})
    make_run(tmp_path / "b", {UNITS: 64, "verbosity": 0}, {**metrics, "stopped_epoch": 5, "parameters": 50890})
    frame = table(tmp_path)
    columns = [
        *("experiment", UNITS, "loss", "accuracy", "val_loss", "test_loss", "test_accuracy"),
        *("stopped_epoch", "parameters", "seconds", "state", "folder"),
    ]
    assert list(frame)[: len(columns)] == columns
    assert shown(frame) == ["experiment", "units", *columns[2:]]
    assert frame[UNITS].tolist() == [32, 64]


def test_every_setting_has_its_full_key_whatever_runs_are_chosen():
    both = {*SETTINGS} - {"verbosity"}
    for options in ({}, {"filter": "units == 64"}, {"last": 1}, {"over": "seed"}, {"top": 1}):
        frame = build_table(sweep(), **options)
        assert both - ({"seed"} if "over" in options else set()) <= {*frame}, options
        assert not {"units", "learning_rate"} & {*frame}, options
    assert build_table(sweep(), filter="units == 64")["optimizer.learning_rate"].tolist() == [0.001] * 3


def test_a_metric_that_is_called_like_a_setting_keeps_its_name():
    frame = build_table([run("a", metrics={"seed": 0.25}), run("b", {"seed": 1}, {"seed": 0.75})])
    assert frame["seed"].tolist() == [0.25, 0.75] and frame["settings.seed"].tolist() == [0, 1]


def test_keys_that_share_their_last_word_get_the_shortest_end_that_tells_and_a_target_its_parents_name():
    a = run("a", {"model.layers.first.units": 1, "model.layers.second.units": 2, "task.seconds": 1})
    b = run("b", {"model.layers.first.units": 2, "model.layers.second.units": 3, "task.seconds": 2})
    c = run("c", {"optimizer._target_": "keras.optimizers.SGD"})
    assert set(shown(build_table([a, b, c]))[1:5]) == {"optimizer", "task.seconds", "first.units", "second.units"}


def test_lists_differ_by_their_items_and_read_as_typed():
    frame = build_table([run("a", {UNITS: [64, 64]}), run("b", {UNITS: [512, 256]}), run("c", {UNITS: [64, 64]})])
    assert frame[UNITS].tolist() == ["[64,64]", "[512,256]", "[64,64]"]


def test_a_missing_key_differs_from_null_and_one_can_tell_them_apart():
    a, b = run("a", {"optimizer.clipnorm": None}), run("b")
    assert build_table([a, b])["optimizer.clipnorm"].isna().tolist() == [False, True]
    assert build_table([a, b])["optimizer.clipnorm"][0] == "null"


def test_the_choice_of_a_group_is_a_column_if_every_run_made_one():
    runs = [run("a", axes={"optimizer": "adam"}), run("b", axes={"optimizer": "sgd"})]
    assert build_table(runs)["optimizer"].tolist() == ["adam", "sgd"]
    assert "optimizer" not in shown(build_table([*runs, run("c")]))


def optimizer_sweep(sweep="s", **adam) -> list:
    """Two optimizers by two widths; the rate follows from the choice, the number of epochs does not."""
    chosen = {"adam": {"optimizer.learning_rate": 0.001, **adam}, "sgd": {"optimizer.learning_rate": 0.01}}
    return [
        run(f"{name}-{units}", {UNITS: units, **own}, axes={UNITS: str(units), "optimizer": name}, sweep=sweep)
        for name, own in chosen.items()
        for units in (32, 64)
    ]


def header(text: str) -> list[str]:
    return text.splitlines()[0].split()


def test_what_follows_from_the_choice_of_a_group_is_in_the_csv_and_not_in_the_text():
    frame = build_table(optimizer_sweep())
    assert header(render(frame)) == ["units", "optimizer", "test_accuracy", "seconds", "experiment", "state", "folder"]
    assert header(render(frame, "csv"))[0].startswith(f"experiment,{UNITS},optimizer,optimizer.learning_rate,test_accuracy")
    grouped = build_table(optimizer_sweep(), over=UNITS, sort="optimizer", filter="n > 1")
    assert "optimizer.learning_rate" in grouped and "learning_rate" not in render(grouped)


def test_a_setting_that_only_seems_to_follow_is_shown():
    runs = optimizer_sweep()
    runs[0][1]["settings"]["optimizer.learning_rate"] = 0.5  # the same choice, another rate
    assert "learning_rate" in header(render(build_table(runs)))
    # In two sweeps with different fixed overrides a difference may coincide with the choice.
    other = [(Path(f"x{path}"), {**status, "sweep": "t"}) for path, status in optimizer_sweep()[2:]]
    assert "learning_rate" in header(render(build_table([*optimizer_sweep()[:2], *other])))
    axis = [
        (path, {**status, "axes": {**status["axes"], "optimizer.learning_rate": "0"}})
        for path, status in optimizer_sweep()
    ]
    assert "learning_rate" in header(render(build_table(axis)))


def test_counts_are_in_the_text_only_where_they_differ_and_always_in_the_csv():
    def counted(folder, **counts):
        return run(folder, metrics={"test_accuracy": 0.5, **counts})

    frame = build_table([counted("a", stopped_epoch=5, parameters=10), counted("b", stopped_epoch=5, parameters=20)])
    assert "parameters" in header(render(frame)) and "stopped_epoch" not in render(frame)
    assert "stopped_epoch" in render(frame, "csv") and "stopped_epoch" in render(frame, "json")
    assert "stopped_epoch" in render(build_table([counted("a", stopped_epoch=5)]))  # of a single run


def test_cells_of_a_sweep_are_ordered_by_their_numbers_and_single_runs_by_their_start():
    assert build_table(sweep(widths=(256, 32, 128), seeds=(0,)))[UNITS].tolist() == [32, 128, 256]
    runs = [run("b", {UNITS: 1}, started="2025-01-02"), run("a", {UNITS: 2}, started="2025-01-03")]
    assert build_table([*reversed(runs)])["folder"].tolist() == ["b", "a"]


values = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, "1", "a", [1], [1, 2]]))


@settings(deadline=None)  # pandas takes 20 ms, and on a busy machine ten times as long
@given(st.lists(st.dictionaries(st.sampled_from(["x.a", "y.a", "b", "seed"]), values), min_size=1, max_size=6))
def test_no_column_of_settings_is_constant_and_there_are_as_many_rows_as_runs(owns):
    runs = [run(str(i), own) for i, own in enumerate(owns)]
    frame = build_table(runs)
    assert len(frame) == len(runs) and sorted(frame["folder"]) == sorted(str(folder) for folder, _ in runs)
    fixed = {"experiment", "test_accuracy", "seconds", "state", "folder"}
    keys = {short: key for key, short in frame.attrs["short"].items()}
    for name in {*shown(frame)} - fixed:
        assert len({repr(value) for value in frame[keys[name]].tolist()}) > 1
    if all(own == owns[0] for own in owns):
        assert {*shown(frame)} == fixed


# ---- over, epochs, pivot, last


def test_over_seed_gives_n_mean_deviation_and_students_interval():
    # 0.32, 0.321, 0.322: mean 0.321, sd 0.001; t(0.975, 2) = 4.3027 (any table of Student's t).
    frame = build_table(sweep(), over="seed")
    row = frame.iloc[0]
    half = 4.302653 * 0.001 / math.sqrt(3)
    assert (row[UNITS], row["n"]) == (32, 3)
    assert row["test_accuracy_mean"] == pytest.approx(0.321)
    assert row["test_accuracy_sd"] == pytest.approx(0.001)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == pytest.approx((0.321 - half, 0.321 + half))
    assert row["folders"] == ["32-0", "32-1", "32-2"]


def test_one_seed_has_a_mean_and_honest_blanks():
    row = build_table(sweep(seeds=(0,)), over="seed").iloc[0]
    assert row["n"] == 1 and row["test_accuracy_mean"] == 0.32
    assert math.isnan(row["test_accuracy_sd"] or math.nan) and math.isnan(row["test_accuracy_low"] or math.nan)


def test_the_same_seed_run_twice_is_not_two_observations():
    runs = sweep(widths=(32,), seeds=(0, 1))
    row = build_table([*runs, run("again", {UNITS: 32, "seed": 0}, {"test_accuracy": 0.32})], over="seed").iloc[0]
    assert (row["n"], len(row["folders"])) == (2, 3)
    assert row["test_accuracy_mean"] == pytest.approx((0.32 + 0.321) / 2)


@pytest.mark.parametrize("state", ["failed", "interrupted", "paused", "pruned"])
def test_unfinished_runs_are_listed_with_their_reason_and_never_averaged(state):
    metrics = {"test_accuracy": 0.9}  # whatever its status says
    lost = run("lost", {UNITS: 32, "seed": 9}, metrics, state=state, reason="loss is NaN in epoch 2", sweep="s")
    frame = build_table([*sweep(widths=(32,)), lost], over="seed")
    assert frame["n"].tolist() == [3, 0]
    assert frame["state"].tolist() == ["finished", state]
    assert frame["reason"].tolist()[1] == "loss is NaN in epoch 2"
    assert frame["test_accuracy_mean"][0] == pytest.approx(0.321)
    assert frame["folders"].tolist()[1] == ["lost"]


def test_a_setting_that_follows_the_seed_divides_no_group():
    runs = [run(str(seed), {"seed": seed, "model.layers.dropout.seed": seed}) for seed in range(3)]
    assert build_table(runs, over="seed")["n"].tolist() == [3]


def test_epochs_gives_one_row_an_epoch_that_names_its_folder(tmp_path):
    make_run(tmp_path / "a", {UNITS: 32}, history=2)
    make_run(tmp_path / "b", {UNITS: 64}, history=1)
    frame = table(tmp_path, epochs=True)
    assert shown(frame) == ["experiment", "units", "epoch", "loss", "seconds", "members", "state", "folder"]
    assert list(zip(frame[UNITS], frame["epoch"], frame["loss"], strict=True)) == [
        (32, 1, 1.0),
        (32, 2, 0.5),
        (64, 1, 1.0),
    ]


def test_of_epochs_the_best_and_those_that_a_filter_picks_are_rows_of_their_own(tmp_path):
    make_run(tmp_path / "a", {UNITS: 32}, history=3)
    make_run(tmp_path / "b", {UNITS: 64}, history=2)
    assert table(tmp_path, epochs=True, top=2, sort="loss")["epoch"].tolist() == [3, 2]
    assert table(tmp_path, epochs=True, filter="epoch == 2")["epoch"].tolist() == [2, 2]
    assert table(tmp_path, epochs=True, by="units", top=1, sort="loss")["epoch"].tolist() == [3, 2]


def test_epochs_names_a_damaged_history_and_shows_the_others(tmp_path):
    make_run(tmp_path / "a", history=2)
    (make_run(tmp_path / "b", history=2) / "history.csv").write_text("epoch,loss\n1,?\n")
    frame, problems = read_table(tmp_path, epochs=True)
    assert set(frame["folder"]) == {str(tmp_path / "a")}
    assert len(problems) == 1 and str(tmp_path / "b") in problems[0]


def test_pivot_is_a_matrix_of_means_with_n_where_it_is_more_than_one():
    frame = build_table(sweep(), pivot=("units", "seed"))
    assert list(frame) == [UNITS, "seed=0", "seed=1", "seed=2"]
    assert frame["seed=1"].tolist() == pytest.approx([0.321, 0.641])
    frame = build_table(sweep(), pivot=("units", "experiment", "test_accuracy"))
    assert frame["experiment=base"].tolist() == pytest.approx([0.321, 0.641])
    assert frame["experiment=base_n"].tolist() == [3, 3]


def test_a_pivot_over_a_choice_does_not_complain_of_what_follows_from_it():
    problems: list[str] = []
    build_table(optimizer_sweep(), problems, pivot=("units", "optimizer"))
    assert problems == []


def test_pivot_says_when_a_mean_goes_over_unlike_runs():
    problems: list[str] = []
    runs = [run(f"{a}{b}", {UNITS: a, "epochs": b, "seed": a}) for a in (1, 2) for b in (1, 2)]
    build_table(runs, pivot=("seed", "experiment"), problems=problems)
    assert problems == ["The means are over runs that also differ in epochs. Narrow with --filter."]  # units = seed


def test_last_takes_the_newest_runs():
    runs = [run(name, started=started) for name, started in [("a", "2025-02"), ("b", "2025-01"), ("c", "2025-03")]]
    assert build_table(runs, last=2)["folder"].tolist() == ["a", "c"]
    with pytest.raises(ConfigError, match=r"--last is 0\. Expected at least 1"):
        build_table(runs, last=0)


# ---- sort and filter


def test_sort_puts_numbers_before_texts_and_blanks_last_either_way():
    runs = [run("a", {UNITS: [64, 8]}), run("b", {UNITS: None}), run("c", {UNITS: 128}), run("d", {UNITS: 9})]
    assert build_table(runs, sort="units")["folder"].tolist() == ["d", "c", "a", "b"]
    assert build_table(runs, sort="-units")["folder"].tolist() == ["a", "c", "d", "b"]


def test_sort_knows_columns_that_are_not_shown_and_those_of_the_grouped_table():
    runs = [run("a", started="2025-01"), run("b", started="2025-02")]
    assert build_table(runs, sort="-started")["folder"].tolist() == ["b", "a"]
    assert build_table(sweep(), over="seed", sort="-test_accuracy_mean")[UNITS].tolist() == [64, 32]


def test_filter_picks_runs_before_they_are_grouped_and_rows_by_columns_that_only_these_have():
    assert build_table(sweep(), filter="units > 32 and seed in [0, 2]")["folder"].tolist() == ["64-0", "64-2"]
    assert build_table(sweep(), over="seed", filter="seed < 2")["n"].tolist() == [2, 2]
    assert build_table(sweep(), over="seed", filter="test_accuracy_mean > 0.5")[UNITS].tolist() == [64]
    assert build_table(sweep(), filter=f"`{UNITS}` == 32 and epochs == 2 and not seed == 0")["seed"].tolist() == [1, 2]


def test_of_a_blank_no_filter_holds():
    runs = [run("a", metrics={"test_accuracy": 0.9}), run("b", metrics={}, state="failed")]
    assert build_table(runs, filter="test_accuracy > 0.5")["folder"].tolist() == ["a"]
    assert build_table(runs, filter="test_accuracy > 0.95")["folder"].tolist() == []


@pytest.mark.parametrize(
    ("query", "folders"),
    [
        ("test_accuracy != 0.5", ["a"]),
        ("not test_accuracy > 0.95", ["a"]),
        ("units not in [3, 5]", ["a"]),
        ("~(`model.layers.hidden.units` == 3)", ["a"]),
        ("activation != 'tanh'", ["a"]),
        ("not activation == 'tanh' or state == 'failed'", ["a", "b"]),
        ("not (test_accuracy > 0.95 and state == 'failed')", ["a"]),
        ("not (test_accuracy > 0.95 or state == 'finished')", []),
        ("-units < 0 and not 0 < units < 5", ["a"]),
    ],
)
def test_a_comparison_with_a_blank_is_neither_true_nor_false(query, folders):
    runs = [run("a", metrics={"test_accuracy": 0.9}), run("b", metrics={}, state="failed")]
    for key in (UNITS, "model.layers.hidden.activation"):
        del runs[1][1]["settings"][key]
    assert build_table(runs, filter=query)["folder"].tolist() == folders


def test_of_runs_that_started_in_one_second_the_newest_has_the_highest_number():
    runs = [run(f"2025-01-01_10-00-00-{number}", started="2025-01") for number in (2, 9, 10)] + [run("unknown", started=None)]
    assert build_table(runs, last=1)["folder"].tolist() == ["2025-01-01_10-00-00-10"]


def test_groups_of_what_the_means_are_over_are_refused():
    with pytest.raises(ConfigError, match="--by seed groups runs by what --over makes means over"):
        build_table(sweep(), over="seed", by="seed")


def test_a_blank_and_the_word_none_are_two_rows_of_a_matrix():
    runs = [run(name, {"data.scale": scale, "seed": seed}) for seed, (name, scale) in enumerate([("a", "none"), ("b", 1), ("c", "1")])]
    runs.append(run("d", {"seed": 3}))
    frame = build_table(runs, pivot=("data.scale", "experiment"))
    assert sorted(map(str, frame["data.scale"])) == ["'1'", "1", "none", "not set"] and len(frame) == 4


@pytest.mark.parametrize(
    "query",
    [
        "@os.system('true')",
        "__import__('os')",
        "folder.str.len() > 1",
        "folder.__class__ == 1",
        "folder[0] == 'a'",
        "(lambda: 1)()",
        "[x for x in folder]",
        "9 ** 9 ** 9 > units",
        "units = 3",
        "units > 1; seed",
        "",
        "units >",
        "units > 1\nseed > 1",
        "`units",
        "f'{units}' == 1",
        "units if seed else 1",
        "(" * 500,
    ],
)
def test_a_filter_that_is_more_than_comparisons_is_refused(query):
    with pytest.raises(ConfigError, match=r"is not a filter: .*Try: --filter 'units > 64"):
        build_table(sweep(), filter=query)


@pytest.mark.parametrize(
    "query, part",
    [
        ("model.layers.hidden.units > 3", "a name with dots"),
        ("abs(units) > 3", r"'abs\(units\)'"),
        ("units ** 2 > 3", r"an operator other than \+ - \* /"),
        ("units >", "something that cannot be read"),
    ],
)
def test_a_refused_filter_names_the_part_that_is_not_allowed(query, part):
    with pytest.raises(ConfigError, match=f"is not a filter: it contains {part}. Expected"):
        build_table(sweep(), filter=query)


def test_a_filter_or_sort_by_an_unknown_column_names_the_nearest():
    with pytest.raises(ConfigError, match=r"There is no column 'test_acuracy'\. Did you mean 'test_accuracy'\?"):
        build_table(sweep(), filter="test_acuracy > 0.5")
    with pytest.raises(ConfigError, match=r"Did you mean 'units'\? Expected one of \d+ columns, such as "):
        build_table(sweep(), sort="-unit")
    with pytest.raises(ConfigError, match=r"There is no column 'sed'\. Did you mean 'seed'\?"):
        build_table(sweep(), over="sed")
    with pytest.raises(ConfigError, match=r"There is no column 'test_acc'\. Did you mean 'test_accuracy'\?"):
        build_table(sweep(), pivot=("units", "seed", "test_acc"))


@pytest.mark.parametrize("query", ["units", "experiment > 3", "units + seed", "1 < 2"])
def test_a_filter_that_compares_unlike_things_or_nothing_says_so(query):
    with pytest.raises(ConfigError, match=r"cannot be answered: .*Expected comparisons of like with like"):
        build_table(sweep(), filter=query)


@pytest.mark.parametrize(
    "query, said",
    [
        ("test_accuracy > 'a'", "test_accuracy holds numbers, and 'a' is a text."),
        ("experiment > 3", "experiment holds texts, and 3 is a number."),
        ("experiment < test_accuracy", "experiment holds texts, and test_accuracy holds numbers."),
        ("units + seed", "it gives values and not true or false."),
    ],
)
def test_a_filter_that_cannot_be_answered_says_what_meets_and_not_what_pandas_says(query, said):
    with pytest.raises(ConfigError) as error:
        build_table(sweep(), filter=query)
    assert error.value.message.startswith(f"{query!r} cannot be answered: {said} Expected comparisons of like with like")


def test_two_shapes_at_once_are_refused():
    with pytest.raises(ConfigError, match="make different tables"):
        build_table(sweep(), over="seed", epochs=True)


# ---- top, columns


def test_top_takes_the_best_by_what_the_metrics_class_says():
    assert build_table(sweep(), top=2)["test_accuracy"].tolist() == [0.642, 0.641]
    losses = [run(str(loss), metrics={"test_loss": loss, "gap": loss}) for loss in (0.3, 0.1, 0.2)]
    assert build_table(losses, top=2)["test_loss"].tolist() == [0.1, 0.2]
    assert build_table(losses, top=1, sort="test_loss")["test_loss"].tolist() == [0.1]
    assert build_table(losses, top=1, sort="-test_loss")["test_loss"].tolist() == [0.3]  # as it is typed
    assert build_table(losses, top=1, sort="gap", direction="max")["gap"].tolist() == [0.3]
    with pytest.raises(ConfigError, match=r"Whether more gap is better is not known"):
        build_table(losses, top=1, sort="gap")


def test_top_never_takes_a_run_without_a_value_before_one_with_it_and_knows_means():
    runs = [*sweep(seeds=(0,)), run("lost", metrics={}, state="failed")]
    assert build_table(runs, top=5)["state"].tolist() == ["finished", "finished", "failed"]
    assert build_table(sweep(), over="seed", top=1)[UNITS].tolist() == [64]
    assert build_table(sweep(), over="seed", top=1, sort="test_accuracy_mean")[UNITS].tolist() == [64]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"direction": "max"}, "Expected --top N with it"),
        ({"top": 0}, r"--top is 0\. Expected at least 1"),
        ({"top": 1, "pivot": ("units", "seed")}, "Leave out --by and --top"),
        ({"top": 1, "direction": "up"}, "There is no direction 'up'"),
        ({"columns": ["unist"]}, "There is no column 'unist'"),
        ({"over": "seed", "columns": ["folder"]}, r"There is no column 'folder'\. Did you mean 'folders'"),
    ],
)
def test_options_that_do_nothing_or_name_nothing_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        build_table(sweep(), **options)


def test_columns_are_those_that_are_named_in_this_order_by_key_or_short_name():
    frame = build_table(sweep(), columns=["test_accuracy", "units", "epochs", "started", "optimizer.learning_rate"], top=1)
    assert list(frame) == ["test_accuracy", UNITS, "epochs", "started", "optimizer.learning_rate"]
    assert header(render(frame)) == ["test_accuracy", "units", "epochs", "started", "learning_rate"]
    grouped = build_table(sweep(), over="seed", columns=["n", "test_accuracy"])
    assert list(grouped) == ["n", *(f"test_accuracy_{part}" for part in ("mean", "sd", "low", "high"))]
    assert "0.3210 ± 0.0025" in render(grouped)
    assert "No room for learning_rate" in render(frame, width=45)


def test_short_names_do_not_depend_on_what_is_chosen():
    one = sweep(widths=(64,), seeds=(0,))
    assert len(build_table(one, filter="learning_rate == 0.001 and kind == 'fashion_mnist'")) == 1
    with pytest.raises(ConfigError, match=r"Several end like it: model\.layers\.hidden\.units, model\.layers\.output\.units"):
        build_table(one, filter="units == 64")


# ---- formats


def test_text_has_four_decimals_and_the_interval_as_plus_minus():
    text = render(build_table(sweep(), over="seed"))
    # half of the interval: 4.3027 · 0.001 / √3 = 0.0025
    assert "0.3210 ± 0.0025" in text
    assert header(text) == ["units", "n", "test_accuracy", "seconds", "experiment", "state", "folders"]
    assert "0.3333" in render(build_table([run(metrics={"test_accuracy": 1 / 3})]))


def test_small_settings_are_not_rounded_to_zero():
    text = render(build_table([run("a", {"optimizer.learning_rate": 1e-5}), run("b")]))
    assert "1e-05" in text and "0.001" in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_terminal_of_any_width_keeps_settings_and_the_test_metric_and_names_what_it_leaves_out(width):
    metrics = {name: 0.5 for name in ("loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy")}
    runs = [run("outputs/base/sweep-1/" + "x" * 90 + str(seed), {"seed": seed}, metrics) for seed in (0, 1)]
    runs.append(run("outputs/base/sweep-1/y", {"seed": 2}, {}, state="failed", reason="word " * 30))
    text = render(build_table(runs), width=width)
    lines, note = text.splitlines(), " ".join(text.partition("No room for")[2].split())
    assert max(map(len, lines)) <= width
    assert "seed" in lines[0] and "test_accuracy" in lines[0] and "reason" in lines[0]
    assert ("folder" in lines[0]) == ("Folders are below outputs/base/sweep-1" in lines) != ("folder" in note)
    assert note.endswith(": --csv FILE has every column.")


def test_many_and_long_settings_give_way_to_the_test_metric_on_a_terminal():
    runs = [run(str(i), {f"data.key_{j}": f"{i}" * j for j in range(60)}) for i in (1, 2)]
    text = render(build_table(runs), width=80)
    lines, note = text.splitlines(), " ".join(text.partition("No room for")[2].split())
    assert max(map(len, lines)) <= 80
    assert "test_accuracy" in lines[0] and "key_1 " in lines[0] and "key_59" not in lines[0]
    assert "more: --csv FILE" in note


def odd_runs() -> list:
    """Runs of several experiments, some of them failed, with long names, numbers and reasons."""
    settings = {UNITS: [512, 256, 128, 64], "data.path": "a/very/long/path/of/a/file/of/ones/own.csv", "optimizer.learning_rate": 1e-5}
    metrics = {"loss": 1.6e9, "mae": 26123.4567, "val_mae": 1e-7, "test_mae": 0.5, "parameters": 3_000_345, "stopped_epoch": 5}
    return [
        run("outputs/hand-ins--s01--a-net-with-a-long-name/2026-01-01_10-11-12", settings, metrics, experiment="a-long-name"),
        run("outputs/b/sweep-1/model.layers.hidden.units=[64]-00000000", {"seed": 1}, {**metrics, "parameters": 1}, members=8),
        run("outputs/c/1", {"seed": 2}, {}, state="failed", reason="Expected a number. Lower optimizer.learning_rate (now 10.0)"),
    ]


@pytest.mark.parametrize("options", [{}, {"over": "seed"}, {"pivot": ("units", "seed", "test_mae")}, {"columns": ["folder", "units", "mae"]}])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_broken(options):
    frame = build_table(odd_runs(), **options)
    whole = {*render(frame).split()}
    for width in range(30, 201, 5):
        text = render(frame, width=width)
        assert max(map(len, text.splitlines())) <= width, (width, text)
        table = text.partition("No room for")[0].partition("Folders are below")[0].split()
        broken = {word for word in table if word not in whole and "…" not in word and set(word) != {"─"}}
        assert all(any(cell.endswith(f"/{word}") for cell in whole) for word in broken), (width, broken)


def test_thousands_are_separated_in_what_was_measured_and_settings_are_as_typed():
    text = render(build_table(odd_runs()), width=400)
    assert "26,123.5" in text and "3,000,345" in text and "1e-05" in text
    assert "3000345" in render(build_table(odd_runs()), "csv") and "26123.4567" in render(build_table(odd_runs()), "csv")


def test_at_a_pipe_a_table_has_eighty_characters_or_as_many_as_columns_says(lab, cli, monkeypatch):
    for number, (folder, status) in enumerate(sweep()):
        make_run(lab / "outputs" / "base" / folder, status["settings"], {f"metric_{k}": k / 7 for k in range(30)} | {"seed_2": number})
    monkeypatch.delenv("COLUMNS", raising=False)
    widths = {None: 80, "60": 60, "120": 120, "7": 30}
    for columns, width in widths.items():
        if columns:
            monkeypatch.setenv("COLUMNS", columns)
        for words in (["table"], ["table", "--over", "seed"], ["table", "--pivot", "units,seed"], ["compare", "outputs", "--metric", "metric_3"]):
            lines = cli(*words).out.splitlines()
            assert len(lines) > 3 and max(map(len, lines)) <= width, (columns, words, max(lines, key=len))
    assert len(cli("table", "--csv", "-").out.splitlines()[0]) > 500
    assert cli("table", "--format", "csv").out == cli("table", "--csv", "-").out


def test_without_a_width_every_column_is_whole_and_has_no_colour():
    folder = "outputs/" + "x" * 300
    text = render(build_table([run(folder, metrics={}, state="failed", reason="word " * 30)]))
    assert folder in text and ("word " * 30).strip() in text and "\x1b" not in text


def test_text_of_a_name_cannot_draw_on_the_terminal_and_brackets_are_not_markup():
    text = render(build_table([run("a", {UNITS: "[red]"}), run("b", {UNITS: "\x1b[2J\n"})]))
    assert "[red]" in text and "\x1b" not in text and len(text.splitlines()) == 4


def test_csv_and_json_and_markdown_keep_every_digit_and_every_folder():
    frame = build_table(sweep(widths=(32,), accuracy=lambda units, seed: (1 + seed) / 3), over="seed")
    (row,) = csv.DictReader(io.StringIO(render(frame, "csv")))
    assert float(row["test_accuracy_mean"]) == (1 / 3 + 2 / 3 + 3 / 3) / 3
    assert row["folders"] == "32-0;32-1;32-2"
    (record,) = json.loads(render(frame, "json"))
    assert record["folders"] == ["32-0", "32-1", "32-2"] and record["n"] == 3
    assert repr((1 / 3 + 2 / 3 + 3 / 3) / 3) in render(frame, "md")


def test_blanks_are_empty_in_csv_and_null_in_json_and_whole_numbers_stay_whole():
    frame = build_table([run("a", metrics={"parameters": 50890}), run("b", metrics={}, state="failed")])
    assert [row["parameters"] for row in csv.DictReader(io.StringIO(render(frame, "csv")))] == ["50890", ""]
    assert [row["parameters"] for row in json.loads(render(frame, "json"))] == [50890, None]


def test_numbers_that_no_number_type_holds_are_shown_and_json_stays_json():
    runs = [run("a", {"data.big": 10**30}, {"test_loss": math.inf}), run("b", metrics={"test_loss": math.nan})]
    frame = build_table(runs)
    assert "inf" in render(frame) and str(10**30) in render(frame, "csv")
    assert [row["test_loss"] for row in json.loads(render(frame, "json"))] == [None, None]


def test_runs_without_settings_are_shown_and_cannot_be_grouped():
    old = [(Path(name), {"status": "finished", "settings": {}, "axes": {}, "metrics": {"loss": 1.0}}) for name in "ab"]
    assert build_table(old)["loss"].tolist() == [1.0, 1.0]
    with pytest.raises(ConfigError, match="There is no column 'seed'"):
        build_table(old, over="seed")


def test_markdown_escapes_a_bar_and_an_empty_table_is_a_header():
    assert r"a\|b" in render(build_table([run("a|b")]), "md")
    empty = build_table(sweep(), filter="units > 1000")
    for form in ("text", "md", "csv"):
        assert "test_accuracy" not in render(empty, form) and "folder" in render(empty, form)
    assert json.loads(render(empty, "json")) == []


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(ConfigError, match=r"There is no format 'jsn'\. Did you mean 'json'\?"):
        render(build_table([run()]), "jsn")


def test_the_python_function_warns_of_a_damaged_run_and_shows_the_others(tmp_path):
    for name in "ab":
        make_run(tmp_path / name)
    (tmp_path / "a" / "status.json").write_text("{")
    with pytest.warns(UserWarning, match=r"a/status\.json cannot be read"):
        frame = table(tmp_path)
    assert len(frame) == 1 and len(read_runs(tmp_path)[0].about) == 1


def test_columns_are_two_blanks_apart_and_a_cell_may_have_lines_of_its_own():
    rows = [["name", "n"], ["a", "1"], ["b\nwide one", "20"], ["total", "21"]]
    assert list(lay_out(rows, "lr", (1, 3))) == [
        "name       n",
        "────────  ──",
        "a          1",
        "b         20",
        "wide one",
        "────────  ──",
        "total     21",
    ]


def test_runs_inside_and_outside_of_the_current_folder_make_one_row(lab, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    make_run(lab / "outputs" / "a", {"seed": 0})
    make_run(elsewhere / "b", {"seed": 1})
    assert "different folders (2 runs)" in render(table([lab / "outputs", elsewhere], over="seed"))


def test_a_setting_of_thousands_of_digits_is_sorted_as_a_text(tmp_path):
    for number, name in enumerate(("9" * 5000, "7")):
        make_run(tmp_path / str(number), {"label": name})
    frame, problems = read_table(tmp_path)
    assert len(frame) == 2 and problems == []


def test_a_copy_of_a_run_is_no_new_evidence_and_a_moved_folder_is_read(tmp_path):
    import shutil

    for seed in range(2):
        make_run(tmp_path / "a" / f"{seed}", {"seed": seed}, {"test_accuracy": 0.5 + seed / 4})
    before = table([tmp_path / "a"], over="seed")
    shutil.copytree(tmp_path / "a" / "0", tmp_path / "a" / "a copy of 0")
    copied = table([tmp_path / "a"], over="seed")
    shutil.move(tmp_path / "a", tmp_path / "moved")
    moved = table([tmp_path / "moved"], over="seed")
    for frame in (before, copied, moved):
        assert (frame["n"].tolist(), frame["test_accuracy_mean"].tolist()) == ([2], [0.625])


def test_a_key_that_came_later_does_not_seem_to_differ_from_runs_without_it(tmp_path, monkeypatch):
    from stackfit.config import schema

    monkeypatch.setitem(schema.LATER, "data.later", "none")
    for name, later in (("default", "none"), ("other", "some")):
        config = {"data": {"kind": "digits", "later": later}, "seed": 0}
        make_run(tmp_path / name, schema.settings_of(config))
    make_run(tmp_path / "old", {"data.kind": "digits"})
    assert "data.later" not in table([tmp_path / "default", tmp_path / "old"]).columns
    assert table([tmp_path / "default", tmp_path / "other"])["data.later"].fillna("").tolist() == ["", "some"]


@pytest.mark.parametrize("options", [{}, {"sort": "-units"}, {"sort": "seed"}, {"top": 3}, {"last": 3}, {"by": "units"}])
def test_chosen_columns_are_those_of_the_same_run_whatever_was_left_out(options):
    whole = build_table(sweep(), filter="seed > 0", **options)
    some = build_table(sweep(), filter="seed > 0", columns=["folder", "units", "seed", "test_accuracy", "state", "epochs"], **options)
    assert len(some) == len(whole) and not some.isna().any().any()
    for name in some:
        key = name if name in whole else next(key for key in whole if key.endswith(f".{name}"))
        assert list(some[name]) == list(whole[key]) and some[name].dtype == whole[key].dtype


@pytest.mark.parametrize("options", [{"sort": "val_loss"}, {"top": 2, "sort": "-val_loss"}, {"sort": "test_loss"}, {"sort": "val_loss", "over": "seed"}])
def test_the_column_that_decides_the_order_stays_where_there_is_little_room(options):
    metrics = {"loss": 0.3, "accuracy": 0.9, "val_loss": 0.5, "val_accuracy": 0.8, "test_loss": 0.4, "test_accuracy": 0.8}
    runs = [run(str(seed), {"seed": seed, UNITS: seed, "epochs": 5 + seed}, {**metrics, "val_loss": seed / 8, "test_loss": seed / 8}) for seed in range(3)]
    head = render(build_table(runs, **options), width=40).splitlines()[0].split()
    assert options["sort"].lstrip("-") in head


def test_the_metrics_of_a_search_stay_where_there_is_little_room():
    runs = [run(str(seed), {"seed": seed, UNITS: seed}, {"val_loss": 0.5, "val_accuracy": 0.8, "test_accuracy": 0.8}) for seed in range(3)]
    frame = build_table(runs)
    assert "val_accuracy" not in render(frame, width=40).splitlines()[0]
    frame.attrs["decisive"] = ["val_accuracy"]
    assert "val_accuracy" in render(frame, width=40).splitlines()[0]


def test_columns_that_name_none_are_refused():
    with pytest.raises(ConfigError, match=r"--columns names none\. Expected at least one"):
        build_table(sweep(), columns=[])


def test_runs_with_one_setting_and_seed_are_one_value_of_the_mean_and_it_says_so(lab):
    for number, seed in enumerate((0, 1, 1, 2)):
        make_run(lab / "outputs/base" / str(number), {"seed": seed})
    frame = table("base", over="seed")
    assert frame["n"].tolist() == [3] and "outputs/base (4 runs, 3 different)" in render(frame)
    assert "outputs/base (2 runs)" in render(table(["outputs/base/0", "outputs/base/1"], over="seed"))
