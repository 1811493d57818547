"""The child process in which tensorflow-datasets runs; see `tfds.run_tfds`.

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
from numpy.lib.format import open_memmap

from stackfit.data.dataset import CHUNK, Scaling
from stackfit.data.kinds.fashion_mnist import unreachable, with_upstream_header
from stackfit.data.settings import split_at, wrong
from stackfit.errors import DataError, counted, did_you_mean

Step = Callable[[str, int, int], None]


def work(request: dict[str, Any], step: Step) -> dict[str, Any]:
    """Prepare a data set if it is not, describe it, and write arrays into a folder.

    The request has `name`, `splits` ({ours: TFDS's}), `folder`. It may have `data_dir` instead of TFDS's own; `feed`,
    a folder with original files for TFDS's downloads; `max_bytes`, above which nothing is decoded. With `stream` files
    are listed and, unless it is None, mean and deviation written of what this validation split leaves for training.
    """
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    name, splits, folder = request["name"], request["splits"], Path(request.get("folder", ""))
    try:
        builder = tfds.builder(name, data_dir=request.get("data_dir"), try_gcs=False)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        found, cure = f"tensorflow-datasets has no data set {name!r}.{did_you_mean(name, known)}", "Type data.name=NAME"
        raise wrong("name", found, f"one of {counted(len(known), 'name')} in tensorflow.org/datasets/catalog", cure) from None
    if not builder.data_path.exists():
        if "feed" in request:
            _feed(tfds, builder, Path(request["feed"]))
        else:
            _check_network(builder)
        step("preparing", 0, 0)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    facts = _describe(builder, splits)
    if "stream" in request:
        for path in sorted(Path(builder.data_path).iterdir()):
            if path.suffix not in (".json", ".txt"):
                step(f"checking {path.name}", 0, 0)
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                facts["files"][path.name] = [path.stat().st_size, path.stat().st_mtime_ns, digest]
        if request["stream"] is not None:
            count = split_at(facts["sizes"]["train"], request["stream"])
            scaling = Scaling.standardizing(x for x, _ in _batches(builder, splits["train"], count))
            np.save(folder / "mean.npy", np.asarray(scaling.offset))
            np.save(folder / "deviation.npy", np.asarray(scaling.divisor))
            facts["arrays"] = ["mean", "deviation"]
    elif facts["bytes"] <= request.get("max_bytes", facts["bytes"]):
        for split, theirs in splits.items():
            count, done, stem = facts["sizes"][split], 0, str(folder / split)
            all_x = open_memmap(f"{stem}_x.npy", "w+", facts["dtype"], (count, *facts["input_shape"]))
            all_y = open_memmap(f"{stem}_y.npy", "w+", facts["label_dtype"], (count,))
            for x, y in _batches(builder, theirs, count):
                all_x[done : done + len(y)], all_y[done : done + len(y)] = x, y
                done += len(y)
                step(f"decoding {split}", done, count)
            facts["arrays"] += [f"{split}_x", f"{split}_y"]
    return facts


def _check_network(builder: Any) -> None:
    """TFDS would try for 3 min 25 s; one short probe of each server tells as much."""
    servers = {urlsplit(url).netloc: url for url in builder.url_infos}
    for server, url in list(servers.items())[:3]:
        if reason := unreachable(url):
            found = f"{builder.name!r} is not on this machine, and {server} does not answer ({reason})."
            cure = f"Type: stackfit data fetch {builder.name}  where there is a network"
            raise wrong("name", found, f"an answer, or a prepared {builder.data_path}", cure)


def _feed(tfds: Any, builder: Any, folder: Path) -> None:
    """Put the original files, each with the `.INFO` that marks it complete, where TFDS downloads to."""
    resource, target = tfds.core.download.resource, builder.data_dir_root / "downloads" / builder.name
    target.mkdir(parents=True, exist_ok=True)
    for url, info in builder.url_infos.items():
        path, name = target / resource.get_dl_fname(url, info.checksum), info.filename
        path.write_bytes(with_upstream_header((folder / name).read_bytes(), name))
        resource.write_info_file(url, path, builder.name, name, info)


def _describe(builder: Any, splits: dict[str, str]) -> dict[str, Any]:
    known, keys = builder.info.features, builder.info.supervised_keys or ()
    features = [known[key] for key in keys if isinstance(key, str)]
    if len(features) != 2 or None in features[0].shape or not np.issubdtype(features[0].np_dtype, np.number):
        expected = "a pair (supervised_keys) of an example of one fixed shape and its label"
        raise wrong("name", f"{builder.name!r} has {known}.", expected, "Set data.name to another, or use data=images")
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
        "files": {},
    }


def _batches(builder: Any, split: str, count: int) -> Any:
    """The first `count` examples as NumPy batches `(x, y)`, in the order of TFDS's unshuffled files."""
    examples = builder.as_dataset(split=split, as_supervised=True, shuffle_files=False)
    return examples.take(count).batch(CHUNK).as_numpy_iterator()


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
