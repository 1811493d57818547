"""What chance would have found with a search's epochs. Plain numbers in; more is better, epochs are those of one seed.

Two baselines. *Random search*: settings at random, each trained to its end (Bergstra and Bengio 2012, JMLR 13); its
expected best of k is that of all subsets of k settings, the unbiased estimate of Tang et al. 2020 (arXiv 2004.14354).
*One epoch of all, three to their end*: often as good as every scheduler (Bohdal et al. 2023, arXiv 2207.06940, and
Egele et al. 2023, arXiv 2307.15422).

Both are exact where every curve was recorded to its end. Of a setting that was pruned, only its last value is known: it
is taken to end between this and the best that any finished one reached. Both baselines grow with every one of these
values, so both ends together enclose what would have come out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

KEPT = 3  # after one epoch, to be trained to their end


@dataclass(frozen=True)
class Ending:
    """What a setting gives when it is trained to its end: between `low` and `high`, after `shortest` to `longest` epochs, the
    mean over its seeds."""

    first: float  # its value after one epoch; -inf: it has none
    low: float
    high: float
    shortest: float
    longest: float


@dataclass(frozen=True)
class Baseline:
    """The best value to be expected of `settings` settings in `epochs` epochs, from `low` to `high`; equal if it is exact."""

    low: float
    high: float
    settings: int
    epochs: float


@dataclass(frozen=True)
class Settled:
    """A trial of which nothing more will be known: its value after each epoch, and how many epochs it was to train.

    Args:
        epochs: that it has trained, the mean over its seeds.
        final: its value at its end; None if it has failed, or was pruned.
    """

    curve: Sequence[float]
    epochs: float
    longest: int
    final: float | None = None
    pruned: bool = False


def endings(trials: Sequence[Settled]) -> list[Ending]:
    """What each of the trials' settings gives at its end; nothing if no trial has come to its end.

    A pruned one trains as long as the shortest of the others at least. A failed one counts as the worst, and so does a pruned
    one without any value that is a number.
    """
    finals = [trial.final for trial in trials if trial.final is not None]
    if not finals:
        return []
    best = max(finals)
    shortest = min(trial.epochs for trial in trials if trial.final is not None)
    known = [[value for value in trial.curve if math.isfinite(value)] for trial in trials]
    cut = [values[-1] for trial, values in zip(trials, known, strict=True) if trial.pruned and values]
    worst = min([*finals, *cut]), min([*finals, *(max(best, value) for value in cut)])
    found = []
    for trial, values in zip(trials, known, strict=True):
        length, least = trial.epochs, trial.epochs
        low, high = worst if trial.final is None else (trial.final, trial.final)
        if trial.pruned:
            last = values[-1] if values else worst[0]
            low, high = last, max(best, last)
            least, length = min(trial.longest, max(shortest, length)), float(trial.longest)
        found.append(Ending(trial.curve[0] if trial.curve else -math.inf, low, high, least, length))
    return found


def random_search(pool: Sequence[Ending], budget: float, whole: bool = True) -> Baseline | None:
    """As many settings, each trained to its end, as `budget` epochs last for, by their mean length; None if for none.

    Args:
        whole: whether the pool is all that there is; else more settings than it has might find something better.
    """
    most, least = (budget / (sum(lengths) / len(pool) or 1) for lengths in _lengths(pool))
    few, many = int(least + 1e-9), int(most + 1e-9)
    if few < 1:
        return None
    low = expected_best([ending.low for ending in pool], few)
    high = expected_best([ending.high for ending in pool], many)
    if many > len(pool) and not whole:
        high = math.inf
    if few > len(pool) and whole:  # there are no more
        return Baseline(low, high, len(pool), sum(ending.longest for ending in pool))
    return Baseline(low, high, few, budget)


def _lengths(pool: Sequence[Ending]) -> tuple[list[float], list[float]]:
    return [ending.shortest for ending in pool], [ending.longest for ending in pool]


def expected_best(values: Sequence[float], count: int) -> float:
    """The mean, over all subsets of `count` of the values, of the largest; of more than there are, the largest of all.

    The i-th smallest of n is the largest of C(i - 1, count - 1) subsets.
    """
    n = len(values)
    if count >= n:
        return max(values)
    subsets = math.comb(n, count)
    return math.fsum(value * (math.comb(i, count - 1) / subsets) for i, value in enumerate(sorted(values)))


def one_epoch(pool: Sequence[Ending], budget: float, whole: bool = True, kept: int = KEPT) -> Baseline | None:
    """One epoch of all settings, or of as many at random as the budget lasts for; then the best `kept` to their end.

    The kept ones are charged with the longest training, since how long they take is not known before. Of equal ones the
    earlier is kept. None if the budget is too small for `kept` settings. For `whole` see `random_search`.
    """
    longest = max(ending.longest for ending in pool)
    lasts = int(budget - kept * (longest - 1) + 1e-9)
    count = min(len(pool), lasts)
    if count < kept:
        return None
    ranked = sorted(pool, key=lambda ending: -ending.first)
    low, high = (_best_kept(finals, count, kept) for finals in ([e.low for e in ranked], [e.high for e in ranked]))
    if lasts > count and not whole:
        high = math.inf
    return Baseline(low, high, count, count + kept * (longest - 1))


def _best_kept(finals: Sequence[float], count: int, kept: int) -> float:
    """The mean, over all subsets of `count`, of the best final value among the first `kept` of each.

    Of a subset that keeps the setting at place k as its last, the other kept ones are any of those before it, and the
    rest any of those behind it.

    Args:
        finals: final values, the best after one epoch first.
    """
    total = 0.0
    subsets = math.comb(len(finals), count)
    for last in range(kept - 1, len(finals)):
        rest = math.comb(len(finals) - last - 1, count - kept)
        if rest:
            pairs = math.comb(last, kept - 1)
            best = _expected_with(finals[:last], finals[last], kept - 1)
            total += best * (pairs * rest / subsets)
    return total


def _expected_with(values: Sequence[float], always: float, count: int) -> float:
    """The mean, over all subsets of `count` of the values, of the largest of them and of `always`."""
    return expected_best([max(value, always) for value in values], count) if count else always


def best_so_far(ends: Sequence[tuple[int, int, float | None]]) -> list[tuple[int, float]]:
    """The best final value by the epochs that the search had spent until then; a point for each improvement.

    The trials of a batch train side by side, epoch by epoch.

    Args:
        ends: of each trial its batch, its epochs, and its final value; None: it was pruned or failed.
    """
    spent, best = 0, -math.inf
    found: list[tuple[int, float]] = []
    for batch in sorted({batch for batch, _, _ in ends}):
        together = [(epochs, value) for of, epochs, value in ends if of == batch]
        for at in sorted({epochs for epochs, value in together if value is not None}):
            value = max(value for epochs, value in together if epochs == at and value is not None)
            if value > best:
                best = value
                found.append((spent + sum(min(epochs, at) for epochs, _ in together), best))
        spent += sum(epochs for epochs, _ in together)
    return found
