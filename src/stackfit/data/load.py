"""From the config's `data` section to a data set: read, check, split, scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config import project
from stackfit.config.checks import CHOICES
from stackfit.config.schema import Data
from stackfit.data import settings as checks
from stackfit.data.dataset import CHUNK, SILENT, Dataset, Progress, Scaling, Split, StreamedDataset
from stackfit.data.division import stratified
from stackfit.data.gaps import find_gaps
from stackfit.data.inputs import Inputs
from stackfit.data.kinds import kind_of
from stackfit.data.unread import find_unread
from stackfit.errors import DataError
from stackfit.waiting import doing


@doing("Reading the data")
def declare(
    data: Mapping[str, Any],
    form: str | None = None,
    warn: Callable[[DataError], None] = lambda warning: None,
) -> dict[str, Any]:
    """What a user's own data declare: those of `input_shape`, `num_classes`, `class_names` that are open; `columns` if
    they are to be found.

    Args:
        form: the task's `labels`, which says what a label is; None where no task is known.
        warn: takes what is unusual, and of all data the settings that change nothing.

    Called while a config is composed, so that the resolved config states what the model is built for. Reads the
    file, of pictures only the names and the first one. {} for all other data. DataError when they cannot be read.
    """
    settings = checks.settings_of(data)
    if settings.kind not in CHOICES["data.kind"]:
        return {}
    for each in find_unread(settings, form):
        warn(each)
    is_declared = None not in (settings.input_shape, settings.num_classes)
    if is_declared and not settings.path:
        return {}
    kind = kind_of(settings.kind)
    if is_declared and not kind.tells:
        return {}
    found = kind.declare(settings, form, warn)
    found.pop("target", None)
    is_open = {key: key == "columns" or getattr(settings, key) in (None, []) for key in found}
    return {key: value for key, value in found.items() if value != [] and is_open[key]}


def target_scale_of(data: Mapping[str, Any], form: str | None) -> dict[str, float] | None:
    """Mean and deviation of the training part's values, for `data.scale_target`; None where there are no values."""
    settings = checks.settings_of(data)
    if not settings.scale_target or settings.kind not in project.data_kinds():
        return None
    return kind_of(settings.kind).declare(settings, form, lambda warning: None).get("target")


@doing("Reading the data")
def load_dataset(
    data: Mapping[str, Any],
    say: Callable[[str], None] = SILENT.say,
    step: Any = SILENT.step,
    build: bool = True,
    trained: Inputs | None = None,
) -> Dataset | StreamedDataset:
    """Load what the `data` section of a config names; a stream when arrays would exceed `max_memory_bytes`.

    Args:
        data: the resolved `data` section: a plain mapping or a DictConfig, with the keys of `schema.Data`.
        say, step: as in `Progress`: told what takes time, and when a damaged cache is rebuilt.
        build: fetch and prepare what is not here; else nothing is written.
        trained: how a run encodes and scales its inputs; None: fitted on the training part.

    Raises:
        DataError: the data are missing, damaged, or not what the config declares; carries the config key.
        AbsentError: they are not here, and `build` is false.
    """
    settings = checks.settings_of(data)
    checks.check_settings(settings)
    kind = kind_of(settings.kind)
    loaded = kind.read(settings, Progress(say, step, build, trained and trained.encoding))
    if isinstance(loaded, StreamedDataset):
        return loaded
    arrays, facts = loaded.arrays, loaded.facts
    name = Path(settings.path or "").stem or settings.name or settings.kind
    checks.check_size(settings, name, sum(array.nbytes for array in arrays.values()))
    sizes = {part[:-2]: len(array) for part, array in arrays.items() if part.endswith("_y")}
    pool = ThreadPoolExecutor(1)
    digest = pool.submit(getattr, loaded, "fingerprint")  # outside of Python's lock, while the arrays are looked at
    pool.shutdown(wait=False)
    x, y = arrays["train_x"], arrays["train_y"]
    checks.check_declared(settings, name, input_shape=list(x.shape[1:]), examples=sizes)
    checks.check_values(settings, name, arrays, kind.own)
    at = facts["cut"] if "cut" in facts else checks.split_at(len(y), settings.validation_split)
    if settings.stratify:
        order = stratified(y, at, settings)
        x, y = x[order], y[order]
    scaling = trained.scaling if trained else _scaling(settings, name, x, at, kind.white)
    parts = {
        "train": Split(x[:at], y[:at]),
        "validation": Split(x[at:], y[at:]) if settings.validation_split else None,
        "test": Split(arrays["test_x"], arrays["test_y"]) if "test_x" in arrays else None,
    }
    names = tuple(map(str, settings.class_names or facts.get("class_names", ())))
    return Dataset(
        name=name,
        **parts,  # type: ignore[arg-type]
        class_names=names,
        scaling=scaling,
        fingerprint=digest.result(),
        encoding=facts.get("encoding"),
        rows=facts.get("rows", {}),
        white=_white(settings, kind.white, x),
        warnings=(*facts.get("warnings", ()), *find_gaps(parts, settings, names, kind.own)),
    )


def _white(settings: Data, white: float, x: np.ndarray) -> float:
    """The value of a white pixel: known of scaled pictures and of bytes; of other pictures 1 or 255, if they end there."""
    if settings.scale == "unit" or x.dtype == np.uint8 or x.ndim < 4:
        return white
    return next((end for end in (1.0, 255.0) if x.max() <= end), float(x.max()))


def _scaling(settings: Data, name: str, x: np.ndarray, at: int, white: float) -> Scaling:
    """As the settings say, fitted on the examples before `at`."""
    if settings.scale == "unit":
        return checks.unit_scaling(name, x.shape[1:], 255 if x.dtype == np.uint8 else x.max(), white)
    if settings.scale == "standardize":
        return Scaling.standardizing(x[start : min(start + CHUNK, at)] for start in range(0, at, CHUNK))
    return Scaling()
