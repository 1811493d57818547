"""The settings of a search: completed, and refused with what to type before a folder is made."""

import pytest
from composing import start_sweep

from stackfit.config import schema
from stackfit.config.hydra.search_settings import TRIALS
from stackfit.errors import ConfigErrors, Problems
from stackfit.execution.progress import Reporter

SEARCH, VALIDATION, AXIS = "hydra/sweeper=search", "data.validation_split=0.2", "epochs=1,2"


def read(*words: str) -> tuple[dict | None, Problems]:
    sweep = start_sweep("digits_quickstart", words, reporter=Reporter(0))
    return sweep.axes.study, sweep.problems


def test_a_search_needs_no_settings_and_its_directions_are_known(lab):
    study, problems = read(SEARCH, VALIDATION, AXIS)
    assert not problems.errors + problems.warnings
    assert (study["metric"], study["direction"], study["n_trials"]) == (["val_accuracy"], ["max"], TRIALS)
    study, _ = read(SEARCH, VALIDATION, AXIS, "hydra.sweeper.metric=[val_loss,parameters]", "hydra.sweeper.pruner=none")
    assert study["direction"] == ["min", "min"]
    assert read(SEARCH, VALIDATION, AXIS, "hydra.sweeper.minutes=3")[0]["n_trials"] is None
    assert read(SEARCH, VALIDATION, AXIS, "hydra.sweeper.sampler=grid")[0]["n_trials"] is None
    study, _ = read(SEARCH, VALIDATION, AXIS, "hydra.sweeper.metric=stopped_epoch", "hydra.sweeper.pruner=none", "hydra.sweeper.direction=min")
    assert study["direction"] == ["min"]


@pytest.mark.parametrize(
    "words, said",
    [
        (["hydra.sweeper.sampler=tp"], "sampler is tp. Did you mean 'tpe'? Expected one of tpe, random, qmc, grid."),
        (["hydra.sweeper.pruner=halfing"], "pruner is halfing. Did you mean 'halving'? Expected one of halving, hyperband, median, none."),
        (["hydra.sweeper.metric=val_acc"], "The cells report no 'val_acc'. Did you mean 'val_accuracy'? Expected one of: val_loss, val_accuracy,"),
        (["hydra.sweeper.metric=f1"], "Expected one of: val_loss, val_accuracy, loss, accuracy, test_loss, test_accuracy, parameters, stopped_epoch."),
        (["data.validation_split=0"], "They have no validation part. Expected one of: loss, accuracy, test_loss"),
        (["hydra.sweeper.metric=[val_loss,parameters]"], "cells are pruned by one metric, not by two. Expected hydra.sweeper.pruner=none"),
        (["hydra.sweeper.metric=[val_loss,loss,accuracy]", "hydra.sweeper.pruner=none"], "Expected one metric, or two different ones."),
        (["hydra.sweeper.metric=[val_loss,val_loss]", "hydra.sweeper.pruner=none"], "Expected one metric, or two different ones."),
        (["hydra.sweeper.direction=[max,min]"], "Expected one for each metric. Write: hydra.sweeper.direction=max"),
        (["hydra.sweeper.direction=minimize"], "direction is minimize. Expected max (more is better) or min, one for each metric. Write: hydra.sweeper.direction=min"),
        (["hydra.sweeper.metric=test_accuracy"], "test_accuracy is known only at the end of a run, and the pruner halving ranks after epochs."),
        (["hydra.sweeper.metric=stopped_epoch", "hydra.sweeper.pruner=none"], "Whether more stopped_epoch is better is not known"),
        (["hydra.sweeper.n_trials=0"], "n_trials is 0. Expected a whole number of at least 1. Write: hydra.sweeper.n_trials=1"),
        (["hydra.sweeper.eta=1"], "eta is 1. Expected a whole number of at least 2."),
        (["hydra.sweeper.first_rung=0"], "first_rung is 0. Expected a whole number of at least 1."),
        (["hydra.sweeper.minutes=0"], "minutes is 0. Expected a number above 0."),
        (["hydra.sweeper.batch=many"], "hydra.sweeper.batch is 'many'. Expected a whole number."),
        (["hydra.sweeper.n_trails=4"], "The sweeper search has no setting 'n_trails'. Did you mean 'n_trials'?"),
        (["seed=0,1", "hydra.sweeper.seeds=3"], "seeds is 3. Expected 1 where the search varies the seed itself."),
    ],
)
def test_a_wrong_setting_is_refused_where_it_was_typed_and_says_what_to_type(cli, lab, words, said):
    answer = cli("run", "digits_quickstart", "-m", SEARCH, VALIDATION, AXIS, *words)
    assert (answer.code, answer.out) == (2, "") and not (lab / "outputs").exists()
    told = " ".join(answer.err.split())
    assert said in told and any(f"error: {word}" in told for word in (SEARCH, *words))


def test_all_wrong_settings_are_named_at_once(lab):
    _, problems = read(SEARCH, VALIDATION, AXIS, "hydra.sweeper.sampler=x", "hydra.sweeper.pruner=x", "hydra.sweeper.eta=0", "hydra.sweeper.batch=0")
    with pytest.raises(ConfigErrors) as errors:
        problems.raise_errors()
    assert len(errors.value.errors) == 4


def test_a_setting_of_a_search_needs_a_search_but_a_files_own_may_wait_for_one(cli, lab, write):
    answer = cli("run", "digits_quickstart", "-m", AXIS, "hydra.sweeper.n_trials=4")
    assert answer.code == 2 and "The sweeper cells has no setting 'n_trials'. Expected params, union." in " ".join(answer.err.split())
    write(
        "experiments/mine.yaml",
        """defaults: [digits_quickstart, override hydra/sweeper: search, _self_]
hydra: {mode: MULTIRUN, sweeper: {n_trials: 4, params: {epochs: "1,2"}}}
""",
    )
    sweep = start_sweep("mine", ["hydra/sweeper=cells"], reporter=Reporter(0))
    assert sweep.axes.study is None and len(sweep.axes.points) == 2 and not sweep.problems.errors


@pytest.mark.parametrize(
    "lines, line, said",
    [
        ("hydra: {sweeper: {n_trials: four, params: {epochs: '1,2'}}}", 2, "hydra.sweeper.n_trials is 'four'. Expected a whole number or null."),
        ("hydra: {sweeper: {budget: 4, params: {epochs: '1,2'}}}", 2, "The sweeper search has no setting 'budget'."),
        ("hydra:\n  sweeper:\n    metric: val_acuracy\n    params: {epochs: '1,2'}", 4, "Did you mean 'val_accuracy'?"),
        ("hydra:\n  sweeper:\n    params:\n      epochs: interval(1,0)", 5, "Expected the smaller end first."),
        ("hydra:\n  sweeper:\n    params:\n      epocs: '1,2'", 5, "There is no key 'epocs'. Did you mean 'epochs'?"),
        ("hydra:\n  sweeper:\n    params:\n      epochs: interval(1,5)", 5, "Expected a whole number"),
    ],
)
def test_what_a_file_gets_wrong_is_named_with_its_line(cli, lab, write, lines, line, said):
    head = "defaults: [digits_quickstart, override hydra/sweeper: search, _self_]\n"
    write("experiments/mine.yaml", f"{head}{lines}\ndata: {{validation_split: 0.2}}\n")
    answer = cli("run", "mine", "-m")
    assert answer.code == 2 and not (lab / "outputs").exists()
    told = " ".join(answer.err.split())
    assert said in told and f"experiments/mine.yaml:{line}" in told


def test_a_file_chooses_only_our_sweepers_and_no_class(cli, write):
    write("experiments/mine.yaml", "defaults: [digits_quickstart, override hydra/sweeper: basic, _self_]\n")
    assert "'basic' is not a sweeper of stackfit. Expected cells or search." in " ".join(cli("show", "mine").err.split())
    write("experiments/mine.yaml", "defaults: [digits_quickstart, hydra/sweeper: search, _self_]\n")
    assert "Write: override hydra/sweeper: search" in " ".join(cli("show", "mine").err.split())
    write("experiments/mine.yaml", "defaults: [digits_quickstart, _self_]\nhydra: {sweeper: {_target_: mine.Evil}}\n")
    assert "'hydra.sweeper._target_' is set only by stackfit." in " ".join(cli("show", "mine").err.split())


def test_what_is_unusual_is_a_warning_that_can_be_silenced(lab):
    few = [SEARCH, VALIDATION, AXIS, "hydra.sweeper.n_trials=8"]
    on_test = [SEARCH, AXIS, "hydra.sweeper.metric=test_accuracy", "hydra.sweeper.pruner=none"]
    for words, kind, said in ((few, "few_trials", "Write for example: hydra.sweeper.batch=4"), (on_test, "searched_test", "looks better on the test set")):
        (warning,) = read(*words)[1].warnings
        assert (warning.kind, said in str(warning)) == (kind, True) and kind in schema.SILENCEABLE
        assert not read(*words, f"silence=[{kind}]")[1].warnings
    assert not read(*few, "hydra.sweeper.sampler=random")[1].warnings  # it learns nothing anyhow
