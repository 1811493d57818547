"""What a comparison says: one sentence, with the counts, the effect and the test it rests on."""

from __future__ import annotations

from stackfit.statistics import ALPHA, Difference, McNemar

LOWER_IS_BETTER = frozenset(
    ("loss", "error", "mse", "mae", "rmse", "mape", "msle", "crossentropy", "entropy", "divergence", "hinge")
)


def higher_is_better(metric: str) -> bool:
    """Whether more is better, by the words of the metric's name: `test_loss` and `val_mse` want less."""
    return LOWER_IS_BETTER.isdisjoint(metric.lower().split("_"))


def say_models(a: str, b: str, test: McNemar) -> str:
    """One sentence about two trained models, and one about how far it reaches."""
    if test.p < ALPHA and test.only_b > test.only_a:
        mirrored = McNemar(test.both_right, test.only_b, test.only_a, test.both_wrong, test.p, test.method)
        return say_models(b, a, mirrored)
    items = test.both_right + test.only_a + test.only_b + test.both_wrong
    counts = (
        f"of {items} test items {a} alone is right on {test.only_a}, {b} alone on {test.only_b} "
        f"({test.method}, {_p(test.p)})"
    )
    verdict = f"{a} is better than {b}" if test.p < ALPHA else "no difference shown"
    return (
        f"Of these two trained models: {verdict}; {counts}. Other seeds may give other models: "
        "to compare the configurations, give several runs of each."
    )


def say_configurations(difference: Difference, metric: str) -> str:
    """Exactly one of `A is better than B: …`, `No difference shown: …`, `Not enough runs: …`.

    *Not enough runs*: fewer than two of either, or a difference as large as the one seen would be found with
    at most `statistics.MOST_RUNS` runs each. *No difference shown*: if there is one, it would take more than
    that.
    """
    a, b, effect, p = difference.a, difference.b, difference.effect, difference.adjusted
    if effect is None or p is None:
        return (
            f"Not enough runs: {a} has {difference.n_a} and {b} has {difference.n_b} with {metric}; each "
            "needs at least 2, better 5, so train them with more seeds, such as 'seed=range(5)'."
        )
    better, worse = (a, b) if (effect > 0) == higher_is_better(metric) else (b, a)
    seen = (
        f"{metric} differs by {_number(abs(effect))}{_interval(difference)}, {difference.n_a} and "
        f"{difference.n_b} runs ({difference.method}, {_p(p)})"
    )
    if p < ALPHA:
        return f"{better} is better than {worse}: {seen}."
    more = (difference.needed or 0) - min(difference.n_a, difference.n_b)
    if more > 0:
        return f"Not enough runs: {a} and {b}: {seen}; about {more} more seeds each would show one so large."
    return f"No difference shown: {a} and {b}: {seen}."


def _interval(difference: Difference) -> str:
    """The interval, turned with the effect so that the latter is positive."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        return ""
    if (difference.effect or 0) < 0:
        low, high = -high, -low
    return f", 95 % interval {_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.2g}"


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
