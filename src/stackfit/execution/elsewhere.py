"""Cells that need another number of threads than this process has, or another engine, train in a process of their own.

TensorFlow sets its threads once a process, and Keras its backend. The folder is claimed here and handed over; the other process (`guest`) trains
there and says in the folder's status what came of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from stackfit.config import project
from stackfit.config.given import find_given
from stackfit.errors import ConfigError, StackfitError, TakenError, TrainingError, VanishedError
from stackfit.execution.jobs import Claim, Job
from stackfit.execution.progress import Reporter
from stackfit.results.run_files import read_status

if TYPE_CHECKING:
    from stackfit.execution.rungs import Rungs

POLL_SECONDS = 0.1
STOP_SECONDS = 20.0  # for a guest to write that it was interrupted


def train_elsewhere(
    jobs: Sequence[Job],
    claim: Claim,
    reporter: Reporter,
    ended: Callable[[Job], None],
    fail_fast: bool,
    limit_seconds: float,
    check: Callable[[], None],
    rungs: Rungs | None = None,
) -> list[list[Job]]:
    """`runner.run_cohort` in a process of its own."""
    for job in jobs:
        for name, node in job.cell.config["callbacks"].items():
            if node is not None and find_given(str(node["_target_"]).rpartition(".")[0]):
                raise ConfigError(
                    f"callbacks has {name}, which only this process knows, and this cell needs another number of threads, or "
                    "another engine, than this process has. Expected a new process: both are set once. Start Python again, and "
                    "train this cell first",
                    key=f"callbacks.{name}",
                )
    owned = []
    for job in jobs:
        job.alone = len(jobs) == 1 and not job.cell.axes
        job.folder = claim(job)
        if job.folder is None:
            reporter.line(f"{job.label}: another process has it.")
            job.ended = True
        else:
            owned.append(job)
            job.folder.fail("It waits for a process of its own.", status="interrupted")
    if not owned:
        return []
    reporter.begin([job.label for job in owned], [job.cell.config["epochs"] for job in owned])
    try:
        order = {"jobs": [_describe(job) for job in owned], "fail_fast": fail_fast, "limit_seconds": limit_seconds}
        order["search"] = str(rungs.folder.path) if rungs else None
        answer = _hire(yaml.safe_dump(order, sort_keys=False), reporter, check)  # layers have an order
    finally:
        reporter.end()
    if "error" in answer:
        for job in owned:
            job.folder.give_up(answer["error"])  # type: ignore[union-attr]
            job.folder = None
        kinds: dict[str, type[StackfitError]] = {kind.__name__: kind for kind in (TakenError, VanishedError)}
        raise kinds.get(answer["kind"], ConfigError)(answer["error"])
    for number, job in enumerate(owned):
        if not any(number in part for part in answer["again"]):
            _end(job, ended)
    return [[owned[number] for number in part] for part in answer["again"]]


def _describe(job: Job) -> dict[str, Any]:
    cell = job.cell
    return {
        "experiment": cell.experiment,
        "config": cell.config,
        "overrides": [*cell.overrides],
        "axes": dict(cell.axes),
        "trusted": [*cell.trusted],
        "modules": sorted(cell.modules),
        "settings": cell.settings,
        "label": job.label,
        "alone": job.alone,
        "fingerprint": job.fingerprint,
        "folder": str(job.folder.path),  # type: ignore[union-attr]
    }


def _hire(order: str, reporter: Reporter, check: Callable[[], None]) -> dict[str, Any]:
    """Start a guest with this order, pass on its lines, and return its answer.

    Raises:
        KeyboardInterrupt: it was stopped, or this process was: the guest has then marked its folders.
        TrainingError: it died.
    """
    # -P: a module in the current folder must not replace a library's.
    command = [sys.executable, "-P", "-m", "stackfit.execution.guest", str(reporter.verbosity)]
    paths = [str(project.PACKAGE.parent), os.environ.get("PYTHONPATH")]
    # A session of its own: Ctrl-C reaches it once, from here, and not from the terminal as well.
    guest = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}, errors="replace",
    )  # fmt: skip
    assert guest.stdin and guest.stdout and guest.stderr
    said: list[str] = []
    lines: list[str] = []

    def keep_answer() -> None:
        said.append(guest.stdout.read())  # type: ignore[union-attr]

    def pass_on() -> None:
        for line in guest.stderr:  # type: ignore[union-attr]
            lines.append(line)
            reporter.line(line)

    try:
        with guest.stdin:
            guest.stdin.write(order)
        readers = [threading.Thread(target=each, daemon=True) for each in (keep_answer, pass_on)]
        for reader in readers:
            reader.start()
        while guest.poll() is None:
            check()
            time.sleep(POLL_SECONDS)
        for reader in readers:
            reader.join()
    finally:
        if guest.poll() is None:
            guest.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                guest.wait(STOP_SECONDS)
            guest.kill()
        guest.stdout.close()
        guest.stderr.close()
    if guest.returncode == 130:
        raise KeyboardInterrupt
    if guest.returncode:
        raise TrainingError(f"The process of its own ended with code {guest.returncode}: {lines[-1].strip() if lines else 'it said nothing'}")
    return dict(json.loads("".join(said)))


def _end(job: Job, ended: Callable[[Job], None]) -> None:
    """Take from the folder what came of the job."""
    assert job.folder is not None
    status = read_status(job.folder.path)
    if status["status"] in ("finished", "failed", "pruned"):
        job.failure = status["reason"] if status["status"] == "failed" else None
        job.ended = True
        job.reporter.ended(job.label, status["status"])
        ended(job)
