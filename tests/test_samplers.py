"""Which points a search asks for next. TPE, which needs Optuna, is in `test_optuna_trials`."""

import itertools
from collections import Counter

import pytest

from stackfit.config.hydra.space import Space
from stackfit.execution.samplers import MANY, ask, key_of, seed_of
from stackfit.results.study import Trial

GRID = {"units": "range(4,20,step=4)", "optimizer": "adam,sgd"}  # 8 settings
MIXED = {"units": "int(interval(1,9))", "rate": "tag(log, interval(1e-4,1e-2))", "width": "tag(log, int(interval(1,100)))", "share": "interval(0,1)"}


def study_of(sampler, space, union=None, **more):
    return {"sampler": sampler, "seed": 0, "direction": ["max"], "metric": ["val_accuracy"], "space": space, **({"union": union} if union else {}), **more}


def search(study, batches, size, value=lambda axes: 0.5, state="finished"):
    """The trials after so many batches of this size."""
    space, trials = Space.read(("epochs=1",), study), []
    for batch in range(batches):
        for point in ask(space, study, trials, batch, size):
            told = value(point.axes)
            trials.append(Trial(len(trials), batch, point.axes, ("cell",), state, (told,), told, 1, values=(told,) * len(study["metric"])))
    return trials


@pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
def test_a_finite_space_is_used_up_without_a_setting_twice(sampler):
    study = study_of(sampler, GRID)
    trials = search(study, 4, 3)
    assert Counter(trial.batch for trial in trials) == {0: 3, 1: 3, 2: 2}
    assert len({key_of(trial.axes) for trial in trials}) == 8
    assert ask(Space.read((), study), study, trials, 9, 3) == []


def test_the_grid_asks_for_everything_in_the_order_of_a_plain_sweep():
    trials = search(study_of("grid", GRID), 3, 3)
    assert [tuple(trial.axes.values()) for trial in trials] == [*itertools.product(("4", "8", "12", "16"), ("adam", "sgd"))]
    whole = search(study_of("grid", {"units": "int(interval(1,5))"}), 1, 9)
    assert [trial.axes["units"] for trial in whole] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_drawn_numbers_lie_in_their_interval_and_are_written_so_that_they_are_read_back_exactly(sampler):
    trials = search(study_of(sampler, MIXED), 4, 32)
    units, rates, widths, shares = ([trial.axes[key] for trial in trials] for key in MIXED)
    assert {*map(int, units)} == {*range(1, 10)}
    assert all(repr(float(rate)) == rate and 1e-4 <= float(rate) <= 1e-2 for rate in rates)
    assert 0.35 < sum(float(rate) < 1e-3 for rate in rates) / 128 < 0.65  # half of them below the middle of the logarithm
    assert 0.35 < sum(int(width) <= 10 for width in widths) / 128 < 0.65
    assert all(0 <= float(share) <= 1 for share in shares)


def test_whole_numbers_are_drawn_equally_often_at_both_ends():
    counts = Counter(trial.axes["units"] for trial in search(study_of("random", {"units": "int(interval(1,3))", "x": "interval(0,1)"}), 30, 20))
    assert all(150 < count < 250 for count in counts.values()) and {*counts} == {"1", "2", "3"}


@pytest.mark.parametrize("sampler", ["random", "qmc", "grid"])
def test_a_search_that_goes_on_asks_for_what_an_uninterrupted_one_asks_for(sampler):
    study = study_of(sampler, GRID if sampler == "grid" else MIXED)
    space, trials = Space.read(("epochs=1",), study), search(study, 3, 2)
    for batch in range(3):
        again = ask(space, study, [trial for trial in trials if trial.batch < batch], batch, 2)
        assert [point.axes for point in again] == [trial.axes for trial in trials if trial.batch == batch]
    if sampler != "grid":
        assert [t.axes for t in search({**study, "seed": 1}, 3, 2)] != [t.axes for t in trials]


def test_low_discrepancy_covers_a_space_better_than_chance():
    def gap(sampler):
        shares = sorted(float(trial.axes["share"]) for trial in search(study_of(sampler, {"share": "interval(0,1)"}), 4, 16))
        return max(after - before for before, after in itertools.pairwise([0.0, *shares, 1.0]))

    assert gap("qmc") < 0.04 < gap("random")


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_every_trial_of_a_union_is_of_one_of_its_spaces(sampler):
    union = [{"optimizer": "adam", "beta": "0.8,0.9"}, {"optimizer": "momentum", "momentum": "interval(0,1)"}]
    trials = search(study_of(sampler, {"units": "4,8"}, union), 2, 16)
    kinds = Counter(tuple(sorted(trial.axes)) for trial in trials)
    assert {*kinds} == {("beta", "optimizer", "units"), ("momentum", "optimizer", "units")} and min(kinds.values()) >= 4


def test_spaces_of_a_union_that_share_a_setting_ask_for_it_once():
    union = [{"units": "4,8"}, {"units": "8,16"}]
    trials = search(study_of("random", {}, union), 2, 3)
    assert sorted(trial.axes["units"] for trial in trials) == ["16", "4", "8"]
    assert [trial.axes["units"] for trial in search(study_of("grid", {}, union), 2, 3)] == ["4", "8", "16"]


def test_a_space_too_large_to_be_listed_is_drawn_from():
    trials = search(study_of("random", {"a": "int(interval(1,1000))", "b": "int(interval(1,1000))"}), 2, 8)
    assert len({key_of(trial.axes) for trial in trials}) == 16 and MANY < 1_000_000


def test_the_seeds_of_batches_are_the_same_everywhere_and_for_ever():
    assert [seed_of(0, 0), seed_of(0, 1), seed_of(1, 0)] == [1932821012, 2209971077, 2967796155]
