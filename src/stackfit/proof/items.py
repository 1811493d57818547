"""What `check` judges: experiments with their claims, composed and held to limits before anything is trained."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from stackfit.config import project
from stackfit.config.claims import Claim
from stackfit.config.experiments import expand, find_experiment
from stackfit.config.hydra import axes
from stackfit.config.hydra.composition import Composer, Composition
from stackfit.config.hydra.search_settings import TRIALS
from stackfit.config.hydra.sweeper_keys import sweeper_of
from stackfit.config.trust import trusted_modules
from stackfit.errors import ConfigError, DataError, RunFolderError, StackfitError, raising
from stackfit.execution import members
from stackfit.execution.cells import Cell, compose_cell
from stackfit.execution.progress import Reporter
from stackfit.files import shown
from stackfit.model.sizes import count_parameters
from stackfit.results.certificate import Standing, is_made_here
from stackfit.results.duration import trained_seconds
from stackfit.results.run import Run
from stackfit.results.run_files import STATUS, find_run_folders, read_history, read_status, state_of
from stackfit.results.run_folder import RunFolder

ABSENT = (None, "data.name", "data.path", "data.test_path")
"""The keys of a DataError if the data were not found; other keys are about the config's declarations of the data."""
MOST_CELLS = 1000  # of a sweep that the file of somebody else declares


@dataclass(frozen=True)
class Limits:
    """What an item may take; None: no limit. `epochs` of all runs that its own file asks for; `minutes` of training."""

    epochs: int | None = None
    parameters: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name, limit in vars(self).items():
            if limit is not None and not 0 < limit < math.inf:
                raise ConfigError(f"--max-{name} is {limit}. Expected more than 0. Write for example: --max-{name} 20")


@dataclass
class Item:
    """One experiment and the cells that claims need. `own`: those that its file declares; `seeded`: seeds 0 to n - 1."""

    name: str
    word: str = ""  # as typed; the name if nobody typed it
    judged: bool = False  # by claims from outside: what its own file expects, and what it silences, do not count
    signed_only: bool = False  # only runs that were made and signed here are reused
    limits: Limits = field(default_factory=Limits)
    engine: str | None = None  # that trains it, whatever its file says
    claims: list[Claim] = field(default_factory=list)
    source: str = ""
    own: list[Cell] = field(default_factory=list)
    seeded: list[Cell] = field(default_factory=list)
    problem: StackfitError | None = None  # of its file, its config, its data or its model
    exceeded: str = ""  # the limit, in words
    is_search: bool = False  # its file declares one: `own` is the experiment itself, and `runs` are the search's
    runs: dict[str, Run] = field(default_factory=dict)  # by fingerprint: finished before, or ended here

    @cached_property
    def composer(self) -> Composer:
        """Raises ConfigError if there is no such experiment."""
        return Composer(self.word or self.name, self.judged)

    @cached_property
    def composition(self) -> Composition:
        """The experiment without overrides. Raises ConfigError if it does not compose."""
        with raising() as problems:
            composition = self.composer.compose((), problems)
        return composition

    @property
    def waits(self) -> bool:
        """Whether nothing speaks against training it."""
        return self.problem is None and not self.exceeded

    @property
    def blocked(self) -> StackfitError | None:
        """Why none of its claims can be judged. An error of its model may itself be claimed; absent data are skipped."""
        claimed = self.own and any(claim.error for claim in self.claims)
        return None if claimed or (self.claims and self.is_absent) else self.problem

    @property
    def is_absent(self) -> bool:
        """Whether its data are not on this machine; somebody else's file may name any, so there it is a problem."""
        return isinstance(self.problem, DataError) and self.problem.key in ABSENT and not self.judged

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep an exception as the item's problem: the other items are judged all the same."""
        try:
            yield
        except StackfitError as error:
            self.problem = error
        except Exception as error:  # somebody else's file may make YAML, Hydra or Keras raise anything
            text = str(error).partition("\n")[0].rstrip(".")
            self.problem = ConfigError(
                f"It cannot be judged: {type(error).__name__}: {text}. Expected an experiment that runs. Try it alone: "
                f"stackfit plan {self.word} --debug"
            )

    def compose(self, seeds: int, trust: Sequence[str]) -> None:
        """Compose the cells that it lacks; what is wrong is kept."""
        if not self.waits or (self.own and len(self.seeded) >= seeds):
            return
        with self.keeping():
            base, trusted = self.composition, trusted_modules(trust)
            self.source = str(base.config.about.source)
            with raising() as problems:
                self.is_search = base.declares_sweep and sweeper_of(base.sweeper) == "search"
                grids = axes.plan_axes([], *base.declared_axes, problems) if base.declares_sweep and not self.is_search else [([], [])]
                self._check_cells(sum(axes.count(grid) for _, grid in grids))
                if self.exceeded:
                    return
                points = [point for fixed, grid in grids for point in axes.expand(fixed, grid)]
                fixed = [f"engine={self.engine}"] if self.engine else []
                self.own = [compose_cell(self.composer, [*fixed, *p.overrides], trusted, problems, p.axes) for p in points]
                self.seeded = [
                    compose_cell(self.composer, [*fixed, f"seed={seed}"], trusted, problems, {"seed": str(seed)})
                    for seed in range(seeds)
                ]
            epochs = sum(cell.config["epochs"] for cell in self.own)
            if self.is_search:
                epochs *= (base.sweeper["n_trials"] or TRIALS) * base.sweeper["seeds"]
            if self.limits.epochs is not None and epochs > self.limits.epochs:
                of = f" of its {len(self.own)} runs" if len(self.own) > 1 else " of its search" if self.is_search else ""
                self.exceeded = f"{epochs:,} epochs{of}, but --max-epochs allows {self.limits.epochs:,}"

    def _check_cells(self, cells: int) -> None:
        """Before a sweep is composed, which takes 2 ms a cell: each trains for an epoch at least."""
        if self.limits.epochs is not None and cells > self.limits.epochs:
            self.exceeded = f"{cells:,} runs, but --max-epochs allows {self.limits.epochs:,} epochs"
        elif self.judged and cells > MOST_CELLS:
            self.exceeded = f"a sweep of {cells:,} runs, but at most {MOST_CELLS:,} are allowed"

    def find_unfinished(self, fingerprint_of: Callable[[Cell], str], reporter: Reporter) -> dict[str, Cell]:
        """The cells to train, by fingerprint. If there are any, or if an error is claimed, the models are built first."""
        needed: dict[str, Cell] = {}
        if not self.waits:
            return needed
        with self.keeping():
            if self.is_search or not any(claim.error for claim in self.claims):
                for cell in (*(() if self.is_search else self.own), *self.seeded):
                    needed.setdefault(fingerprint_of(cell), cell)
                self.runs = self._find_finished(needed, reporter)
            self._check_parameters()
            self.check_minutes()
            if self.waits and (self.is_search or len(needed) > len(self.runs) or not needed):
                self._check_models()
        if not self.waits:
            return {}
        return {fingerprint: cell for fingerprint, cell in needed.items() if fingerprint not in self.runs}

    def search(self, trust: Sequence[str], reporter: Reporter) -> list[Run]:
        """Train its search to the end, or go on with it; the finished runs, or all if none has finished."""
        from stackfit.execution.sweep import Sweep

        with raising() as problems:
            more = [] if self.limits.minutes is None else [f"hydra.sweeper.minutes={self.limits.minutes}"]
            composition = self.composer.compose(more, problems)
            sweep = Sweep(self.composer, composition, problems, trust=trust, fresh=self.signed_only, reporter=reporter)
            sweep.run()
        runs = [Run(job.path) for job in sweep.jobs if job.path and (job.path / STATUS).is_file()]
        finished = [run for run in runs if run.state == "finished"]
        self._limit_parameters(max((run.metrics.get("parameters", 0) for run in finished), default=0))
        return finished or runs

    def check_minutes(self) -> None:
        """Hold the time of its runs against the limit, whether they trained now or before."""
        if self.limits.minutes is None or self.exceeded:
            return
        seconds = sum(trained_seconds(read_history(run.folder)) for run in self.runs.values())
        if seconds > 60 * self.limits.minutes:
            self.exceeded = f"{seconds / 60:.2g} minutes of training, but --max-minutes allows {self.limits.minutes:g}"

    def _check_parameters(self) -> None:
        """Before the models take memory, and of runs that are reused too."""
        if self.limits.parameters is not None:
            members.start(self.own[0], together=True)
            shapes = [(cell.config["model"]["layers"] or {}, tuple(cell.config["data"]["input_shape"])) for cell in self.own]
            self._limit_parameters(max(count_parameters(layers, shape) for layers, shape in shapes))

    def _limit_parameters(self, count: int) -> None:
        if self.limits.parameters is not None and count > self.limits.parameters:
            self.exceeded = f"{count:,} parameters, but --max-parameters allows {self.limits.parameters:,}"

    def _check_models(self) -> None:
        members.start(self.own[0], together=True)  # before the first model: threads are set once a process
        for cell in self.own:
            with raising() as problems:
                members.check_model(cell, problems)

    def _find_finished(self, needed: Mapping[str, Cell], reporter: Reporter) -> dict[str, Run]:
        """Finished runs of the experiment, single or in sweeps, with the files that these cells save, as they wrote them."""
        folder = project.outputs() / self.name
        if not os.path.lexists(folder):
            return {}
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise RunFolderError(f"{shown(folder)} is not a folder for runs. Expected one, or nothing. Remove it.")
        finished = {}
        for path in self._find_folders(folder):
            status = read_status(path, damaged_is_empty=True)
            cell = needed.get(str(status.get("fingerprint")))
            if not cell or state_of(status) != "finished":
                continue
            saved = [RunFolder(path).model(form).is_file() for form in cell.config["save"]]
            standing = Standing.of(path, status, whole=True)
            if standing.problem:
                reporter.line(f"warning: {standing.problem}. It is not reused: the cell trains again.", always=True)
            elif all(saved) and (not self.signed_only or is_made_here(path)):
                finished[status["fingerprint"]] = Run(path)
        return finished

    def _find_folders(self, folder: Path) -> Iterator[Path]:
        """Of somebody else's folders, only those that `check` itself makes: links may lead in circles."""
        if not self.signed_only:
            return find_run_folders([folder])
        return (path.parent for path in sorted(folder.glob(f"*/{STATUS}")))


def find_items(
    words: Sequence[str], rubric: Sequence[Claim] | None, limits: Limits, engine: str | None = None
) -> dict[str, Item]:
    """The items that words and patterns name, each once, with their claims; by name.

    Args:
        rubric: claims from outside, in the place of the items' own.
    """
    items: dict[str, Item] = {}
    for word in dict.fromkeys(expand(words)):
        item = Item(word, word, limits=limits, engine=engine, claims=list(rubric or ()))
        with item.keeping():
            located = find_experiment(word)
            item.name = located.name
            item.judged = item.signed_only = rubric is not None or located.by_path
        if item.name in items:
            continue
        items[item.name] = item
        with item.keeping():
            if item.problem is None and rubric is None:
                item.claims = item.composition.claims
            if item.problem is None and not item.claims:
                no = "the `expect` of a file that is given by its path does not count" if item.judged else "it has no `expect`"
                raise ConfigError(f"It claims nothing: {no}. Expected claims. Add for example: --claims rubric.yaml")
    return items
