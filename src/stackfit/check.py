"""Experiments held against what their sources published: run what is missing, reuse what is finished, judge each claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from stackfit import axes, cohorts, members, places
from stackfit.cells import Cell, compose_cell, trusted_modules
from stackfit.claims import Claim
from stackfit.composition import Composer
from stackfit.errors import ConfigError, DataError
from stackfit.experiments import list_experiments
from stackfit.jobs import Job
from stackfit.judgement import Verdict, judge
from stackfit.progress import Reporter
from stackfit.run_folder import RunFolder, find_run_folders, read_status, state_of
from stackfit.runs import Run


@dataclass(frozen=True)
class Outcome:
    """One claim of one experiment, and what became of it."""

    experiment: str
    claim: Claim
    verdict: Verdict
    source: str


@dataclass
class Plan:
    """The cells of one experiment that its claims need. `seeded`: seeds 0 to n - 1; `own`: what its file declares."""

    name: str
    claims: list[Claim] = field(default_factory=list)
    source: str = ""
    own: list[Cell] = field(default_factory=list)
    seeded: list[Cell] = field(default_factory=list)
    problem: ConfigError | None = None  # the config, its data or its model

    @cached_property
    def composer(self) -> Composer:
        """Raises ConfigError where there is no such experiment."""
        return Composer(self.name)


def checkable(long: bool) -> list[str]:
    """Every shipped experiment with claims; the long ones only if asked for."""
    records = [record for record in list_experiments() if not record.own and record.expect]
    return [record.name for record in records if long or not record.about.get("long")]


def check(names: Sequence[str], reporter: Reporter, trust: Sequence[str] = ()) -> Iterator[Outcome]:
    """Judge every claim of the named experiments, training first what is not finished, together where it can be.

    Raises:
        ConfigError: an experiment does not exist, or does not compose, or its `expect` is wrong.
    """
    plans: dict[str, Plan] = {}
    for name in names:
        plan = plans.setdefault(name, Plan(name))
        plan.claims = plan.composer.compose().claims
        needed = {claim.other: claim.seeds or 0 for claim in plan.claims if claim.other}
        _compose(plan, max([claim.seeds or 0 for claim in plan.claims], default=0), trust)
        for other, seeds in needed.items():
            _compose(plans.setdefault(other, Plan(other)), seeds, trust)
    finished = _train([plan for plan in plans.values() if plan.problem is None], reporter)
    for name in names:
        for claim in plans[name].claims:
            yield Outcome(name, claim, _judge(claim, plans, name, finished), plans[name].source)


def _compose(plan: Plan, seeds: int, trust: Sequence[str]) -> None:
    """Compose what the plan still lacks; an error of the config, its data or its model is kept, not raised."""
    if plan.problem is not None or (plan.own and len(plan.seeded) >= seeds):
        return
    composer, trusted = plan.composer, trusted_modules(trust)
    try:
        base = composer.compose()
        plan.source = str(base.config.about.source)
        if not plan.own:
            grids = axes.plan_axes([], *base.declared_axes) if base.declares_sweep else [([], [])]
            points = [point for fixed, grid in grids for point in axes.expand(fixed, grid)]
            plan.own = [replace(compose_cell(composer, p.overrides, trusted), axes=p.axes) for p in points]
            for cell in plan.own:
                members.weigh(cell)  # builds the model once: what cannot be built shows here
        plan.seeded = [
            replace(compose_cell(composer, [f"seed={seed}"], trusted), axes={"seed": str(seed)})
            for seed in range(seeds)
        ]
    except ConfigError as error:
        plan.problem = error


def _train(plans: Sequence[Plan], reporter: Reporter) -> dict[tuple[str, str], Run]:
    """Train every cell that its experiment has no finished run for; returns the runs by experiment and fingerprint."""
    finished: dict[tuple[str, str], Run] = {}
    waiting: dict[tuple[str, str], cohorts.Entry] = {}
    fingerprint_of = cohorts.fingerprints(reporter)
    for plan in plans:
        folder = places.outputs() / plan.name
        for path in find_run_folders([folder]) if folder.is_dir() else ():
            status = read_status(path, damaged_is_empty=True)
            if state_of(status) == "finished":
                finished[plan.name, status["fingerprint"]] = Run(path)
        try:
            for cell in (*plan.own, *plan.seeded):
                fingerprint = fingerprint_of(cell)
                waiting.setdefault((plan.name, fingerprint), cohorts.Entry(cell, fingerprint, _label(cell)))
        except DataError as error:
            plan.problem = error
    entries = [entry for key, entry in waiting.items() if key not in finished]
    if entries:
        reporter.line(f"{len(waiting) - len(entries)} of {len(waiting)} runs are finished, {len(entries)} to train.")
        reporter.sweep(len(waiting), len(waiting) - len(entries))

    def claim(cell: Cell, fingerprint: str) -> RunFolder:
        return RunFolder.create(places.outputs() / cell.experiment, fingerprint, cell.about_run())

    def ended(job: Job) -> None:
        run = Run(job.folder.path)
        finished[job.cell.experiment, run.status["fingerprint"]] = run

    cohorts.Training(claim, reporter, ended).train(entries)
    return finished


def _judge(claim: Claim, plans: dict[str, Plan], name: str, runs: dict[tuple[str, str], Run]) -> Verdict:
    plan = plans[name]
    if claim.error is not None:
        kind = getattr(plan.problem, "kind", None)
        found = f"{kind} error before training" if kind else str(plan.problem or "no error")
        return Verdict("passed" if kind == claim.error else "failed", found)
    for one in (plan, *([plans[claim.other]] if claim.other else [])):
        if isinstance(one.problem, DataError):
            return Verdict("skipped", one.problem.message)
        if one.problem is not None:
            return Verdict("failed", one.problem.message)
    others = plans[claim.other] if claim.other else None
    return judge(claim, _runs(plan, claim, runs), _runs(others, claim, runs) if others else [], _reloads)


def _runs(plan: Plan, claim: Claim, runs: dict[tuple[str, str], Run]) -> list[Run]:
    cells = plan.seeded[: claim.seeds] if claim.seeds else plan.own
    fingerprint_of = cohorts.fingerprints(Reporter(0))
    return [runs[plan.name, fingerprint_of(cell)] for cell in cells]


def _reloads(run: Run) -> bool:
    from stackfit.saved import reloads_equal

    return reloads_equal(run)


def _label(cell: Cell) -> str:
    return " ".join([cell.experiment, *(f"{key.rpartition('.')[2]}={value}" for key, value in cell.axes.items())])
