"""The child process in which tensorflow-datasets runs; see `tfds_process`.

It speaks JSON, one object a line, on what was its standard output: steps first, then one answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from stackfit.data.dataset import split_at
from stackfit.data.moments import mean_and_deviation
from stackfit.data.sources import IDX_FILES, unreachable, with_upstream_header
from stackfit.errors import DataError, did_you_mean

Step = Callable[[str, int, int], None]


def work(request: dict[str, Any], step: Step) -> dict[str, Any]:
    """Prepare a data set if it is not, describe it, decode it to arrays if asked and if it is small enough.

    Args:
        request: `name` and `splits` ({ours: TFDS's}). Optional: `feed`, a folder with the original files,
            put into TFDS's downloads first; `data_dir` instead of TFDS's own; `decode_to`, a folder, and
            `max_bytes`; `stream`: `{validation_split, statistics_to}`, the latter a folder or None.
        step: told what is done, how far it is, and of how much (0: unknown).

    Returns:
        `folder, version, sizes, input_shape, dtype, label_dtype, class_names, bytes`; `arrays`, the names
        that were written, in order; with `stream` also `files`.
    """
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    builder = _builder(tfds, request["name"], request.get("data_dir"))
    if not builder.data_path.exists():
        if "feed" in request:
            _feed(tfds, builder, Path(request["feed"]))
        else:
            _check_network(builder)
        step("preparing", 0, 0)
        try:
            builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
        except Exception:
            if not builder.data_path.exists():
                raise
            builder = _builder(tfds, request["name"], request.get("data_dir"))  # another process was faster
    facts = _describe(builder, request["splits"])
    if "decode_to" in request and facts["bytes"] <= request.get("max_bytes", facts["bytes"]):
        for split, theirs in request["splits"].items():
            facts["arrays"] += _decode(builder, split, theirs, facts, Path(request["decode_to"]), step)
    if "stream" in request:
        facts["files"] = _record_files(Path(builder.data_path), step)
        if folder := request["stream"]["statistics_to"]:
            count = split_at(facts["sizes"]["train"], request["stream"]["validation_split"])
            pictures = (x for x, _ in _batches(builder, request["splits"]["train"], count))
            for name, values in zip(("mean", "deviation"), mean_and_deviation(pictures), strict=True):
                np.save(Path(folder) / f"{name}.npy", values)
                facts["arrays"].append(name)
    return facts


def _builder(tfds: Any, name: str, data_dir: str | None) -> Any:
    try:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        raise DataError(
            f"tensorflow-datasets has no data set {name!r}.{did_you_mean(name, known)} Expected one of its "
            f"{len(known)} names. Type data.name=NAME with a name from tensorflow.org/datasets/catalog.",
            key="data.name",
        ) from None


def _check_network(builder: Any) -> None:
    """TFDS would try for 3 min 25 s; one short probe of each server tells as much."""
    servers = {urlsplit(url).netloc: url for url in builder.url_infos}
    for server, url in list(servers.items())[:3]:
        if reason := unreachable(url):
            raise DataError(
                f"{builder.name!r} is not on this machine, and {server} does not answer ({reason}). It is "
                f"needed once; afterwards no network is. Type: stackfit data fetch {builder.name}  where "
                f"there is a network, or copy a prepared {builder.data_path} from a machine that has one.",
                key="data.name",
            )


def _feed(tfds: Any, builder: Any, folder: Path) -> None:
    """Put the original files, each with the `.INFO` that marks it complete, where TFDS downloads to."""
    resource = tfds.core.download.resource
    originals = {f"{file.name}.gz": file for file in IDX_FILES}
    target = builder.data_dir_root / "downloads" / builder.name
    target.mkdir(parents=True, exist_ok=True)
    for url, info in builder.url_infos.items():
        packed = with_upstream_header((folder / info.filename).read_bytes(), originals[info.filename])
        path = target / resource.get_dl_fname(url, info.checksum)
        private = path.with_name(f".{path.name}.{os.getpid()}")
        private.write_bytes(packed)
        private.replace(path)
        resource.write_info_file(url, path, builder.name, info.filename, info)


def _describe(builder: Any, splits: dict[str, str]) -> dict[str, Any]:
    keys = builder.info.supervised_keys or ()
    features = [builder.info.features[key] for key in keys if isinstance(key, str)]
    if len(features) != 2 or None in features[0].shape or not np.issubdtype(features[0].np_dtype, np.number):
        raise DataError(
            f"{builder.name!r} has {builder.info.features}. Expected a pair of label and example "
            "(supervised_keys), the example being numbers of one fixed shape. Set data.name to another, or "
            "make a folder of pictures of one size: data=images data.path=FOLDER.",
            key="data.name",
        )
    picture, label = features
    x_type = np.dtype(np.uint8 if picture.np_dtype == np.uint8 else np.float32)
    sizes = {ours: builder.info.splits[theirs].num_examples for ours, theirs in splits.items()}
    return {
        "folder": str(builder.data_path),
        "version": str(builder.version),
        "sizes": sizes,
        "input_shape": list(picture.shape),
        "dtype": x_type.name,
        "label_dtype": "int64" if np.issubdtype(label.np_dtype, np.integer) else "float32",
        "class_names": list(getattr(label, "names", None) or []),
        "bytes": sum(sizes.values()) * (int(np.prod(picture.shape)) * x_type.itemsize + 8),
        "arrays": [],
    }


def _batches(builder: Any, split: str, count: int) -> Any:
    """The first `count` examples as NumPy batches `(x, y)`, in the order of TFDS's unshuffled files."""
    examples = builder.as_dataset(split=split, as_supervised=True, shuffle_files=False)
    return examples.take(count).batch(1000).as_numpy_iterator()


def _decode(
    builder: Any, split: str, theirs: str, facts: dict[str, Any], folder: Path, step: Step
) -> list[str]:
    """Write `SPLIT_x.npy` and `SPLIT_y.npy`, batch by batch."""
    count, done = facts["sizes"][split], 0
    new, names = np.lib.format.open_memmap, [f"{split}_x", f"{split}_y"]
    x_out = new(folder / f"{names[0]}.npy", "w+", facts["dtype"], (count, *facts["input_shape"]))
    y_out = new(folder / f"{names[1]}.npy", "w+", facts["label_dtype"], (count,))
    for x, y in _batches(builder, theirs, count):
        x_out[done : done + len(y)], y_out[done : done + len(y)] = x, y
        done += len(y)
        step(f"decoding {split}", done, count)
    return names


def _record_files(folder: Path, step: Step) -> dict[str, list[Any]]:
    """Name → size, time and SHA-256 of each file with examples."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix not in (".json", ".txt")]
    files: dict[str, list[Any]] = {}
    for path in paths:
        step("checking files", len(files), len(paths))
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[path.name] = [path.stat().st_size, path.stat().st_mtime_ns, digest]
    return files


def main() -> None:
    """Answer one request from the command line; what TensorFlow prints goes to standard error, a log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        answer = work(json.loads(sys.argv[1]), lambda *step: tell({"step": step}))
    except DataError as error:
        answer = {"error": error.message, "key": error.key}
    except Exception as error:  # whatever TFDS raises: the parent makes one sentence of it
        answer = {"error": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}", "key": None}
    tell(answer)


if __name__ == "__main__":
    main()
