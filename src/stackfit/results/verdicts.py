"""What a comparison says: one sentence, with the counts, the effect and the test it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackfit.errors import counted
from stackfit.results.statistics import ALPHA

if TYPE_CHECKING:
    import numpy as np

EACH_NEEDS = "each needs at least 2, better 5, so train them with more seeds, such as 'seed=range(5)'."
FEW_NAMED = 3  # configurations of one verdict; the table has all
# Of a pair: a difference is shown; not, and it would take many runs; not, but a few more might; no test is possible.
DIFFERENT, NOT_SHOWN, FEW_RUNS, UNTESTED = "shown", "not shown", "few runs", "untested"

UNDECIDED = ("No difference shown", "Not enough runs")  # how sentences about the others begin


def say_models(a: str, b: str, counts: np.ndarray, p: float) -> str:
    """One sentence about two trained models, from `mcnemar`'s result, and one about its limits."""
    (more, better), (fewer, other) = sorted([(counts[0, 1], a), (counts[1, 0], b)], key=lambda side: -side[0])
    verdict = f"{better} is better than {other}" if p < ALPHA else "no difference shown"
    return (
        f"Of these two trained models: {verdict}; of {counts.sum()} test items {better} alone is right on {more}, "
        f"{other} alone on {fewer} (McNemar's exact test, {_p(p)}). Other seeds may give other models: "
        "to compare the configurations, give several runs of each."
    )


def verdict_of(pair: Mapping[str, Any]) -> str:
    """`DIFFERENT`, or why not.

    `FEW_RUNS`: a difference as large as the one seen would be found with at most `statistics.MOST_RUNS` runs each.
    `UNTESTED`: a side has fewer than two runs. `NOT_SHOWN`: if there is a difference, it would take more runs.
    """
    if math.isnan(pair["p (corrected)"]):
        return UNTESTED
    if pair["p (corrected)"] < ALPHA:
        return DIFFERENT
    return FEW_RUNS if pair["needed"] > min(pair["n_a"], pair["n_b"]) else NOT_SHOWN


def say_configurations(pair: Mapping[str, Any], metric: str, direction: str | None) -> str:
    """Of a pair, one of `A is better than B: …`, `No difference shown: …`, `Not enough runs: …`; see `verdict_of`.

    Args:
        pair: a row of `statistics.compare_groups`.
        direction: whether more of the metric is better, `max` or `min`; if it is None, which side has more is all
            that is said.
    """
    a, b, n_a, n_b, effect = (pair[name] for name in ("A", "B", "n_a", "n_b", "A - B"))
    verdict = verdict_of(pair)
    if verdict == UNTESTED:
        return f"Not enough runs: {a} has {n_a} and {b} has {n_b} with {metric}; {EACH_NEEDS}"
    # The interval is turned with the effect, so that the latter is positive.
    low, high = sorted(math.copysign(1, effect) * pair[side] for side in ("low", "high"))
    interval = "" if math.isnan(low) else f", 95 % interval {_number(low)} to {_number(high)}"
    seen = f"{metric} differs by {_number(abs(effect))}{interval}, {n_a} and {n_b} runs ({pair['method']}, {_p(pair['p (corrected)'])}"
    if pair["tests"] > 1:
        seen += f", {'both ' if interval else ''}corrected for {pair['tests']} pairs"
    seen += ")"
    if verdict == DIFFERENT:
        more, less = (a, b) if effect > 0 else (b, a)
        if direction is None:
            return f"{more} has a higher {metric} than {less}: {seen}."
        better, worse = (more, less) if direction == "max" else (less, more)
        return f"{better} is better than {worse}: {seen}."
    if verdict == FEW_RUNS:
        needed = round(pair["needed"] - min(n_a, n_b))
        seeds = counted(needed, "more seed")
        return f"Not enough runs: {a} and {b}: {seen}; about {seeds} each would show a difference this large."
    return f"No difference shown: {a} and {b}: {seen}."


def say_pairs(pairs: Sequence[Mapping[str, Any]], metric: str, direction: str | None) -> Iterator[str]:
    """`say_configurations` for each pair; those that cannot be tested in one sentence."""
    untested = [pair for pair in pairs if verdict_of(pair) == UNTESTED]
    together = untested if len(untested) > 1 else []
    for pair in pairs:
        if verdict_of(pair) != UNTESTED or not together:
            yield say_configurations(pair, metric, direction)
    if together:
        yield f"Not enough runs: {len(untested)} pairs have a side with fewer than 2 values of {metric}; {EACH_NEEDS}"


def say_best(pairs: Sequence[Mapping[str, Any]], metric: str, direction: str | None) -> Iterator[str]:
    """Of the best configuration against each other one, in a few sentences: how many it beats, and which first.

    Args:
        pairs: rows of `statistics.compare_groups`, all with the same A.
    """
    found: dict[str, list[str]] = {}
    for pair in pairs:
        found.setdefault(verdict_of(pair), []).append(pair["B"])
    extreme = "lowest" if direction == "min" else "highest"
    tests = pairs[0]["tests"]
    among = f"{len(pairs) + 1} configurations"
    if UNTESTED in found and tests:
        among = f"the {tests + 1} configurations with at least 2 runs"
    yield f"{pairs[0]['A']} has the {extreme} {metric} of {among}."
    if DIFFERENT in found:
        better = f"It has a higher {metric} than" if direction is None else "It is better than"
        yield f"{better} {_named(found[DIFFERENT])}."
    if NOT_SHOWN in found:
        yield f"No difference shown from {_named(found[NOT_SHOWN])}."
    if FEW_RUNS in found:
        yield f"Not enough runs to tell it from {_named(found[FEW_RUNS])}: more seeds might show a difference."
    if UNTESTED in found:
        yield f"Not enough runs, so not tested against {_named(found[UNTESTED])}: of {metric} {EACH_NEEDS}"
    if tests:
        yield (
            f"95 % intervals and p are corrected for {tests} comparisons. The best was chosen from the same runs, "
            "which favours it: to confirm, train it and its closest rivals with new seeds and compare these."
        )


def _named(configurations: Sequence[str]) -> str:
    """`20 others: a; b; c; and 17 more`."""
    more = len(configurations) - FEW_NAMED
    names = [*configurations[:FEW_NAMED], *([f"and {more} more"] if more > 0 else [])]
    return f"{len(configurations)} other{'' if len(configurations) == 1 else 's'}: {'; '.join(names)}"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.2g}"


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
