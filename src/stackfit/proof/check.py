"""Experiments compared with what their sources published: run what is missing, reuse what is finished, judge each claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from stackfit.config import project
from stackfit.config.claims import Claim
from stackfit.config.experiments import list_experiments
from stackfit.config.hydra import axes
from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.trust import trusted_modules
from stackfit.errors import ConfigError, DataError, raising
from stackfit.execution import cohorts, members
from stackfit.execution.cells import Cell, compose_cell
from stackfit.execution.jobs import Job, single_claim
from stackfit.execution.progress import Reporter
from stackfit.keys import label_of
from stackfit.proof.judgement import Verdict, judge
from stackfit.results.certificate import Standing
from stackfit.results.run import Run
from stackfit.results.run_files import find_run_folders, read_status, state_of
from stackfit.results.run_folder import RunFolder

ABSENT = (None, "data.name", "data.path", "data.test_path")
"""The keys of a DataError if the data were not found; other keys are about the config's declarations of the data."""


@dataclass(frozen=True)
class Outcome:
    """One claim of one experiment, with its verdict."""

    experiment: str
    claim: Claim
    verdict: Verdict
    source: str


@dataclass
class Plan:
    """One experiment and the cells that claims need. `own`: those that its file declares; `seeded`: seeds 0 to n - 1."""

    name: str
    claims: list[Claim] = field(default_factory=list)
    source: str = ""
    own: list[Cell] = field(default_factory=list)
    seeded: list[Cell] = field(default_factory=list)
    problem: ConfigError | None = None  # of the config, its data or its model
    runs: dict[str, Run] = field(default_factory=dict)  # by fingerprint: finished before, or ended here

    @cached_property
    def composer(self) -> Composer:
        """Raises ConfigError if there is no such experiment."""
        return Composer(self.name)

    @cached_property
    def composition(self) -> Composition:
        """The experiment without overrides. Raises ConfigError if it does not compose."""
        with raising() as problems:
            composition = self.composer.compose((), problems)
        return composition


def checkable(long: bool) -> list[str]:
    """Every shipped experiment with claims; with `long` also the long ones."""
    records = [record for record in list_experiments() if not record.own and record.expect]
    return [record.name for record in records if long or not record.about.get("long")]


def check(
    names: Sequence[str],
    reporter: Reporter,
    trust: Sequence[str] = (),
    known: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Judge every claim of the named experiments. Unfinished runs are trained first, together where possible.

    Args:
        known: called with every outcome as soon as it is known.

    Returns:
        The outcomes in the order of the names and of their claims.

    Raises:
        ConfigError: an experiment does not exist, or does not compose, or its `expect` is wrong; nothing was trained.
    """
    plans: dict[str, Plan] = {}
    for name in names:
        plan = plans.setdefault(name, Plan(name))
        plan.claims = plan.composition.claims
        needed = {claim.other: claim.seeds or 0 for claim in plan.claims if claim.other}
        _compose(plan, max([claim.seeds or 0 for claim in plan.claims], default=0), trust)
        for other, seeds in needed.items():
            _compose(plans.setdefault(other, Plan(other)), seeds, trust)
    fingerprint_of = cohorts.fingerprints(reporter)
    jobs = [job for plan in plans.values() for job in _unfinished(plan, fingerprint_of, reporter)]
    outcomes: dict[tuple[int, int], Outcome] = {}

    def settle(last: bool = False) -> None:
        """Judge every claim whose runs have ended."""
        for place, name in enumerate(names):
            plan = plans[name]
            for number, claim in enumerate(plan.claims):
                other = plans[claim.other] if claim.other else None
                if (place, number) in outcomes:
                    continue
                verdict = _judge(claim, plan, other, fingerprint_of)
                if verdict is None and last:
                    verdict = Verdict("failed", "a run that it needs did not finish")
                if verdict is not None:
                    outcomes[place, number] = Outcome(name, claim, verdict, plan.source)
                    known(outcomes[place, number])

    settle()
    if jobs:
        cells = sum(len(plan.runs) for plan in plans.values()) + len(jobs)
        reporter.line(f"{cells - len(jobs)} of {cells} runs are finished, {len(jobs)} to train.")
        reporter.sweep(cells, cells - len(jobs))

    def ended(job: Job) -> None:
        run = Run(job.folder.path)
        plans[job.cell.experiment].runs[run.status["fingerprint"]] = run

    runner = cohorts.CohortRunner(single_claim(fresh=False), reporter, ended, between=settle)
    for cohort in runner.plan_cohorts(jobs):
        runner.train(cohort)
    settle(last=True)
    return [outcomes[key] for key in sorted(outcomes)]


def _compose(plan: Plan, seeds: int, trust: Sequence[str]) -> None:
    """Compose the cells that the plan lacks; an error of the config or its data is kept, not raised."""
    if plan.problem is not None or (plan.own and len(plan.seeded) >= seeds):
        return
    composer, trusted = plan.composer, trusted_modules(trust)
    try:
        base = plan.composition
        plan.source = str(base.config.about.source)
        with raising() as problems:
            grids = axes.plan_axes([], *base.declared_axes, problems) if base.declares_sweep else [([], [])]
            points = [point for fixed, grid in grids for point in axes.expand(fixed, grid)]
            plan.own = [compose_cell(composer, p.overrides, trusted, problems, p.axes) for p in points]
            plan.seeded = [
                compose_cell(composer, [f"seed={seed}"], trusted, problems, {"seed": str(seed)}) for seed in range(seeds)
            ]
    except ConfigError as error:
        plan.problem = error


def _unfinished(plan: Plan, fingerprint_of: Callable[[Cell], str], reporter: Reporter) -> Iterator[Job]:
    """The cells to train. If there are any, or if an error is claimed, the models are built first."""
    if plan.problem is not None:
        return
    needed: dict[str, Cell] = {}
    try:
        if not any(claim.error for claim in plan.claims):
            for cell in (*plan.own, *plan.seeded):
                needed.setdefault(fingerprint_of(cell), cell)
            plan.runs = _finished(plan.name, needed, reporter)
        if len(needed) > len(plan.runs) or not needed:
            members.start(plan.own[0], together=True)  # before the first model: threads are set once a process
            for cell in plan.own:
                with raising() as problems:
                    members.check_model(cell, problems)
    except ConfigError as error:
        plan.problem = error
        return
    for fingerprint, cell in needed.items():
        if fingerprint not in plan.runs:
            yield Job(cell, _label(cell), reporter, fingerprint)


def _finished(experiment: str, needed: Mapping[str, Cell], reporter: Reporter) -> dict[str, Run]:
    """Finished runs of the experiment, single or in sweeps, with the files that these cells save, as they wrote them."""
    folder = project.outputs() / experiment
    if not folder.is_dir():
        return {}
    finished = {}
    for path in find_run_folders([folder]):
        status = read_status(path, damaged_is_empty=True)
        cell = needed.get(str(status.get("fingerprint")))
        if cell and state_of(status) == "finished":
            saved = [RunFolder(path).model(form).is_file() for form in cell.config["save"]]
            standing = Standing.of(path, status, whole=True)
            if standing.problem:
                reporter.line(f"warning: {standing.problem}. It is not reused: the cell trains again.", always=True)
            elif all(saved):
                finished[status["fingerprint"]] = Run(path)
    return finished


def _judge(claim: Claim, plan: Plan, other: Plan | None, fingerprint_of: Callable[[Cell], str]) -> Verdict | None:
    """The claim's verdict, or None while a run that it needs has not ended."""
    if claim.error is not None:
        kinds = {error.kind for error in getattr(plan.problem, "errors", filter(None, [plan.problem]))}
        named = bool(kinds) and None not in kinds
        found = f"{', '.join(sorted(map(str, kinds)))} error before training" if named else str(plan.problem or "no error")
        return Verdict("passed" if kinds == {claim.error} else "failed", found)
    plans = [needed for needed in (plan, other) if needed is not None]
    for needed in plans:
        if needed.problem is not None:
            absent = isinstance(needed.problem, DataError) and needed.problem.key in ABSENT
            return Verdict("skipped" if absent else "failed", needed.problem.message)
    runs = []
    for needed in plans:
        cells = needed.seeded[: claim.seeds] if claim.seeds else needed.own
        runs.append([needed.runs.get(fingerprint_of(cell)) for cell in cells])
    if any(run is None for group in runs for run in group):
        return None
    return judge(claim, runs[0], runs[1] if other else [], lambda run: _reloads(run, plan.own[0].trusted))


def _reloads(run: Run, trusted: Sequence[str]) -> bool:
    from stackfit.proof.saved import reloads_equal

    return reloads_equal(run, trusted)


def _label(cell: Cell) -> str:
    return f"{cell.experiment} {label_of(cell.axes)}".rstrip()
