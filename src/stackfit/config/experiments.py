"""The named experiments: their files, and the `about` and `expect` of each. Reads YAML, composes nothing."""

from __future__ import annotations

import filecmp
import fnmatch
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stackfit.config import project
from stackfit.config.origins import read_config_file
from stackfit.errors import ConfigError, did_you_mean
from stackfit.files import shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]*")


@dataclass(frozen=True)
class Record:
    """An experiment's file as it is written, before composition."""

    name: str
    path: Path
    own: bool  # the user's own, not shipped
    about: dict[str, Any] = field(default_factory=dict)
    expect: list[Any] = field(default_factory=list)


def find_experiments() -> dict[str, Path]:
    """Every experiment's name and file: shipped ones first, then the user's own `./experiments`.

    Raises:
        ConfigError: a user's experiment has the name of the root, or of a shipped experiment with other content.
    """
    files = {path.stem: path for path in sorted(project.shipped("experiments").glob("*.yaml"))}
    root = dict.fromkeys(("config", "stackfit_schema"), project.shipped("conf") / "config.yaml")
    own = project.own("experiments")
    own_files = sorted(own.glob("*.yaml")) if own else []
    for path in own_files:
        shipped = (root | files).get(path.stem)
        # The same file in both places is a source checkout next to an installed stackfit, not a conflict.
        if shipped and not filecmp.cmp(shipped, path, shallow=False):
            raise ConfigError(
                f"The name {path.stem!r} belongs to stackfit, {shipped}. Expected a name of your own: "
                f"otherwise inheritance and `stackfit check` would change their meaning. "
                f"Rename the file, for example to my_{path.name}",
                where=shown(path),
            )
        files.setdefault(path.stem, path)
    return files


def find_experiment(name: str) -> Path:
    """The file of one experiment.

    Raises:
        ConfigError: there is no such experiment; the message names the nearest.
    """
    files = find_experiments()
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not an experiment's name. Expected letters, digits, '_' and '-'. Try: stackfit list"
        )
    if name not in files:
        raise ConfigError(
            f"No experiment {name!r}.{did_you_mean(name, files)} Expected one of {len(files)} names, or a file "
            f"experiments/{name}.yaml of your own. Try: stackfit list"
        )
    return files[name]


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
        path.parent.resolve() != project.shipped("experiments").resolve(),
        build("about", {}),
        build("expect", []),
    )


def list_experiments(pattern: str | None = None, broken: list[ConfigError] | None = None) -> list[Record]:
    """The records whose name or question contains `pattern`, or whose name matches it as a glob; all without a pattern.

    Raises:
        ConfigError: a file cannot be read. With `broken`, the error is added there and the other files are listed.
    """
    records = []
    for name, path in find_experiments().items():
        try:
            records.append(read_record(name, path))
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
