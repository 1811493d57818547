"""The run folder: the one module that knows its file names. Its contract stands in `outputs/README.md`."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stackfit import files
from stackfit.config.project import shown
from stackfit.errors import RunFolderError
from stackfit.results import owner

STATUS = "status.json"
FORMAT = 1  # of status.json; a reader refuses a higher one
STATES = ("running", "finished", "failed", "interrupted", "pruned")
VERDICTS = ("bit-equal", "within tolerance", "diverged")
HEARTBEAT_SECONDS = 20.0


class RunFolder:
    """One run on disk: paths as properties, writing whole files, claiming and finishing."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self._status: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        self._began = time.perf_counter()

    config = property(lambda self: self.path / "config.yaml")
    status = property(lambda self: self.path / STATUS)
    environment = property(lambda self: self.path / "environment.json")
    history = property(lambda self: self.path / "history.csv")
    metrics = property(lambda self: self.path / "metrics.json")
    predictions = property(lambda self: self.path / "predictions.npz")
    log = property(lambda self: self.path / "log.txt")
    certificate = property(lambda self: self.path / "certificate.json")
    checkpoint = property(lambda self: self.path / "checkpoint.npz")  # while the run is unfinished

    def model(self, form: str = "keras") -> Path:
        """`model.keras` or `model.h5`."""
        return self.path / f"model.{form}"

    # ---- claiming

    @classmethod
    def create(cls, experiment_folder: Path, fingerprint: str, about_run: dict[str, Any]) -> RunFolder:
        """Make `<YYYY-MM-DD_HH-MM-SS>[-n]` below the experiment's folder and own it.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        with writing(experiment_folder):
            experiment_folder.mkdir(parents=True, exist_ok=True)
            number = 1
            while True:
                path = experiment_folder / (stamp if number == 1 else f"{stamp}-{number}")
                try:
                    path.mkdir()
                except FileExistsError:
                    number += 1
                    continue
                folder = cls(path)
                folder._start(fingerprint, about_run)
                return folder

    def claim(self, fingerprint: str, about_run: dict[str, Any]) -> bool:
        """Own this folder, new or left by a dead owner; False if somebody works in it.

        What an earlier try of the same fingerprint left goes on from its checkpoint, if it has one; else its files are
        replaced one by one. A finished run of the same fingerprint is never claimed.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with files.locked(self.path):
                before = {}
                if self.status.exists():
                    before = read_status(self.path, damaged_is_empty=True)
                    if state_of(before) == "running" and not owner.is_me(before.get("owner")):
                        return False
                    if before.get("status") == "finished" and before.get("fingerprint") == fingerprint:
                        return False
                self._start(fingerprint, about_run, before)
                return True

    def _start(self, fingerprint: str, about_run: dict[str, Any], before: dict[str, Any] | None = None) -> None:
        before = before or {}
        files.clear_leftovers(self.path)
        for stale in (self.metrics, self.predictions, self.certificate):
            stale.unlink(missing_ok=True)
        if before.get("fingerprint") != fingerprint or not self.checkpoint.exists():
            self.start_over()
        self._began = time.perf_counter()
        self._status = {
            "format": FORMAT,
            "status": "running",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "resumed_after": before.get("resumed_after", []) if self.checkpoint.exists() else [],  # epochs
            "seconds": None,
            "fingerprint": fingerprint,
            "owner": owner.this_process(),
            "reason": None,
            "traceback": None,
            **about_run,
            "metrics": {},
        }
        try:
            files.write_json(self.status, self._status)
        except OSError:
            with contextlib.suppress(OSError):  # it holds files: a run was here before
                self.path.rmdir()
            raise

    def discard(self) -> None:
        """Remove a folder in which nothing was trained."""
        shutil.rmtree(self.path, ignore_errors=True)
        parent = self.path.parent
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()

    def start_over(self) -> None:
        """Forget the epochs of an earlier try."""
        for stale in (self.checkpoint, self.history):
            stale.unlink(missing_ok=True)
        self._rows = []

    def go_on(self, epoch: int, seconds: float) -> bool:
        """Keep the history of an earlier try up to `epoch`, its time so far included; False if it is not there whole."""
        try:
            rows = read_history(self.path)[:epoch]
        except (ValueError, csv.Error):
            return False
        if [row.get("epoch") for row in rows] != [str(number) for number in range(1, epoch + 1)]:
            return False
        self._rows = list(rows)
        self._began -= seconds
        self._status["resumed_after"] = [*self._status["resumed_after"], epoch]
        with writing(self.path):
            files.write_text(self.history, csv_text(self._rows))
            files.write_json(self.status, self._status)
        return True

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, in every process that worked on it."""
        return time.perf_counter() - self._began

    # ---- while it trains

    def write_start(self, config_yaml: str, environment: dict[str, Any]) -> None:
        """Write `config.yaml` and `environment.json`; a run that goes on elsewhere keeps the environments of its parts."""
        earlier = read_environment(self.path) if self._status["resumed_after"] else {}
        parts = earlier.pop("before_resume", [])
        parts += [earlier] if earlier and earlier != environment else []
        environment |= {"before_resume": parts} if parts else {}
        with writing(self.path):
            files.write_text(self.config, config_yaml)
            files.write_json(self.environment, environment)

    def append_history(self, row: dict[str, Any]) -> None:
        """Add one epoch's row to `history.csv`, which is complete after every epoch, and show that the owner lives."""
        self._rows.append(row)
        with writing(self.path):
            files.write_text(self.history, csv_text(self._rows))
        self.beat()

    def beat(self) -> None:
        """Renew the heartbeat if the last one is older than `HEARTBEAT_SECONDS`."""
        if abs(time.time() - self._status["owner"]["heartbeat"]) > HEARTBEAT_SECONDS:  # abs: a clock that was set back
            self._status["owner"]["heartbeat"] = time.time()
            with writing(self.path):
                files.write_json(self.status, self._status)

    def keep(self, fill: Callable[[Path], None]) -> None:
        """Replace the checkpoint. It is not flushed to disk: if the machine loses power, the run starts over."""
        with writing(self.path):
            files.write_file(self.checkpoint, fill, flush=False)

    def append_log(self, text: str) -> None:
        """Add to `log.txt` what was printed."""
        with writing(self.path), self.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)

    def write(self, path: Path, fill: Callable[[Path], None]) -> None:
        """Write one of this folder's files whole; `fill` gets a temporary path with the same suffix."""
        with writing(self.path):
            files.write_file(path, fill)

    # ---- the end

    def finish(self, metrics: dict[str, Any], summary: dict[str, Any]) -> None:
        """Write `metrics.json`, then the status *finished* with the final metrics in `summary`."""
        with writing(self.path):
            files.write_json(self.metrics, metrics)
            self._end("finished", metrics=summary)
            self.checkpoint.unlink(missing_ok=True)

    def write_certificate(self, certificate: dict[str, Any]) -> None:
        """Write `certificate.json`: whether the run, executed again, came out the same."""
        with writing(self.path):
            files.write_json(self.certificate, certificate)

    def fail(self, reason: str, traceback: str | None = None, status: str = "failed") -> None:
        """Record why the run did not finish. `status`: failed, interrupted or pruned."""
        self._end(status, reason=reason, traceback=traceback)

    def _end(self, status: str, **fields: Any) -> None:
        self._status |= {"status": status, "seconds": round(self.seconds, 3), **fields}
        files.write_json(self.status, self._status)


def is_own(path: Path, folder: Path) -> bool:
    """Whether `path` is one of the files that stackfit itself writes into `folder`, or not in it at all."""
    own = RunFolder(folder)
    files = [getattr(own, name) for name, value in vars(RunFolder).items() if isinstance(value, property)]
    names = {file.name for file in (*files, own.model("keras"), own.model("h5")) if isinstance(file, Path)}
    if "\0" in str(path):
        return True
    top = path.resolve()
    while top.parent != folder.resolve() and top != top.parent:
        top = top.parent
    return top.name.lower() in names or top == top.parent


# ---- reading


def read_status(path: Path, damaged_is_empty: bool = False) -> dict[str, Any]:
    """The content of a run folder's `status.json`.

    Raises:
        RunFolderError: there is none, it is damaged, or a newer stackfit wrote it.
    """
    file = Path(path) / STATUS
    try:
        status = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise RunFolderError(
            f"{shown(path)} is not a run folder: it has no {STATUS}. Expected a folder that `stackfit run` printed. "
            "Try: stackfit table"
        ) from None
    except (ValueError, OSError, RecursionError) as error:
        if damaged_is_empty:
            return {}
        raise RunFolderError(
            f"{shown(file)} cannot be read: {error}. Expected JSON as stackfit writes it. "
            "Run the experiment again; the folder's other files are as they were."
        ) from None
    if not isinstance(status, dict) or status.get("status") not in STATES:
        if damaged_is_empty:
            return {}
        raise RunFolderError(
            f"{shown(file)} holds no run status. Expected one of {', '.join(STATES)} under 'status'. "
            "Run the experiment again; the folder's other files are as they were."
        )
    written = status.get("format", 0)
    if not isinstance(written, int) or written > FORMAT:
        raise RunFolderError(
            f"{shown(file)} has format {written!r}. This stackfit reads up to {FORMAT}. Update stackfit."
        )
    return status


def state_of(status: dict[str, Any]) -> str:
    """The run's state; *running* with a dead owner counts as *interrupted*."""
    state = status.get("status", "interrupted")
    return "interrupted" if state == "running" and not owner.is_alive(status.get("owner")) else state


def find_run_folders(paths: Sequence[Path]) -> Iterator[Path]:
    """Every run folder at or below `paths`, sorted by name, however deep; a run folder's inside is not searched."""
    for path in paths:
        if (path / STATUS).is_file():
            yield path
            continue
        with os.scandir(path) as entries:
            below = sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        yield from find_run_folders(below)


def find_continuable(experiment_folder: Path, fingerprint: str) -> RunFolder | None:
    """The newest single run with this fingerprint, if it was interrupted; None if it ended otherwise or there is none."""
    if not experiment_folder.is_dir():
        return None
    found = []
    for path in experiment_folder.iterdir():
        if re.match(r"\d{4}-\d\d-\d\d_", path.name) and (path / STATUS).is_file():
            status = read_status(path, damaged_is_empty=True)
            if status.get("fingerprint") == fingerprint:
                found.append((str(status.get("started")), path, state_of(status)))
    _, newest, state = max(found, default=("", experiment_folder, "finished"))
    return RunFolder(newest) if state == "interrupted" else None


def read_config(path: Path) -> dict[str, Any]:
    """The resolved config of a run.

    Raises:
        RunFolderError: there is none, or it is not YAML.
    """
    import yaml

    from stackfit.config.origins import check_events

    file = RunFolder(path).config
    try:
        text = file.read_text(encoding="utf-8")
        check_events(text, file)  # the file may be somebody else's: aliases can stand for 9^30 values
        config = yaml.safe_load(text)
    except Exception as error:  # a YAML tag can raise anything
        found = getattr(error, "message", None) or str(error).partition(chr(10))[0]
        raise RunFolderError(
            f"{shown(file)} cannot be read: {found.rstrip('.')}. Expected the run's resolved config. "
            "Run the experiment again."
        ) from None
    if not isinstance(config, dict):
        raise RunFolderError(
            f"{shown(file)} holds no config. Expected the run's resolved config. Run the experiment again."
        )
    return config


def read_environment(path: Path) -> dict[str, Any]:
    """The content of `environment.json`, or an empty mapping where there is none or it is damaged."""
    return _read_mapping(RunFolder(path).environment)


def read_certificate(path: Path) -> dict[str, Any]:
    """What `stackfit verify` found, or an empty mapping where there is nothing or it is damaged."""
    return _read_mapping(RunFolder(path).certificate)


def read_verdict(path: Path, started: Any) -> str | None:
    """One of `VERDICTS` on the run that started then, or None."""
    certificate = read_certificate(path)
    verdict = certificate.get("verdict")
    return verdict if verdict in VERDICTS and certificate.get("started") == started else None


def read_metrics(path: Path) -> dict[str, Any]:
    """The content of a finished run's `metrics.json`.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    metrics = _read_mapping(RunFolder(path).metrics)
    if not metrics:
        raise RunFolderError(
            f"{shown(RunFolder(path).metrics)} is missing or damaged. Expected the metrics of a finished run. "
            "Run the experiment again."
        )
    return metrics


def _read_mapping(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_predictions(path: Path) -> tuple[Any, Any]:
    """The test split's scores `(examples, outputs)` float32 and labels `(examples,)`.

    Raises:
        RunFolderError: the run stored none, or the file is damaged.
    """
    import zipfile
    import zlib

    import numpy as np

    file = RunFolder(path).predictions
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return stored["scores"], stored["labels"]
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise RunFolderError(
            f"{shown(file)} cannot be read: {error}. Expected the test predictions of a finished run. "
            "Run the experiment again."
        ) from None


def read_history(path: Path) -> list[dict[str, str]]:
    """The rows of `history.csv`, or none if the run has not ended its first epoch."""
    file = RunFolder(path).history
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV under the union of their keys, in order of first appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into an error that names the folder."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"{shown(path)} cannot be written: {error.strerror or error}. Expected a folder with room and permission. "
            "Free space or change into another folder, then run the same command again."
        ) from error
