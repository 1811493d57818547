"""A search's trials as Optuna has them: its TPE, and the journal that its dashboard opens."""

import importlib.util
import json
import math
import sys
import warnings

import pytest
from test_samplers import MIXED, key_of, search, study_of

from stackfit.config.hydra.space import Space
from stackfit.errors import ConfigError
from stackfit.execution import samplers
from stackfit.execution.optuna_trials import need_optuna, write_journal
from stackfit.results.study import Trial

pytestmark = pytest.mark.extra
VALUES = {"units": "range(32,513,step=32)", "rate": "1e-2,1e-3,1e-4"}


def quality(axes):
    """Best at 256 units and a rate of 1e-3."""
    return -abs(int(axes["units"]) - 256) / 256 - abs(math.log10(float(axes["rate"])) + 3)


def mean(trials, batch):
    values = [trial.value for trial in trials if trial.batch == batch]
    return sum(values) / len(values)


@pytest.mark.parametrize("direction", ["max", "min"])
def test_tpe_learns_from_what_it_is_told(direction):
    sign = 1 if direction == "max" else -1
    study = study_of("tpe", {**MIXED, "units": "int(interval(1,512))", "rate": "tag(log, interval(1e-5,1e-1))"}, direction=[direction])
    trials = search(study, 6, 16, lambda axes: sign * quality(axes))
    assert sign * mean(trials, 5) > sign * mean(trials, 0) + 0.5
    assert max(sign * trial.value for trial in trials) > -0.3


def test_it_goes_on_as_if_it_had_not_been_interrupted_and_asks_for_nothing_twice():
    study = study_of("tpe", VALUES)
    trials = search(study, 4, 10, quality)
    assert len({key_of(trial.axes) for trial in trials}) == 40
    for batch in range(4):
        told = [trial for trial in trials if trial.batch < batch]
        again = samplers.ask(Space.read((), study), study, told, batch, 10)
        assert [point.axes for point in again] == [trial.axes for trial in trials if trial.batch == batch]
    assert [trial.axes for trial in search({**study, "seed": 7}, 4, 10, quality)] != [trial.axes for trial in trials]
    assert len(search(study, 9, 10, quality)) == 48  # all of the space


def test_pruned_and_failed_trials_are_told_as_such_and_a_value_that_is_no_number_as_failed():
    optuna = pytest.importorskip("optuna")
    from stackfit.execution.optuna_trials import as_frozen

    study = study_of("tpe", VALUES)
    space, axes = Space.read((), study), {"units": "64", "rate": "0.01"}
    states = optuna.trial.TrialState
    for trial, state, value in (
        (Trial(0, 0, axes, ("a",), "finished", (0.5, 0.75), 0.75, 2, values=(0.75,)), states.COMPLETE, 0.75),
        (Trial(0, 0, axes, ("a",), "pruned", (0.5,), 0.5, 1, "rank 3 of 4 at epoch 1"), states.PRUNED, None),
        (Trial(0, 0, axes, ("a",), "failed", (), None, 0, "NaN"), states.FAIL, None),
        (Trial(0, 0, axes, ("a",), "finished", (math.nan,), None, 1, values=(math.nan,)), states.FAIL, None),
    ):
        frozen = as_frozen(space, trial)
        assert (frozen.state, frozen.value, frozen.params) == (state, value, {"units": 64, "rate": "0.01"})
        assert frozen.intermediate_values == {epoch: each for epoch, each in enumerate(trial.curve, 1) if each == each}
    assert as_frozen(space, Trial(0, 0, axes, ("a",), "running", (), None, 0)) is None
    assert as_frozen(space, Trial(0, 0, {"units": "65", "rate": "0.01"}, ("a",), "finished", (), 1.0, 0)) is None
    for prunes in ("pruned", "failed"):  # enough of them, and the sampler still answers
        assert len(search(study, 3, 12, quality, prunes)) == 36


def test_two_metrics_and_a_union_are_searched_together():
    union = [{"optimizer": "adam", "beta": "0.8,0.9"}, {"optimizer": "momentum", "momentum": "interval(0,1)", "beta": "0.5"}]
    study = study_of("tpe", {"units": "range(4,100,step=4)"}, union, metric=["val_accuracy", "parameters"], direction=["max", "min"])
    trials = search(study, 4, 12, lambda axes: float(axes["units"]))
    assert len({key_of(trial.axes) for trial in trials}) == 48
    assert {frozenset(trial.axes) for trial in trials} == {frozenset(("units", "optimizer", "beta")), frozenset(("units", "optimizer", "beta", "momentum"))}


def test_optuna_opens_the_journal_with_every_trial(tmp_path):
    optuna = pytest.importorskip("optuna")
    union = [{"optimizer": "adam"}, {"optimizer": "sgd", "rate": "tag(log, interval(1e-4,1e-2))"}]
    study = study_of("random", {"units": "range(4,100,step=4)"}, union)
    trials = search(study, 2, 8, lambda axes: float(axes["units"]))
    space = Space.read((), study)
    with warnings.catch_warnings(action="error"):
        write_journal(tmp_path / "study.journal", "digits, sweep-1", space, study, trials)
        write_journal(tmp_path / "study.journal", "digits, sweep-1", space, study, trials)  # in the place of the other
    assert [path.name for path in tmp_path.iterdir()] == ["study.journal"]
    assert all(json.loads(line) for line in (tmp_path / "study.journal").read_text().splitlines())
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    opened = optuna.load_study(study_name="digits, sweep-1", storage=optuna.storages.JournalStorage(backend))
    assert (len(opened.trials), opened.best_value) == (16, max(trial.value for trial in trials))
    assert [{key.partition("@")[0]: str(value) for key, value in each.params.items() if key != "grid"} for each in opened.trials] == [trial.axes for trial in trials]
    assert opened.trials[3].user_attrs["folders"] == ["cell"]


def test_optunas_own_messages_stay_as_they_were():
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    search(study_of("tpe", VALUES), 2, 10, quality)
    assert optuna.logging.get_verbosity() == before


def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(cli, lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'stackfit\[search\]'$"):
        need_optuna()
    monkeypatch.undo()
    monkeypatch.chdir(lab)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "optuna" else real(name, *rest))
    answer = cli("run", "digits_quickstart", "-m", "hydra/sweeper=search", "data.validation_split=0.2", "epochs=1,2", "hydra.sweeper.sampler=random")
    assert (answer.code, answer.out) == (2, "") and not (lab / "outputs").exists()
    assert answer.err == "error: The sweeper search needs optuna, which is not installed. Expected the extra. Type: pip install 'stackfit[search]'\n"
