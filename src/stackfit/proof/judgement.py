"""Whether the results of runs confirm a claim. Knows neither Hydra nor Keras."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackfit.config.claims import Claim
from stackfit.files import shown
from stackfit.results import run_files
from stackfit.results.answers import read_answers, task_of
from stackfit.results.directions import direction_of
from stackfit.results.final_metrics import metrics_of
from stackfit.results.frames import read_runs
from stackfit.results.run import Run

SEARCH_SECONDS = 10.0  # a log takes milliseconds; `(a+)+$` on a line of 30 letters takes minutes, of 60 years
SEARCH = (
    "import json, re, sys\n"
    "pattern, lines = json.load(sys.stdin)\n"
    "print(sum(bool(re.search(pattern, line)) for line in lines))\n"
)


@dataclass(frozen=True)
class Verdict:
    """Of one claim.

    Args:
        state: passed, failed, skipped, or error if it could not be judged.
        found: our value in words, or why there is none.
        value: what was compared, with the limits that it is held to, as far as they are numbers.
    """

    state: str
    found: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None


def judge(claim: Claim, runs: Sequence[Run], others: Sequence[Run], reload: Callable[[Run], bool]) -> Verdict:
    """Judge one claim by finished runs.

    Args:
        runs: the experiment's runs: one for each seed, or its sweep's cells.
        others: those of the experiment that it is compared with.
        reload: whether a run's saved models predict what the run stored, bit for bit.
    """
    if claim.subject == "finished":
        done = sum(run.state == "finished" for run in runs)
        return _exact(done, claim.finished, f"{done} finished")
    chosen = [run for run in runs if _matches(run, claim.where)]
    if not chosen:
        return Verdict("failed", f"no cell with {claim.where}")
    partners = [_partner(run, claim.above, runs) for run in chosen] if claim.above else []
    if None in partners:
        return Verdict("failed", f"no partner with {claim.above}")
    used = [run for run in (*chosen, *partners, *others) if run is not None]
    if any(run.state != "finished" for run in used):
        return Verdict("failed", next(str(run.reason) for run in used if run.state != "finished"))
    first = chosen[0]
    final = claim.metric if not str(claim.rule).startswith("rises") else None
    if final and not all(_is_number(run.metrics.get(final)) for run in used):
        if any(run.metrics.get(final, 0) is None for run in used):
            return Verdict("failed", f"{final} is not known: no epoch ended with the saved weights")
        return Verdict("failed", f"a run has no {final}")
    if partners:
        leads = [a.metrics[claim.metric] - b.metrics[claim.metric] for a, b in zip(chosen, partners, strict=True)]
        won = sum(lead > 0 for lead in leads)
        found = f"{won} of {len(leads)} pairs, by {min(leads):.4f} to {max(leads):.4f}"
        return _verdict(won == len(leads), found, min(leads), 0.0)
    if claim.subject == "metric":
        verdict = _judge_metric(claim, chosen, others)
        old = not str(claim.metric).startswith("test_") and any(metrics_of(run.status) for run in used)
        return replace(verdict, found=f"{verdict.found}, metrics of the last epoch") if old else verdict
    if claim.subject == "reload":
        equal = reload(first)
        return _verdict(equal, "predictions are equal" if equal else "predictions differ")
    if claim.subject == "item":
        scores, _ = run_files.read_predictions(first.folder)
        if int(claim.item or 0) >= len(scores):
            return Verdict("failed", f"no test item {claim.item}: there are {len(scores):,}, from 0")
        (said,) = read_answers(task_of(first.status["settings"]), scores[[claim.item]]).predicted.tolist()
        return _exact(said, claim.predicted, f"class {said}")
    if claim.subject == "log":
        return _judge_log(claim, run_files.RunFiles(first.folder).log)
    value = int(first.metrics[claim.subject])
    wanted = getattr(claim, claim.subject)
    low, high = wanted if isinstance(wanted, list) else (wanted, wanted)
    return _verdict(low <= value <= high, f"{value:,}", value, low, high)


def _judge_log(claim: Claim, log: Path) -> Verdict:
    """Count the lines that the pattern matches, in a process of its own: only that can be ended while `re` searches."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", SEARCH],
            input=json.dumps([claim.log, lines]),
            capture_output=True,
            text=True,
            check=True,
            timeout=SEARCH_SECONDS,
        )
    except OSError as error:
        return Verdict("failed", f"{shown(log)} cannot be read: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Verdict(
            "failed",
            f"searching the log for {claim.log!r} took longer than {SEARCH_SECONDS:g} s. Expected a pattern that takes "
            "milliseconds. Write one without a repetition inside a repetition, such as a+ for (a+)+",
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().rpartition("\n")[2]
        return Verdict("failed", f"the log cannot be searched for {claim.log!r}: {reason}")
    count = int(done.stdout)
    if claim.times is not None:
        return _exact(count, claim.times, f"{count} lines")
    return _verdict(count > 0, f"{count} lines", count, 1)


def _judge_metric(claim: Claim, runs: Sequence[Run], others: Sequence[Run]) -> Verdict:
    name = str(claim.metric)
    if claim.rule and claim.rule.startswith("rises"):
        rise = _rise(runs[0], name)
        limit = _rise(others[0], name) if claim.rises_less_than else None
        if rise is None or (claim.rises_less_than and limit is None):
            return Verdict("failed", f"a history has no {name}")
        if limit is not None:
            return _verdict(rise < limit, f"rises by {rise:.4f} against {limit:.4f}", rise, None, limit)
        low, high = claim.rises_at_least, claim.rises_at_most
        return _verdict(_within(rise, low, high), f"rises by {rise:.4f}", rise, low, high)
    values = [run.metrics[name] for run in runs]
    if claim.best_between:
        best = min(values) if _is_less_better(runs, name) else max(values)
        return _verdict(_within(best, *claim.best_between), f"{best:.4f}, the best of {len(values)}", best, *claim.best_between)
    mean = statistics.fmean(values)
    spread = f" ± {statistics.stdev(values):.4f} (sd of {len(values)})" if len(values) > 1 else ""
    limits = claim.between or claim.mean_between
    if limits:
        value = values[0] if claim.between else mean
        found = f"{value:.4f}{spread if claim.mean_between else ''}"
        return _verdict(_within(value, *limits), found, value, *limits)
    base = statistics.fmean(run.metrics[name] for run in others)
    good, low, high = {
        "mean_at_least": (mean >= base - claim.margin, base - claim.margin, None),
        "mean_within": (abs(mean - base) <= claim.margin, base - claim.margin, base + claim.margin),
        "mean_below": (mean < base, None, base),
    }[str(claim.rule)]
    return _verdict(good, f"{mean:.4f}{spread} against {base:.4f}", mean, low, high)


def _is_less_better(runs: Sequence[Run], metric: str) -> bool:
    return direction_of(read_runs([run.folder for run in runs])[0], metric) == "min"


def _rise(run: Run, metric: str) -> float | None:
    """The last value of the history minus its smallest; None where an epoch has none."""
    values = [row.get(metric) for row in run_files.read_history(Path(run.folder))]
    numbers = [value for value in values if value is not None]
    return numbers[-1] - min(numbers) if numbers and len(numbers) == len(values) else None


def _matches(run: Run, where: Mapping[str, Any] | None) -> bool:
    axes = _axes(run)
    return all(axes.get(key) == _plain(value) for key, value in (where or {}).items())


def _partner(run: Run, above: Mapping[str, Any], runs: Sequence[Run]) -> Run | None:
    """The run that differs from `run` in these axes only."""
    wanted = _axes(run) | {key: _plain(value) for key, value in above.items()}
    return next((other for other in runs if _axes(other) == wanted), None)


def _axes(run: Run) -> dict[str, str]:
    return {key: _plain(value) for key, value in (run.status.get("axes") or {}).items()}


def _plain(value: Any) -> str:
    return str(value).replace(" ", "")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _exact(value: int, wanted: int | None, found: str) -> Verdict:
    return _verdict(value == wanted, found, value, wanted, wanted)


def _verdict(
    good: bool, found: str, value: float | None = None, low: float | None = None, high: float | None = None
) -> Verdict:
    return Verdict("passed" if good else "failed", found, value, low, high)
