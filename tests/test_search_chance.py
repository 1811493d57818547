"""What chance would have found, held against trying every order and every subset."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackfit.results.search_chance import (
    Ending,
    Settled,
    best_so_far,
    endings,
    expected_best,
    one_epoch,
    random_search,
)

CURVE = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=4)


def every_best(finals: list[float], count: int) -> float:
    return fmean(max(chosen) for chosen in combinations(finals, min(count, len(finals))))


def every_kept(firsts: list[float], finals: list[float], count: int, kept: int) -> float:
    numbers = range(len(finals))
    best = []
    for chosen in combinations(numbers, count):
        stay = sorted(chosen, key=lambda n: (-firsts[n], n))[:kept]
        best.append(max(finals[n] for n in stay))
    return fmean(best)


@st.composite
def studies(draw):
    """All curves of a small search, and what is cut off from some of them as a search does it: no curve to its end is
    below its last seen value, none above the best of those that are seen to their end."""
    curves = draw(st.lists(CURVE, min_size=3, max_size=6))
    longest = max(map(len, curves))
    seen = draw(st.sets(st.integers(0, len(curves) - 1), min_size=1))
    best, shortest = max(curves[n][-1] for n in seen), min(len(curves[n]) for n in seen)
    cut: dict[int, int] = {}
    for n, curve in enumerate(curves):
        if n in seen or not len(curve) >= shortest or curve[-1] > best:
            continue
        lengths = [length for length in range(1, len(curve)) if curve[length - 1] <= curve[-1]]
        if lengths:
            cut[n] = draw(st.sampled_from(lengths))
    return curves, cut, longest, draw(st.integers(3, 4 * len(curves)))


@settings(max_examples=300, deadline=None)
@given(studies())
def test_exact_with_all_curves_and_enclosed_when_some_are_cut(case):
    curves, cut, longest, budget = case
    finals = [curve[-1] for curve in curves]
    pool = endings([Settled(curve, len(curve), longest, curve[-1]) for curve in curves])
    count = int(budget / fmean(map(len, curves)) + 1e-9)
    exact = every_best(finals, count) if count else None
    found = random_search(pool, budget)
    assert (found and found.low) == (found and found.high) == (exact and pytest.approx(exact))

    left = endings(
        [
            Settled(curve[: cut[n]], cut[n], longest, pruned=True) if n in cut else Settled(curve, len(curve), longest, curve[-1])
            for n, curve in enumerate(curves)
        ]
    )
    censored = random_search(left, budget)
    if exact is not None and censored is not None:
        assert censored.low - 1e-9 <= exact <= censored.high + 1e-9

    places = min(len(pool), budget - 3 * (max(map(len, curves)) - 1))
    if places >= 3:
        kept = one_epoch(pool, budget)
        assert kept is not None
        expected = every_kept([curve[0] for curve in curves], finals, places, 3)
        assert kept.low == kept.high == pytest.approx(expected)
    of_left = one_epoch(left, budget)
    if of_left is not None:
        exact = every_kept([curve[0] for curve in curves], finals, of_left.settings, 3)
        assert of_left.low - 1e-9 <= exact <= of_left.high + 1e-9
    else:
        assert budget - 3 * (longest - 1) < 3


def test_the_expected_best_by_hand():
    assert expected_best([1.0, 2.0, 3.0], 1) == 2.0
    assert expected_best([3.0, 1.0, 2.0], 2) == pytest.approx((2 + 3 + 3) / 3)
    assert expected_best([1.0, 2.0], 9) == 2.0  # of more than there are


def test_no_value_is_made_up_where_the_budget_is_too_small_or_every_trial_failed():
    pool = [Ending(0.5, 0.9, 0.9, 10, 10)] * 4
    assert random_search(pool, 9) is None
    assert one_epoch(pool, 29) is None
    assert one_epoch(pool, 30).settings == 3
    assert endings([Settled([], 0, 5), Settled([0.4], 1, 5), Settled([0.3], 1, 5, pruned=True)]) == []


def test_a_failed_trial_is_the_worst_and_ranks_last():
    pool = endings([Settled([0.5, 0.8], 2, 2, 0.8), Settled([], 0, 2), Settled([0.3], 1, 2, pruned=True)])
    assert [(ending.first, ending.low, ending.high) for ending in pool] == [
        (0.5, 0.8, 0.8), (-math.inf, 0.3, 0.8), (0.3, 0.3, 0.8),
    ]  # fmt: skip


def test_of_a_pruned_trial_the_last_value_that_is_a_number_counts():
    trials = [Settled([0.5, 0.8], 2, 4, 0.8), Settled([0.4, math.nan], 2, 4, pruned=True), Settled([math.nan], 1, 4, pruned=True)]
    pool = endings([*trials, Settled([math.inf, -math.inf], 2, 4, pruned=True)])
    assert [(ending.low, ending.high) for ending in pool] == [(0.8, 0.8), (0.4, 0.8), (0.4, 0.8), (0.4, 0.8)]


def test_of_several_seeds_the_mean_of_their_epochs_is_what_a_setting_costs():
    pool = endings([Settled([0.5, 0.8], 3.5, 6, 0.8), Settled([0.5], 1.5, 6, pruned=True)])
    assert [(ending.shortest, ending.longest) for ending in pool] == [(3.5, 3.5), (3.5, 6)]
    assert random_search(pool[:1] * 4, 13.5).settings == 3 and one_epoch(pool[:1] * 8, 13.5).settings == 6  # 13.5 - 3 * 2.5


def test_more_random_settings_than_were_tried_have_no_upper_end_unless_they_are_all():
    pool = [Ending(0.5, 0.9, 0.9, 2, 2), Ending(0.5, 0.7, 0.7, 2, 2)]
    assert random_search(pool, 100).high == 0.9
    assert random_search(pool, 100, whole=False).high == math.inf
    assert random_search(pool, 4, whole=False).high == 0.9
    assert [one_epoch([*pool, *pool], budget, whole=False).high for budget in (7, 8)] == [0.9, math.inf]


def test_no_more_settings_are_tried_at_random_than_there_are():
    pool = [Ending(0.5, 0.9, 0.9, 2, 2), Ending(0.5, 0.7, 0.7, 1, 3)]
    found = random_search(pool, 100)
    assert (found.settings, found.epochs, found.low) == (2, 5, 0.9)
    assert random_search(pool, 100, whole=False).settings == 40  # of 2.5 epochs


def test_the_best_so_far_counts_the_epochs_of_all_that_train_side_by_side():
    ends = [(0, 4, 0.7), (0, 2, None), (0, 3, 0.6), (1, 4, 0.65), (1, 1, None), (2, 2, 0.8)]
    # Batch 0: after epoch 3 it has spent 3 + 2 + 3, after epoch 4 one more. Batch 1 finds nothing better.
    assert best_so_far(ends) == [(8, 0.6), (9, 0.7), (9 + 5 + 2, 0.8)]
    assert best_so_far([(0, 1, None)]) == []
