"""A table's file before it is parsed: what it is, its encoding, its separator, its header."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import lzma
import re
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from stackfit.config.schema import Data
from stackfit.data.settings import check_size, wrong
from stackfit.errors import DataError, counted
from stackfit.files import shown

SEPARATORS = ",;\t"
PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
"""By their first bytes, whatever the file is called."""
OTHERS = {
    b"\xd0\xcf\x11\xe0": ("a workbook", "Save it as CSV in the program that made it"),
    b"%PDF": ("a PDF", "Export the table as CSV"),
    b"PAR1": ("a Parquet file", "Write it with pandas.read_parquet(path).to_csv(path, index=False)"),
    b"\x89HDF": ("an HDF5 file", "Write the table with DataFrame.to_csv(path, index=False)"),
    b"<!DO": ("a web page", "Download the file itself, not the page that shows it"),
    b"<htm": ("a web page", "Download the file itself, not the page that shows it"),
    b"\x89PNG": ("a picture", "Choose a table"),
    b"\xff\xd8\xff": ("a picture", "Choose a table"),
    b"SQLite": ("a database", "Export the table as CSV"),
    b"ARROW": ("a Feather file", "Write it with pandas.read_feather(path).to_csv(path, index=False)"),
    b"[{": ("a JSON file", "Write it with pandas.read_json(path).to_csv(path, index=False)"),
    b'{"': ("a JSON file", "Write it with pandas.read_json(path).to_csv(path, index=False)"),
    b"\x93NUM": ("a NumPy array", "Save it with numpy.savez(path, x=x, y=y) and type data=npz"),
}
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
BLOCK = 1 << 20  # bytes
_EXCEL = re.compile(r'(?i:"?sep=(.)"?)[\r\n]*')  # its first line, maybe: the separator of the others


@dataclass(frozen=True)
class Source:
    """A file of rows of text, with the way to read it."""

    path: Path
    encoding: str
    separator: str
    first: tuple[str, ...]  # the cells of its first line that is not blank, as written
    blank: int  # blank lines before that, and Excel's line sep=;

    def open(self) -> IO[Any]:
        """The unpacked bytes."""
        return _open(self.path)

    def records(self) -> Iterator[list[str]]:
        """Every line as its cells, quotes respected; a blank line is an empty list. Slow: to find faults with."""
        with io.TextIOWrapper(self.open(), encoding=self.encoding, errors="replace", newline="") as file:
            if self.encoding == "utf-8":
                file = itertools.chain([next(file, "").removeprefix("\ufeff")], file)  # type: ignore[assignment]
            yield from csv.reader(file, delimiter=self.separator)


def open_source(path: Path, settings: Data, key: str) -> Source:
    """What the file is.

    Raises:
        DataError: not a text with a table in it, or larger, unpacked, than `max_memory_bytes`.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start[:4] == b"PK\x03\x04":
        start = _check_archive(path, key)
    for mark, (what, cure) in OTHERS.items():
        if start.lower().startswith(mark.lower()):
            raise wrong(key, f"{shown(path)} is {what}.", "a CSV file", cure)
    check_size(settings, str(path), _size(path))
    with _open(path) as unpacked:
        start = unpacked.read(BLOCK)
    encoding = settings.encoding or _marked(start)
    if not settings.encoding and encoding != "utf-8":
        found = f"{shown(path)} is {encoding.upper()} text."
        raise wrong(key, found, "UTF-8, or to be told the encoding" if key == "path" else "UTF-8", f"Type data.encoding={encoding}" if key == "path" else as_utf8(path, encoding))
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start).removeprefix("\ufeff")
    except (LookupError, UnicodeError) as error:
        if not settings.encoding:
            raise not_utf8(path, key) from None
        found = f"data.encoding is {encoding!r}, but {shown(path)} is not written so: {error}."
        cure = "Type data.encoding=utf-8, or cp1252" if key else "Save the file in this encoding, as the training data"
        raise wrong(key and "encoding", found, "the encoding of the file" if key else encoding, cure) from None
    if not text.strip():
        raise wrong(key, f"{shown(path)} is empty.", "a header line and rows", "Correct the file")
    lines = io.StringIO(text, newline="")
    blank = 0
    said: set[str] = set()
    while not (line := lines.readline()).strip() or (not said and _EXCEL.fullmatch(line)):
        blank += 1
        said |= {*_EXCEL.findall(line)}
        if not line:
            raise wrong(key, f"{shown(path)} has no line below sep=.", "a header line and rows", "Correct the file")
    rest = line + lines.read()
    separator = {"tab": "\t", "\\t": "\t"}.get(settings.separator or "", settings.separator)
    separator = separator or "".join(said) or max(
        f"{SEPARATORS}|", key=lambda one: (_cells(rest, one) > 1, one != "|", _cells(rest, one))
    )
    if len(separator) != 1 or separator in '"\r\n':
        raise wrong(
            "separator", f"data.separator is {separator!r}.", "one character", "Type 'data.separator=\";\"', or tab"
        )
    return Source(
        path, encoding, separator, tuple(next(csv.reader(io.StringIO(rest, newline=""), delimiter=separator))), blank
    )


def is_utf8(path: Path) -> bool:
    """Whether a file has letters beyond ASCII, all written as UTF-8."""
    with _open(path) as file:
        start = file.read(BLOCK)
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(start).isascii()
    except UnicodeError:
        return False


def _cells(text: str, separator: str) -> int:
    """How many cells the first line has with this separator."""
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=separator)))
    except (csv.Error, StopIteration):
        return 0


def _open(path: Path) -> IO[Any]:
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PK\x03\x04"):
        archive = zipfile.ZipFile(path)
        return archive.open(_members(archive)[0])
    packed = next((opener for mark, opener in PACKED.items() if start.startswith(mark)), open)
    return packed(path, "rb")  # type: ignore[no-any-return, operator]


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    return [name for name in names if not name.startswith("__MACOSX/")]


def _check_archive(path: Path, key: str) -> bytes:
    """The first bytes of the only file in a ZIP archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = _members(archive)
            is_workbook = any(name.startswith(("xl/", "Index/")) or name == "content.xml" for name in names)
            is_npz = any(name.endswith(".npy") for name in names)
            if len(names) == 1 and not is_workbook and not is_npz:
                with archive.open(names[0]) as member:
                    return member.read(8)
    except zipfile.BadZipFile as error:
        raise wrong(key, f"{shown(path)} is a damaged ZIP archive: {error}.", "a CSV file", "Replace it") from None
    what, cure = f"a ZIP archive of {counted(len(names), 'file')}", "Unpack it, and type the path of one of them"
    if is_workbook:
        what, cure = "a workbook (Excel, LibreOffice or Numbers)", "Save the sheet as CSV in the program that made it"
    elif is_npz:
        what, cure = "an NPZ file of arrays", f"Type data=npz data.path={shown(path)}" if key else "Call it .npz"
    raise wrong(key, f"{shown(path)} is {what}.", "a CSV file", cure)


def _size(path: Path) -> int:
    """How many bytes the unpacked file has."""
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            return archive.getinfo(_members(archive)[0]).file_size
    if not start.startswith(tuple(PACKED)):
        return path.stat().st_size
    size = 0
    try:
        with _open(path) as file:
            while block := file.read(BLOCK):
                size += len(block)
    except (OSError, EOFError, lzma.LZMAError) as error:
        found = f"{shown(path)} cannot be unpacked: {error}."
        raise DataError(f"{found} Expected a whole file. Replace it.", key="data.path") from None
    return size


def _marked(start: bytes) -> str:
    """The encoding that the first bytes of a file say: `utf-8` where they say nothing."""
    if start[:1000].count(0) > len(start[:1000]) // 4 and not start.startswith(tuple(MARKS)):
        return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), "utf-8")


def not_utf8(path: Path, key: str) -> DataError:
    """The error for a file with bytes that are not UTF-8: where the first are, and what they may be."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    word = ""
    with _open(path) as file:
        while block := file.read(BLOCK):
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                near = error.object[max(error.start - 20, 0) : error.end + 20].decode("cp1252", "replace")
                word = next(part for part in re.split(r"[\s,;|\"]+", near) if not part.isascii())
                break
    found = f"{shown(path)} is not UTF-8 in line {line}. As cp1252 (Windows) it says {word!r} there."
    cure = "type data.encoding=cp1252" if key == "path" else as_utf8(path, "cp1252")
    return wrong(key, found, "UTF-8, or to be told the encoding" if key == "path" else "UTF-8", f"If the word is right, {cure}")


def as_utf8(path: Path, encoding: str) -> str:
    """How to convert a file for which no setting says the encoding."""
    return f"convert the file: iconv -f {encoding} -t utf-8 {shlex.quote(shown(path))} > utf8.csv"
