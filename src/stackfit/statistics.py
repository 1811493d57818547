"""What the numbers of several runs allow to say. Plain numbers in, plain results out; SciPy does the
statistics.

Two questions, never mixed. Of two *trained models*: is one right on more test items than chance explains
(McNemar)? Of two *configurations*, each trained with several seeds: do their means differ (Welch)?
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

ALPHA = 0.05
POWER = 0.8  # the usual convention (Cohen 1988): a real difference is found four times in five
MOST_RUNS = 30  # of one configuration; a difference that needs more is too small to chase
EXACT_BELOW = 25  # discordant pairs; with fewer the chi-square approximation of McNemar's test is poor


@dataclass(frozen=True)
class Summary:
    """n, mean, standard deviation (over n - 1) and Student's 95 % interval; None where n is too small."""

    n: int
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None


def summarize(values: Sequence[float]) -> Summary:
    """Summarize independent values. The interval is mean ± t(0.975, n - 1) · sd / √n."""
    n = len(values)
    if n == 0:
        return Summary(0)
    mean = math.fsum(values) / n
    if n == 1:
        return Summary(1, mean)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = _t_quantile(n - 1) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


@cache
def _t_quantile(freedom: int) -> float:
    from scipy.special import stdtrit  # a quarter of the import time of scipy.stats

    return float(stdtrit(freedom, 1 - ALPHA / 2))


# ---- two trained models


@dataclass(frozen=True)
class McNemar:
    """How many test items both, one or neither of two models get right, and p for equal error rates."""

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int
    p: float
    method: str


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> McNemar:
    """McNemar's test (1947) on two boolean arrays of shape (items,): which items each model gets right.

    Only the discordant items count. Fewer than 25: the exact binomial test of a fair coin; otherwise
    chi-square with Edwards' continuity correction, (|b - c| - 1)² / (b + c), one degree of freedom.
    """
    from scipy import stats

    both_right, only_a = int((right_a & right_b).sum()), int((right_a & ~right_b).sum())
    only_b = int((~right_a & right_b).sum())
    discordant = only_a + only_b
    if discordant == 0:
        p, method = 1.0, "McNemar's test: they are right on the same items"
    elif discordant < EXACT_BELOW:
        p, method = float(stats.binomtest(only_a, discordant).pvalue), "McNemar's exact binomial test"
    else:
        # max: for equal counts the correction would overshoot and square to something above zero.
        chi_square = max(abs(only_a - only_b) - 1, 0) ** 2 / discordant
        p, method = float(stats.chi2.sf(chi_square, 1)), "McNemar's chi-square, continuity corrected"
    return McNemar(both_right, only_a, only_b, len(right_a) - both_right - discordant, p, method)


# ---- configurations


@dataclass(frozen=True)
class Difference:
    """Mean of A minus mean of B, its 95 % interval (of this pair alone) and p; None where n does not allow
    it.

    `adjusted` is Holm's p over all pairs compared together. `needed` is the number of runs of each with which
    a difference as large as the one seen would be found four times in five; None if that is beyond
    `MOST_RUNS`.
    """

    a: str
    b: str
    n_a: int
    n_b: int
    method: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    adjusted: float | None = None
    needed: int | None = None


def compare_groups(groups: Mapping[str, Sequence[float]]) -> list[Difference]:
    """Every pair of configurations, each a list of one value a seed: Welch's t test, Holm's correction.

    Welch's and not the paired t test, even where the seeds are the same: a seed draws other weights for other
    shapes, so at most the order of the data is shared, and pairing would spend half the degrees of freedom on
    it. Welch's test asks for independent runs, and not for equal spread. Where there is no spread at all its
    statistic does not exist; the exact permutation test answers then.
    """
    pairs = list(combinations(groups, 2))
    tests = [means_test(groups[a], groups[b]) for a, b in pairs]
    adjusted = iter(holm([test["p"] for test in tests if "p" in test]))
    for test in tests:
        test["method"] += f", Holm's correction for {len(pairs)} pairs" if len(pairs) > 1 else ""
    return [
        Difference(
            *(a, b, len(groups[a]), len(groups[b])),
            **test,
            adjusted=next(adjusted) if "p" in test else None,
            # Holm's first step is Bonferroni's: plan for that one.
            needed=runs_needed(groups[a], groups[b], ALPHA / len(pairs)),
        )
        for (a, b), test in zip(pairs, tests, strict=True)
    ]


def means_test(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Method, effect, 95 % interval (low, high) and two-sided p of two samples, as far as n allows."""
    if not a or not b:
        return {"method": "no test"}
    effect = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    if min(len(a), len(b)) < 2:
        return {"method": "no test", "effect": effect}
    if _same(a) and _same(b):
        p = 1.0 if _same([*a, *b]) else _separated(len(a), len(b))
        return {"method": "exact permutation test, as there is no spread", "effect": effect, "p": p}
    from scipy import stats

    with warnings.catch_warnings():
        # SciPy warns where one sample is constant; Welch's statistic needs only one that is not.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        result = stats.ttest_ind(a, b, equal_var=False)
        interval = result.confidence_interval(1 - ALPHA)
    low, high, p = float(interval.low), float(interval.high), float(result.pvalue)
    return {"method": "Welch's t test", "effect": effect, "low": low, "high": high, "p": p}


def _same(values: Sequence[float]) -> bool:
    """Equal but for rounding."""
    return max(values) - min(values) <= 1e-12 * max(map(abs, values))


def _separated(n_a: int, n_b: int) -> float:
    """Two-sided p of the permutation test of groups that do not overlap: two divisions are as extreme."""
    return min(1.0, 2 / math.comb(n_a + n_b, n_a))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment: bounds the family-wise error rate, however the tests depend."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def runs_needed(
    a: Sequence[float], b: Sequence[float], alpha: float = ALPHA, most: int = MOST_RUNS
) -> int | None:
    """Runs of each configuration with which the difference seen would be found with probability `POWER`.

    The power of the two-sided t test with n runs each: the noncentral t with 2n - 2 degrees of freedom and
    noncentrality d · √(n / 2), where d is the effect in root mean square deviations (Cohen 1988, chapter 2).

    Returns:
        The smallest such number up to `most`; None if there is none, or a group has fewer than two runs.
    """
    import numpy as np
    from scipy import special

    if min(len(a), len(b)) < 2 or _same([*a, *b]):
        return None
    n = np.arange(2, most + 1)
    if _same(a) and _same(b):
        enough = np.array([_separated(runs, runs) < alpha for runs in n.tolist()])
    else:
        deviation = math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
        effect = abs(float(np.mean(a) - np.mean(b))) / deviation
        freedom, shift = 2 * n - 2, np.minimum(effect * np.sqrt(n / 2), 30.0)  # beyond 30 the power is 1
        critical = special.stdtrit(freedom, 1 - alpha / 2)
        power = 1 - special.nctdtr(freedom, shift, critical) + special.nctdtr(freedom, shift, -critical)
        enough = power >= POWER
    return int(n[enough.argmax()]) if enough.any() else None
