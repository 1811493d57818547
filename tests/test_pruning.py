"""Which trials of a batch end at a rung."""

import math

from stackfit.config.hydra.search_settings import PRUNERS
from stackfit.execution.pruning import pruner_of

SETTINGS = {"pruner": "halving", "eta": 2, "first_rung": 1, "batch": 16}


def pruner(name="halving", **changed):
    return pruner_of({**SETTINGS, "pruner": name, **changed})


def test_halving_doubles_its_rungs_and_keeps_the_better_half_rounded_up():
    assert pruner().rungs(10, 0) == pruner().rungs(9, 7) == (1, 2, 4, 8)
    assert pruner().rungs(8, 0) == (1, 2, 4)  # whoever has trained to the end is not ranked
    assert pruner().rungs(1, 0) == ()
    assert pruner(eta=3, first_rung=2).rungs(60, 0) == (2, 6, 18, 54)
    assert pruner().decide(2, {0: 0.5, 1: 0.75, 2: 0.25}) == {2: "rank 3 of 3 at epoch 2"}
    ended = pruner().decide(1, {trial: trial / 16 for trial in range(16)})
    assert set(ended) == set(range(8)) and ended[7] == "rank 9 of 16 at epoch 1" and ended[0] == "rank 16 of 16 at epoch 1"
    assert set(pruner(eta=3).decide(1, dict.fromkeys(range(7), 0.5))) == {3, 4, 5, 6}  # 7 / 3 is 2.3


def test_of_equal_trials_the_earlier_one_stays_and_failed_ones_rank_last_and_count():
    assert set(pruner().decide(1, {5: 0.5, 3: 0.5, 4: 0.5, 2: 0.5})) == {4, 5}
    values = {0: -math.inf, 1: 0.1, 2: -math.inf, 3: 0.2}
    assert set(pruner().decide(1, values)) == {0, 2}  # four are ranked, so two stay
    assert set(pruner().decide(1, {0: -math.inf, 1: -math.inf})) == {1}
    assert pruner().decide(4, {7: 0.1}) == {}


def test_the_order_in_which_values_come_decides_nothing():
    values = {3: 0.1, 1: 0.4, 2: 0.1, 0: 0.3, 4: -math.inf}
    for name in PRUNERS:
        found = pruner(name).decide(2, values)
        assert found == pruner(name).decide(2, dict(sorted(values.items())))


def test_median_ends_whoever_is_below_it_and_keeps_equal_ones():
    assert pruner("median").rungs(10, 3) == (1, 2, 4, 8)
    values = {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.2, 4: 0.2}
    assert pruner("median").decide(2, values) == {0: "rank 5 of 5 at epoch 2, below the median"}
    assert pruner("median").decide(2, dict.fromkeys(range(4), 0.5)) == {}
    assert set(pruner("median").decide(2, {0: 0.1, 1: 0.4, 2: -math.inf, 3: 0.3})) == {0, 2}


def test_hyperband_is_halving_in_brackets_that_the_place_in_the_batch_gives():
    band = pruner("hyperband")
    assert [band.bracket(trial) for trial in range(16)] == [0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0, 4]
    assert [band.bracket(trial) for trial in range(16, 32)] == [band.bracket(trial) for trial in range(16)]
    assert [band.rungs(10, trial) for trial in (0, 1, 3, 7, 15)] == [(1, 2, 4, 8), (2, 4, 8), (4, 8), (8,), ()]
    ended = band.decide(2, {0: 0.1, 2: 0.2, 1: 0.0, 5: 0.05})
    assert ended == {0: "rank 2 of 2 at epoch 2 in bracket 0", 1: "rank 2 of 2 at epoch 2 in bracket 1"}
    three = pruner("hyperband", eta=3, first_rung=2)
    assert [three.bracket(trial) for trial in range(9)] == [0, 0, 1, 0, 0, 1, 0, 0, 2]
    assert three.rungs(100, 8) == (18, 54)


def test_none_has_no_rungs():
    assert pruner("none").rungs(100, 0) == () and pruner("none").decide(1, {0: -math.inf}) == {}
