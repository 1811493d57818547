"""What a comparison says: one sentence, with the counts, the effect and the test it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackfit.results.statistics import ALPHA

if TYPE_CHECKING:
    import numpy as np

ERRORS = {"loss", "error", "mse", "mae", "rmse", "mape", "msle", "crossentropy", "entropy", "divergence", "hinge"}


def higher_is_better(metric: str) -> bool:
    """Whether more is better, by the words of the metric's name: `test_loss` and `val_mse` want less."""
    return not ERRORS & {*metric.lower().split("_")}


def say_models(a: str, b: str, counts: np.ndarray, p: float) -> str:
    """One sentence about two trained models, from `mcnemar`'s result, and one about its limits."""
    (more, better), (fewer, other) = sorted([(counts[0, 1], a), (counts[1, 0], b)], key=lambda side: -side[0])
    verdict = f"{better} is better than {other}" if p < ALPHA else "no difference shown"
    return (
        f"Of these two trained models: {verdict}; of {counts.sum()} test items {better} alone is right on {more}, "
        f"{other} alone on {fewer} (McNemar's exact test, {_p(p)}). Other seeds may give other models: "
        "to compare the configurations, give several runs of each."
    )


def say_configurations(pair: Mapping[str, Any], metric: str) -> str:
    """Of a pair, one of `A is better than B: …`, `No difference shown: …`, `Not enough runs: …`.

    *Not enough runs*: fewer than two of either, or a difference as large as the one seen would be found with
    at most `statistics.MOST_RUNS` runs each. *No difference shown*: if there is one, it would take more.
    """
    a, b, n_a, n_b, effect, p = (pair[name] for name in ("A", "B", "n_a", "n_b", "A - B", "p (Holm)"))
    if math.isnan(p):
        return (
            f"Not enough runs: {a} has {n_a} and {b} has {n_b} with {metric}; each needs at least 2, better 5, "
            "so train them with more seeds, such as 'seed=range(5)'."
        )
    # The interval is turned with the effect, so that the latter is positive.
    low, high = sorted(math.copysign(1, effect) * pair[side] for side in ("low", "high"))
    interval = "" if math.isnan(low) else f", 95 % interval {_number(low)} to {_number(high)}"
    seen = f"{metric} differs by {_number(abs(effect))}{interval}, {n_a} and {n_b} runs ({pair['method']}, {_p(p)})"
    if p < ALPHA:
        better, worse = (a, b) if (effect > 0) == higher_is_better(metric) else (b, a)
        return f"{better} is better than {worse}: {seen}."
    more = pair["needed"] - min(n_a, n_b)
    if more > 0:
        return f"Not enough runs: {a} and {b}: {seen}; about {more:.0f} more seeds each would show a difference this large."
    return f"No difference shown: {a} and {b}: {seen}."


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.2g}"


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
