"""A sweep as an incremental build: its cells, which of them are finished, and training the rest.

Hydra's sweeper and launcher plugins are adapters to `Sweep`; it is also the task function that they call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackfit.config import project
from stackfit.config.hydra import axes
from stackfit.config.hydra.composition import Composer, job_overrides, launch
from stackfit.config.keys import label_of
from stackfit.config.origins import override_key
from stackfit.errors import ConfigError, Problems, RunFolderError, TrustError
from stackfit.execution import members
from stackfit.execution.cells import Cell, inspect_cell, trusted_modules
from stackfit.execution.cohorts import Entry, Training, fingerprints
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter
from stackfit.results import owner
from stackfit.results.run_files import read_status, state_of
from stackfit.results.run_folder import RunFolder
from stackfit.results.sweep_folder import SweepFolder

ABSENT = "unknown: its data are not here yet"
MANY = 2_000  # cells; more are asked about first
MANY_MODELS = 50  # cells whose models are looked at too when something else is wrong already


@dataclass(frozen=True)
class Placed(Entry):
    """A cell in its sweep: its folder, and why it must run (`finished` and `busy` must not)."""

    folder: Path
    why: str

    @property
    def waits(self) -> bool:
        return self.why not in ("finished", "busy")


def is_sweep(composer: Composer, overrides: Iterable[str], multirun: bool) -> bool:
    """Whether the command asks for a sweep: by `-m`, or because its experiment declares one."""
    if multirun:
        return True
    problems = Problems()  # a composition that is wrong in part still tells; its errors are said with the others
    typed = composer.parse(overrides, problems, axes=True)
    composition = composer.try_compose([o.input_line or "" for o in typed if not o.is_sweep_override()], problems)
    return composition is not None and composition.declares_sweep


class Sweep:
    """The cells of one command, in one folder.

    Args:
        confirm: asked before more than `MANY` cells are composed; gets their number.
        build: fetch and prepare data that are not here; else nothing is written, and `run` is not for this object.

    Raises:
        ConfigError: an axis, a key or a value is wrong; nothing was trained and no folder was made.
    """

    def __init__(
        self,
        experiment: str,
        overrides: Sequence[str],
        *,
        trust: Iterable[str] = (),
        fresh: bool = False,
        fail_fast: bool = False,
        reporter: Reporter,
        composer: Composer | None = None,
        confirm: Callable[[int], bool] = lambda cells: True,
        build: bool = True,
    ):
        self.experiment, self.overrides, self.reporter = experiment, list(overrides), reporter
        composer = composer or Composer(experiment)
        problems = Problems()
        typed = composer.parse(overrides, problems, axes=True)
        hydra = [o.input_line or "" for o in typed if o.is_hydra_override()]
        own = [o for o in typed if not o.is_hydra_override()]
        self.fixed = [o.input_line or "" for o in own if not o.is_sweep_override()]
        base = composer.try_compose([*self.fixed, *hydra], Problems())  # what is wrong shows in every cell again
        self.max_members = base.max_members if base else None
        grids = axes.plan_axes(own, *(base.declared_axes if base else ({}, [])), problems)
        total = sum(axes.count(grid) for _, grid in grids)
        if total > MANY and not confirm(total):
            raise ConfigError(f"This sweep has {total:,} cells. Expected a yes before so many. Add --yes.")
        self.axis_names = list(dict.fromkeys(axis.key.lstrip("+") for _, grid in grids for axis in grid))
        self._places = {name: base.origins.locate(f"hydra.sweeper.params.{name}") for name in self.axis_names} if base else {}
        self._places |= {o.get_key_element().lstrip("+"): o.input_line for o in own if o.is_sweep_override()}
        points: dict[tuple[str, ...], axes.Point] = {}
        with problems.collect():
            points = {point.overrides: point for fixed, grid in grids for point in axes.expand(fixed, grid)}
        if total == 0 and not problems.errors:
            raise ConfigError("This sweep has no cells. Expected at least one value on every axis. Write: key=a,b")
        cells = self._compose(composer, points.values() if total else [], trusted_modules(trust), problems)
        self.folder = SweepFolder.find(project.outputs() / experiment, experiment, self.fixed, self.axis_names, fresh)
        self.entries = self._inspect(cells, build)
        self.training = Training(
            self._claim,
            reporter,
            ended=self._ended,
            skip=lambda entry: (
                _why(self.folder.cell(entry.cell.axes, entry.fingerprint), entry.fingerprint) in ("finished", "busy")
            ),
            fail_fast=fail_fast,
        )

    # ---- what must run

    def _compose(
        self, composer: Composer, points: Iterable[axes.Point], trusted: tuple[str, ...], problems: Problems
    ) -> list[Cell]:
        """Every cell; where one is wrong all that is wrong in any is raised, and in the models too."""
        found = [(*inspect_cell(composer, point.overrides, trusted), point) for point in points]
        for _, own, _ in found:
            self._include(problems, own)
        if problems.errors:
            models = {members.model_key(cell): (cell, own) for cell, own, _ in found[:MANY_MODELS] if cell is not None}
            for cell, own in models.values():
                self._include(problems, members.inspect_model(cell, own))
        problems.raise_errors()
        return [replace(cell, axes=point.axes) for cell, _, point in found if cell is not None]

    def _include(self, problems: Problems, others: Problems) -> None:
        """Take over a cell's problems; one at the value of an axis is placed where the whole axis was typed."""
        for error in (*others.errors, *others.warnings):
            if error.where is not None and error.where not in self.overrides:
                error.where = self._places.get(override_key(error.where)) or error.where
        problems.include(others)

    def _inspect(self, cells: Sequence[Cell], build: bool) -> list[Placed]:
        before = {json.dumps(cell["axes"], sort_keys=True) for cell in self.folder.read()}
        fingerprint_of = fingerprints(self.reporter, build)
        entries = []
        for cell in cells:
            fingerprint = fingerprint_of(cell)
            folder = self.folder.cell(cell.axes, fingerprint)
            why = _why(folder, fingerprint, json.dumps(cell.axes, sort_keys=True) in before) if fingerprint else ABSENT
            entries.append(Placed(cell, fingerprint, label_of(cell.axes), folder, why))
        return entries

    def waiting_cells(self) -> list[Cell]:
        """The cells that are not finished and that nobody else trains, each said with its reason."""
        waiting = [entry for entry in self.entries if entry.waits]
        busy = sum(entry.why == "busy" for entry in self.entries)
        finished = len(self.entries) - len(waiting) - busy
        elsewhere = f", {busy} with another process" if busy else ""
        self.reporter.line(
            f"{self.experiment}: {len(self.entries)} cells: {finished} finished, {len(waiting)} to run{elsewhere}."
        )
        if any(entry.why != "new" for entry in self.entries):
            for entry in waiting:
                self.reporter.line(f"  {entry.label}: {entry.why}")
        self._write()
        self.reporter.sweep(len(self.entries), finished)
        return [entry.cell for entry in waiting]

    def _write(self) -> None:
        self.folder.write(
            self.experiment,
            self.fixed,
            self.axis_names,
            [
                {
                    "overrides": list(entry.cell.overrides),
                    "axes": entry.cell.axes,
                    "fingerprint": entry.fingerprint,
                    "folder": entry.folder.name,
                }
                for entry in self.entries
            ],
        )

    def _ended(self, job: Job) -> None:
        try:
            self._write()
        except RunFolderError as error:  # its cells' folders hold the results; the others may still be trained
            self.reporter.line(f"warning: {error}", always=True)

    # ---- running

    def run(self) -> Sweep:
        """Train what is unfinished, by the launcher that the overrides name; see `hydra_plugins`.

        Raises:
            ConfigError: a key or target that no model of a cell has; nothing was trained and no folder was made.
        """
        waiting = [entry for entry in self.entries if entry.waits]
        problems = Problems()
        if waiting:
            members.start(waiting[0].cell, together=len(waiting) > 1 and self.max_members != 1)
        for entry in waiting:
            self.training.trial(entry.cell)
        for found in self.training.trial.problems.values():
            self._include(problems, found)
        Problems(wrong_names(problems)).raise_errors()
        for warning in problems.warnings:
            self.reporter.line(warning.as_warning())
        launch(self.experiment, self.overrides, self)
        return self

    def __call__(self, config: Any) -> Path:
        """Hydra's task function: train the one cell that Hydra has composed."""
        return self.launch_together([job_overrides()], 1)[0]

    def launch_together(self, job_overrides: Sequence[Sequence[str]], max_members: int | None = None) -> list[Path]:
        """Train the cells with these overrides in cohorts; returns their folders."""
        known = {entry.cell.overrides: entry for entry in self.entries}
        chosen = [known[tuple(overrides)] for overrides in job_overrides]
        self.training.train(chosen, max_members)
        return [entry.folder for entry in chosen]

    @property
    def failed(self) -> int:
        """How many cells have failed in this process."""
        return self.training.failed

    @property
    def unfinished(self) -> int:
        """How many cells are not finished: they failed, or are with another process."""
        return sum(_why(entry.folder, entry.fingerprint) != "finished" for entry in self.entries)

    def _claim(self, cell: Cell, fingerprint: str) -> RunFolder | None:
        folder = RunFolder(self.folder.cell(cell.axes, fingerprint))
        return folder if folder.claim(fingerprint, self._about(cell)) else None

    def _about(self, cell: Cell) -> dict[str, Any]:
        return {**cell.about_run(), "cell": label_of(cell.axes), "sweep": self.folder.path.name}


def _why(folder: Path, fingerprint: str, ran_before: bool = False) -> str:
    """`finished`, `busy`, or the reason to run. `ran_before`: some cell with these axes has a folder."""
    if not RunFolder(folder).status.exists():
        return "changed since it ran: its config, data, versions or code" if ran_before else "new"
    status = read_status(folder, damaged_is_empty=True)
    state = state_of(status)
    if state in ("finished", "pruned") and status.get("fingerprint") == fingerprint:  # pruned by this sweep: settled
        return "finished"
    if state == "running" and not owner.is_me(status.get("owner")):
        return "busy"
    reason = str(status.get("reason") or "").partition("\n")[0]
    return f"failed before: {reason}" if state == "failed" else "was interrupted" if status else "its status is damaged"


def wrong_names(problems: Problems) -> list[ConfigError]:
    """What keeps a whole sweep from starting, not only the cells that have it: a key or target that no model has."""
    return [one for one in problems.errors if one.kind == "name" or isinstance(one, TrustError)]
