"""Fashion-MNIST in the order of tensorflow-datasets or of keras.datasets: the same pictures either way.

TFDS shuffles when it writes; the lab (GSP631) reads that order and never shuffles, the codelab reads Keras's.
Wherever the four original files come from, one counts only when its unzipped content has the known SHA-256.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config import project
from stackfit.config.schema import Data
from stackfit.data.arrays import Stored, absent, build_arrays, read_arrays
from stackfit.data.dataset import Progress, StreamedDataset
from stackfit.data.kinds import Kind
from stackfit.data.kinds.tfds import check_resident, open_stream, run_tfds, tfds_files, tfds_folder, tfds_script
from stackfit.data.settings import check_size
from stackfit.errors import DataError
from stackfit.files import shown, write_file

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

PROBE_SECONDS, STALL_SECONDS, HANG_SECONDS = 4.0, 8.0, 60.0
UPSTREAM = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"

TRAIN, TEST = 1504176606, 1504176627
IDX_FILES = {
    "train-images-idx3-ubyte.gz": (TRAIN, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte.gz": (TRAIN, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte.gz": (TEST, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte.gz": (TEST, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}
"""Each original file: the time in upstream's gzip header, SHA-256 of the unzipped content."""


def downloads() -> Path:
    """Where fetched files are kept, and where a user may put them."""
    return project.cache() / "downloads" / "fashion-mnist"


def find_idx_files(progress: Progress) -> Path:
    """The folder of the four verified files, from the first source that has them; else DataError with all reasons."""
    reasons = []
    for name, source in SOURCES.items():
        try:
            downloads().mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=downloads().parent) as private:
                folder = source(Path(private), progress)
                for file in IDX_FILES:
                    unzip(folder / file)
                if not folder.is_relative_to(private):
                    return folder
                for file in IDX_FILES:
                    (folder / file).replace(downloads() / file)
                return downloads()
        except Exception as reason:  # whatever a source meets, the next one is asked
            reasons.append(f"\n    {name}: {reason}")
    raise DataError(
        f"Fashion-MNIST is not on this machine and could not be fetched:{''.join(reasons)}\n  It is needed once; "
        f"no network is needed afterwards. Type: apt-get install {DEBIAN_PACKAGE}, or run: stackfit data fetch "
        f"fashion_mnist  where there is a network, or put {', '.join(IDX_FILES)} into {downloads()}"
    )


def supply_keras(progress: Progress) -> Path:
    """Put the original files where `keras.datasets.fashion_mnist.load_data()` looks: it then needs no network either.

    Raises:
        DataError: the original files are not available. OSError: the folder cannot be written.
    """
    folder = Path(os.environ.get("KERAS_HOME") or project.in_home("~/.keras", "KERAS_HOME")) / "datasets" / "fashion-mnist"
    missing = [name for name in IDX_FILES if not (folder / name).exists()]
    source = find_idx_files(progress) if missing else folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        whole = with_upstream_header((source / name).read_bytes(), name)
        write_file(folder / name, lambda path, whole=whole: path.write_bytes(whole))
    return folder


def unzip(path: Path) -> bytes:
    """The content of one file, checked."""
    content = gzip.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != IDX_FILES[path.name][1]:
        raise OSError(f"{shown(path)} does not have the SHA-256 of the original")
    return content


def with_upstream_header(packed: bytes, name: str) -> bytes:
    """The gzip file as upstream serves it: Debian's package keeps the deflate stream, but not name and time.

    Flag 8: a name follows; 3: Unix (RFC 1952, section 2.3).
    """
    start = packed.index(b"\0", 10) + 1 if packed[3] & 8 else 10
    header = b"\x1f\x8b\x08\x08" + struct.pack("<IBB", IDX_FILES[name][0], packed[8], 3)
    return header + name.removesuffix(".gz").encode() + b"\0" + packed[start:]


def upstream(folder: Path, progress: Progress) -> Path:
    """Upstream's own server; each read waits at most STALL_SECONDS."""
    if reason := unreachable(UPSTREAM):
        raise OSError(reason)
    progress.say("Fetching Fashion-MNIST (31 MB, once).")
    for name in IDX_FILES:
        opener = urllib.request.build_opener()
        with open(folder / name, "wb") as out, opener.open(f"{UPSTREAM}/{name}", None, STALL_SECONDS) as answer:
            total, done = int(answer.headers.get("Content-Length") or 0), 0
            while chunk := answer.read(1 << 18):
                done += out.write(chunk)
                progress.step(name, done, total)
    return folder


def unreachable(url: str, seconds: float = PROBE_SECONDS) -> str | None:
    """Why `url` does not answer within `seconds`, or None when it does; any HTTP answer counts."""
    reasons: list[str | None] = [f"no answer within {seconds:g} s"]

    def ask() -> None:
        try:
            urllib.request.build_opener().open(url, None, seconds).close()  # with the proxies of now
            reasons.append(None)
        except urllib.request.HTTPError as answer:
            answer.close()
            reasons.append(None)
        except Exception as error:
            reasons.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=ask, daemon=True)  # because a name look-up has no time-out
    thread.start()
    thread.join(seconds)
    return reasons[-1]


def apt_download(folder: Path, progress: Progress) -> Path:
    """The Debian package by `apt-get download`, which does not need root when it has its own package lists."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise OSError("apt-get is not on this machine")
    (folder / "lists" / "partial").mkdir(parents=True)
    options = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}"]
    progress.say(f"Fetching Fashion-MNIST as Debian's package {DEBIAN_PACKAGE} (31 MB, once).")
    for command, expected_bytes in (["update"], 9_400_000), (["download", DEBIAN_PACKAGE], 40_300_000):
        # The first command finds out whether there is an archive, the second one waits longer.
        patience, tries = (PROBE_SECONDS, 0) if command == ["update"] else (STALL_SECONDS, 1)
        times = [f"Acquire::Retries={tries}", *(f"Acquire::{kind}::Timeout={patience:.0f}" for kind in ("http", "https"))]
        apt = ["apt-get", "-q", *(word for option in (*options, *times) for word in ("-o", option))]
        size, grown, quiet = 0, time.monotonic(), subprocess.DEVNULL
        with subprocess.Popen([*apt, *command], cwd=folder, stdout=quiet, stderr=quiet) as process:
            # No limit for the whole command: it would fail on slow networks. apt's time-outs end it where there is none, one
            # after another for each list; so the first byte has a limit. The other one is for a hang, and long enough for a
            # busy machine to read the package lists.
            while process.poll() is None and time.monotonic() - grown < (HANG_SECONDS if size else 2 * PROBE_SECONDS):
                time.sleep(0.1)
                with contextlib.suppress(FileNotFoundError):  # apt renames while it works
                    if (now := sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())) != size:
                        size, grown = now, time.monotonic()
                        progress.step(f"apt-get {command[0]}", min(size, expected_bytes), expected_bytes)
            process.kill()
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder], capture_output=True, check=False)
        return folder / DEBIAN_FOLDER.relative_to("/")
    raise OSError(f"the archive does not answer, or has no package {DEBIAN_PACKAGE}")


# Each returns a folder with the four files, in the private one that it gets or elsewhere, or raises OSError.
SOURCES: dict[str, Callable[[Path, Progress], Path]] = {
    "download folder": lambda private, progress: downloads(),
    f"Debian package {DEBIAN_PACKAGE}": lambda private, progress: DEBIAN_FOLDER,
    "upstream by HTTP": upstream,
    "apt-get download": apt_download,
}


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


KIND = Kind(read, script, lambda settings: tfds_files("fashion_mnist"), fetched=fetched, reads=("order",))
