"""Fashion-MNIST in the order of tensorflow-datasets or of keras.datasets: the same pictures either way.

TFDS shuffles when it writes; the lab (GSP631) reads that order and never shuffles, the codelab reads Keras's.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config import project
from stackfit.config.schema import Data
from stackfit.data.arrays import Stored, absent, build_arrays, read_arrays
from stackfit.data.dataset import Progress, StreamedDataset
from stackfit.data.fashion_mnist import IDX_FILES, find_idx_files, supply_keras, unzip
from stackfit.data.kinds import Kind
from stackfit.data.settings import check_size
from stackfit.data.tfds import check_resident, open_stream, run_tfds, tfds_files, tfds_folder, tfds_script
from stackfit.errors import DataError

NAMES = ["train_x", "train_y", "test_x", "test_y"]
REQUEST: dict[str, Any] = {"name": "fashion_mnist", "splits": {"train": "train", "test": "test"}}
BYTES = 70_000 * (28 * 28 + 8)
VERSION = "fashion_mnist/3.0.1"  # of TFDS, the one that GSP631 read
TFDS_ORDER = "dbb0b9b1021a0ad3deaaa8aef3b410380c351f8121a2f02416b9894135af5d7e"
"""Fingerprint of the genuine arrays in TFDS's order; Keras's order is made of files with a checksum."""

KERAS_SCRIPT = """\
# Keras fetches four files once, into ~/.keras/datasets/fashion-mnist. Without a network:
# `stackfit data fetch fashion_mnist` puts them there.
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train, y_train = x_train[..., np.newaxis], y_train.astype("int64")
x_test, y_test = x_test[..., np.newaxis], y_test.astype("int64")"""


def read(settings: Data, progress: Progress) -> Stored | StreamedDataset:
    """Pictures as uint8 `(examples, 28, 28, 1)`, in memory when they fit; else, in TFDS order, streamed."""
    if settings.max_memory_bytes >= BYTES:
        write = _write_keras_order if settings.order == "keras" else _write_tfds_order
        folder = project.cache() / "arrays" / f"fashion_mnist-{settings.order}"
        return build_arrays(folder, lambda private: write(private, progress), progress)
    if settings.order == "keras":
        check_size(settings, "fashion_mnist", BYTES)
    if not (tfds_folder() / VERSION).is_dir():
        if not progress.build:
            raise absent("fashion_mnist")
        run_tfds({**REQUEST, "feed": str(find_idx_files(progress)), "max_bytes": 0}, progress)
    return open_stream(settings, REQUEST["name"], REQUEST["splits"], progress)


def _write_keras_order(folder: Path, progress: Progress) -> dict[str, Any]:
    packed = find_idx_files(progress)
    for name, file in zip(NAMES, IDX_FILES, strict=True):
        values = np.frombuffer(unzip(packed / file), np.uint8)  # after a header of 16 and of 8 bytes
        array = values[16:].reshape(-1, 28, 28, 1) if name.endswith("x") else values[8:].astype(np.int64)
        np.save(folder / f"{name}.npy", array)
    return {"arrays": NAMES}


def _write_tfds_order(folder: Path, progress: Progress) -> dict[str, Any]:
    request = {**REQUEST, "folder": str(folder)}
    if (prepared := tfds_folder() / VERSION).is_dir():
        with contextlib.suppress(DataError):
            return _decode(request, progress)
        progress.say(f"{prepared} is damaged; using the original files. To repair it, type: rm -r {prepared}")
        request["data_dir"] = str(folder / "tfds")
    request["feed"] = str(find_idx_files(progress))
    progress.say("Preparing Fashion-MNIST with tensorflow-datasets (about 25 s, once).")
    facts = _decode(request, progress)
    shutil.rmtree(folder / "tfds", ignore_errors=True)
    return facts


def _decode(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    facts = run_tfds(request, progress)
    if read_arrays(Path(request["folder"]), facts).fingerprint != TFDS_ORDER:
        found = f"The pictures in {facts['folder']} are not Fashion-MNIST 3.0.1 in its order."
        raise DataError(f"{found} Expected the original. Type: rm -r {facts['folder']}  and run this again.")
    return facts


def script(settings: Data) -> str:
    """With `keras.datasets` or `tfds.load`, by the order. DataError if they are streamed."""
    check_resident(BYTES, settings.max_memory_bytes)
    return KERAS_SCRIPT if settings.order == "keras" else tfds_script(VERSION.replace("/", ":"), REQUEST["splits"])


def fetched(progress: Progress) -> None:
    """Serve scripts that read Keras's order themselves; stackfit does not need these files."""
    try:
        progress.say(f"keras.datasets.fashion_mnist finds its files in {supply_keras(progress)}")
    except (DataError, OSError) as error:
        progress.say(f"keras.datasets.fashion_mnist gets no files: {error}")


KIND = Kind(read, script, lambda settings: tfds_files("fashion_mnist"), fetched=fetched)
