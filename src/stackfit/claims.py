"""What an experiment's `expect` claims, and whether runs bear it out. Reads results; knows neither Hydra nor Keras."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stackfit import run_folder
from stackfit.errors import ConfigError, did_you_mean
from stackfit.runs import Run

SUBJECTS = ("metric", "error", "stopped_epoch", "parameters", "reload", "item", "log", "finished")
RULES = ("between", "mean_between", "mean_at_least", "mean_within", "mean_below", "rises_at_most", "rises_at_least",
         "rises_less_than")  # fmt: skip


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
    between: list[float | None] | None = None  # null: open on that side
    where: dict[str, Any] | None = None  # the sweep's cell, by its axes
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

    def text(self) -> str:
        """The claim in words."""
        if self.subject == "metric":
            where = "".join(f", {key.rpartition('.')[2]}={value}" for key, value in (self.where or {}).items())
            mean = f"mean of {self.seeds} seeds, " if self.seeds else ""
            rule, value = str(self.rule), getattr(self, str(self.rule))
            limits = _limits(value) if isinstance(value, list) else value
            margin = f" ± {self.margin}" if self.rule == "mean_within" else f" - {self.margin}" if self.margin else ""
            words = rule.removeprefix("mean_").replace("_", " ")
            return f"{self.metric}{where}: {mean}{words} {limits}{margin}"
        extra = {"item": f" is predicted as {self.predicted}", "log": f" {self.times} times"}.get(self.subject, "")
        return f"{self.subject.replace('_', ' ')} {getattr(self, self.subject)}{extra}"


@dataclass(frozen=True)
class Verdict:
    """`state`: passed, failed or skipped; `found`: our value, or why it was skipped."""

    state: str
    found: str


def read_claims(expect: Sequence[Any]) -> list[Claim]:
    """`expect` as claims.

    Raises:
        ConfigError: a line that is no mapping, an unknown key, no subject or several, or a metric without one rule.
    """
    names = [one.name for one in fields(Claim)]
    claims = []
    for entry in expect:
        unknown = [key for key in entry if key not in names] if isinstance(entry, Mapping) else ["nothing but text"]
        if unknown:
            raise ConfigError(
                f"expect holds {unknown[0]!r}.{did_you_mean(str(unknown[0]), names)} Expected keys of a claim: "
                f"{', '.join(names)}. Write: {{metric: test_accuracy, between: [0.86, 0.88]}}",
                key="expect",
            )
        claim = Claim(**entry)
        subjects = [name for name in SUBJECTS if getattr(claim, name) is not None]
        rules = [name for name in RULES if getattr(claim, name) is not None]
        if len(subjects) != 1 or len(rules) != (subjects == ["metric"]):
            raise ConfigError(
                f"expect holds a claim about {', '.join(subjects) or 'nothing'} with {', '.join(rules) or 'no rule'}. "
                f"Expected one of {', '.join(SUBJECTS)}, and for a metric one of {', '.join(RULES)}. "
                "Write: {metric: test_accuracy, between: [0.86, 0.88]}",
                key="expect",
            )
        claims.append(claim)
    return claims


def judge(claim: Claim, runs: Sequence[Run], others: Sequence[Run], reload: Callable[[Run], bool]) -> Verdict:
    """Hold one claim against finished runs.

    Args:
        runs: the experiment's runs: one for each seed, or its sweep's cells.
        others: those of the experiment that it is compared with.
        reload: whether a run's saved models predict what the run stored, bit for bit.
    """
    if claim.subject == "finished":
        done = sum(run.state == "finished" for run in runs)
        return _verdict(done == claim.finished, f"{done} finished")
    chosen = [run for run in runs if _matches(run, claim.where)]
    if not chosen:
        return Verdict("failed", f"no cell with {claim.where}")
    if any(run.state != "finished" for run in (*chosen, *others)):
        return Verdict("failed", next(str(run.reason) for run in (*chosen, *others) if run.state != "finished"))
    first = chosen[0]
    if claim.subject == "metric":
        return _judge_metric(claim, chosen, others)
    if claim.subject == "reload":
        return _verdict(reload(first), "predictions are equal" if reload(first) else "predictions differ")
    if claim.subject == "item":
        scores, _ = run_folder.read_predictions(first.folder)
        said = int(scores[claim.item].argmax())
        return _verdict(said == claim.predicted, f"class {said}")
    if claim.subject == "log":
        lines = run_folder.RunFolder(first.folder).log.read_text(encoding="utf-8").splitlines()
        found = sum(bool(re.search(str(claim.log), line)) for line in lines)
        return _verdict(found == claim.times if claim.times is not None else found > 0, f"{found} lines")
    value = int(first.metrics[claim.subject])
    wanted = getattr(claim, claim.subject)
    good = wanted[0] <= value <= wanted[1] if isinstance(wanted, list) else value == wanted
    return _verdict(good, f"{value:,}")


def _judge_metric(claim: Claim, runs: Sequence[Run], others: Sequence[Run]) -> Verdict:
    name = str(claim.metric)
    if claim.rule and claim.rule.startswith("rises"):
        rise = _rise(runs[0], name)
        if claim.rises_less_than:
            limit = _rise(others[0], name)
            return _verdict(rise < limit, f"rises by {rise:.4f} against {limit:.4f}")
        good = rise <= claim.rises_at_most if claim.rises_at_most is not None else rise >= claim.rises_at_least
        return _verdict(good, f"rises by {rise:.4f}")
    values = [run.metrics[name] for run in runs]
    mean = statistics.fmean(values)
    spread = f" ± {statistics.stdev(values):.4f} (sd of {len(values)})" if len(values) > 1 else ""
    limits = claim.between or claim.mean_between
    if limits:
        value = values[0] if claim.between else mean
        low, high = limits
        good = (low is None or value >= low) and (high is None or value <= high)
        return _verdict(good, f"{value:.4f}{spread if claim.mean_between else ''}")
    base = statistics.fmean(run.metrics[name] for run in others)
    good = {
        "mean_at_least": mean >= base - claim.margin,
        "mean_within": abs(mean - base) <= claim.margin,
        "mean_below": mean < base,
    }[str(claim.rule)]
    return _verdict(good, f"{mean:.4f}{spread} against {base:.4f}")


def _rise(run: Run, metric: str) -> float:
    values = [float(row[metric]) for row in run_folder.read_history(Path(run.folder))]
    return values[-1] - min(values)


def _matches(run: Run, where: Mapping[str, Any] | None) -> bool:
    axes = run.status.get("axes") or {}
    return all(
        str(axes.get(key)).replace(" ", "") == str(value).replace(" ", "") for key, value in (where or {}).items()
    )


def _verdict(good: bool, found: str) -> Verdict:
    return Verdict("passed" if good else "failed", found)


def _limits(pair: Sequence[float | None]) -> str:
    return " to ".join("…" if limit is None else f"{limit:g}" for limit in pair)
