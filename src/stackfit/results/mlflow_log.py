"""Runs in MLflow: settings as parameters, metrics by epoch, files as artifacts; the cells of a sweep below a parent run.

Where they go is MLflow's own matter: MLFLOW_TRACKING_URI, or the URI that a command was given. An experiment cannot say it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stackfit import files
from stackfit.errors import ConfigError, said
from stackfit.results import run_files
from stackfit.results.frames import Paths, as_paths, folders_below
from stackfit.results.sweep_folder import SweepFolder

RECORD = "mlflow.json"  # in a run's folder, and in a sweep's jobs/: the id there of the run, by tracking URI
STATUS = {"finished": "FINISHED", "failed": "FAILED", "pruned": "FINISHED"}  # others: KILLED
ARTIFACTS = (*run_files.RESULTS, "manifest.json")
LONGEST = 6000  # characters of a parameter's value (MLflow's limit)
MOST_PARAMETERS, MOST_METRICS = 100, 1000  # in one call (MLflow's limits)
# A server that does not answer must not hold a run up for minutes, as MLflow's own defaults do.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def need_mlflow() -> None:
    """Refuse to go on without the extra.

    Raises:
        ConfigError: see above.
    """
    if find_spec("mlflow") is None:
        raise ConfigError("MLflow is not installed. Expected the extra. Type: pip install 'stackfit[mlflow]'")


class MLflow:
    """A store of MLflow's: a server, or files.

    Args:
        uri: of the store; None for MLflow's own choice: MLFLOW_TRACKING_URI, or else files in the current folder.
    """

    def __init__(self, uri: str | None = None):
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # not each table that it makes
        self.uri = uri or mlflow.get_tracking_uri()

    @cached_property
    def client(self) -> Any:
        """MLflow's client; it connects when it is used."""
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    def find(self, folder: Path) -> str | None:
        """The id of the run that a folder was logged as, if it is still there."""
        from mlflow.exceptions import MlflowException

        known = _read_record(folder).get(self.uri)
        with contextlib.suppress(MlflowException):
            if known and self.client.get_run(known).info.lifecycle_stage == "active":
                return str(known)
        return None

    def begin(self, folder: Path) -> str:
        """Make the run of a run folder, below that of its sweep; one that was begun before goes on. Its id."""
        if found := self.find(folder):
            self.client.update_run(found, status="RUNNING")
            return found
        status = run_files.read_status(folder)
        tags = {"stackfit.folder": files.shown(folder), "stackfit.fingerprint": str(status.get("fingerprint"))}
        if overrides := status.get("overrides"):
            tags["stackfit.overrides"] = " ".join(overrides)
        sweep = SweepFolder(folder.parent)
        if sweep.index.is_file():
            tags["mlflow.parentRunId"] = self._parent(sweep, str(status["experiment"]))
        name = str(status.get("cell") or folder.name)
        run = self._create(str(status["experiment"]), name, tags, _milliseconds(status.get("started")))
        settings = {_key(key): _text(value) for key, value in (status.get("settings") or {}).items()}
        self._log_parameters(run, settings | {"seed": _text(status.get("seed"))})
        _add_record(folder / RECORD, self.uri, run)
        return run

    def _parent(self, sweep: SweepFolder, experiment: str) -> str:
        """The run of a sweep, made once, whichever process comes first."""
        with files.locked(sweep.path):
            sweep.jobs.mkdir(exist_ok=True)
            known = self.find(sweep.jobs)
            if known is None:
                known = self._create(experiment, sweep.path.name, {"stackfit.folder": files.shown(sweep.path)}, None)
                _add_record(sweep.jobs / RECORD, self.uri, known)
                self.client.set_terminated(known)
        return known

    def _create(self, experiment: str, name: str, tags: Mapping[str, str], began: int | None) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            with contextlib.suppress(MlflowException):  # another process has just made it
                self.client.create_experiment(experiment)
            found = self.client.get_experiment_by_name(experiment)
        made = self.client.create_run(found.experiment_id, began, {**tags, "mlflow.source.name": "stackfit"}, name)
        return str(made.info.run_id)

    def _log_parameters(self, run: str, values: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        entries = [Param(key, value) for key, value in values.items()]
        for start in range(0, len(entries), MOST_PARAMETERS):
            self.client.log_batch(run, params=entries[start : start + MOST_PARAMETERS])

    def log_metrics(self, run: str, values: Mapping[str, Any], epoch: int, when: int | None = None) -> None:
        """Log the metrics of an epoch, from 1; without those that are not finite numbers."""
        self._log_rows(run, [(epoch, values)], when)

    def _log_rows(self, run: str, rows: list[tuple[int, Mapping[str, Any]]], when: int | None = None) -> None:
        from mlflow.entities import Metric

        when = when or int(time.time() * 1000)
        entries = [Metric(_key(name), value, when, epoch) for epoch, values in rows for name, value in _finite(values)]
        for start in range(0, len(entries), MOST_METRICS):
            self.client.log_batch(run, metrics=entries[start : start + MOST_METRICS])

    def end(self, run: str, folder: Path) -> None:
        """Log the final metrics and the files of a run that has ended, and how it ended."""
        status = run_files.read_status(folder)
        state = run_files.state_of(status)
        rows = run_files.read_history(folder) if run_files.RunFiles(folder).history.is_file() else []
        finals = {name: value for name, value in (status.get("metrics") or {}).items() if not rows or name not in rows[-1]}
        self.log_metrics(run, finals, len(rows))
        if reason := status.get("reason"):
            self.client.set_tag(run, "stackfit.reason", str(reason)[:LONGEST])
        for name in ARTIFACTS:
            if (folder / name).is_file():
                self.client.log_artifact(run, str(folder / name))
        began = _milliseconds(status.get("started"))
        ended = None if began is None else began + int(1000 * float(status.get("seconds") or 0))
        self.client.set_terminated(run, STATUS.get(state, "KILLED"), ended)

    def log(self, folder: Path) -> str | None:
        """Log a run folder that nobody trains any more. The run's id; None if it was logged before."""
        if self.find(folder):
            return None
        run = self.begin(folder)
        if run_files.RunFiles(folder).history.is_file():
            rows = run_files.read_history(folder)
            self._log_rows(run, [(int(row["epoch"] or 0), row) for row in rows])
        self.end(run, folder)
        return run


def _finite(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if name != "epoch" and isinstance(value, (int, float)) and math.isfinite(value):
            yield name, float(value)


def _read_record(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        read = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return read if isinstance(read, dict) else {}
    return {}


def _add_record(path: Path, uri: str, run: str) -> None:
    with files.writing(path):
        files.write_json(path, _read_record(path.parent) | {uri: run})


def _key(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text[:LONGEST]


def _milliseconds(started: Any) -> int | None:
    return None if not started else int(1000 * datetime.fromisoformat(str(started)).timestamp())


def log_runs(paths: Paths, uri: str | None, say: Callable[[str], object]) -> tuple[list[str], list[str]]:
    """Log every run at or below the paths that nobody trains any more.

    Args:
        paths: as for `read_runs`; none for all of `./outputs`.
        say: told what is logged, and what is left alone.

    Returns:
        The ids of the new runs in MLflow, and a sentence for each run that could not be logged.

    Raises:
        ConfigError: MLflow is not installed, or does not answer.
        RunFolderError: a path does not exist or holds no run.
    """
    need_mlflow()
    folders = [folder for path in as_paths(paths) for folder in folders_below(path)]
    store = MLflow(uri)
    try:
        store.client.search_experiments(max_results=1)
    except Exception as error:  # of the network, of a database, or MLflow's own
        raise ConfigError(
            f"MLflow at {store.uri} does not answer: {said(error)[:200].rstrip('.')}. Expected a tracking server or a folder. "
            "Start one: mlflow server, or add for example: --uri sqlite:///mlflow.db"
        ) from error
    say(f"MLflow at {store.uri}")
    ids, problems = [], []
    for folder in folders:
        try:
            state = run_files.state_of(run_files.read_status(folder))
            if state in ("running", "paused"):
                say(f"{files.shown(folder)}: is {state}; log it when it has ended")
            elif run := store.log(folder):
                ids.append(run)
            else:
                say(f"{files.shown(folder)}: was logged there before")
        except Exception as error:  # a damaged folder, or MLflow's own
            problems.append(f"{files.shown(folder)}: {said(error)}")
    return ids, problems
