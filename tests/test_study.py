"""A search, read back from its sweep's folder."""

import json

import pytest

from stackfit.errors import RunFolderError
from stackfit.execution.rungs import Rungs
from stackfit.results.run_folder import RunFolder
from stackfit.results.search_summary import summarize_search
from stackfit.results.study import read_study
from stackfit.results.sweep_folder import SweepFolder

SETTINGS = {"sampler": "tpe", "metric": ["val_accuracy"], "direction": ["max"], "batch": 2, "n_trials": 4}


def write_cell(sweep, axes, trial, curve, state, final=None):
    """One cell's entry for `sweep.json`; its folder is written unless its state is *waiting*."""
    path = sweep.cell(axes, "0123456789")
    if state != "waiting":
        folder = RunFolder(path)
        assert folder.claim("0123456789", {"experiment": "base", "overrides": [], "axes": axes, "settings": {}, "seed": 0})
        for epoch, value in enumerate(curve, 1):
            folder.append_history({"epoch": epoch, "loss": 1.0, "val_accuracy": value, "seconds": 0.1, "members": 1})
        if state == "finished":
            folder.finish({"val_accuracy": final, "parameters": 10}, {"val_accuracy": final, "parameters": 10})
        else:
            folder.fail("rank 4 of 4 at epoch 2", status=state)
    described = {"overrides": [], "axes": axes, "fingerprint": "0123456789", "folder": path.name}
    return {**described, "trial": trial, "batch": trial // 2}


def test_trials_have_the_mean_curve_of_their_seeds_and_the_value_that_the_sampler_is_told(tmp_path):
    sweep = SweepFolder(tmp_path)
    of = [
        ({"lr": "0.1", "seed": "0"}, 0, [0.5, 0.75, 0.875], "finished", 0.75),
        ({"lr": "0.1", "seed": "1"}, 0, [0.25, 0.25], "finished", 0.5),
        ({"lr": "0.2", "seed": "0"}, 1, [0.5, 0.25], "pruned", None),
        ({"lr": "0.2", "seed": "1"}, 1, [0.25, None], "pruned", None),
        ({"lr": "0.3", "seed": "0"}, 2, [], "failed", None),
        ({"lr": "0.3", "seed": "1"}, 2, [0.5], "finished", 0.5),
        ({"lr": "0.4", "seed": "0"}, 3, [0.5], "paused", None),
        ({"lr": "0.4", "seed": "1"}, 3, [], "waiting", None),
    ]
    cells = [write_cell(sweep, *each) for each in of]
    sweep.write_index("base", [], ["lr", "seed"], cells, SETTINGS)
    study = read_study(sweep)
    first, pruned, failed, waiting = study.trials
    assert (study.metrics, study.directions, study.settings["sampler"]) == (("val_accuracy",), ("max",), "tpe")
    assert (first.axes, first.state, first.value, first.epochs) == ({"lr": "0.1"}, "finished", 0.625, 5)
    assert first.curve == (0.375, 0.5)  # as far as both seeds have it
    assert pruned.curve[0] == 0.375 and pruned.curve[1] != pruned.curve[1]  # a blank is NaN
    assert (pruned.state, pruned.value, pruned.reason) == ("pruned", None, "rank 4 of 4 at epoch 2")
    assert (failed.state, failed.value, failed.batch) == ("failed", None, 1)  # one seed of two has failed
    assert (waiting.state, waiting.epochs) == ("waiting", 1)
    assert [len(trial.folders) for trial in study.trials] == [2, 2, 2, 2]


def test_two_metrics_have_a_value_each_and_one_seed_keeps_its_axis(tmp_path):
    sweep = SweepFolder(tmp_path)
    cells = [write_cell(sweep, {"seed": "3"}, 0, [0.5], "finished", 0.5), write_cell(sweep, {"seed": "4"}, 1, [0.25], "pruned")]
    both = {**SETTINGS, "metric": ["val_accuracy", "parameters"], "direction": ["max", "min"]}
    sweep.write_index("base", [], ["seed"], cells, both)
    first, pruned = read_study(sweep).trials
    assert (first.axes, first.value, first.values) == ({"seed": "3"}, 0.5, (0.5, 10.0))
    assert (pruned.value, pruned.values) == (0.25, ())


def test_a_grid_is_no_study_and_a_damaged_one_is_named(tmp_path):
    sweep = SweepFolder(tmp_path)
    cell = write_cell(sweep, {"lr": "0.1"}, 0, [], "waiting")
    plain = {key: cell[key] for key in ("overrides", "axes", "fingerprint", "folder")}
    sweep.write_index("base", [], ["lr"], [plain])
    assert read_study(sweep) is None
    sweep.write_index("base", [], ["lr"], [{**cell, "trial": "first"}], SETTINGS)
    with pytest.raises(RunFolderError, match="a number is missing"):
        read_study(sweep)
    sweep.write_index("base", [], ["lr"], [{key: cell[key] for key in cell if key != "batch"} | {"batch": 0}], SETTINGS)
    index = json.loads(sweep.index.read_text())
    sweep.index.write_text(json.dumps({**index, "study": {**SETTINGS, "direction": []}}))
    with pytest.raises(RunFolderError, match="not every metric has a direction"):
        read_study(sweep)


@pytest.mark.parametrize(
    "change",
    [
        *({key: value} for key in ("metric", "direction", "batch", "seeds", "seed", "eta", "first_rung", "sampler", "pruner", "space") for value in (None, [], -1)),
        *({"direction": value} for value in (["up"], ["max", "min"], "max")),
        *({"n_trials": 0}, {"n_trials": "many"}, {"batch": True}, {"batch": 2.5}, {"minutes": "ten"}, {"metric": [3]}, {"space": {"lr": 3}}),
        *({"union": value} for value in (3, [3], [{"lr": 1}])),
    ],
)
def test_settings_that_no_search_has_are_one_message_for_every_reader(tmp_path, cli, change):
    sweep = SweepFolder(tmp_path)
    sweep.write_index("base", [], ["lr"], [write_cell(sweep, {"lr": "0.1"}, 0, [0.5], "finished", 0.5)], SETTINGS)
    index = json.loads(sweep.index.read_text())
    sweep.index.write_text(json.dumps({**index, "study": {**SETTINGS, **change}}))
    with pytest.raises(RunFolderError, match="Run the sweep's command again"):
        read_study(SweepFolder(tmp_path))
    answer = cli("watch", str(tmp_path), "--once")
    assert answer.code == 2 and "sweep.json cannot be read" in answer.err


def test_a_pruner_a_sampler_and_a_space_that_are_missing_are_one_message(tmp_path):
    sweep = SweepFolder(tmp_path)
    whole = {**SETTINGS, "pruner": "halving", "eta": 2, "first_rung": 1, "space": {"lr": "0.1,0.2"}}
    sweep.write_index("base", [], ["lr"], [write_cell(sweep, {"lr": "0.1"}, 0, [0.5], "finished", 0.5)], whole)
    index = json.loads(sweep.index.read_text())
    assert summarize_search(sweep)["best"]["value"] == 0.5 and Rungs.of(sweep).of_cell(index["cells"][0]["folder"], 3) == (1, 2)
    for key, reader in (("sampler", summarize_search), ("space", summarize_search), ("pruner", Rungs.of), ("eta", Rungs.of)):
        sweep.index.write_text(json.dumps({**index, "study": {name: whole[name] for name in whole if name != key}}))
        with pytest.raises(RunFolderError, match=rf"sweep\.json cannot be read: '{key}'"):
            reader(SweepFolder(tmp_path))
    for key, value, reader in (("space", {"lr": "interval("}, summarize_search), ("pruner", "halve", Rungs.of)):
        sweep.index.write_text(json.dumps({**index, "study": {**whole, key: value}}))
        with pytest.raises(RunFolderError, match=r"sweep\.json cannot be read"):
            reader(SweepFolder(tmp_path))


def test_a_searchs_folder_is_named_by_its_settings_but_not_by_when_it_ends(tmp_path):
    def name(**changed):
        return SweepFolder.find(tmp_path, "base", [], ["lr"], study={**SETTINGS, **changed}).path.name

    assert name() == name(n_trials=96) == name(minutes=3)
    assert len({name(), name(batch=8), name(sampler="random"), SweepFolder.find(tmp_path, "base", [], ["lr"]).path.name}) == 4
    renamed = SweepFolder(tmp_path / "mine")
    renamed.write_index("base", [], ["lr"], [], SETTINGS)
    assert name(n_trials=96) == "mine" != name(batch=8)
