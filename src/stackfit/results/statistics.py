"""What the numbers of several runs allow to say. Plain numbers in; SciPy does the statistics.

Two questions, never mixed. Of two *trained models*: is one right on more test items than chance explains
(McNemar)? Of two *configurations*, each trained with several seeds: do their means differ (Welch)?
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ALPHA = 0.05
POWER = 0.8  # the usual convention (Cohen 1988): a real difference is found four times in five
MOST_RUNS = 30  # of one configuration; a difference that needs more is too small to chase


def summarize(values: pd.DataFrame, rows: Any) -> pd.DataFrame:
    """Of independent values, by `rows`: mean, standard deviation (over n - 1) and Student's 95 % interval.

    The interval is mean ± t(0.975, n - 1) · sd / √n. Where n is too small there is a blank.
    """
    import pandas as pd
    from scipy.special import stdtrit  # a quarter of the import time of scipy.stats

    groups = values.groupby(rows)
    n, mean, sd = groups.count(), groups.mean(), groups.std()
    half = stdtrit(n - 1, 1 - ALPHA / 2) * sd / n**0.5
    parts = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    return pd.DataFrame({f"{name}_{part}": frame[name] for name in values for part, frame in parts.items()})


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> tuple[np.ndarray, float]:
    """McNemar's test (1947) on two boolean arrays of shape (items,): which items each model gets right.

    Only the items that one of them gets right count; the exact binomial test of a fair coin needs no approximation.

    Returns:
        `[[both right, only A], [only B, both wrong]]`, and p for equal error rates.
    """
    import numpy as np
    from scipy.stats import binomtest

    counts = np.array([[(a & b).sum() for b in (right_b, ~right_b)] for a in (right_a, ~right_a)])
    only_a, only_b = int(counts[0, 1]), int(counts[1, 0])
    return counts, float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def compare_groups(groups: Mapping[str, Sequence[float]], first_alone: bool = False) -> pd.DataFrame:
    """Every pair of configurations, each a list of one value a seed: Welch's t test, Bonferroni's correction.

    Welch's and not the paired t test, even where the seeds are the same: a seed draws other weights for other
    shapes, so at most the order of the data is shared, and pairing would spend half the degrees of freedom
    on it. Welch's test asks for independent runs, and not for equal spread. Of `m` pairs that can be tested, p is
    multiplied by m and the interval holds 1 - 0.05 / m: all intervals hold together in 95 of 100 experiments, and
    one excludes 0 exactly where its p is below 0.05. (Holm's p is smaller at times, but has no such intervals.)

    Args:
        first_alone: only the pairs of the first configuration with each of the others.

    Returns:
        A, B; what `means_test` gives; `p (corrected)`, the only one that a verdict may rest on; `tests`, how many pairs
        that is; and `needed`, the runs of each that would show a difference as large as this four times in five.
    """
    import pandas as pd

    first, *others = groups
    pairs = [(first, other) for other in others] if first_alone else [*combinations(groups, 2)]
    tests = sum(min(len(groups[a]), len(groups[b])) > 1 for a, b in pairs)
    alpha = ALPHA / max(1, tests)
    frame = pd.DataFrame({"A": a, "B": b, **means_test(groups[a], groups[b], alpha)} for a, b in pairs)
    frame["p (corrected)"] = (frame["p"] * tests).clip(upper=1)
    frame["tests"] = tests
    frame["needed"] = pd.Series([runs_needed(groups[a], groups[b], alpha) for a, b in pairs], dtype=float)
    return frame


def means_test(a: Sequence[float], b: Sequence[float], alpha: float = ALPHA) -> dict[str, Any]:
    """n_a, n_b, method, the means' A - B, its interval of 1 - alpha and two-sided p; NaN where n does not allow it.

    Where there is no spread at all Welch's statistic does not exist; the exact permutation test answers.
    """
    blanks = dict.fromkeys(("A - B", "low", "high", "p"), math.nan)
    test: dict[str, Any] = {"n_a": len(a), "n_b": len(b), "method": "no test", **blanks}
    if a and b:
        test["A - B"] = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    if min(len(a), len(b)) < 2:
        return test
    if _same(a) and _same(b):
        p = 1.0 if _same([*a, *b]) else _separated(len(a), len(b))
        return {**test, "method": "exact permutation test, as there is no spread", "p": p}
    from scipy import stats

    with warnings.catch_warnings():
        # SciPy warns where one sample is constant; Welch's statistic needs only one that is not.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        result = stats.ttest_ind(a, b, equal_var=False)
        low, high = result.confidence_interval(1 - alpha)
    return {**test, "method": "Welch's t test", "low": low, "high": high, "p": result.pvalue}


def _same(values: Sequence[float]) -> bool:
    """Equal but for rounding."""
    return max(values) - min(values) <= 1e-12 * max(map(abs, values))


def _separated(n_a: int, n_b: int) -> float:
    """Two-sided p of the permutation test of groups that do not overlap: two divisions are as extreme."""
    return min(1.0, 2 / math.comb(n_a + n_b, n_a))


def runs_needed(a: Sequence[float], b: Sequence[float], alpha: float = ALPHA, most: int = MOST_RUNS) -> int | None:
    """Runs of each configuration with which the difference seen would be found with probability `POWER`.

    The power of the two-sided t test with n runs each: the noncentral t with 2n - 2 degrees of freedom and
    noncentrality d · √(n / 2), where d is the effect in root mean square deviations (Cohen 1988, chapter 2).
    None if more than `most` are, or a group has fewer than two runs.
    """
    import numpy as np
    from scipy.special import nctdtr, stdtrit

    if min(len(a), len(b)) < 2 or _same([*a, *b]):
        return None
    if _same(a) and _same(b):
        return next((n for n in range(2, most + 1) if _separated(n, n) < alpha), None)
    n = np.arange(2, most + 1)
    effect = abs(np.mean(a) - np.mean(b)) / math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    freedom, shift = 2 * n - 2, np.minimum(effect * np.sqrt(n / 2), 30.0)  # beyond 30 the power is 1
    critical = stdtrit(freedom, 1 - alpha / 2)
    enough = 1 - nctdtr(freedom, shift, critical) + nctdtr(freedom, shift, -critical) >= POWER
    return int(n[enough.argmax()]) if enough.any() else None
