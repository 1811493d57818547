"""A sweep as an incremental build: its cells, which of them are finished, and training the rest.

Hydra's sweeper and launcher plugins are adapters to `Sweep`; it is also the task function that they call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackfit import axes, owner, places
from stackfit.cells import Cell, compose_cell, trusted_modules
from stackfit.cohorts import Entry, Training, fingerprints
from stackfit.composition import Composer, job_overrides, launch
from stackfit.errors import ConfigError, RunFolderError
from stackfit.jobs import Job
from stackfit.progress import Reporter
from stackfit.run_folder import RunFolder, read_status, state_of
from stackfit.sweep_folder import SweepFolder

ABSENT = "unknown: its data are not here yet"
MANY = 2_000  # cells; more are asked about first


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
    fixed = [o.input_line or "" for o in composer.parse(overrides) if not o.is_sweep_override()]
    return composer.compose(fixed).declares_sweep


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
        typed = composer.parse(overrides)
        hydra = [o.input_line or "" for o in typed if o.is_hydra_override()]
        own = [o for o in typed if not o.is_hydra_override()]
        self.fixed = [o.input_line or "" for o in own if not o.is_sweep_override()]
        base = composer.compose([*self.fixed, *hydra])
        self.max_members = base.max_members
        grids = axes.plan_axes(own, *base.declared_axes)
        total = sum(axes.count(grid) for _, grid in grids)
        if total == 0:
            raise ConfigError("This sweep has no cells. Expected at least one value on every axis. Write: key=a,b")
        if total > MANY and not confirm(total):
            raise ConfigError(f"This sweep has {total:,} cells. Expected a yes before so many. Add --yes.")
        self.axis_names = list(dict.fromkeys(axis.key.lstrip("+") for _, grid in grids for axis in grid))
        points = {point.overrides: point for fixed, grid in grids for point in axes.expand(fixed, grid)}
        trusted = trusted_modules(trust)
        cells = [
            replace(compose_cell(composer, point.overrides, trusted), axes=point.axes) for point in points.values()
        ]
        self.folder = SweepFolder.find(places.outputs() / experiment, experiment, self.fixed, self.axis_names, fresh)
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
        """Train what is unfinished, by the launcher that the overrides name; see `hydra_plugins`."""
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
    if state == "finished" and status.get("fingerprint") == fingerprint:
        return "finished"
    if state == "running" and not owner.is_me(status.get("owner")):
        return "busy"
    reason = str(status.get("reason") or "").partition("\n")[0]
    return f"failed before: {reason}" if state == "failed" else "was interrupted" if status else "its status is damaged"


def label_of(axes: dict[str, str]) -> str:
    """`units=64, seed=0`: every axis by the last part of its key, or its whole key where two would be alike."""
    last = [key.rpartition(".")[2] for key in axes]
    return ", ".join(
        f"{short if last.count(short) == 1 else key}={value}"
        for short, (key, value) in zip(last, axes.items(), strict=True)
    )
