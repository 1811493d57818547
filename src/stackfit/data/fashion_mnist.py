"""The four original files of Fashion-MNIST: where they may come from, and whether they are the originals.

Wherever they come from, one counts only when its unzipped content has the known SHA-256.
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

from stackfit.config import project
from stackfit.data.dataset import Progress
from stackfit.errors import DataError
from stackfit.files import write_file

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
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets" / "fashion-mnist"
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
        raise OSError(f"{project.shown(path)} does not have the SHA-256 of the original")
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
            # No limit for the whole command: it would fail on slow networks. apt's time-outs end it where there is none;
            # this limit is for a hang, and long enough for a busy machine to read the package lists.
            while process.poll() is None and time.monotonic() - grown < HANG_SECONDS:
                time.sleep(0.1)
                with contextlib.suppress(FileNotFoundError):  # apt renames while it works
                    if (now := sum(path.stat().st_size for path in folder.rglob("*"))) != size:
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
