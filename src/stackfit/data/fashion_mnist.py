"""Fashion-MNIST in the order of tensorflow-datasets or of keras.datasets: the same pictures either way.

TFDS shuffles when it writes; the lab (GSP631) reads that order and never shuffles, the codelab reads Keras's and does.
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
from stackfit.data.progress import Progress
from stackfit.data.sources import IDX_FILES, SOURCES, Source, find_idx_files, unzip
from stackfit.data.tfds_process import run_tfds, tfds_folder
from stackfit.errors import DataError

BYTES = 70_000 * (28 * 28 + 8)
"""Decoded size: uint8 pictures and int64 labels."""

REQUEST = {"name": "fashion_mnist", "splits": {"train": "train", "test": "test"}}

CONTENT = {
    "train": "fb88a2f5c1b590c907f860b47803d006e4fa7b276cdb551799af9d443accdff7",
    "test": "0b381379398a0943a88bf3864ff3f5177903dcf178030b4b74c495294b38fa7c",
}
"""`content_digest` of each split, from the verified IDX files."""


def cache_folder(order: str) -> Path:
    """Where the decoded arrays of `order` (tfds or keras) are kept."""
    return places.cache() / "arrays" / f"fashion_mnist-{order}"


def load_fashion_mnist(order: str, progress: Progress, sources: Mapping[str, Source] = SOURCES) -> Stored:
    """`train_x, train_y, test_x, test_y`: uint8 `(examples, 28, 28, 1)` and int64 `(examples,)`, in stored order.

    From the array cache, or built there: the keras order straight from the IDX files, the TFDS order by TFDS.

    Raises:
        DataError: the files cannot be had, or the cache cannot be written.
    """

    def write(folder: Path) -> dict[str, Any]:
        if order == "keras":
            return _write_keras_order(folder, sources, progress)
        return _write_tfds_order(folder, sources, progress)

    return build_arrays(cache_folder(order), write, progress)


def _write_keras_order(folder: Path, sources: Mapping[str, Source], progress: Progress) -> dict[str, Any]:
    packed = find_idx_files(sources, progress)
    names = ("train_x", "train_y", "test_x", "test_y")
    for name, file in zip(names, IDX_FILES, strict=True):
        np.save(folder / f"{name}.npy", read_idx(unzip(packed, file)))
    return {"arrays": list(names), "source": str(packed)}


def _write_tfds_order(folder: Path, sources: Mapping[str, Source], progress: Progress) -> dict[str, Any]:
    request: dict[str, Any] = {**REQUEST, "decode_to": str(folder)}
    if is_prepared():
        try:
            return _checked(run_tfds(request, progress), folder)
        except DataError:
            progress.say(
                f"{prepared_folder()} is damaged; building from the original files beside it. "
                f"For tfds.load, type: rm -r {prepared_folder()}"
            )
            request["data_dir"] = str(folder / "tfds")
    request["feed"] = str(find_idx_files(sources, progress))
    progress.say("Preparing Fashion-MNIST with tensorflow-datasets (about 25 s, once).")
    facts = _checked(run_tfds(request, progress), folder)
    shutil.rmtree(folder / "tfds", ignore_errors=True)
    return facts


def prepare_for_streaming(progress: Progress, sources: Mapping[str, Source] = SOURCES) -> None:
    """Make sure that TFDS has Fashion-MNIST in its own folder, from which a stream is read."""
    with locked(cache_folder("tfds"), progress):
        if not is_prepared():
            run_tfds({**REQUEST, "feed": str(find_idx_files(sources, progress))}, progress)


def prepared_folder() -> Path:
    """Where TFDS keeps the version that GSP631 read."""
    return tfds_folder() / "fashion_mnist" / "3.0.1"


def is_prepared() -> bool:
    """Whether TFDS has prepared it, by this program or another."""
    return (prepared_folder() / "dataset_info.json").is_file()


def _checked(answer: dict[str, Any], folder: Path) -> dict[str, Any]:
    for split, expected in CONTENT.items():
        x, y = (np.load(folder / f"{split}_{part}.npy", allow_pickle=False) for part in "xy")
        if content_digest(x, y) != expected:
            raise DataError(
                f"The {split} pictures that tensorflow-datasets has prepared in {answer['folder']} are not those of "
                f"Fashion-MNIST. Expected the original's. Type: rm -r {answer['folder']}  and run this again."
            )
    return {"arrays": answer["arrays"], "source": answer["folder"]}


def read_idx(content: bytes) -> np.ndarray:
    """An unzipped IDX file as `(examples, 28, 28, 1)` uint8 pictures or `(examples,)` int64 labels.

    The header is four bytes, the last of which counts the axes, and one big-endian uint32 an axis.
    """
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
    return values.astype(np.int64) if axes == 1 else values[..., np.newaxis]


def content_digest(x: np.ndarray, y: np.ndarray) -> str:
    """A digest that does not depend on the order of the examples: SHA-256 over their sorted SHA-256 digests."""
    labels = y.astype(np.uint8)
    digests = sorted(hashlib.sha256(row.tobytes() + label.tobytes()).digest() for row, label in zip(x, labels, strict=True))
    return hashlib.sha256(b"".join(digests)).hexdigest()
