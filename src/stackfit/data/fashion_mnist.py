"""Fashion-MNIST in the order of tensorflow-datasets or of keras.datasets: the same pictures either way.

TFDS shuffles when it writes; the lab (GSP631) reads that order and never shuffles, the codelab reads Keras's.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import places
from stackfit.data.arrays import Stored, build_arrays, locked
from stackfit.data.dataset import StreamedDataset
from stackfit.data.progress import Progress
from stackfit.data.settings import Loaded
from stackfit.data.sources import IDX_FILES, SOURCES, Source, find_idx_files, unzip
from stackfit.data.stream import open_stream
from stackfit.data.tfds_process import run_tfds, tfds_folder
from stackfit.errors import DataError
from stackfit.schema import Data

BYTES = 70_000 * (28 * 28 + 8)
"""Decoded size: uint8 pictures and int64 labels."""

REQUEST: dict[str, Any] = {"name": "fashion_mnist", "splits": {"train": "train", "test": "test"}}

CONTENT = {
    "train": "fb88a2f5c1b590c907f860b47803d006e4fa7b276cdb551799af9d443accdff7",
    "test": "0b381379398a0943a88bf3864ff3f5177903dcf178030b4b74c495294b38fa7c",
}
"""`content_digest` of each split of the original."""


def read_fashion_mnist(settings: Data, progress: Progress) -> Loaded | StreamedDataset:
    """From memory when it fits; else, in TFDS order, from TFDS's files.

    Raises:
        DataError: the files cannot be had, the cache cannot be written, or keras order would have to stream.
    """
    if settings.max_memory_bytes >= BYTES:
        stored = load_arrays(settings.order, progress)
        return Loaded("fashion_mnist", stored.arrays, stored.fingerprint)
    if settings.order == "keras":
        raise DataError(
            f"Fashion-MNIST takes {BYTES} bytes in memory, but data.max_memory_bytes is "
            f"{settings.max_memory_bytes}, and only the TFDS order can be streamed. Set data.order=tfds, or "
            "more bytes.",
            key="data.max_memory_bytes",
        )
    with locked(cache_folder("tfds"), progress):
        if not is_prepared():
            run_tfds({**REQUEST, "feed": str(find_idx_files(SOURCES, progress))}, progress)
    return open_stream(settings, **REQUEST, progress=progress)


def load_arrays(order: str, progress: Progress, sources: Mapping[str, Source] = SOURCES) -> Stored:
    """`train_x, train_y, test_x, test_y`: uint8 `(examples, 28, 28, 1)`, int64 `(examples,)`, as stored.

    From the array cache, or built there: keras order straight from the IDX files, TFDS order by TFDS.

    Raises:
        DataError: the files cannot be had, or the cache cannot be written.
    """
    write = _write_keras_order if order == "keras" else _write_tfds_order
    return build_arrays(cache_folder(order), lambda folder: write(folder, sources, progress), progress)


def cache_folder(order: str) -> Path:
    """Where the decoded arrays of `order` (tfds or keras) are kept."""
    return places.cache() / "arrays" / f"fashion_mnist-{order}"


def prepared_folder() -> Path:
    """Where TFDS keeps the version that GSP631 read."""
    return tfds_folder() / "fashion_mnist" / "3.0.1"


def is_prepared() -> bool:
    """Whether TFDS has prepared it, for this program or another."""
    return (prepared_folder() / "dataset_info.json").is_file()


def _write_keras_order(folder: Path, sources: Mapping[str, Source], progress: Progress) -> dict[str, Any]:
    packed = find_idx_files(sources, progress)
    names = ["train_x", "train_y", "test_x", "test_y"]
    for name, file in zip(names, IDX_FILES, strict=True):
        np.save(folder / f"{name}.npy", read_idx(unzip(packed, file)))
    return {"arrays": names, "source": str(packed)}


def _write_tfds_order(folder: Path, sources: Mapping[str, Source], progress: Progress) -> dict[str, Any]:
    request = {**REQUEST, "decode_to": str(folder)}
    if is_prepared():
        try:
            return _checked(run_tfds(request, progress), folder)
        except DataError:
            progress.say(
                f"{prepared_folder()} is damaged; using the original files instead. "
                f"To have it prepared again for tfds.load, type: rm -r {prepared_folder()}"
            )
            request["data_dir"] = str(folder / "tfds")
    request["feed"] = str(find_idx_files(sources, progress))
    progress.say("Preparing Fashion-MNIST with tensorflow-datasets (about 25 s, once).")
    facts = _checked(run_tfds(request, progress), folder)
    shutil.rmtree(folder / "tfds", ignore_errors=True)
    return facts


def _checked(answer: dict[str, Any], folder: Path) -> dict[str, Any]:
    for split, expected in CONTENT.items():
        x, y = (np.load(folder / f"{split}_{part}.npy", allow_pickle=False) for part in "xy")
        if content_digest(x, y) != expected:
            raise DataError(
                f"The {split} pictures in {answer['folder']} are not those of Fashion-MNIST. Expected the "
                f"original's. Type: rm -r {answer['folder']}  and run this again."
            )
    return {"arrays": answer["arrays"], "source": answer["folder"]}


def read_idx(content: bytes) -> np.ndarray:
    """An unzipped IDX file as uint8 pictures `(examples, 28, 28, 1)` or int64 labels `(examples,)`.

    The header is four bytes, the last of which counts the axes, and one big-endian uint32 an axis.
    """
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
    return values.astype(np.int64) if axes == 1 else values[..., np.newaxis]


def content_digest(x: np.ndarray, y: np.ndarray) -> str:
    """A digest that no order of the examples changes: SHA-256 over their sorted SHA-256 digests."""
    pairs = zip(x, y.astype(np.uint8), strict=True)
    digests = sorted(hashlib.sha256(picture.tobytes() + label.tobytes()).digest() for picture, label in pairs)
    return hashlib.sha256(b"".join(digests)).hexdigest()
