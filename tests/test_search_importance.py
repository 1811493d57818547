"""Which axes of a search mattered."""

import random
import sys

import pytest

from stackfit.results.search_importance import LEAST, Importance, find_importance
from stackfit.results.study import Study, Trial


def trial(number, axes, value, state="finished", values=()):
    return Trial(number, number // 16, axes, (str(number),), state, (), value, 1, values=values or (value,))


def study(trials, metric=("val_accuracy",), direction=("max",)):
    return Study({"metric": metric, "direction": direction}, tuple(trials))


def made(value_of, count=48):
    rng = random.Random(0)
    for number in range(count):
        units, rate = rng.choice(range(32, 513, 32)), rng.choice(["1e-2", "1e-3", "1e-4"])
        yield trial(number, {"units": str(units), "rate": rate}, value_of(units, rate))


def test_too_few_trials_say_so_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)  # importing it would raise
    few = study(made(lambda units, rate: units / 1000, LEAST - 1))
    assert find_importance(few) == Importance({}, (), f"not said of fewer than {LEAST} trials; there are {LEAST - 1}")
    failed = [trial(number, {"units": "1"}, None, "failed") for number in range(40)]
    assert find_importance(study(failed)).said == f"not said of fewer than {LEAST} trials; there are 0"
    assert find_importance(study(made(lambda units, rate: 0.5))).said == "all trials have the same value"
    assert find_importance(study(made(lambda units, rate: units / 1000))).said == "needs Optuna: pip install 'stackfit[search]'"


@pytest.mark.extra
@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_axis_that_decides_has_most_of_it_and_the_other_is_chance(direction, capfd):
    sign, noise = 1 if direction == "max" else -1, random.Random(1).random
    by_units = find_importance(study(made(lambda units, rate: sign * units / 1000), direction=(direction,)))
    by_rate = find_importance(study(made(lambda units, rate: sign * (float(rate) + noise() / 1e9)), direction=(direction,)))
    neither = [find_importance(study(made(lambda units, rate: noise()), direction=(direction,))) for _ in range(6)]
    assert [*by_units.shares] == ["units", "rate"] and by_units.shares["units"] > 0.8
    assert (by_units.by_chance, by_units.said) == (("rate",), "PED-ANOVA of 48 trials")
    assert [*by_rate.shares] == ["rate", "units"] and by_rate.by_chance == ("units",)
    assert sum(by_rate.shares.values()) == pytest.approx(1)
    assert sum(len(found.by_chance) for found in neither) >= 10  # of 12: one in twenty is wrong
    assert capfd.readouterr() == ("", "")


@pytest.mark.extra
def test_axes_of_a_union_groups_pruned_trials_and_two_metrics(capfd):
    rng = random.Random(0)
    trials = []
    for number in range(60):
        optimizer = rng.choice(["adam", "sgd"])
        axes = {"optimizer": optimizer, "rate": repr(10 ** rng.uniform(-4, -1))}
        if optimizer == "sgd":
            axes["momentum"] = repr(rng.uniform(0, 0.9))
        value = (optimizer == "sgd") + float(axes.get("momentum", 0))
        trials.append(trial(number, axes, value, rng.choice(["finished", "pruned"]), (value, rng.random())))
    found = find_importance(study(trials))
    assert {*found.shares} == {"optimizer", "rate", "momentum"} and [*found.shares][2] == "rate"
    assert (found.by_chance, found.said) == (("rate",), "PED-ANOVA of 60 trials")
    both = find_importance(study(trials, ("val_accuracy", "parameters"), ("max", "min")))
    assert {*both.shares} == {"optimizer", "rate", "momentum"}
    assert capfd.readouterr() == ("", "")
