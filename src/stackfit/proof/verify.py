"""Run a run again, from its folder alone, and say whether it is the same: bit-equal, within tolerance, or diverged."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError, TrainingError
from stackfit.execution import runner
from stackfit.execution.cells import Cell
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter
from stackfit.files import shown
from stackfit.proof.evidence import Difference, Record, Scores, changed_settings, compare_scores, differences, factors
from stackfit.proof.rerun import read_cell
from stackfit.results import run_files
from stackfit.results.frames import folders_below
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder

TOLERANCE = 1e-3


def find_folders(path: Path, reporter: Reporter) -> list[Path]:
    """The run folder at this path; or those below it, but for runs that have not finished.

    Raises:
        RunFolderError: the path is not a run folder and has no finished run below it.
    """
    folders = folders_below(path)
    chosen = []
    for folder in folders:
        state = "finished"  # or damaged: then verifying it says how
        with contextlib.suppress(RunFolderError):
            state = run_files.state_of(run_files.read_status(folder))
        if state == "finished" or folders == [path]:
            chosen.append(folder)
        else:
            reporter.line(f"{shown(folder)} is {state}: not verified.")
    if not chosen:
        raise RunFolderError(f"{shown(path)} has no finished run in it. Expected one. Try: stackfit table {shown(path)}")
    return chosen


def verify(run: Run, reporter: Reporter, trust: Iterable[str] = (), tolerance: float = TOLERANCE) -> dict[str, Any]:
    """Train the run's cell again, alone and elsewhere, and compare every number; nothing in the folder changes.

    Args:
        tolerance: by how much a metric may differ, absolutely, in a run that is not bit-equal.

    Returns:
        The certificate, for `RunFolder.write_certificate`.

    Raises:
        RunFolderError: the run did not finish, or a file of it is missing or damaged.
        ConfigError: its config is not allowed, or cannot be built any more; DataError: its data are not available.
    """
    cell = read_cell(run, trust)
    was, began = Record.read(run.folder), time.perf_counter()
    # `save` is cosmetic: a model that nobody will read need not be written.
    with tempfile.TemporaryDirectory(prefix="stackfit-verify-") as private:
        now, failure, status = _execute(replace(cell, config={**cell.config, "save": []}), Path(private), reporter)
        unequal = list(differences(was, now))
        scores = None if failure else compare_scores(was.folder, now.folder)
        environments = [run_files.read_environment(record.folder) for record in (was, now)]
    if failure:
        unequal.insert(0, Difference(len(now.epochs) + 1, "failure", None, failure))
    changed, unknown = factors(*environments)
    changed += changed_settings(run.status.get("settings") or {}, cell.settings)
    if not changed and status.get("fingerprint") != run.status.get("fingerprint"):
        changed = [Difference(None, "fingerprint", run.status.get("fingerprint"), status.get("fingerprint"))]
    return {
        "format": 1,
        "verdict": _verdict(unequal, scores, tolerance),
        "verified": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 3),
        "tolerance": tolerance,
        "started": run.status.get("started"),  # which run of this folder
        "fingerprint": run.status.get("fingerprint"),
        "weights_sha256": was.metrics["weights_sha256"],
        "compared": {
            "epochs": len(was.epochs),
            "weights": not failure,
            "predictions": scores.examples if scores else 0,
        },
        "differences": len(unequal),
        "first": _plain(_first(unequal)),
        "largest": _plain(_largest(unequal)),
        "weights_equal": not failure and all(difference.metric != "weights_sha256" for difference in unequal),
        "predictions": asdict(scores) if scores else None,
        "factors": [_plain(factor) for factor in changed],
        "not_recorded": unknown,
        "environment": {"was": environments[0], "now": environments[1]},
    }


def _execute(cell: Cell, private: Path, reporter: Reporter) -> tuple[Record, str | None, dict[str, Any]]:
    """Train into a private folder: what it left, why it failed, and its status."""
    folder = RunFolder(private / "run")

    def claim(job: Job) -> RunFolder:
        folder.claim(job.fingerprint, job.cell.about_run())
        return folder

    try:
        runner.run_cell(cell, claim, reporter)
    except TrainingError:
        status = run_files.read_status(folder.path)
        return Record(run_files.read_history(folder.path), {}, folder.path), str(status["reason"]), status
    return Record.read(folder.path), None, run_files.read_status(folder.path)


def _verdict(unequal: Sequence[Difference], scores: Scores | None, tolerance: float) -> str:
    if not unequal and not (scores and scores.differ):
        return "bit-equal"
    # Weights have no tolerance: what they do shows in the metrics.
    far = [each for each in unequal if each.metric != "weights_sha256" and not each.size <= tolerance]
    return "diverged" if far or (scores and math.isinf(scores.largest)) else "within tolerance"


def _first(unequal: Sequence[Difference]) -> Difference | None:
    """The first metric of the first epoch that differs; else the first final one."""
    return min(unequal, key=lambda each: math.inf if each.epoch is None else each.epoch, default=None)


def _largest(unequal: Sequence[Difference]) -> Difference | None:
    numbers = [each for each in unequal if math.isfinite(each.size)]
    return max(numbers, key=lambda each: each.size, default=None)


def _plain(difference: Difference | None) -> dict[str, Any] | None:
    return asdict(difference) if difference else None
