"""Two executions of one run side by side: where their numbers differ, and what else was not the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.errors import RunFolderError
from stackfit.files import shown
from stackfit.keys import flatten
from stackfit.results import run_files
from stackfit.results.certificate import copies_that_differ
from stackfit.results.final_metrics import CLOCK, as_of_last_epoch
from stackfit.results.run import Run

# What environment.json holds that can change a number.
FACTORS = ("versions", "numerics", "python", "threads", "instruction_set", "cores", "devices", "determinism",
           "data_fingerprint", "code", "variables")  # fmt: skip
OPTIONAL = ("code", "variables")  # groups in which a key may be absent: no such module, not set


@dataclass(frozen=True)
class Difference:
    """A value that is not the same; `epoch` is None for a final one, a value None where there is none."""

    epoch: int | None
    metric: str
    was: Any
    now: Any

    @property
    def size(self) -> float:
        """How far apart; infinite for anything but two numbers."""
        numbers = all(isinstance(value, (int, float)) for value in (self.was, self.now))
        return abs(self.was - self.now) if numbers else math.inf


@dataclass(frozen=True)
class Scores:
    """The test set's scores in two executions: how many examples, how many differ, and by how much at most."""

    examples: int
    differ: int = 0
    largest: float = 0.0


@dataclass(frozen=True)
class Record:
    """What one execution left: its history, final metrics, and test scores."""

    epochs: list[dict[str, Any]]
    metrics: dict[str, Any]
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read a finished run.

        Raises:
            RunFolderError: a file is missing or damaged.
        """
        record = cls(run_files.read_history(folder), run_files.read_metrics(folder), folder)
        if len(record.epochs) != record.metrics.get("stopped_epoch") or "weights_sha256" not in record.metrics:
            file = shown(run_files.RunFiles(folder).history)
            raise RunFolderError(
                f"{file} has {len(record.epochs)} epochs, but the run's metrics are of epoch "
                f"{record.metrics.get('stopped_epoch')}. Expected a row for every epoch. Run the experiment again."
            )
        return record


def differences(was: Record, now: Record) -> Iterator[Difference]:
    """Every metric that is not the same to the last digit: of each epoch, then the final ones and the weights.

    What the first one's version did not record is left out: the learning rate; metrics of other weights than the last epoch's.
    """
    for number in range(max(len(was.epochs), len(now.epochs))):
        rows = [record.epochs[number] if number < len(record.epochs) else {} for record in (was, now)]
        yield from _unequal(number + 1, *rows)
    by_old_rule = "results_format" not in was.metrics
    yield from _unequal(None, was.metrics, as_of_last_epoch(now.metrics, now.epochs) if by_old_rule else now.metrics)


def _unequal(epoch: int | None, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    left_out = CLOCK if was.get("learning_rate") is not None else (*CLOCK, "learning_rate")
    for name in dict.fromkeys([*was, *now]):
        if name not in left_out and (name not in was or name not in now or was[name] != now[name]):
            yield Difference(epoch, name, was.get(name), now.get(name))


def compare_scores(was: Path, now: Path) -> Scores | None:
    """The stored test scores of two executions, bit for bit; None where neither has any.

    Raises:
        RunFolderError: the first has none or damaged ones, though the second has some.
    """
    if not any(run_files.RunFiles(folder).predictions.exists() for folder in (was, now)):
        return None
    (old, old_labels), (new, new_labels) = run_files.read_predictions(was), run_files.read_predictions(now)
    if (old.dtype, old.shape, old_labels.shape) != (new.dtype, new.shape, new_labels.shape):
        return Scores(len(old), len(old), math.inf)
    same = (old == new) | ((old != old) & (new != new))  # not a number in both
    unequal = ~same.reshape(len(old), -1).all(axis=1) | (old_labels != new_labels).reshape(len(old), -1).any(1)
    return Scores(len(old), int(unequal.sum()), float(np.abs(old - new)[~same].max(initial=0.0)))


def factors(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[Difference], list[str]]:
    """What differs between two environments, by its dotted key, and which factors the first does not record."""
    known = [group for group in FACTORS if group in was]
    old = flatten({group: was[group] for group in known})
    new = flatten({group: now.get(group) for group in known})
    changed = []
    for key in sorted(dict.fromkeys([*old, *new]), key=lambda key: known.index(key.partition(".")[0])):
        optional = key.partition(".")[0] in OPTIONAL
        if old.get(key) != new.get(key) and (optional or (key in old and key in new)):
            changed.append(Difference(None, key, old.get(key), new.get(key)))
    return changed, [group for group in FACTORS if group not in was]


def unlike_status(run: Run, settings: Mapping[str, Any]) -> Iterator[str]:
    """What a run's status copies and does not have as in the metrics and in the config; `settings` by dotted key."""
    files, status, metrics = run_files.RunFiles(run.folder), run.status, run_files.read_metrics(run.folder)
    for name in copies_that_differ(files, status):
        yield f"{files.status.name} says {name} {status['metrics'][name]}, {files.metrics.name} {metrics.get(name)}"
    settings = json.loads(json.dumps(settings, default=str))
    for part in ("settings", "axes"):
        said = status.get(part)
        for key, value in (said if isinstance(said, dict) else {}).items():
            same = value == settings.get(key) if part == "settings" else _is_typed(value, settings.get(key))
            moved = run.data_path is not None and key in ("data.path", "data.test_path")
            if key in settings and not same and not moved:
                yield f"{files.status.name} says {key} {value}, {files.config.name} {settings[key]}"


def _is_typed(text: Any, value: Any) -> bool:
    """Whether `text`, as an axis has it, stands for this value."""
    if isinstance(value, list):
        parts = str(text).strip("[]").split(",")
        nested = any(isinstance(each, (list, dict)) for each in value)
        return nested or (len(parts) == max(1, len(value)) and all(map(_is_typed, parts, value)))
    text = str(text).strip().strip("'\"")
    if "(" in text or "${" in text:  # of Hydra's grammar
        return True
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(text) == value
        except ValueError:
            return False
    return text.lower() == ("null" if value is None else str(value).lower())
