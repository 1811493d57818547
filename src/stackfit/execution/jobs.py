"""A job: a cell with its folder, its state and the reason for it, on its way to a finished run.

This module decides for single runs, sweeps and `check` whether a cell is finished, what it is called and where it goes.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from stackfit.config import project
from stackfit.errors import StackfitError, TrainingError, VanishedError, lacks_memory
from stackfit.execution.cells import Cell
from stackfit.execution.progress import Reporter
from stackfit.files import shown
from stackfit.results import owner
from stackfit.results.run_files import STATUS, read_status, read_status_if_any, state_of
from stackfit.results.run_folder import RunFolder
from stackfit.results.selection import order

NEW, FINISHED, BUSY, PRUNED, FAILED = "new", "finished", "busy", "pruned", "failed"
SETTLED = (FINISHED, BUSY, PRUNED, FAILED)  # this command does not train them; FAILED: for good, in a search
CHANGED = "changed since it ran"
ABSENT = "unknown"  # its data are not here, so it has no fingerprint
GONE_SECONDS = 0.5  # for `rm -r` to come from a run's folder to those around it


@dataclass
class Job:
    """One cell on its way to a finished folder; its messages go to its reporter and into its log."""

    cell: Cell
    label: str
    reporter: Reporter
    fingerprint: str = ""  # empty while its data are not here
    path: Path | None = None  # where a sweep's cell goes; a single run gets a new folder when it is claimed
    state: str = NEW
    reason: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)  # of a search's cell: its trial and its batch
    alone: bool = True  # else its messages start with its label
    model: Any = None  # if it was built for a check; else the runner builds it
    member: Any = None  # training.Member
    folder: RunFolder | None = None  # once it is claimed
    lines: list[str] = field(default_factory=list)  # printed, but not yet in the folder's log
    begun: str = ""  # what was printed of a line that has not ended
    blank: set[str] = field(default_factory=set)  # metrics that were not finite
    logs: dict[str, float] = field(default_factory=dict)
    epoch: int = 0
    done: Any = None  # training.events.Done, once it has trained to its end
    ended: bool = False
    failure: str | None = None

    @property
    def waits(self) -> bool:
        """Whether this command must train it."""
        return self.state not in SETTLED

    @property
    def why(self) -> str:
        """The state with its reason: `failed before: …`."""
        return f"{self.state}: {self.reason}" if self.reason else self.state

    def refresh(self) -> None:
        """Read the state and its reason from the folder at `path`."""
        assert self.path is not None
        status = read_status_if_any(self.path)
        self.state, self.reason = find_state(status, self.fingerprint)

    def say(self, text: str, detail: bool = False, always: bool = False) -> None:
        """Print lines and log them; a live screen of several cells shows a `detail` in its own way. `always`: with --quiet too."""
        lines = text.strip("\n").split("\n")
        prefix = "" if self.alone else f"{self.label}  "
        show = self.reporter.detail if detail else partial(self.reporter.line, always=always)
        show("\n".join(prefix + line for line in lines))
        self.lines += lines

    def printed(self, text: str) -> None:
        """Print and log what a callback prints; what it prints with `end=""` stays on its line, in the log when that ends."""
        self.reporter.printed(text, "" if self.alone else f"{self.label}  ")
        whole, end, self.begun = (self.begun + text).rpartition("\n")
        if end:
            self.lines += whole.split("\n")

    def end_line(self) -> None:
        """End a line that a callback has left open."""
        if self.begun:
            self.printed("\n")

    def finite(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with None for numbers that are not finite, and a warning for each of those, once."""
        odd = {name: value for name, value in values.items() if isinstance(value, float) and not math.isfinite(value)}
        for name, value in odd.items():
            if name not in self.blank:
                when = "" if name.startswith("test_") else f" in epoch {self.epoch}"
                self.say(f"warning: {name} is {value}{when}: left blank. The loss is finite, so the run goes on.")
        self.blank |= odd.keys()
        return {**values, **dict.fromkeys(odd)}

    def take_lines(self) -> str:
        """The printed lines that are not in the folder's log yet; whoever takes them writes them there."""
        lines, self.lines = self.lines, []
        return "".join([f"{line}\n" for line in lines])

    def fail(self, error: BaseException) -> None:
        """Record in the folder why it failed, with the traceback, and print it."""
        assert self.folder is not None
        self.end_line()
        trace = "".join(traceback.format_exception(error))
        when = f"in epoch {self.epoch}" if self.epoch else "before the first epoch"
        is_ours = isinstance(error, StackfitError)
        self.failure = str(error) if is_ours else f"{type(error).__name__} {when}: {_text(error)}".rstrip(": ")
        if lacks_memory(error) and not is_ours:
            self.failure = f"Memory ran out {when}. Expected a cell that fits. Lower batch_size, or make the model smaller."
        if notes := getattr(error, "__notes__", ()):
            self.failure += f" ({'; '.join(notes)})"
        with contextlib.suppress(OSError, StackfitError):  # a full disk: the status below may still fit
            self.folder.append_log(f"{self.take_lines()}failed: {self.failure}\n{trace}")
        try:
            self.folder.fail(self.failure, trace)
        except OSError as second:
            self.reporter.line(f"{self.label}: its status could not be written either: {second}", always=True)
        self.reporter.line(f"{self.label}: failed: {self.failure}", always=True)


Claim = Callable[[Job], RunFolder | None]  # gives a job's folder; None if another process has it


def claim_cell(job: Job, sweep: str, is_trial: bool = False) -> RunFolder | None:
    """The folder of a sweep's cell, or None if another process has it or it is finished.

    Args:
        is_trial: of a search, which ranks only what it has trained itself.
    """
    assert job.path is not None
    about = {**job.cell.about_run(), "cell": job.label, "sweep": sweep}
    folder = RunFolder(job.path)
    if not folder.claim(job.fingerprint, about):
        return None
    is_fresh = re.fullmatch(r"sweep-[0-9a-f]{8}-\d+", sweep)  # see `SweepFolder.find`
    return folder if is_trial or is_fresh else _going_on(folder, job)


def claim_single(job: Job, fresh: bool) -> RunFolder:
    """A new folder; without `fresh`, the newest one with this fingerprint if it was interrupted. Where a search has pruned
    such a run, the new folder goes on from its checkpoint.
    """
    about, folder = job.cell.about_run(), project.outputs() / job.cell.experiment
    left = None if fresh else find_continuable(folder, job.fingerprint)
    if left is not None and left.claim(job.fingerprint, about):
        job.reporter.line(f"{shown(left.path)} was interrupted: resuming there (--fresh makes a new folder).")
        return left
    new = RunFolder.create(folder, job.fingerprint, about)
    return new if fresh else _going_on(new, job)


def _going_on(folder: RunFolder, job: Job) -> RunFolder:
    """The folder; if nothing is in it yet, with what a search left that pruned a run with this fingerprint."""
    experiment = project.outputs() / job.cell.experiment
    if not folder.begun and any(experiment.glob("*/sweep.json")):
        from stackfit.results.pruned import find_pruned, go_on_from

        pruned = find_pruned(experiment, job.fingerprint)
        if pruned and go_on_from(folder, pruned):
            job.say(f"A search pruned {shown(pruned)}: going on from its checkpoint.")
    return folder


def find_continuable(experiment_folder: Path, fingerprint: str) -> RunFolder | None:
    """The newest single run with this fingerprint, if it was interrupted; None if it ended otherwise or there is none."""
    if not experiment_folder.is_dir():
        return None
    found = []
    for name in os.listdir(experiment_folder):
        if re.match(r"\d{4}-\d\d-\d\d_", name) and _mentions(f"{experiment_folder}/{name}/{STATUS}", fingerprint):
            folder = experiment_folder / name
            status = read_status(folder, damaged_is_empty=True)
            if status.get("fingerprint") == fingerprint:
                found.append((str(status.get("started")), order(name), folder, state_of(status)))
    *_, newest, state = max(found, default=("", experiment_folder, "finished"))
    return RunFolder(newest) if state == "interrupted" else None


def _mentions(file: str, text: str) -> bool:
    """Whether the text stands in the file: of 10,000 folders, a quarter of the time that parsing them takes."""
    try:
        with open(file, "rb") as stream:
            return text.encode() in stream.read()
    except OSError:
        return False


def split(jobs: Sequence[Job], error: Exception, reporter: Reporter) -> list[list[Job]]:
    """How jobs train again after an error of all: in halves if memory ran out, else each alone, which shows whose it is."""
    if lacks_memory(error) and len(jobs) > 1:
        half = (len(jobs) + 1) // 2
        parts = [[*jobs[:half]], [*jobs[half:]]]
        sizes = " and ".join(str(len(part)) for part in parts)
        reporter.line(f"Memory ran out for {len(jobs)} cells together: {sizes} of them train again.", always=True)
        return parts
    if isinstance(error, TrainingError):
        reporter.line(f"The cohort stopped: {error} Each of its cells trains again, alone.", always=True)
    return [[job] for job in jobs]


def check_there(folder: Path, error: BaseException) -> None:
    """Whether a run's folder is lost because everything around it is.

    Raises:
        VanishedError: it is; `error` came of it.
    """
    if not folder.is_dir():
        time.sleep(GONE_SECONDS)
        if not folder.parent.is_dir():
            raise VanishedError(
                f"{shown(folder.parent)} is gone: something has removed it while its runs were trained. Expected it to stay. "
                "Nothing more is written there. To train them again, run their command again."
            ) from error


def single_claim(fresh: bool) -> Claim:
    """`claim_single` as a `Claim`."""
    return partial(claim_single, fresh=fresh)


def find_state(
    status: Mapping[str, Any] | None, fingerprint: str, ran_before: bool = False
) -> tuple[str, str]:
    """The state of a cell and the reason for it: why it must run, unless the state is in `SETTLED`.

    Args:
        status: of its folder, with `state`; None if there is no folder, empty if it is damaged.
        ran_before: whether another folder holds a run with the same axes.
    """
    if not fingerprint:
        return ABSENT, "its data are not here yet"
    if status is None:
        return (CHANGED, "its config, data, versions or code") if ran_before else (NEW, "")
    state = status.get("state")
    if state in (FINISHED, PRUNED) and status.get("fingerprint") == fingerprint:
        return state, ""
    if state == "running" and not owner.is_me(status.get("owner")):
        return BUSY, ""
    if state == "paused":
        return "paused", str(status.get("reason") or "")
    if state == "failed":
        return "failed before", str(status.get("reason") or "").partition("\n")[0]
    return ("was interrupted" if status else "its status is damaged"), ""


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's exception may have a __str__ that raises
        return ""
