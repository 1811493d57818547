"""What is in a run folder: the names of its files, and how they are read. `outputs/README.md` is its contract.

Only this module and `run_folder`, which writes them, know the names.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError, made_by_newer
from stackfit.files import reading, shown
from stackfit.results import owner
from stackfit.results.bounds import check_arrays, read_bounded
from stackfit.results.takeover import silent_seconds

STATUS = "status.json"
FORMAT = 1  # of status.json; a reader refuses a higher one
STATUS_KEYS = (
    *("format", "status", "started", "resumed_after", "seconds", "own_seconds", "members", "fingerprint", "owner", "reason"),
    *("traceback", "experiment", "overrides", "axes", "seed", "settings", "cell", "sweep", "metrics", "results_format"),
    *("directions", "manifest", "claim"),
)  # what this version writes into status.json; others are a newer one's
FORMS = ("keras", "h5")  # of a saved model
STATES = ("running", "finished", "failed", "interrupted", "paused", "pruned")
AGAIN = "Run the experiment again; the folder's other files are as they were."


class RunFiles:
    """Where the files of one run are, whether they exist or not."""

    def __init__(self, path: Path):
        self.path = Path(path)

    config = property(lambda self: self.path / "config.yaml")
    status = property(lambda self: self.path / STATUS)
    environment = property(lambda self: self.path / "environment.json")
    history = property(lambda self: self.path / "history.csv")
    metrics = property(lambda self: self.path / "metrics.json")
    predictions = property(lambda self: self.path / "predictions.npz")
    log = property(lambda self: self.path / "log.txt")
    manifest = property(lambda self: self.path / "manifest.json")  # what the others were when the run finished
    certificate = property(lambda self: self.path / "certificate.json")
    scaling = property(lambda self: self.path / "scaling.json")
    layers = property(lambda self: self.path / "layers.json")
    checkpoint = property(lambda self: self.path / "checkpoint.npz")  # while the run is unfinished

    def model(self, form: str = "keras") -> Path:
        """`model.keras` or `model.h5`."""
        return self.path / f"model.{form}"


def _names() -> tuple[str, ...]:
    run = RunFiles(Path())
    paths = [getattr(run, name) for name, value in vars(RunFiles).items() if isinstance(value, property)]
    return tuple(file.name for file in (*paths, *map(run.model, FORMS)))


NAMES = _names()  # of every file that stackfit writes into a run folder
RESULTS = tuple(name for name in NAMES if name not in ("manifest.json", "certificate.json", "checkpoint.npz"))


def is_own(path: Path, folder: Path) -> bool:
    """Whether `path` is one of the files that stackfit itself writes into `folder`, or not in it at all."""
    if "\0" in str(path):
        return True
    top = path.resolve()
    while top.parent != folder.resolve() and top != top.parent:
        top = top.parent
    return top.name.lower() in NAMES or top == top.parent


def read_status(path: Path, damaged_is_empty: bool = False) -> dict[str, Any]:
    """The content of a run folder's `status.json`.

    Raises:
        RunFolderError: there is none, it is damaged, or a newer stackfit wrote it.
    """
    file = Path(path) / STATUS
    try:
        with reading(file, "JSON as stackfit writes it", AGAIN):
            status = json.loads(read_bounded(file))
        if isinstance(status, dict) and isinstance(word := status.get("status"), str) and word.isidentifier() and word not in STATES:
            raise RunFolderError(made_by_newer(shown(file), [repr(word)], "status"))
        if not isinstance(status, dict) or status.get("status") not in STATES:
            states = ", ".join(STATES)
            raise RunFolderError(f"{shown(file)} holds no run status. Expected one of {states} under 'status'. {AGAIN}")
    except RunFolderError as error:
        if damaged_is_empty:
            return {}
        if isinstance(error.__cause__, FileNotFoundError):
            raise RunFolderError(
                f"{shown(path)} is not a run folder: it has no {STATUS}. Expected a folder that `stackfit run` printed. "
                "Try: stackfit table"
            ) from None
        raise
    written = status.get("format", 0)
    if not isinstance(written, int) or written > FORMAT:
        raise RunFolderError(
            f"{shown(file)} has format {written!r}. This stackfit reads up to {FORMAT}. Update stackfit."
        )
    held = status.get("owner")
    if status["status"] == "running" and isinstance(held, dict) and not owner.is_here(held):
        with contextlib.suppress(OSError):
            held["silent_seconds"] = silent_seconds(file)
    return status


def read_status_if_any(path: Path) -> dict[str, Any] | None:
    """`read_status` with the run's `state`; None where there is no status, and empty where it is damaged."""
    if not (path / STATUS).exists():
        return None
    status = read_status(path, damaged_is_empty=True)
    return {**status, "state": state_of(status)} if status else {}


def state_of(status: Mapping[str, Any]) -> str:
    """The run's state; *running* with a dead owner counts as *interrupted*."""
    state = status.get("status", "interrupted")
    return "interrupted" if state == "running" and not owner.is_alive(status.get("owner")) else state


def find_run_folders(paths: Sequence[Path]) -> Iterator[Path]:
    """Every run folder at or below `paths`, sorted by name, at any depth; the inside of a run folder is not searched."""
    for path in paths:
        if (path / STATUS).is_file() or RunFiles(path).manifest.is_file():  # a status that is gone is named
            yield path
            continue
        with os.scandir(path) as entries:
            below = sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        yield from find_run_folders(below)


def read_config(path: Path) -> dict[str, Any]:
    """The resolved config of a run.

    Raises:
        RunFolderError: there is none, or it is not YAML.
    """
    import yaml

    from stackfit.config.origins import check_events

    file = RunFiles(path).config
    with reading(file, "the run's resolved config"):
        text = read_bounded(file).decode()
        check_events(text, file)  # the file may be somebody else's: aliases can stand for 9^30 values
        config = yaml.safe_load(text)
    if not isinstance(config, dict):
        raise RunFolderError(
            f"{shown(file)} holds no config. Expected the run's resolved config. Run the experiment again."
        )
    return config


def read_environment(path: Path) -> dict[str, Any]:
    """The content of `environment.json`, or an empty mapping if it is missing or damaged."""
    return _read_mapping(RunFiles(path).environment)


def read_metrics_if_any(path: Path) -> dict[str, Any]:
    """As `read_metrics`, or an empty mapping."""
    return _read_mapping(RunFiles(path).metrics)


def read_metrics(path: Path) -> dict[str, Any]:
    """The content of a finished run's `metrics.json`.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    metrics = read_metrics_if_any(path)
    if not metrics:
        raise RunFolderError(
            f"{shown(RunFiles(path).metrics)} is missing or damaged. Expected the metrics of a finished run. "
            "Run the experiment again."
        )
    return metrics


def read_scaling(path: Path) -> dict[str, Any] | None:
    """The content of `scaling.json`; None if the run is of a version that wrote none.

    Raises:
        RunFolderError: it is damaged.
    """
    return _read_if_any(RunFiles(path).scaling, "the scaling of a finished run")


def read_layers(path: Path) -> list[dict[str, Any]]:
    """The layers in `layers.json`, from the input to the output: `name`, `class`, `output_shape` of one example,
    `parameters`; none if the run is of a version that wrote none.

    Raises:
        RunFolderError: it is damaged.
    """
    file, expected = RunFiles(path).layers, "the layers of a run"
    with reading(file, expected):
        layers = (_read_if_any(file, expected) or {"layers": []}).get("layers")
        if not isinstance(layers, list):
            raise ValueError("it holds no list of layers")
        return [{key: layer[key] for key in ("name", "class", "output_shape", "parameters")} for layer in layers]


def _read_if_any(file: Path, expected: str) -> dict[str, Any] | None:
    if not file.exists():
        return None
    with reading(file, expected):
        value = json.loads(read_bounded(file))
        if not isinstance(value, dict):
            raise ValueError("it holds no mapping")
    return value


def _read_mapping(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_bounded(file))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_predictions(path: Path) -> tuple[Any, Any]:
    """The test split's scores `(examples, outputs)` float32 and labels `(examples,)`.

    Raises:
        RunFolderError: the run stored none, or the file is damaged.
    """
    import numpy as np

    file = RunFiles(path).predictions
    with reading(file, "the test predictions of a finished run"):
        check_arrays(file)
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            scores, labels = stored["scores"], stored["labels"]
        if not scores.size or scores.dtype.kind != "f" or labels.dtype.kind not in "iuf" or len(scores) != len(labels):
            raise ValueError(f"it has scores of shape {scores.shape} and labels of shape {labels.shape}")
    return scores, labels


def read_history(path: Path) -> list[dict[str, int | float | None]]:
    """The rows of `history.csv`, or none if the run has not ended its first epoch; a blank is None.

    Raises:
        RunFolderError: the file is damaged.
    """
    file = RunFiles(path).history
    with reading(file, "a CSV of numbers, one row an epoch", AGAIN):
        if not file.exists():
            return []
        rows = csv.DictReader(io.StringIO(read_bounded(file).decode(), newline=""))
        return [{name: _number(text) for name, text in row.items()} for row in rows]


def _number(text: str) -> int | float | None:
    if text.isdecimal():
        return int(text)
    return float(text) if text else None
