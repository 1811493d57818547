"""From the config's `data` section to a data set: read, check, split, scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stackfit.data.arrays import fingerprint
from stackfit.data.checks import check_declarations, check_settings, check_size
from stackfit.data.dataset import Dataset, Scaling, Split, StreamedDataset, split_at
from stackfit.data.moments import chunks, mean_and_deviation
from stackfit.data.progress import Progress
from stackfit.data.settings import Loaded, settings_of
from stackfit.errors import DataError
from stackfit.schema import Data


def load_dataset(
    data: Mapping[str, Any], say: Callable[[str], None] = lambda line: None
) -> Dataset | StreamedDataset:
    """Load what the `data` section of a config names. Imports TensorFlow only when a stream is read.

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
    check_size(settings, loaded)
    check_declarations(settings, loaded)
    return dataset_of(settings, loaded)


def dataset_of(settings: Data, loaded: Loaded) -> Dataset:
    """Split off the validation part and find the scaling."""
    arrays = loaded.arrays
    whole = Split(arrays["train_x"], arrays["train_y"])
    train, validation = split_validation(whole, settings.validation_split)
    return Dataset(
        name=loaded.name,
        train=train,
        validation=validation,
        test=Split(arrays["test_x"], arrays["test_y"]) if "test_x" in arrays else None,
        class_names=tuple(map(str, settings.class_names)) or loaded.class_names,
        scaling=scaling_of(settings.scale, train.x, loaded),
        fingerprint=loaded.fingerprint,
    )


def split_validation(whole: Split, validation_split: float) -> tuple[Split, Split | None]:
    """The training part, and the last part as Keras's `fit(validation_split=…)` takes it (None for a share of 0)."""
    if not validation_split:
        return whole, None
    at = split_at(len(whole), validation_split)
    return Split(whole.x[:at], whole.y[:at]), Split(whole.x[at:], whole.y[at:])


def scaling_of(scale: str, train_x: np.ndarray, loaded: Loaded) -> Scaling:
    """The scaling that `data.scale` names, with the statistics of the training part.

    Raises:
        DataError: `unit` for values that are no pictures, or are between 0 and 1 already.
    """
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
    if train_x.dtype != np.uint8 and train_x.size and train_x.max() <= 1:
        raise DataError(
            f"data.scale is unit, which divides by 255, but the pictures of {loaded.name!r} are numbers up to "
            f"{train_x.max():g} already. Expected values up to 255. Type data.scale=none.",
            key="data.scale",
        )
    return Scaling(divisor=np.array(loaded.white, np.float32))


def _read_fashion_mnist(settings: Data, progress: Progress) -> Loaded | StreamedDataset:
    from stackfit.data import fashion_mnist

    if fashion_mnist.BYTES > settings.max_memory_bytes:
        if settings.order == "keras":
            raise DataError(
                f"data.max_memory_bytes is {settings.max_memory_bytes}, but Fashion-MNIST in keras order takes "
                f"{fashion_mnist.BYTES} bytes and has no stream. Set data.order=tfds, or data.max_memory_bytes to at "
                f"least {fashion_mnist.BYTES}.",
                key="data.max_memory_bytes",
            )
        from stackfit.data.stream import open_stream

        fashion_mnist.prepare_for_streaming(progress)
        return open_stream(settings, **fashion_mnist.REQUEST, progress=progress)
    stored = fashion_mnist.load_fashion_mnist(settings.order, progress)
    return Loaded("fashion_mnist", stored.arrays, stored.fingerprint)


def _read_tfds(settings: Data, progress: Progress) -> Loaded | StreamedDataset:
    from stackfit.data.tfds_sets import load_tfds

    return load_tfds(settings, progress)


def _read_digits(settings: Data, progress: Progress) -> Loaded:
    from stackfit.data.small import load_digits

    arrays = load_digits()
    return Loaded("digits", arrays, fingerprint(arrays.values()), white=16.0)


def _read_xor(settings: Data, progress: Progress) -> Loaded:
    from stackfit.data.small import load_xor

    arrays = load_xor()
    return Loaded("xor", arrays, fingerprint(arrays.values()))


def _read_own(settings: Data, progress: Progress) -> Loaded:
    from stackfit.data.own import load_own

    return load_own(settings)


READERS: dict[str, Callable[[Data, Progress], Loaded | StreamedDataset]] = {
    "fashion_mnist": _read_fashion_mnist,
    "tfds": _read_tfds,
    "digits": _read_digits,
    "xor": _read_xor,
    "csv": _read_own,
    "npz": _read_own,
    "images": _read_own,
}
