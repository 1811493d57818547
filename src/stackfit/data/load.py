"""From the config's `data` section to a data set: read, check, split, scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data import settings as checks
from stackfit.data.arrays import Stored
from stackfit.data.dataset import CHUNK, SILENT, Dataset, Progress, Scaling, Split, StreamedDataset
from stackfit.data.fashion_mnist import read_fashion_mnist
from stackfit.data.own import read_own
from stackfit.data.tfds import read_tfds


def load_dataset(
    data: Mapping[str, Any], say: Callable[[str], None] = SILENT.say, step: Any = SILENT.step, build: bool = True
) -> Dataset | StreamedDataset:
    """Load what the `data` section of a config names; a stream when arrays would exceed `max_memory_bytes`.

    Args:
        data: the resolved `data` section: a plain mapping or a DictConfig, with the keys of `schema.Data`.
        say, step: as in `Progress`: told what takes time, and when a damaged cache is rebuilt.
        build: fetch and prepare what is not here; else nothing is written.

    Raises:
        DataError: the data are missing, damaged, or not what the config declares; carries the config key.
        AbsentError: they are not here, and `build` is false.
    """
    settings = checks.settings_of(data)
    checks.check_settings(settings)
    loaded = READERS[settings.kind](settings, Progress(say, step, build))
    if isinstance(loaded, StreamedDataset):
        return loaded
    arrays, facts = loaded.arrays, loaded.facts
    name = Path(settings.path or "").stem or settings.name or settings.kind
    checks.check_size(settings, name, sum(array.nbytes for array in arrays.values()))
    sizes = {part[:-2]: len(array) for part, array in arrays.items() if part.endswith("_y")}
    x, y = arrays["train_x"], arrays["train_y"]
    checks.check_declared(settings, name, input_shape=list(x.shape[1:]), examples=sizes)
    checks.check_values(settings, name, arrays)
    at = checks.split_at(len(y), settings.validation_split)
    scaling = Scaling()
    if settings.scale == "unit":
        highest = 255 if x.dtype == np.uint8 else x.max()
        scaling = checks.unit_scaling(name, x.shape[1:], highest, facts.get("white", 255.0))
    elif settings.scale == "standardize":
        scaling = Scaling.standardizing(x[start : min(start + CHUNK, at)] for start in range(0, at, CHUNK))
    return Dataset(
        name=name,
        train=Split(x[:at], y[:at]),
        validation=Split(x[at:], y[at:]) if settings.validation_split else None,
        test=Split(arrays["test_x"], arrays["test_y"]) if "test_x" in arrays else None,
        class_names=tuple(map(str, settings.class_names or facts.get("class_names", ()))),
        scaling=scaling,
        fingerprint=loaded.fingerprint,
    )


def read_digits(settings: Data, progress: Progress) -> Stored:
    """scikit-learn's 8 x 8 digits, 0 to 16, as uint8 `(examples, 8, 8, 1)`; the last 360 are the test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y = bunch.images.astype(np.uint8)[..., np.newaxis], bunch.target.astype(np.int64)
    arrays = {"train_x": x[:-360], "train_y": y[:-360], "test_x": x[-360:], "test_y": y[-360:]}
    return Stored(arrays, {"white": 16.0})


def read_xor(settings: Data, progress: Progress) -> Stored:
    """The corners of the unit square, 1 where exactly one coordinate is; train and test are the same."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0], np.int64)
    return Stored({"train_x": x, "train_y": y, "test_x": x, "test_y": y}, {})


READERS: dict[str, Callable[[Data, Progress], Stored | StreamedDataset]] = {
    "fashion_mnist": read_fashion_mnist,
    "tfds": read_tfds,
    "digits": read_digits,
    "xor": read_xor,
    **dict.fromkeys(checks.OWN, read_own),
}
