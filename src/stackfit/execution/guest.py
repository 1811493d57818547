"""`python -m stackfit.execution.guest VERBOSITY`: train one cohort for another process; see `elsewhere`.

The order comes on stdin as YAML, which keeps a class weight's number a number; the answer goes to stdout as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stackfit import interrupts
from stackfit.errors import ConfigError, RunFolderError
from stackfit.execution import members, runner
from stackfit.execution.cells import Cell
from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter
from stackfit.results.run_files import read_status
from stackfit.results.run_folder import RunFolder
from stackfit.results.sweep_folder import SweepFolder


def main() -> int:
    """Train what is ordered, and answer."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is for the eye
    reporter = Reporter(int(sys.argv[1]))
    order = yaml.safe_load(sys.stdin)
    try:
        answer = _train(order, reporter)
    except KeyboardInterrupt:
        return 130
    with answers:
        json.dump(answer, answers)
    return 0


def _stop(*_: object) -> None:
    if interrupts.ask():
        raise KeyboardInterrupt


def _train(order: Mapping[str, Any], reporter: Reporter) -> dict[str, Any]:
    jobs = [_job(record, reporter) for record in order["jobs"]]
    members.start(jobs[0].cell, together=len(jobs) > 1)
    limits = {key: order[key] for key in ("fail_fast", "limit_seconds")}
    if order["search"]:
        from stackfit.execution.rungs import Rungs

        limits["rungs"] = Rungs.of(SweepFolder(Path(order["search"])))
    try:
        dataset = runner.load_data(jobs[0].cell, lambda line: None)
        if any(job.cell.fingerprint(dataset.fingerprint) != job.fingerprint for job in jobs):
            raise ConfigError("Data or code have changed since this command started. Expected the same. Run it again.")
        again = runner.run_cohort(jobs, dataset, _take_over, reporter, **limits)
    except (ConfigError, RunFolderError) as error:
        return {"error": str(error), "kind": type(error).__name__}
    numbers = {id(job): number for number, job in enumerate(jobs)}
    return {"again": [[numbers[id(job)] for job in part] for part in again]}


def _take_over(job: Job) -> RunFolder | None:
    """The folder that the other process has claimed and left for this one."""
    assert job.path is not None
    folder, status = RunFolder(job.path), read_status(job.path)
    about = job.cell.about_run() | {key: status[key] for key in ("cell", "sweep") if key in status}
    return folder if folder.claim(job.fingerprint, about) else None


def _job(record: Mapping[str, Any], reporter: Reporter) -> Job:
    cell = Cell(
        record["experiment"],
        record["config"],
        tuple(record["overrides"]),
        record["axes"],
        tuple(record["trusted"]),
        modules=frozenset(record["modules"]),
        settings=record["settings"],
    )
    return Job(cell, record["label"], reporter, record["fingerprint"], Path(record["folder"]))


if __name__ == "__main__":
    sys.exit(main())
