"""Run a run again, from its folder alone, and say whether it is the same: bit-equal, within tolerance, or diverged."""

from __future__ import annotations

import contextlib
import math
import socket
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.data import load_dataset
from stackfit.errors import ConfigError, RunFolderError, TrainingError
from stackfit.execution import runner
from stackfit.execution.cells import Cell
from stackfit.execution.engines import engine_of
from stackfit.execution.jobs import Job
from stackfit.execution.members import make_model, settings_of
from stackfit.execution.progress import Reporter
from stackfit.files import shown
from stackfit.proof.evidence import Difference, Record, compare_scores, differences, factors, unlike_status
from stackfit.proof.model_file import judge_models
from stackfit.proof.rerun import read_cell
from stackfit.results import run_files
from stackfit.results.certificate import FORMAT, Standing
from stackfit.results.frames import folders_below
from stackfit.results.manifest import describe, unlike
from stackfit.results.run import Run
from stackfit.results.run_files import FORMS
from stackfit.results.run_folder import RunFolder
from stackfit.waiting import doing

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


@dataclass(frozen=True)
class Rerun:
    """What a second execution left; its folder is there as long as it is needed."""

    record: Record
    status: dict[str, Any]
    model: Any  # of the cell; as trained, if this process trained it
    failure: str | None = None


def verify(run: Run, reporter: Reporter, trust: Iterable[str] = (), tolerance: float = TOLERANCE) -> dict[str, Any]:
    """Train the run's cell again, alone and elsewhere, and compare every number; nothing in the folder changes.

    Args:
        tolerance: by how much a metric may differ, absolutely, in a run whose weights are not bit-equal.

    Returns:
        The certificate, for `RunFolder.write_certificate`.

    Raises:
        RunFolderError: the run did not finish, or a file of it is missing or damaged, or is written meanwhile.
        ConfigError: its config is not allowed, or cannot be built any more, or the tolerance is not a number from 0; DataError: its data are not available.
    """
    if not 0 <= tolerance < math.inf:
        raise ConfigError(f"--tolerance is {tolerance}. Expected at least 0. Try: --tolerance 0.001")
    files, began = RunFolder(run.folder), time.perf_counter()
    described, changed = describe(files), Standing.of(run.folder, run.status, whole=True).changed
    if changed:
        reporter.line(f"warning: {shown(run.folder)}: changed since it was written: {', '.join(changed)}", always=True)
    changed = tuple(name for name in changed if name != files.certificate.name)  # which is written again now
    cell = read_cell(run, trust)
    was = Record.read(run.folder)
    with tempfile.TemporaryDirectory(prefix="stackfit-verify-") as private:
        now = execute(cell, [form for form in FORMS if files.model(form).exists()], Path(private), reporter)
        judged = judge(run, cell, was, now, changed, tolerance)
    if written := unlike(files, described, whole=False):
        raise RunFolderError(
            f"{shown(run.folder)}: {', '.join(written)} changed while it was verified. Expected a folder that nobody "
            "writes to. Verify it again."
        )
    return {
        "format": FORMAT,
        **judged,
        "verified": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "seconds": round(time.perf_counter() - began, 3),
        "manifest": files.manifest.exists(),
        "files": described,
    }


def execute(cell: Cell, forms: Sequence[str], private: Path, reporter: Reporter) -> Rerun:
    """Train the cell again into a private folder, and save its model in these forms: `save` is not part of what trains."""
    folder, jobs = RunFolder(private / "run"), []

    def claim(job: Job) -> RunFolder:
        jobs.append(job)
        folder.claim(job.fingerprint, job.cell.about_run())
        return folder

    try:
        runner.run_cell(replace(cell, config={**cell.config, "save": [*forms]}), claim, reporter)
    except TrainingError:
        status = run_files.read_status(folder.path)
        record = Record(run_files.read_history(folder.path), {}, folder.path)
        return Rerun(record, status, None, str(status["reason"]))
    trained = jobs[0].member  # None if it trained in a process of its own: a file's weights are put into the model anyway
    model = trained.model if trained else make_model(cell, tuple(cell.config["data"]["input_shape"]))
    return Rerun(Record.read(folder.path), run_files.read_status(folder.path), model)


@doing("Comparing the two runs")
def judge(
    run: Run, cell: Cell, was: Record, now: Rerun, changed: Sequence[str] = (), tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Hold what the run's folder says against a second execution: what the certificate has of it.

    Equal weights give equal numbers, so only a rerun with other weights can be within tolerance.

    Args:
        changed: files that are not those with which the run finished.
    """
    unequal, faults, scores = list(differences(was, now.record)), [*unlike_status(run, cell.settings)], None
    environments = [run_files.read_environment(record.folder) for record in (was, now.record)]
    weights_equal = now.record.metrics.get("weights_sha256") == was.metrics["weights_sha256"]
    forms: list[str] = []
    if now.failure:
        unequal.insert(0, Difference(len(now.record.epochs) + 1, "failure", None, now.failure))
    else:
        same_keras = len({str((each.get("versions") or {}).get("keras")) for each in environments}) == 1
        forms, wrong = judge_models(was, now.record.folder, now.model, same_keras)
        trained = None if wrong or not forms else now.model  # with the run's own weights
        try:
            scores = compare_scores(was.folder, now.record.folder)
            if scores and scores.differ and (weights_equal or not _are_scores_of(trained, cell, was, now, tolerance)):
                wrong.append(f"{run_files.RunFiles(was.folder).predictions.name} holds other scores than the run's weights give")
        except RunFolderError as error:
            wrong.append(str(error))
        only_weights = bool(unequal) and all(each.metric == "weights_sha256" for each in unequal)
        if only_weights and not (scores and scores.differ) and trained is None:
            wrong.append("weights_sha256 is another one, though every number is the same")
        faults += wrong
    factor, unknown = factors(*environments)
    if not factor and now.status.get("fingerprint") != run.status.get("fingerprint"):
        factor = [Difference(None, "fingerprint", run.status.get("fingerprint"), now.status.get("fingerprint"))]
    numbers = _verdict(unequal, faults, weights_equal, tolerance)
    return {
        "verdict": "changed" if changed and numbers != "diverged" else numbers,
        "numbers": numbers,
        "changed": [*changed],
        "faults": faults,
        "tolerance": tolerance,
        "started": run.status.get("started"),  # which run of this folder
        "fingerprint": run.status.get("fingerprint"),
        "weights_sha256": was.metrics["weights_sha256"],
        "compared": {
            "epochs": len(was.epochs),
            "weights": not now.failure,
            "predictions": scores.examples if scores else 0,
            "models": forms,
        },
        "differences": len(unequal),
        "first": _plain(_first(unequal)),
        "largest": _plain(_largest(unequal)),
        "weights_equal": weights_equal,
        "predictions": asdict(scores) if scores else None,
        "factors": [_plain(each) for each in factor],
        "not_recorded": unknown,
        "environment": {"was": environments[0], "now": environments[1]},
    }


def _are_scores_of(trained: Any, cell: Cell, was: Record, now: Rerun, tolerance: float) -> bool:
    """Whether the stored scores are those of the saved weights, on this machine; without a model, near the rerun's."""
    stored, labels = run_files.read_predictions(was.folder)
    again, labels_again = run_files.read_predictions(now.record.folder)
    if stored.shape != again.shape or not np.array_equal(labels, labels_again):
        return False
    if trained is None:
        return bool(np.abs(stored - again).mean() <= tolerance)  # as far as a metric, which is a mean too
    engine = engine_of(cell.config)
    feeds = engine.feeds(load_dataset(cell.config["data"], lambda line: None))
    given = engine.evaluate([trained], [feeds.feed("test", settings_of(cell.config))])[0][1]
    return np.allclose(stored, given, rtol=tolerance, atol=tolerance)


def _verdict(unequal: Sequence[Difference], faults: Sequence[str], weights_equal: bool, tolerance: float) -> str:
    if not unequal and not faults:
        return "bit-equal"
    # Equal weights give equal numbers. Other weights have no tolerance: what they do shows in the metrics.
    far = [each for each in unequal if each.metric != "weights_sha256" and not each.size <= tolerance]
    return "diverged" if far or faults or weights_equal else "within tolerance"


def _first(unequal: Sequence[Difference]) -> Difference | None:
    """The first metric of the first epoch that differs; else the first final one."""
    return min(unequal, key=lambda each: math.inf if each.epoch is None else each.epoch, default=None)


def _largest(unequal: Sequence[Difference]) -> Difference | None:
    numbers = [each for each in unequal if math.isfinite(each.size)]
    return max(numbers, key=lambda each: each.size, default=None)


def _plain(difference: Difference | None) -> dict[str, Any] | None:
    return asdict(difference) if difference else None
