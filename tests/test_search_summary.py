"""What a search found, read from its folder."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from test_study import SETTINGS

import stackfit
from stackfit.errors import RunFolderError
from stackfit.results.run_folder import RunFolder
from stackfit.results.search_lines import search_lines
from stackfit.results.search_summary import BETTER, NO_BETTER, UNKNOWN, summarize_search, summary_of
from stackfit.results.sweep_folder import SweepFolder

UNITS = "model.layers.hidden.units"


def write_trial(sweep, number, axes, curve, state="finished", final=None, *, longest=4, batch=4, others=None):
    """The entry of a trial's only cell in `sweep.json`, and its folder."""
    path = sweep.cell(axes, "0123456789")
    folder = RunFolder(path)
    about = {"experiment": "xor_needs_a_hidden_layer", "overrides": [], "axes": axes, "settings": {"epochs": longest, "seed": 0, **axes}, "seed": 0}
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    assert folder.claim("0123456789", about)
    for epoch, value in enumerate(curve, 1):
        folder.append_history({"epoch": epoch, "loss": 1.0, "val_accuracy": value, "seconds": 0.1, "members": 1})
    metrics = {"val_accuracy": final if final is not None else curve[-1] if curve else None, **(others or {})}
    if state == "finished":
        folder.finish(metrics, metrics)
    else:
        folder.fail("rank 3 of 4 at epoch 1", status=state)
    words = [f"{key}={value}" for key, value in axes.items()]
    described = {"overrides": words, "axes": axes, "fingerprint": "0123456789", "folder": path.name}
    return {**described, "trial": number, "batch": number // batch}


@pytest.fixture
def search(lab):
    """`search([(curve, state, final), …])`: the summary of a new search with these trials."""
    numbers = itertools.count(1)

    def make(trials, settings=None, **more):
        sweep = SweepFolder(Path(f"outputs/xor/sweep-{next(numbers)}"))
        cells = []
        for number, (curve, state, *final) in enumerate(trials):
            cells.append(write_trial(sweep, number, {UNITS: str(number + 1)}, curve, state, *final, **more))
        space = {"space": {UNITS: "interval(0,1)"}}
        settings = {**SETTINGS, **space, "sampler": "random", "pruner": "halving", **(settings or {})}
        sweep.write_index("xor_needs_a_hidden_layer", [], [UNITS], cells, settings)
        return summarize_search(sweep)

    return make


def test_the_best_of_the_finished_ones_wins_and_chance_is_an_interval_where_trials_were_pruned(search):
    found = search(
        [([0.5, 0.6, 0.7, 0.8], "finished"), ([0.4], "pruned"), ([0.9], "pruned"), ([0.5, 0.7, 0.8, 0.85], "finished")]
    )
    assert found["best"]["axes"] == {UNITS: "4"} and found["best"]["value"] == 0.85
    assert (found["trials"], found["epochs"], found["full_epochs"]) == ({"finished": 2, "pruned": 2}, 10, 16)
    random, one = found["chance"]
    # 10 epochs last for two trainings of four. The pairs' best: with 0.4 and 0.9 as they are, or 0.85 and 0.9.
    assert (random["settings"], random["epochs"], random["exact"]) == (2, 10, False)
    assert random["low"] == pytest.approx((0.8 + 0.9 + 0.85 + 0.9 + 0.85 + 0.9) / 6)
    assert random["high"] == pytest.approx((0.85 + 0.9 + 0.85 + 0.9 + 0.85 + 0.9) / 6)
    assert random["search"] == NO_BETTER  # it pruned what was already better
    assert one["settings"] == 0 and one["low"] is None  # 10 epochs do not last for three trainings of four
    assert found["progress"] == [[10, 0.85]]


def test_what_is_known_to_be_better_is_said_to_be_and_nothing_else(search):
    weak, strong = ([0.1, 0.2, 0.3, 0.4], "finished"), ([0.5, 0.6, 0.7, 0.8], "finished")
    random, one = search([weak, weak, strong, weak, ([0.1], "pruned"), ([0.1], "pruned")], {"space": {UNITS: "range(1,7)"}})["chance"]
    assert random["search"] == UNKNOWN and not random["exact"]  # both might have reached 0.8
    assert (one["settings"], one["epochs"], one["search"]) == (6, 15, NO_BETTER) and one["exact"]
    assert one["low"] == 0.8


def test_chance_is_exact_where_all_trained_to_their_end_and_the_whole_space_was_tried(search):
    trials = [([0.1, 0.2, 0.3, value], "finished") for value in (0.5, 0.6, 0.7, 0.8)]
    random, one = search(trials, {"space": {UNITS: "range(1,5)"}, "sampler": "tpe"})["chance"]
    assert random["exact"] and random["low"] == 0.8 and random["search"] == NO_BETTER  # it trained everything, too
    assert one["exact"] and one["epochs"] == 13 and one["low"] == 0.7 and one["search"] == BETTER  # ties: the earlier ones


def test_of_a_sampler_that_learns_only_the_first_batch_counts_as_chance(search):
    first = [([0.1, 0.2, 0.3, value], "finished") for value in (0.5, 0.6, 0.7, 0.8)]
    learned = [([0.1, 0.2, 0.3, 0.9], "finished")] * 4
    found = search([*first, *learned], {"sampler": "tpe"})
    random, one = found["chance"]
    assert (random["low"], random["high"], random["search"]) == (0.8, None, UNKNOWN)  # eight settings: four are not known
    assert (one["low"], one["high"]) == (0.7, None)
    assert any("random search, 8 settings, judged by 4 of the first batch, to the end in 32" in line for line in search_lines(found, 100))


def test_less_is_better_turns_every_sign(search):
    loss = {"metric": ["loss"], "direction": ["min"], "space": {UNITS: "range(1,5)"}}
    trials = [([0.1, 0.1, 0.1, 0.1], "finished")] * 4
    found = search(trials, loss, others={"loss": 0.5})
    assert found["best"]["value"] == 0.5 and found["progress"] == [[16, 0.5]]
    assert [each["low"] for each in found["chance"]] == [0.5, 0.5]


def test_a_metric_that_histories_lack_a_failed_trial_and_none_that_finished(search):
    found = search([([0.5, 0.5, 0.5, 0.5], "finished"), ([], "failed")], {"metric": ["test_accuracy"]}, others={"test_accuracy": 0.7})
    assert found["best"]["value"] == 0.7 and found["chance"][1]["settings"] == 0
    assert found["chance"][0]["low"] == 0.7  # the failed one counts as the worst that is known
    found = search([([], "failed"), ([0.5], "pruned"), ([0.5], "paused")])
    assert (found["best"], found["chance"], found["command"], found["settled"]) == (None, [], None, False)
    assert next(search_lines(found)) == "best     no trial has finished"


def test_two_metrics_have_a_front(tmp_path):
    sweep = SweepFolder(tmp_path / "two")
    values = [(0.9, 100), (0.8, 50), (0.8, 60), (0.7, 10), (0.9, 100)]
    cells = [
        write_trial(sweep, number, {UNITS: str(number)}, [accuracy], final=accuracy, others={"parameters": count})
        for number, (accuracy, count) in enumerate(values)
    ]
    both = {**SETTINGS, "space": {}, "metric": ["val_accuracy", "parameters"], "direction": ["max", "min"], "pruner": "none"}
    sweep.write_index("xor_needs_a_hidden_layer", [], [UNITS], cells, both)
    found = summarize_search(sweep)
    assert [trial["trial"] for trial in found["front"]] == [0, 4, 1, 3]
    assert found["best"] is None and found["chance"] == [] and found["progress"] == []
    lines = [*search_lines(found)]
    assert "         4 settings" not in lines[1] and lines[1].startswith("front    4 settings that no other one beats in")
    assert lines[-2].split() == ["3", "0.7", "10", "units=3"]


def test_several_seeds_are_one_trial_in_epochs_of_all_of_them(tmp_path):
    sweep = SweepFolder(tmp_path / "sweep-1")
    cells = []
    for number in range(3):
        for seed in range(2):
            axes = {UNITS: str(number), "seed": str(seed)}
            cells.append(write_trial(sweep, number, axes, [0.1 * number + 0.2 * seed] * 4))
    sweep.write_index("xor_needs_a_hidden_layer", [], [UNITS, "seed"], cells, {**SETTINGS, "sampler": "random", "space": {UNITS: "0,1,2"}})
    found = summarize_search(sweep)
    assert (found["seeds"], found["epochs"], found["full_epochs"]) == (2, 24, 24)
    assert found["best"]["axes"] == {UNITS: "2"} and found["best"]["value"] == pytest.approx(0.3)
    assert [(each["settings"], each["epochs"]) for each in found["chance"]] == [(3, 24), (3, 24)]
    assert "seed" not in found["command"]


def test_the_command_can_be_pasted_and_every_line_fits(search):
    found = search([([0.5, 0.6, 0.7, 0.8], "finished")] * 3)
    assert found["command"] == f"stackfit run xor_needs_a_hidden_layer hydra.mode=RUN {UNITS}=1"  # its file declares a sweep
    lines = [*search_lines({**found, "command": found["command"] + " 'optimizer={_target_: keras.optimizers.SGD, momentum: 0.5}'"})]
    assert max(map(len, lines)) <= 80
    at = next(number for number, line in enumerate(lines) if line.startswith("again"))
    assert lines[at].endswith(" \\") and lines[at + 1].startswith("           ")
    assert json.loads(json.dumps(found)) == found


def test_only_the_folder_of_a_search_has_a_summary(search, lab):
    search([([0.5], "finished")])
    sweep = Path("outputs/xor/sweep-1")
    assert summary_of([sweep])["folder"] == summary_of("xor")["folder"] == str(sweep)  # of a name, its newest sweep
    assert summary_of([sweep, sweep]) is None and summary_of([]) is None
    assert summary_of([Path("outputs/xor")]) is None  # all runs of the experiment
    with pytest.raises(RunFolderError, match="grid is not a search"):
        stackfit.search_summary(lab / "grid")
    grid = SweepFolder(lab / "grid")
    grid.write_index("xor_needs_a_hidden_layer", [], [UNITS], [])
    assert summary_of([grid.path]) is None and summarize_search(grid) is None


def test_table_compare_and_python_say_the_same_below_the_runs(search, cli):
    found = search([([0.5, 0.6, 0.7, 0.8], "finished"), ([0.4], "pruned"), ([0.5, 0.6, 0.7, 0.75], "finished")])
    lines = "\n".join(search_lines(found))
    assert repr(stackfit.search_summary(found["folder"])) == lines
    for words in (["table"], ["compare", "--metric", "val_accuracy"]):
        answer = cli(*words, found["folder"])
        assert answer.code == 0 and answer.out.endswith(f"\n\n{lines}\n"), answer
        assert max(map(len, answer.out.splitlines())) <= 80
        assert f"```text\n{lines}\n```" in cli(*words, found["folder"], "--format", "md").out
    said = json.loads(cli("compare", "--metric", "val_accuracy", found["folder"], "--format", "json").out)
    assert said["search"] == found
    assert len(json.loads(cli("table", found["folder"], "--format", "json").out)) == 3  # rows alone
