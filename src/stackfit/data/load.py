"""From the config's `data` section to a data set: read, check, split, scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stackfit.data.checks import check_declarations, check_settings, check_size
from stackfit.data.dataset import Dataset, Scaling, Split, StreamedDataset, split_at
from stackfit.data.fashion_mnist import read_fashion_mnist
from stackfit.data.moments import chunks, mean_and_deviation
from stackfit.data.own import read_own
from stackfit.data.progress import Progress
from stackfit.data.settings import Loaded, settings_of
from stackfit.data.small import read_digits, read_xor
from stackfit.data.tfds_sets import read_tfds
from stackfit.errors import DataError
from stackfit.schema import Data

READERS: dict[str, Callable[[Data, Progress], Loaded | StreamedDataset]] = {
    "fashion_mnist": read_fashion_mnist,
    "tfds": read_tfds,
    "digits": read_digits,
    "xor": read_xor,
    "csv": read_own,
    "npz": read_own,
    "images": read_own,
}


def load_dataset(
    data: Mapping[str, Any], say: Callable[[str], None] = lambda line: None
) -> Dataset | StreamedDataset:
    """Load what the `data` section of a config names. Never imports TensorFlow; the batches of a stream do.

    Args:
        data: the resolved `data` section: a plain mapping or a DictConfig, with the keys of `schema.Data`.
        say: gets one line for each step that takes time, and when a damaged cache is rebuilt.

    Returns:
        A Dataset whose arrays lie in memory, or a StreamedDataset when they would exceed `max_memory_bytes`.

    Raises:
        DataError: the data are missing, damaged, or not what the config declares; carries the config key.
    """
    return load_with_progress(data, Progress(say))


def load_with_progress(data: Mapping[str, Any], progress: Progress) -> Dataset | StreamedDataset:
    """`load_dataset` with steps for a progress bar."""
    settings = settings_of(data)
    check_settings(settings)
    loaded = READERS[settings.kind](settings, progress)
    if isinstance(loaded, StreamedDataset):
        return loaded
    check_size(settings, loaded.name, sum(array.nbytes for array in loaded.arrays.values()))
    check_declarations(settings, loaded)
    return _dataset(settings, loaded)


def _dataset(settings: Data, loaded: Loaded) -> Dataset:
    arrays = loaded.arrays
    train, validation = _split(Split(arrays["train_x"], arrays["train_y"]), settings.validation_split)
    return Dataset(
        name=loaded.name,
        train=train,
        validation=validation,
        test=Split(arrays["test_x"], arrays["test_y"]) if "test_x" in arrays else None,
        class_names=tuple(map(str, settings.class_names)) or loaded.class_names,
        scaling=_scaling(settings.scale, train.x, loaded),
        fingerprint=loaded.fingerprint,
    )


def _split(whole: Split, validation_split: float) -> tuple[Split, Split | None]:
    """The training part, and the last part as Keras's `fit(validation_split=…)` takes it."""
    if not validation_split:
        return whole, None
    at = split_at(len(whole), validation_split)
    return Split(whole.x[:at], whole.y[:at]), Split(whole.x[at:], whole.y[at:])


def _scaling(scale: str, train_x: np.ndarray, loaded: Loaded) -> Scaling:
    """What `data.scale` names, with the statistics of the training part."""
    if scale == "none":
        return Scaling()
    if scale == "standardize":
        return Scaling(*mean_and_deviation(chunks(train_x)))
    if train_x.ndim < 3:
        raise DataError(
            f"data.scale is unit, which divides pictures by 255, but {loaded.name!r} is a table of "
            f"{train_x.shape[1]} numbers a row. Type data.scale=standardize or data.scale=none.",
            key="data.scale",
        )
    if train_x.dtype != np.uint8 and train_x.max() <= 1:
        raise DataError(
            f"data.scale is unit, which divides by 255, but the values of {loaded.name!r} end at "
            f"{train_x.max():g}. Expected pictures with values up to 255. Type data.scale=none.",
            key="data.scale",
        )
    return Scaling(divisor=np.array(loaded.white, np.float32))
