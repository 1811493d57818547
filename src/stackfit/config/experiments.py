"""The named experiments: their files, and the `about` and `expect` of each. Reads YAML, composes nothing."""

from __future__ import annotations

import filecmp
import fnmatch
import glob
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from stackfit.config import project
from stackfit.config.origins import read_config_file
from stackfit.config.project import SUFFIXES
from stackfit.errors import ConfigError, did_you_mean
from stackfit.files import shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]*")
_BELOW = re.compile(rf"{NAME.pattern}(/{NAME.pattern})*")  # `cnn/deep` is experiments/cnn/deep.yaml
ROOT = ("config", "stackfit_schema")  # what experiments start from
MAX_BYTES = 1_000_000  # of a file that is given by its path; parsing takes a second
LONGEST_NAME = 100  # characters of a name that was made from a path


@dataclass(frozen=True)
class Record:
    """An experiment's file as it is written, before composition."""

    name: str
    path: Path
    own: bool  # the user's own, not shipped
    about: dict[str, Any] = field(default_factory=dict)
    expect: list[Any] = field(default_factory=list)
    clash: bool = False  # whether a file of the user's own has its name


@dataclass(frozen=True)
class Located:
    """An experiment that a command names: by its name, or by the path of its file."""

    name: str  # that of its folder in ./outputs
    path: Path
    by_path: bool = False


def find_experiments() -> dict[str, Path]:
    """Every experiment's name and file: shipped ones first, then the user's own `./experiments`; see `find_clashes`."""
    files = _shipped()
    for name, path in _own_files():
        if name not in ROOT:
            files.setdefault(name, path)
    return files


def find_clashes() -> dict[str, ConfigError]:
    """By name, an error for each file of the user's own that has a name of stackfit's; the shipped experiment is used."""
    taken = dict.fromkeys(ROOT, project.shipped("conf") / "config.yaml") | _shipped()
    clashes = {}
    for name, path in _own_files():
        other = taken.setdefault(folder_name(name), path)
        # The same file in both places is a source checkout next to an installed stackfit, not a conflict.
        if other != path and not _is_same(other, path):
            clashes[name] = _clash(path, other)
    return clashes


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(project.shipped("experiments").glob("*.yaml"))}


def _own_files() -> list[tuple[str, Path]]:
    own = project.own("experiments")
    return project.named_files(own) if own else []


def folder_name(name: str) -> str:
    """What the runs of an experiment stand under in `./outputs`: `cnn--deep` for `cnn/deep`."""
    return name.replace("/", "--")


def _is_same(path: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError:
        return False


def _clash(path: Path, taken: Path) -> ConfigError:
    own = project.own("experiments")
    owner = "that of an experiment of yours" if own and taken.is_relative_to(own) else "stackfit's own"
    return ConfigError(
        f"The name {path.stem!r} is {owner}, {shown(taken)}. Expected another name: otherwise inheritance and "
        f"`stackfit check` would change their meaning. Rename the file, for example to my_{path.name}",
        where=shown(path),
    )


def find_experiment(word: str) -> Located:
    """The experiment with this name, or at this path, which ends in `.yaml` or `.yml`.

    Raises:
        ConfigError: there is no such experiment; the message names the nearest. Or its file has a name of stackfit's.
    """
    if not word.endswith(SUFFIXES):
        return Located(folder_name(word), find_named(word))
    if not os.path.isfile(word):  # not a folder, a pipe or a device
        raise _no_file(word)
    if (size := os.path.getsize(word)) > MAX_BYTES:
        raise ConfigError(f"{word} has {size:,} bytes. Expected at most {MAX_BYTES:,}. Shorten it.")
    path = Path(os.path.abspath(word))
    name = name_of(path)
    taken = by_folder_name().get(name) or (project.shipped("conf") / "config.yaml" if name in ROOT else None)
    if taken and not path.samefile(taken):
        raise _clash(path, taken)
    return Located(name, path, by_path=True)


def _no_file(word: str) -> ConfigError:
    found, cure = "is not a file" if os.path.lexists(word) else "does not exist", ""
    if glob.has_magic(word):
        found = "is a pattern, which only `stackfit check` takes" if glob.glob(word) else "matches no file"
    name = word.removesuffix(".yaml").removesuffix(".yml").removeprefix("./").removeprefix("experiments/")
    if folder_name(name) in by_folder_name():
        cure = f" Write its name: {name}"
    return ConfigError(f"{word} {found}. Expected an experiment's file, or a name.{cure or ' Try: stackfit list'}")


def by_folder_name() -> dict[str, Path]:
    """`find_experiments` under the names of their folders in `./outputs`."""
    return {folder_name(name): path for name, path in find_experiments().items()}


def find_named(name: str) -> Path:
    """The file of the experiment with this name; `cnn--deep`, as its folder is called, stands for `cnn/deep`.

    Raises:
        ConfigError: see `find_experiment`.
    """
    files = find_experiments()
    if glob.has_magic(name):
        found = "is a pattern, which only `stackfit check` takes" if fnmatch.filter(files, name) else "matches no experiment"
        raise ConfigError(f"{name} {found}. Expected an experiment's name, or its file. Try: stackfit list")
    if not _BELOW.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not an experiment's name. Expected letters, digits, '_' and '-', or a path that ends in .yaml. "
            "Try: stackfit list"
        )
    path = files.get(name) or by_folder_name().get(folder_name(name))
    clashes = {name_: error for name_, error in find_clashes().items() if folder_name(name_) == folder_name(name)}
    if clashes:
        raise next(iter(clashes.values()))
    if path is None:
        raise ConfigError(
            f"No experiment {name!r}.{did_you_mean(name, files)} Expected one of {len(files)} names, or a file "
            f"experiments/{name}.yaml of your own. Try: stackfit list"
        )
    return path


def name_of(path: Path) -> str:
    """What an experiment at an absolute path is called: `hand-ins--s01--net` for `hand-ins/s01/net.yaml` in the project.

    Of a path outside the project, every folder from the root. Where letters had to be replaced, or the name would not be
    clear or would be long, a checksum of the path follows.
    """
    root = Path.cwd()
    above = path.parent.relative_to(root).parts if path.is_relative_to(root) else path.parent.parts[1:]
    parts = [*above, path.stem]
    name = "--".join(re.sub(r"[^\w-]", "_", part, flags=re.ASCII).strip("-") for part in parts)
    if name == "--".join(parts) and name.count("--") == len(above) and len(name) <= LONGEST_NAME:
        return name
    return f"{name[-LONGEST_NAME:].lstrip('-')}-{hashlib.sha256(os.fsencode('/'.join(parts))).hexdigest()[:8]}"


def expand(words: Iterable[str]) -> list[str]:
    """The names and paths that words stand for: `hand-ins/*.yaml` and `gsp631_*` are patterns, unless there is such a file.

    A pattern that matches nothing stays as it is: whoever looks for it says so.
    """
    found: list[str] = []
    for word in words:
        matches: list[str] = []
        if glob.has_magic(word) and not os.path.lexists(word):
            is_name = not word.endswith(SUFFIXES) and bool(fnmatch.filter(find_experiments(), word))
            matches = fnmatch.filter(find_experiments(), word) if is_name else sorted(glob.glob(word, recursive=True))
        found += matches or [word]
    return found


def read_record(name: str, path: Path) -> Record:
    """Read one experiment's `about` and `expect` from its own file."""
    file = read_config_file(path)
    entries = file.node.value if file.node else []
    head = {key.value: value for key, value in entries}
    loader = yaml.SafeLoader("")

    def build(key: str, empty: Any) -> Any:
        try:
            value = loader.construct_document(head[key]) if key in head else empty
        except yaml.YAMLError:
            return empty
        return value if isinstance(value, type(empty)) else empty

    return Record(
        name,
        path,
        not path.resolve().is_relative_to(project.shipped("experiments").resolve()),
        build("about", {}),
        build("expect", []),
    )


def list_experiments(pattern: str | None = None, broken: list[ConfigError] | None = None) -> list[Record]:
    """The records whose name or question contains `pattern`, or whose name matches it as a glob; all without a pattern.

    Raises:
        ConfigError: a file cannot be read. With `broken`, the error is added there and the other files are listed, and
            so is that of a file with a name of stackfit's.
    """
    records = []
    clashes = find_clashes()
    if broken is not None:
        broken += clashes.values()
    for name, path in find_experiments().items():
        try:
            records.append(replace(read_record(name, path), clash=name in clashes))
        except ConfigError as error:
            if broken is None:
                raise
            broken.append(error)
    if pattern is None:
        return records
    wanted = pattern.lower()
    return [
        record
        for record in records
        if wanted in record.name.lower()
        or fnmatch.fnmatch(record.name.lower(), wanted)
        or wanted in str(record.about.get("question", "")).lower()
    ]
