"""The claims in an experiment's `expect`: their grammar, and every problem that can be found before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stackfit.config.experiments import find_experiments
from stackfit.errors import ConfigError, did_you_mean
from stackfit.keys import label_of, without_number

SUBJECTS = ("metric", "error", "stopped_epoch", "parameters", "reload", "item", "log", "finished")
RULES = ("between", "best_between", "above", "mean_between", "mean_at_least", "mean_within", "mean_below", "rises_at_most",
         "rises_at_least", "rises_less_than")  # fmt: skip
LONGEST_PATTERN = 500  # characters
_EXAMPLE = "Write: {metric: test_accuracy, between: [0.86, 0.88]}"


@dataclass(frozen=True)
class Claim:
    """One line of `expect`. Exactly one of `SUBJECTS` is set; a metric has exactly one of `RULES`."""

    metric: str | None = None
    error: str | None = None  # shape or labels: raised by stackfit before training
    stopped_epoch: int | list[int] | None = None  # or a range [first, last]
    parameters: int | None = None
    reload: str | None = None  # equal: the saved model predicts the same bits
    item: int | None = None  # a test item whose `predicted` class is claimed
    predicted: int | None = None
    log: str | None = None  # a regular expression that `times` lines of the log match
    times: int | None = None
    finished: int | None = None  # cells of the experiment's own sweep
    between: list[float | None] | None = None  # null: no limit on that side
    best_between: list[float | None] | None = None  # of the best cell of the experiment's own sweep or search
    where: dict[str, Any] | None = None  # the sweep's cells, by its axes
    above: dict[str, Any] | None = None  # each of these cells is above the cell that differs only in these axes
    seeds: int | None = None  # of a mean; seeds 0 to n - 1
    mean_between: list[float | None] | None = None
    mean_at_least: str | None = None  # another experiment's mean minus `margin`
    mean_within: str | None = None  # another experiment's mean, give or take `margin`
    mean_below: str | None = None  # another experiment's mean
    margin: float = 0.0
    rises_at_most: float | None = None  # last value of the history minus its smallest
    rises_at_least: float | None = None
    rises_less_than: str | None = None  # than in another experiment
    published: list[float] = field(default_factory=list)
    n: int | None = None  # how many independent runs the source shows
    source: str | None = None
    points: float = 1.0  # what it is worth
    hidden: bool = False  # its text is not for those who are judged

    @property
    def subject(self) -> str:
        """What the claim is about."""
        return next(name for name in SUBJECTS if getattr(self, name) is not None)

    @property
    def rule(self) -> str | None:
        """How a metric is judged."""
        return next((name for name in RULES if getattr(self, name) is not None), None)

    @property
    def other(self) -> str | None:
        """The experiment that this one is compared with."""
        return self.mean_at_least or self.mean_within or self.mean_below or self.rises_less_than

    def published_text(self) -> str:
        """What its source shows: `0.8706, 0.8709 (n=2)`, or an empty text."""
        values = ", ".join(f"{value:g}" for value in self.published)
        seen = f" (n={self.n})" if self.n else ""
        return f"{values}{seen}" if values else ""

    def text(self) -> str:
        """The claim in words."""
        if self.subject == "metric":
            where = f", {label_of(self.where)}" if self.where else ""
            mean = f"mean of {self.seeds} seeds, " if self.seeds else ""
            words = str(self.rule).removeprefix("mean_").replace("_", " ")
            margin = f" - {self.margin}" if self.margin else ""
            if self.rule == "mean_within":
                margin = f" ± {self.margin}"
            return f"{self.metric}{where}: {mean}{words} {_said(getattr(self, str(self.rule)))}{margin}"
        extra = {"item": f" is predicted as {self.predicted}", "log": f" {self.times} times"}.get(self.subject, "")
        return f"{self.subject.replace('_', ' ')} {getattr(self, self.subject)}{extra}"


def read_claims(expect: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """`expect` as claims, once `check_claims` has found no problem."""
    return [Claim(**entry) for entry in expect]


def check_claims(
    expect: Sequence[Any], places: Sequence[str], metrics: Collection[str], axes: Collection[str] | None
) -> Iterator[ConfigError]:
    """Every problem in `expect`.

    Args:
        places: `file:line` of every entry.
        metrics: the names of the values that the experiment's runs record; empty if any name is accepted.
        axes: the keys that its own sweep varies; None if any is accepted.
    """
    for number, (entry, where) in enumerate(zip(expect, places, strict=True)):
        found = list(check_grammar(entry)) or list(_names(Claim(**entry), metrics, axes))
        for key, message in found:
            yield ConfigError(message, key=f"expect.{number}{key and '.'}{key}", where=where)


def check_grammar(entry: Any) -> Iterator[tuple[str, str]]:
    """The problems of one claim by itself, as `(key in it, sentences)`."""
    if not isinstance(entry, Mapping):
        yield "", f"expect holds {entry!r}. Expected a claim, which is a mapping. {_EXAMPLE}"
        return
    for key, value in entry.items():
        if key not in FORMS:
            yield str(key), (
                f"expect holds {key!r}.{did_you_mean(str(key), FORMS)} Expected keys of a claim: {', '.join(FORMS)}. "
                f"{_EXAMPLE}"
            )
        elif not FORMS[key][0](value):
            yield key, f"{key} is {value!r}. Expected {FORMS[key][1]}. Write: {FORMS[key][2]}"
    subjects = [name for name in SUBJECTS if entry.get(name) is not None]
    rules = [name for name in RULES if entry.get(name) is not None]
    if entry.keys() - FORMS.keys():
        return  # the misspelt key may be the one that seems to be missing
    if len(subjects) != 1 or len(rules) != (subjects == ["metric"]):
        yield "", (
            f"expect holds a claim about {', '.join(subjects) or 'nothing'} with {', '.join(rules) or 'no rule'}. "
            f"Expected one of {', '.join(SUBJECTS)}, and for a metric one of {', '.join(RULES)}. {_EXAMPLE}"
        )
    for key, other in (("item", "predicted"), ("predicted", "item"), ("times", "log"), ("above", "where")):
        if key in entry and other not in entry:
            yield key, f"A claim with {key!r} lacks {other!r}. Expected both. Write: {FORMS[key][2]}"


def _names(claim: Claim, metrics: Collection[str], axes: Collection[str] | None) -> Iterator[tuple[str, str]]:
    if claim.metric and metrics and claim.metric not in metrics and without_number(claim.metric) not in metrics:
        yield "metric", (
            f"{claim.metric!r} is not a metric of this experiment.{did_you_mean(claim.metric, metrics)} "
            f"Expected one of: {', '.join(metrics)}. Correct the name, or add it under task.metrics."
        )
    if claim.other and claim.other not in (known := find_experiments()):
        yield str(claim.rule), (
            f"{claim.rule} names {claim.other!r}, which is not an experiment.{did_you_mean(claim.other, known)} "
            "Expected the one to compare with. Try: stackfit list"
        )
    named = [("where", axis) for axis in claim.where or {}] + [("above", axis) for axis in claim.above or {}]
    for key, axis in named:
        if axes is not None and axis not in axes:
            yield key, (
                f"{axis!r} is not an axis of this experiment.{did_you_mean(axis, axes)} "
                f"Expected {'one of: ' + ', '.join(axes) if axes else 'a sweep in its file'}. "
                "Correct it, or declare it under hydra.sweeper.params."
            )
    if not (claim.above or {}).keys() <= (claim.where or {}).keys():
        yield "above", (
            f"'above' names {', '.join(claim.above or ())}, 'where' {', '.join(claim.where or ())}. Expected in 'where' "
            f"the values of the cells that are above. Write: {FORMS['above'][2]}"
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_limits(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(limit is None or _is_number(limit) for limit in value):
        return False
    return value != [None, None] and (None in value or value[0] <= value[1])


def _is_axes(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(key, str) for key in value)


def _is_pattern(value: Any) -> bool:
    """Short enough to compile in milliseconds: a pattern of 10,000 characters can take seconds or nest too deeply."""
    try:
        return _is_name(value) and len(value) <= LONGEST_PATTERN and bool(re.compile(value))
    except (re.error, RecursionError, OverflowError):
        return False


def _is_epochs(value: Any) -> bool:
    return _is_count(value) or (isinstance(value, list) and len(value) == 2 and all(map(_is_count, value)))


_LIMITS = (_is_limits, "[lowest, highest], null for a side without a limit", "between: [0.86, 0.88]")
_OTHER = (_is_name, "the name of another experiment", "{metric: test_accuracy, seeds: 5, mean_at_least: gsp631_base}")
_RISE = (_is_number, "a number", "{metric: val_loss, rises_at_least: 0.1}")
_COUNT = "a whole number"

# For every key of a claim: a test of its value, what is expected, and an example.
FORMS: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "metric": (_is_name, "the name of a metric", "{metric: test_accuracy, between: [0.86, 0.88]}"),
    "error": (lambda value: value in ("shape", "labels"), "shape or labels", "{error: shape}"),
    "stopped_epoch": (_is_epochs, "an epoch, or a range [first, last]", "{stopped_epoch: [20, 60]}"),
    "parameters": (_is_count, _COUNT, "{parameters: 50890}"),
    "reload": (lambda value: value == "equal", "equal", "{reload: equal}"),
    "item": (_is_count, "the number of a test item", "{item: 0, predicted: 9}"),
    "predicted": (_is_count, "the number of a class", "{item: 0, predicted: 9}"),
    "log": (_is_pattern, f"a regular expression of at most {LONGEST_PATTERN} characters", "{log: '^Stopped', times: 1}"),
    "times": (_is_count, _COUNT, "{log: '^Stopped', times: 1}"),
    "finished": (_is_count, "a number of cells", "{finished: 5}"),
    "between": _LIMITS,
    "best_between": (_is_limits, "[lowest, highest], null for a side without a limit", "best_between: [0.88, null]"),
    "above": (_is_axes, "{axis: value}", "{metric: accuracy, where: {optimizer: adam}, above: {optimizer: sgd}}"),
    "where": (_is_axes, "{axis: value}", "where: {model.layers.hidden.units: 64}"),
    "seeds": (lambda value: _is_count(value) and value > 0, "how many seeds", "seeds: 5"),
    "mean_between": _LIMITS,
    "mean_at_least": _OTHER,
    "mean_within": _OTHER,
    "mean_below": _OTHER,
    "margin": (_is_number, "a number", "margin: 0.005"),
    "rises_at_most": _RISE,
    "rises_at_least": _RISE,
    "rises_less_than": _OTHER,
    "published": (lambda value: isinstance(value, list) and all(map(_is_number, value)), "numbers", "published: [0.87]"),
    "n": (_is_count, _COUNT, "n: 3"),
    "source": (_is_name, "where it was published", "source: the lab's text"),
    "points": (lambda value: _is_number(value) and 0 <= value <= 1_000_000, "a number from 0", "points: 2"),
    "hidden": (lambda value: isinstance(value, bool), "true or false", "hidden: true"),
}


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{label_of(value)} in every pair"
    if isinstance(value, list):
        return " and ".join("…" if limit is None else f"{limit:g}" for limit in value)
    return str(value)
