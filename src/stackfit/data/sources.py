"""Where the four original files of Fashion-MNIST can come from, in the order in which they are tried.

Whatever the place, a file counts only when its unzipped content has the SHA-256 of the original.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stackfit import places
from stackfit.data.progress import Progress
from stackfit.errors import DataError

PROBE_SECONDS = 4.0
STALL_SECONDS = 8.0
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"


class IdxFile(NamedTuple):
    """An original file: name without `.gz`, time in the gzip header, SHA-256 of the unzipped content."""

    name: str
    modified: int
    sha256: str


_TRAIN, _TEST = 1504176606, 1504176627
IDX_FILES = (
    IdxFile(
        "train-images-idx3-ubyte", _TRAIN, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    IdxFile(
        "train-labels-idx1-ubyte", _TRAIN, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    IdxFile(
        "t10k-images-idx3-ubyte", _TEST, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    IdxFile(
        "t10k-labels-idx1-ubyte", _TEST, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
)


class Unavailable(Exception):
    """A source has not got the files; the text says why."""


Source = Callable[[Path, Progress], Path]
"""Takes the download folder, returns a folder with the four `.gz` files, or raises Unavailable."""


def find_idx_files(sources: Mapping[str, Source], progress: Progress) -> Path:
    """The folder of the four verified `.gz` files, from the first source that has them.

    Raises:
        DataError: no source has them; names each source and its reason, and what to do.
    """
    downloads, reasons = places.cache() / "downloads" / "fashion-mnist", []
    for name, source in sources.items():
        try:
            folder = source(downloads, progress)
            for file in IDX_FILES:
                unzip(folder, file)
            return folder
        except (Unavailable, OSError) as reason:
            reasons.append(f"\n    {name}: {reason}")
    raise DataError(
        f"Fashion-MNIST is not on this machine and could not be fetched:{''.join(reasons)}\n  It is needed "
        f"once; afterwards no network is. Type: apt-get install {DEBIAN_PACKAGE}, or run: stackfit data "
        "fetch fashion_mnist  where there is a network, or put the four files "
        f"{', '.join(file.name + '.gz' for file in IDX_FILES)} into {downloads}"
    )


def unzip(folder: Path, file: IdxFile) -> bytes:
    """The content of one file, checked.

    Raises:
        Unavailable: it is missing, not gzip, cut short, or has other content than the original.
    """
    path = folder / f"{file.name}.gz"
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise Unavailable(f"{places.shown(path)} is missing") from None
    except (OSError, EOFError, zlib.error) as error:
        raise Unavailable(f"{places.shown(path)} is damaged ({error})") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Unavailable(f"{places.shown(path)} is damaged: not the SHA-256 of the original")
    return content


def with_upstream_header(packed: bytes, file: IdxFile) -> bytes:
    """The gzip file as upstream serves it: Debian's package keeps the deflate stream, but not name and time.

    Flag 8 means that a name follows; 3 is Unix (RFC 1952, section 2.3).
    """
    start = packed.index(b"\0", 10) + 1 if packed[3] & 8 else 10
    header = b"\x1f\x8b\x08\x08" + struct.pack("<IBB", file.modified, packed[8], 3)
    return header + file.name.encode() + b"\0" + packed[start:]


def own_downloads(downloads: Path, progress: Progress) -> Path:
    """Files that stackfit fetched earlier, or that a user put there."""
    return downloads


def debian_package(downloads: Path, progress: Progress) -> Path:
    """What `apt-get install dataset-fashion-mnist` puts on the machine."""
    return DEBIAN_FOLDER


def upstream(downloads: Path, progress: Progress) -> Path:
    """Upstream's own server."""
    urls = upstream_urls()
    if reason := unreachable(urls[0]):
        raise Unavailable(reason)
    progress.say("Fetching Fashion-MNIST (31 MB, once).")
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix=".http-") as private:
        for url in urls:
            _download(url, Path(private) / url.rpartition("/")[2], progress)
        return _keep(Path(private), downloads)


def upstream_urls() -> list[str]:
    """The four addresses in tensorflow-datasets' checksum list, which is read without importing it."""
    package = importlib.util.find_spec("tensorflow_datasets")
    if package is None or not package.submodule_search_locations:
        raise Unavailable("tensorflow-datasets is not installed")
    listed = Path(package.submodule_search_locations[0]) / "url_checksums" / "fashion_mnist.txt"
    return [line.split("\t")[0] for line in listed.read_text(encoding="utf-8").splitlines()]


def unreachable(url: str, seconds: float = PROBE_SECONDS) -> str | None:
    """Why `url` does not answer within `seconds`, or None when it does; any HTTP answer counts.

    In a thread of its own, because a name look-up knows no time-out.
    """
    answer: list[str | None] = []

    def ask() -> None:
        try:
            _open(url, seconds, "HEAD").close()
            answer.append(None)
        except (OSError, ValueError) as error:
            answer.append(None if hasattr(error, "code") else str(getattr(error, "reason", error)))
            getattr(error, "close", lambda: None)()  # an HTTPError, which is an answer

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else f"no answer within {seconds:g} s"


def _open(url: str, seconds: float, method: str = "GET") -> Any:
    """As `urlopen`, with the proxies of now: that one remembers those of its first call."""
    import urllib.request

    return urllib.request.build_opener().open(urllib.request.Request(url, method=method), timeout=seconds)


def _download(url: str, path: Path, progress: Progress) -> None:
    """Fetch `url` to `path`; each read waits at most STALL_SECONDS."""
    with open(path, "wb") as out, _open(url, STALL_SECONDS) as answer:
        total, done = int(answer.headers.get("Content-Length") or 0), 0
        while chunk := answer.read(1 << 18):
            done += out.write(chunk)
            progress.step(path.name, done, total)


def _keep(folder: Path, downloads: Path) -> Path:
    """Check all four files, then move them: what stands in the download folder is whole."""
    for file in IDX_FILES:
        unzip(folder, file)
    for file in IDX_FILES:
        os.replace(folder / f"{file.name}.gz", downloads / f"{file.name}.gz")
    return downloads


def apt_download(downloads: Path, progress: Progress) -> Path:
    """The same package by `apt-get download`, which needs no root when it has package lists of its own."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise Unavailable("apt-get is not on this machine")
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix=".apt-") as private:
        folder = Path(private)
        (folder / "lists" / "partial").mkdir(parents=True)
        options = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}", "Acquire::Retries=0"]
        options += [f"Acquire::{scheme}::Timeout={PROBE_SECONDS:.0f}" for scheme in ("http", "https")]
        apt = ["apt-get", "-q", *(word for option in options for word in ("-o", option))]
        progress.say(f"Fetching Fashion-MNIST as Debian's package {DEBIAN_PACKAGE} (31 MB, once).")
        _watch([*apt, "update"], folder, "package lists", 9_400_000, progress)
        _watch([*apt, "download", DEBIAN_PACKAGE], folder, DEBIAN_PACKAGE, 30_900_652, progress)
        packages = list(folder.glob("*.deb"))
        if not packages:
            raise Unavailable(f"the archive does not answer, or has no package {DEBIAN_PACKAGE}")
        subprocess.run(["dpkg", "-x", packages[0], folder / "unpacked"], capture_output=True, check=False)
        return _keep(folder / "unpacked" / DEBIAN_FOLDER.relative_to("/"), downloads)


def _watch(command: list[str], folder: Path, what: str, expected_bytes: int, progress: Progress) -> None:
    """Run a command that fills `folder`; end it when the folder has not grown for STALL_SECONDS.

    A limit for the whole command would punish slow networks; standing still is what no network looks like.
    """
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    start = size = _size(folder)
    grown = time.monotonic()
    try:
        while process.poll() is None and time.monotonic() - grown < STALL_SECONDS:
            time.sleep(0.1)
            if (now := _size(folder)) != size:
                grown, size = time.monotonic(), now
                progress.step(what, max(0, min(size - start, expected_bytes)), expected_bytes)
    finally:
        process.kill()
        process.wait()


def _size(folder: Path) -> int:
    with contextlib.suppress(FileNotFoundError):  # apt renames while it works
        return sum(path.stat().st_size for path in folder.rglob("*"))
    return 0


SOURCES: dict[str, Source] = {
    "download folder": own_downloads,
    f"Debian package {DEBIAN_PACKAGE}": debian_package,
    "upstream by HTTP": upstream,
    "apt-get download": apt_download,
}
