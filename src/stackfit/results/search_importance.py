"""Which axes of a search mattered: how unlike the best trials are to all of them, axis by axis (PED-ANOVA, by Optuna).

Watanabe, Bansal and Hutter 2023 (arXiv 2304.10255); of an axis that only some trials have, the conditional form of
arXiv 2601.20800. Optuna advises at least five trials among the best; a quarter of all are taken, as with the usual tenth
an axis of many values seemed to matter by its noise alone. Below `LEAST` trials nothing is said. An axis matters only if
it does more with the trials' own values than with the same values dealt to the trials at random (a permutation test).
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackfit.results.study import Study, Trial

LEAST = 20  # trials; five of them are a quarter
BEST = 0.25  # of the trials
DEALS = 39  # at random; an axis that at most one of them reaches has p ≤ 0.05
FEW = 8  # different values; an axis with more, all numbers, is continuous
WIDE = 100  # the largest by the smallest: then the axis is seen by its logarithm


@dataclass(frozen=True)
class Importance:
    """The share of each axis, the largest first; those whose share may be chance; and what it is of, or why there is none."""

    shares: Mapping[str, float]
    by_chance: tuple[str, ...]
    said: str


def find_importance(study: Study) -> Importance:
    """A pruned trial counts with the last value that was seen of it; of two metrics, finished trials alone."""
    told = [(trial, _told(trial, len(study.metrics))) for trial in study.trials]
    known = [(trial, values) for trial, values in told if values]
    if len(known) < LEAST:
        return Importance({}, (), f"not said of fewer than {LEAST} trials; there are {len(known)}")
    if all(values == known[0][1] for _, values in known):
        return Importance({}, (), "all trials have the same value")
    try:
        import optuna
    except ImportError:
        return Importance({}, (), "needs Optuna: pip install 'stackfit[search]'")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about experimental parts, and about few trials in a branch
            found = _evaluate(optuna, study.directions, *zip(*known, strict=True))
            reached = dict.fromkeys(found, 0)
            for number in range(DEALS):
                dealt = [values for _, values in known]
                random.Random(number).shuffle(dealt)
                for axis, value in _evaluate(optuna, study.directions, [trial for trial, _ in known], dealt).items():
                    reached[axis] += value >= found[axis]
    finally:
        optuna.logging.set_verbosity(before)
    total = math.fsum(found.values()) or 1.0
    shares = {axis: value / total for axis, value in sorted(found.items(), key=lambda each: -each[1])}
    return Importance(shares, tuple(axis for axis in shares if reached[axis] > 1), f"PED-ANOVA of {len(known)} trials")


def _evaluate(
    optuna: Any, directions: Sequence[str], trials: Sequence[Trial], values: Sequence[tuple[float, ...]]
) -> dict[str, float]:
    axes: dict[str, list[str]] = {}
    for trial in trials:
        for key, text in trial.axes.items():
            axes.setdefault(key, []).append(text)
    numbers = {key: _numbers(texts) for key, texts in axes.items()}
    kinds = {key: _distribution(optuna.distributions, texts, numbers[key]) for key, texts in axes.items()}
    made = optuna.create_study(directions=[f"{direction}imize" for direction in directions])
    for trial, told in zip(trials, values, strict=True):
        params = {key: numbers[key].get(text, text) for key, text in trial.axes.items()}
        of_trial = {key: kinds[key] for key in params}
        made.add_trial(optuna.trial.create_trial(params=params, distributions=of_trial, values=told))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST)
    return dict(optuna.importance.get_param_importances(made, evaluator=evaluator, normalize=False))


def _told(trial: Trial, metrics: int) -> tuple[float, ...]:
    values = trial.values if metrics > 1 else (trial.value,)
    known = tuple(value for value in values if value is not None and math.isfinite(value))
    return known if len(known) == metrics else ()


def _numbers(texts: Sequence[str]) -> Mapping[str, float]:
    """The number that each text stands for, if there are many and all of them are numbers; else nothing."""
    try:
        found = {text: float(text) for text in texts}
    except ValueError:
        return {}
    return found if len({*found.values()}) > FEW and all(map(math.isfinite, found.values())) else {}


def _distribution(kinds: Any, texts: Sequence[str], numbers: Mapping[str, float]) -> Any:
    if not numbers:
        return kinds.CategoricalDistribution([*dict.fromkeys(texts)])
    low, high = min(numbers.values()), max(numbers.values())
    return kinds.FloatDistribution(low, high, log=low > 0 and high / low >= WIDE)
