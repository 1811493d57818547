"""What the numbers of several runs allow to say. Arrays and lists in, plain results out; SciPy does the
statistics.

Two questions, never mixed. Of two *trained models*: is one right on more test items than chance explains
(McNemar)? Of two *configurations*, each trained with several seeds: do their means differ (Welch)?
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ALPHA = 0.05
POWER = 0.8  # the usual convention (Cohen 1988): a real difference is found four times in five
MOST_RUNS = (
    30  # of one configuration; a difference that needs more is too small to chase, and counts as not shown
)
EXACT_BELOW = 25  # discordant pairs; below this the chi-square approximation of McNemar's test is poor
LOWER_IS_BETTER = frozenset(
    [
        "loss",
        "error",
        "mse",
        "mae",
        "rmse",
        "mape",
        "msle",
        "squared",
        "absolute",
        "crossentropy",
        "entropy",
        "divergence",
        "hinge",
        "seconds",
    ]
)


def higher_is_better(metric: str) -> bool:
    """Whether more is better, told from the words of the metric's name: `test_loss` and `val_mse` want
    less."""
    return LOWER_IS_BETTER.isdisjoint(metric.lower().split("_"))


# ---- one configuration


@dataclass(frozen=True)
class Summary:
    """n values, their mean, sample standard deviation (n - 1) and Student's 95 % interval; None where n is
    too small."""

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None


def summarize(values: Sequence[float]) -> Summary:
    """Summarize independent values. The interval is mean ± t(0.975, n - 1) · sd / √n."""
    n = len(values)
    if n == 0:
        return Summary(0, None, None, None, None)
    mean = math.fsum(values) / n
    if n == 1:
        return Summary(1, mean, None, None, None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = _t_quantile(n - 1) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


_quantiles: dict[int, float] = {}


def _t_quantile(freedom: int) -> float:
    if freedom not in _quantiles:
        from scipy.special import stdtrit  # a quarter of the import time of scipy.stats

        _quantiles[freedom] = float(stdtrit(freedom, 1 - ALPHA / 2))
    return _quantiles[freedom]


# ---- two trained models


@dataclass(frozen=True)
class McNemar:
    """The 2 × 2 counts of test items and the p-value of the hypothesis that both models err equally often."""

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

    a_only, b_only = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    discordant = a_only + b_only
    if discordant == 0:
        p, method = 1.0, "no item on which they differ"
    elif discordant < EXACT_BELOW:
        p, method = float(stats.binomtest(a_only, discordant).pvalue), "exact binomial test"
    else:
        # At a_only == b_only the correction would overshoot: |b - c| - 1 is negative there.
        chi_square = max(abs(a_only - b_only) - 1, 0) ** 2 / discordant
        p, method = float(stats.chi2.sf(chi_square, 1)), "chi-square with continuity correction"
    both_right = int((right_a & right_b).sum())
    both_wrong = len(right_a) - both_right - discordant
    return McNemar(both_right, a_only, b_only, both_wrong, p, f"McNemar, {method}")


def say_models(a: str, b: str, test: McNemar) -> str:
    """One sentence on two trained models, and the warning that it does not reach their configurations."""
    items = test.both_right + test.only_a + test.only_b + test.both_wrong
    counts = f"alone right on {test.only_a} of {items} test items against {test.only_b} ({test.method}, {_p(test.p)})"
    if test.p >= ALPHA:
        said = f"No difference shown between these two trained models: {a} is {counts}."
    elif test.only_a > test.only_b:
        said = f"Of these two trained models {a} is better than {b}: {counts}."
    else:
        mirrored = McNemar(test.both_right, test.only_b, test.only_a, test.both_wrong, test.p, test.method)
        return say_models(b, a, mirrored)
    return f"{said} Other seeds may tell otherwise: to compare configurations, give several runs of each."


# ---- configurations


@dataclass(frozen=True)
class Difference:
    """Mean of A minus mean of B, its 95 % interval and p-value; `adjusted` is Holm's p over all pairs of the
    family.

    `needed` is the number of runs of each configuration with which a difference as large as the one seen
    would be found four times in five, or None if that is more than `MOST_RUNS` (or nothing was seen).
    """

    a: str
    b: str
    n_a: int
    n_b: int
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    needed: int | None
    method: str


def compare_configurations(groups: Mapping[str, Sequence[float]]) -> list[Difference]:
    """Every pair of configurations, each a list of one value a seed, by Welch's t test with Holm's
    correction.

    Welch and not the paired t test even where the seeds are the same: a seed draws other weights for other
    shapes, so at most the order of the data is shared, and pairing would spend half the degrees of freedom on
    it. Welch asks for independent runs only, not for equal spread. Where there is no spread at all the t
    statistic does not exist; the exact permutation test answers then.
    """
    pairs = list(combinations(groups, 2))
    tests = [welch(groups[a], groups[b]) for a, b in pairs]
    adjusted = iter(holm([test[3] for test in tests if test[3] is not None]))
    found = []
    for (a, b), (effect, low, high, p, method) in zip(pairs, tests, strict=True):
        # The first step of Holm's procedure is Bonferroni's: plan for it.
        needed = runs_needed(groups[a], groups[b], ALPHA / len(pairs))
        p_holm = None if p is None else next(adjusted)
        sizes = (len(groups[a]), len(groups[b]))
        found.append(Difference(a, b, *sizes, effect, low, high, p, p_holm, needed, method))
    return found


Test = tuple[float | None, float | None, float | None, float | None, str]


def welch(a: Sequence[float], b: Sequence[float]) -> Test:
    """Effect (mean of a - mean of b), 95 % interval, two-sided p, name of the test; None for what n does not
    allow."""
    if not a or not b:
        return None, None, None, None, "no test"
    effect = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    if min(len(a), len(b)) < 2:
        return effect, None, None, None, "no test"
    if len(set(a)) == 1 and len(set(b)) == 1:
        p = 1.0 if a[0] == b[0] else _separated(len(a), len(b))
        return effect, None, None, p, "exact permutation test: no spread"
    from scipy import stats

    result = stats.ttest_ind(a, b, equal_var=False)
    interval = result.confidence_interval(1 - ALPHA)
    return effect, float(interval.low), float(interval.high), float(result.pvalue), "Welch's t test"


def _separated(n_a: int, n_b: int) -> float:
    """Two-sided p of the permutation test if the groups do not overlap: two of all divisions are as
    extreme."""
    return min(1.0, 2 / math.comb(n_a + n_b, n_a))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down adjustment: the family-wise error rate is kept under any dependence."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def runs_needed(
    a: Sequence[float], b: Sequence[float], alpha: float = ALPHA, most: int = MOST_RUNS
) -> int | None:
    """Runs of each configuration to find a difference as large as the observed one with probability `POWER`.

    The power of the two-sided t test with n runs each: the noncentral t with 2n - 2 degrees of freedom and
    noncentrality d · √(n / 2), d in units of the two groups' root mean square deviation (Cohen 1988, chapter
    2).

    Returns:
        The smallest number up to `most`, or None if there is none, or either group has fewer than two runs.
    """
    import numpy as np
    from scipy import special

    if min(len(a), len(b)) < 2:
        return None
    effect = abs(float(np.mean(a) - np.mean(b)))
    sd = math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    n = np.arange(2, most + 1)
    if effect == 0:
        return None
    if len(set(a)) == 1 and len(set(b)) == 1:
        enough = np.array([_separated(runs, runs) < alpha for runs in n.tolist()])
    else:
        freedom, shift = 2 * n - 2, np.minimum(effect / sd * np.sqrt(n / 2), 30.0)  # beyond 30 the power is 1
        critical = special.stdtrit(freedom, 1 - alpha / 2)
        power = 1 - special.nctdtr(freedom, shift, critical) + special.nctdtr(freedom, shift, -critical)
        enough = power >= POWER
    return int(n[enough.argmax()]) if enough.any() else None


def say_configurations(difference: Difference, metric: str) -> str:
    """Exactly one of `A is better than B: …`, `No difference shown: …`, `Not enough runs: …`."""
    a, b, effect, p = difference.a, difference.b, difference.effect, difference.adjusted
    fewest = min(difference.n_a, difference.n_b)
    sizes = f"{difference.n_a} and {difference.n_b} runs"
    if effect is None or p is None:
        return (
            f"Not enough runs: {a} has {difference.n_a} and {b} has {difference.n_b} with {metric}, and each needs "
            "at least 2; train both with more seeds, such as 'seed=range(5)'."
        )
    better, worse = (a, b) if (effect > 0) == higher_is_better(metric) else (b, a)
    seen = f"{metric} differs by {_signed(abs(effect))}{_interval(difference)} ({sizes}; {difference.method}, {_p(p)})"
    if p < ALPHA:
        return f"{better} is better than {worse}: {seen}."
    if difference.needed is not None and difference.needed > fewest:
        more = difference.needed - fewest
        return f"Not enough runs: {a} and {b}: {seen}; about {more} more seeds each would show a difference of this size."
    return f"No difference shown: {a} and {b}: {seen}."


def _interval(difference: Difference) -> str:
    """The interval of the difference's size, turned so that the effect is positive."""
    if difference.low is None or difference.high is None or difference.effect is None:
        return ""
    low, high = difference.low, difference.high
    if difference.effect < 0:
        low, high = -high, -low
    return f", 95 % interval {_signed(low)} to {_signed(high)}"


def _signed(value: float) -> str:
    return f"{value:.4f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.2g}"


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
