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

import numpy as np

Step = Callable[[str, int, int], None]


class Refused(Exception):
    """The request cannot be met; the text is for the user, `key` names the config key."""

    def __init__(self, message: str, key: str):
        super().__init__(message)
        self.key = key


def work(request: dict[str, Any], step: Step) -> dict[str, Any]:
    """Prepare a data set if it is not, describe it, and decode it to arrays if asked and if it is small enough.

    Args:
        request: `name` and `splits` ({ours: TFDS's}); optional `feed` (a folder with the original files, put into TFDS's
            downloads first), `data_dir` (instead of TFDS's own), `decode_to` (a folder), `max_bytes` (decode only up to this size), `statistics_of_first` (how many training
            examples the statistics of a stream cover; 0 for none).
        step: told what is done, how far it is, and of how much (0: unknown).

    Returns:
        `folder, version, sizes, input_shape, dtype, label_dtype, class_names, bytes, arrays`; `arrays` is [] when
        nothing was decoded. With `statistics_of_first` also what `_describe_stream` returns.
    """
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    builder = _builder(tfds, request["name"], request.get("data_dir"))
    if not builder.data_path.exists():
        _prepare(tfds, builder, request.get("feed"), step)
    description = _describe(builder, request["splits"])
    if request.get("decode_to") and description["bytes"] <= request.get("max_bytes", float("inf")):
        description["arrays"] = _decode(tfds, builder, request, description, Path(request["decode_to"]), step)
    if "statistics_of_first" in request:
        description |= _describe_stream(tfds, builder, request, step)
    return description


def _builder(tfds: Any, name: str, data_dir: str | None) -> Any:
    from stackfit.errors import did_you_mean

    try:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        raise Refused(
            f"tensorflow-datasets has no data set {name!r}.{did_you_mean(name, known)} Expected one of its "
            f"{len(known)} names. Type data.name=NAME with a name from tensorflow.org/datasets/catalog.",
            key="data.name",
        ) from None


def _prepare(tfds: Any, builder: Any, feed: str | None, step: Step) -> None:
    """Let TFDS's own builder write the data set, from `feed` or from the network if it answers."""
    if feed:
        _feed(tfds, builder, Path(feed))
    else:
        _check_network(builder)
    step("preparing", 0, 0)
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    except Exception:
        if not builder.data_path.exists():  # else another process was faster, which is as good
            raise


def _check_network(builder: Any) -> None:
    """TFDS would try for 3 min 25 s; one short probe of each server tells as much."""
    from urllib.parse import urlsplit

    from stackfit.data.sources import unreachable

    servers = {urlsplit(url).netloc: url for url in builder.url_infos}
    for server, url in list(servers.items())[:3]:
        if reason := unreachable(url):
            raise Refused(
                f"{builder.name!r} is not on this machine, and {server} does not answer ({reason}). It is fetched once; "
                f"afterwards no network is needed. Type: stackfit data fetch {builder.name}  where there is a network, "
                f"or copy a prepared {builder.data_path} from a machine that has one.",
                key="data.name",
            )


def _feed(tfds: Any, builder: Any, folder: Path) -> None:
    """Put the original files where TFDS would have downloaded them, each with the `.INFO` file that marks it complete."""
    from stackfit.data.sources import IDX_FILES, with_upstream_header

    files = {f"{file.name}.gz": file for file in IDX_FILES}
    target = Path(os.fspath(builder.data_dir_root)) / "downloads" / builder.name
    target.mkdir(parents=True, exist_ok=True)
    for url, info in builder.url_infos.items():
        packed = with_upstream_header((folder / info.filename).read_bytes(), files[info.filename])
        path = target / tfds.core.download.resource.get_dl_fname(url, info.checksum)
        about = {
            "dataset_names": [builder.name],
            "original_fname": info.filename,
            "urls": [url],
            "url_info": {"checksum": info.checksum, "size": info.size},
        }
        for place, content in ((path, packed), (Path(f"{path}.INFO"), json.dumps(about, sort_keys=True).encode())):
            private = place.with_name(f".{place.name}.{os.getpid()}")
            private.write_bytes(content)
            os.replace(private, place)


def _describe(builder: Any, splits: dict[str, str]) -> dict[str, Any]:
    keys = builder.info.supervised_keys
    if not keys or len(keys) != 2 or not all(isinstance(key, str) for key in keys):
        raise Refused(
            f"{builder.name!r} has no pair of example and label (its supervised_keys are {keys}). Expected a data set "
            "for classification or regression. Set data.name to another.",
            key="data.name",
        )
    picture, label = (builder.info.features[key] for key in keys)
    if None in picture.shape or not np.issubdtype(picture.np_dtype, np.number):
        raise Refused(
            f"The examples of {builder.name!r} are {picture.np_dtype} of shape {tuple(picture.shape)}. Expected numbers "
            "of one fixed shape. Set data.name to another, or make a folder of equal pictures: data=images data.path=F.",
            key="data.name",
        )
    x_type = np.dtype(picture.np_dtype if picture.np_dtype == np.uint8 else np.float32)
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


def _decode(
    tfds: Any, builder: Any, request: dict[str, Any], description: dict[str, Any], folder: Path, step: Step
) -> list[str]:
    """Write `SPLIT_x.npy` and `SPLIT_y.npy` in the order in which TFDS reads an unshuffled split."""
    names = []
    for split, theirs in request["splits"].items():
        count = description["sizes"][split]
        shapes = {"x": (count, *description["input_shape"]), "y": (count,)}
        types = {"x": description["dtype"], "y": description["label_dtype"]}
        out = {
            part: np.lib.format.open_memmap(
                folder / f"{split}_{part}.npy", mode="w+", dtype=types[part], shape=shapes[part]
            )
            for part in "xy"
        }
        start = 0
        examples = builder.as_dataset(split=theirs, as_supervised=True, shuffle_files=False)
        for x, y in tfds.as_numpy(examples.batch(1000)):
            out["x"][start : start + len(y)], out["y"][start : start + len(y)] = x, y
            start += len(y)
            step(f"decoding {split}", start, count)
        for array in out.values():
            array.flush()
        names += [f"{split}_x", f"{split}_y"]
    return names


def _describe_stream(tfds: Any, builder: Any, request: dict[str, Any], step: Step) -> dict[str, Any]:
    """`files`: name → size, time and SHA-256 of each record file; `statistics`: mean and deviation, or None."""
    from stackfit.data.moments import mean_and_deviation

    files: dict[str, Any] = {}
    records = [path for path in sorted(Path(builder.data_path).iterdir()) if path.suffix not in (".json", ".txt")]
    for path in records:
        step("checking record files", len(files), len(records))
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[path.name] = [path.stat().st_size, path.stat().st_mtime_ns, digest]
    if not (count := request["statistics_of_first"]):
        return {"files": files, "statistics": None}
    examples = builder.as_dataset(split=request["splits"]["train"], as_supervised=True, shuffle_files=False)
    batches = (x for x, _ in tfds.as_numpy(examples.take(count).batch(1000)))
    return {"files": files, "statistics": [part.tolist() for part in mean_and_deviation(batches)]}


def main() -> None:
    """Answer one request from the command line; everything that TensorFlow prints goes to standard error, a log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        answer = work(json.loads(sys.argv[1]), lambda *step: tell({"step": step}))
    except Refused as refusal:
        answer = {"error": str(refusal), "key": refusal.key}
    except Exception as error:  # whatever TFDS raises: the parent makes one sentence of it
        lines = str(error).strip().splitlines() or [""]
        answer = {"error": f"{type(error).__name__}: {lines[0]}"}
    tell(answer)


if __name__ == "__main__":
    main()
