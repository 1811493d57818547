"""Experiments held against claims: run what is missing, reuse what is finished, judge every item and each of its claims."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stackfit.config.claims import Claim
from stackfit.config.experiments import list_experiments
from stackfit.errors import ConfigErrors, StackfitError
from stackfit.execution import cohorts
from stackfit.execution.cells import Cell
from stackfit.execution.jobs import Job, claim_single
from stackfit.execution.progress import Reporter
from stackfit.keys import label_of
from stackfit.proof.items import Item, Limits, find_items
from stackfit.proof.judgement import Verdict, judge
from stackfit.results.certificate import UNKNOWN, VERDICTS, Standing
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder


@dataclass(frozen=True)
class Outcome:
    """One claim of one experiment, with its verdict and the runs that it rests on."""

    experiment: str
    claim: Claim
    verdict: Verdict
    source: str
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Mark:
    """What came of one item.

    Args:
        state: passed, failed (of a claim, or because it exceeds a limit), skipped (its data are not here), or error.
        reason: why it did not pass.
        outcomes: one for each of its `claims`; none if it exceeds a limit or could not be judged.
    """

    item: str
    state: str
    reason: str
    claims: tuple[Claim, ...]
    outcomes: tuple[Outcome, ...] = ()
    problem: StackfitError | None = None

    @property
    def passed(self) -> int:
        """How many of its claims hold."""
        return sum(outcome.verdict.state == "passed" for outcome in self.outcomes)

    @property
    def points(self) -> float:
        """What the claims are worth that hold."""
        return sum(outcome.claim.points for outcome in self.outcomes if outcome.verdict.state == "passed")

    @property
    def most_points(self) -> float:
        """What all of its claims are worth."""
        return sum(claim.points for claim in self.claims)


def checkable(long: bool) -> list[str]:
    """Every shipped experiment with claims; with `long` also the long ones."""
    records = [record for record in list_experiments(broken=[]) if not record.own and record.expect]
    return [record.name for record in records if long or not record.about.get("long")]


def check(
    words: Sequence[str],
    reporter: Reporter,
    trust: Sequence[str] = (),
    known: Callable[[Outcome], None] = lambda outcome: None,
    rubric: Sequence[Claim] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    engine: str | None = None,
) -> list[Mark]:
    """Judge every item, whatever becomes of the others. Unfinished runs are trained first, together where possible.

    Args:
        words: names, paths of experiment files, and patterns of both.
        known: called with every outcome as soon as it is known.
        rubric: claims that take the place of the items' own.
        engine: what trains every item, whatever it says itself.

    Returns:
        A mark for each item, in the order of the words.
    """
    listed = find_items(words, rubric, limits, engine)
    items = dict(listed)
    for item in listed.values():
        needed = {claim.other: claim.seeds or 0 for claim in item.claims if claim.other}
        item.compose(max([claim.seeds or 0 for claim in item.claims], default=0), trust)
        for other, seeds in needed.items():
            items.setdefault(other, Item(other, signed_only=rubric is not None, engine=engine)).compose(seeds, trust)
    return _Check(listed, items, reporter, known, trust).run()


class _Check:
    """The training and judging of items that are composed. `listed`: those to judge; `items`: all that claims need."""

    def __init__(
        self,
        listed: dict[str, Item],
        items: dict[str, Item],
        reporter: Reporter,
        known: Callable[[Outcome], None],
        trust: Sequence[str] = (),
    ):
        self.listed, self.items, self.reporter, self.known, self.trust = listed, items, reporter, known, trust
        self.found: dict[str, list[Run]] = {}  # of the items that are searches
        self.fingerprint_of = cohorts.fingerprints(reporter)
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        self.folders: dict[tuple[str, str], RunFolder] = {}  # of this command, by experiment and fingerprint
        self.spent: dict[str, float] = {}  # seconds that an item's runs trained alone
        self.alone: tuple[str, float, float] | None = None  # the item that trains alone, since when, and for how long

    def run(self) -> list[Mark]:
        jobs = []
        for item in self.items.values():
            for fingerprint, cell in item.find_unfinished(self.fingerprint_of, self.reporter).items():
                jobs.append(Job(cell, _label(cell), self.reporter, fingerprint))
        self.settle()
        if jobs:
            cells = sum(len(item.runs) for item in self.items.values()) + len(jobs)
            self.reporter.line(f"{cells - len(jobs)} of {cells} runs are finished, {len(jobs)} to train.")
            self.reporter.sweep(cells, cells - len(jobs))
            runner = cohorts.CohortRunner(
                self.claim, self.reporter, self.ended, between=self.settle, limit_seconds=self.left
            )
            for cohort in runner.plan_cohorts(jobs):
                self.train(runner, cohort)
        for item in self.items.values():
            if item.is_search and item.waits and any(not claim.seeds for claim in item.claims):
                with item.keeping():
                    self.found[item.name] = item.search(self.trust, self.reporter)
        self.settle(last=True)
        return [self.mark(item) for item in self.listed.values()]

    def train(self, runner: cohorts.CohortRunner, cohort: Sequence[Job]) -> None:
        """Train a cohort; if it cannot be trained, that is a problem of its items only."""
        try:
            runner.train(cohort)
        except StackfitError as error:
            for job in cohort:
                item = self.items[job.cell.experiment]
                if job.fingerprint not in item.runs:
                    item.problem = error

    def claim(self, job: Job) -> RunFolder:
        """A folder for the job: the same if it trains a second time, alone. What others left is continued if it counts."""
        key = (job.cell.experiment, job.fingerprint)
        again = self.folders.get(key)
        if again is None or not again.claim(job.fingerprint, job.cell.about_run()):
            self.folders[key] = claim_single(job, fresh=self.items[job.cell.experiment].signed_only)
        return self.folders[key]

    def left(self, jobs: Sequence[Job]) -> float:
        """How many seconds jobs may train. Those that share a graph and are late train again, each alone."""
        limits = [self.items[job.cell.experiment].limits.minutes for job in jobs]
        seconds = 60 * min((limit for limit in limits if limit is not None), default=math.inf)
        name = jobs[0].cell.experiment
        self.alone = (name, time.monotonic(), seconds) if len(jobs) == 1 else None
        return max(0.0, seconds - self.spent.get(name, 0.0)) if self.alone else seconds

    def ended(self, job: Job) -> None:
        """Keep the run."""
        assert job.folder is not None
        run, name = Run(job.folder.path), job.cell.experiment
        self.items[name].runs[job.fingerprint] = run
        if self.alone and self.alone[0] == name:
            self.spent[name] = self.spent.get(name, 0.0) + time.monotonic() - self.alone[1]
            if run.state == "failed" and self.spent[name] > self.alone[2]:
                self.items[name].exceeded = str(run.reason)
        self.items[name].check_minutes()

    def settle(self, last: bool = False) -> None:
        """Judge every claim whose runs have ended."""
        for name, item in self.listed.items():
            for number, claim in enumerate(item.claims):
                if (name, number) in self.outcomes or item.blocked or item.exceeded:
                    continue
                verdict, runs = self.judge(claim, item)
                if verdict is None and last:
                    verdict = Verdict("failed", "a run that it needs did not finish")
                if verdict is not None:
                    self.outcomes[name, number] = Outcome(name, claim, verdict, item.source, tuple(runs))
                    self.known(self.outcomes[name, number])

    def judge(self, claim: Claim, item: Item) -> tuple[Verdict | None, list[Run]]:
        """The claim's verdict, or None while a run that it needs has not ended; and the item's runs that it rests on."""
        if claim.error is not None:
            return _judge_error(claim, item.problem), []
        others = [self.items[claim.other]] if claim.other else []
        for needed in (item, *others):
            if needed.problem is not None:
                return Verdict("skipped" if needed.is_absent else "failed", say(needed.problem)), []
            if needed.exceeded:
                return Verdict("failed", needed.exceeded), []
        groups = []
        for needed in (item, *others):
            if needed.is_search and not claim.seeds:
                if not (runs := self.found.get(needed.name, [])):
                    return None, []
                groups.append(runs)
                continue
            cells = needed.seeded[: claim.seeds] if claim.seeds else needed.own
            runs = [run for run in (needed.runs.get(self.fingerprint_of(cell)) for cell in cells) if run is not None]
            if len(runs) < len(cells):
                return None, []
            groups.append(runs)
        try:
            verdict = judge(claim, groups[0], groups[-1] if others else [], lambda run: _reloads(run, item.own[0].trusted))
        except StackfitError as error:
            verdict = Verdict("error", say(error))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            verdict = Verdict("error", f"the run's files cannot be judged: {type(error).__name__}: {error}")
        standings = dict.fromkeys(filter(None, [_standing(run) for group in groups for run in group]))
        return replace(verdict, found="; ".join([verdict.found, *standings])), groups[0]

    def mark(self, item: Item) -> Mark:
        """The item's mark, once every claim is judged."""
        claims = tuple(item.claims)
        if problem := item.blocked:
            return Mark(item.name, "error", say(problem), claims, problem=problem)
        if item.exceeded:
            return Mark(item.name, "failed", item.exceeded, claims)
        outcomes = tuple(self.outcomes[item.name, number] for number in range(len(claims)))
        states = [outcome.verdict.state for outcome in outcomes]
        state = next(state for state in ("failed", "error", "passed", "skipped") if state in states)
        first = outcomes[states.index(state)]
        reason = "" if state == "passed" else f"{first.claim.text()}: {first.verdict.found}"
        return Mark(item.name, state, " ".join(reason.split()), claims, outcomes)


def say(error: StackfitError) -> str:
    """An error on one line; of several, the first."""
    errors = error.errors if isinstance(error, ConfigErrors) else [error]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    place = f"{where}: " if (where := getattr(errors[0], "where", None)) else ""
    return place + " ".join(getattr(errors[0], "message", str(errors[0])).split()) + more


def _standing(run: Run) -> str:
    """What speaks for less trust in a run that is reused: another user's verdict, or an earlier version's files."""
    text = Standing.of(run.folder, run.status, whole=True).text
    if run.state == "finished" and not run.status.get("manifest"):
        text = text or UNKNOWN
    return "" if text in VERDICTS else text


def _judge_error(claim: Claim, problem: StackfitError | None) -> Verdict:
    errors = problem.errors if isinstance(problem, ConfigErrors) else list(filter(None, [problem]))
    kinds = {getattr(error, "kind", None) for error in errors}
    named = bool(kinds) and None not in kinds
    found = f"{', '.join(sorted(map(str, kinds)))} error before training" if named else str(problem or "no error")
    return Verdict("passed" if kinds == {claim.error} else "failed", found)


def _reloads(run: Run, trusted: Sequence[str]) -> bool:
    from stackfit.proof.saved import reloads_equal

    return reloads_equal(run, trusted)


def _label(cell: Cell) -> str:
    return f"{cell.experiment} {label_of(cell.axes)}".rstrip()
