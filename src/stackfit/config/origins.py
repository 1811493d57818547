"""Where a config value comes from: file and line of every key, from YAML node marks (OmegaConf keeps none)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from stackfit.config.loader import Loader as _Loader
from stackfit.config.project import shipped
from stackfit.config.yaml_faults import find_missing_blanks, undecodable, yaml_problem
from stackfit.errors import ConfigError
from stackfit.files import shown

MAX_DEPTH = 50
MAX_DIGITS = 4_000  # Python reads numbers of up to 4,300
GROUPS = ("data", "model", "optimizer", "task", "callbacks")
_HEAD = re.compile(r"(about|expect)(\.|$)")


@dataclass(frozen=True)
class Origin:
    """One line of a file that sets a key."""

    file: ConfigFile
    line: int
    node: yaml.Node

    def __str__(self) -> str:
        return f"{shown(self.file.path)}:{self.line}"

    @property
    def value(self) -> Any:
        """The value written there, in plain containers; text that YAML cannot build stays text."""
        try:
            return yaml.SafeLoader("").construct_document(self.node)
        except yaml.YAMLError:
            return self.node.value


@dataclass(frozen=True)
class Typed:
    """One override of the command line that sets a key, or with `~` removes it."""

    override: str
    value: Any

    def __str__(self) -> str:
        return self.override


@dataclass(frozen=True)
class ConfigFile:
    """One YAML file of a defaults chain, and the config package its content goes to ("" for the top)."""

    path: Path
    package: str
    node: yaml.MappingNode | None

    def items(self) -> Iterator[tuple[str, Origin]]:
        """Every key of the file as `(dotted key, origin)`, without its defaults list."""
        if self.node is not None:
            for key, origin in _walk(self.node, self.package, self):
                if key != "defaults" and not key.startswith("defaults."):
                    yield key, origin

    def choices(self) -> list[tuple[yaml.Node, yaml.Node]]:
        """The entries `group: option` of the file's defaults list."""
        return [entry.value[0] for entry in self._list("defaults") if isinstance(entry, yaml.MappingNode)]

    def entries(self, key: str) -> list[str]:
        """`file:line` of every entry of the list under a top key; keys inside lists have no origin."""
        return [f"{shown(self.path)}:{entry.start_mark.line + 1}" for entry in self._list(key)]

    def _list(self, key: str) -> list[yaml.Node]:
        top = self.node.value if self.node else []
        lists = [node.value for name, node in top if name.value == key and isinstance(node, yaml.SequenceNode)]
        return [entry for entries in lists for entry in entries]


def read_config_file(path: Path, package: str = "") -> ConfigFile:
    """Parse one YAML file without building its values: nothing is constructed.

    Raises:
        ConfigError: the file cannot be read, is not YAML, holds an alias or more than `MAX_DEPTH` levels, or is not a
            mapping.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        check_events(text, path)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise yaml_problem(error, path, text) from None
    except UnicodeDecodeError as error:
        raise undecodable(error, path) from None
    except OSError as error:
        raise ConfigError(
            f"This file cannot be read: {error.strerror}. Expected YAML in UTF-8. Correct or remove it.", where=shown(path)
        ) from None
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            "This file is not a mapping. Expected `key: value` lines. See: stackfit new --help",
            where=f"{shown(path)}:1",
        )
    if node is not None:
        _check_keys(node, path)
        for line, message in find_missing_blanks(node):
            raise ConfigError(message, where=f"{shown(path)}:{line + 1}")
    return ConfigFile(path, package, node)


def check_events(text: str, path: Path) -> None:
    """Refuse aliases, which can stand for 9^30 values; nesting that overflows the C parser's stack; tags, which name
    Python's types; and numbers that Python does not read.

    Raises:
        ConfigError: one of these was found; with its line.
        yaml.YAMLError: the text is not YAML.
    """
    try:
        _check_events(yaml.parse(text, Loader=_Loader), path)
    except yaml.YAMLError:
        # libyaml reads up to 1,024 characters ahead and may reach a limit of its own there (nesting, in PyYAML 6.0.4).
        # The pure Python parser gives every event before that place, so our message comes first.
        with contextlib.suppress(yaml.YAMLError):
            _check_events(yaml.parse(text, Loader=yaml.SafeLoader), path)
        raise


def _check_events(events: Iterable[yaml.Event], path: Path) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        found = None
        if isinstance(event, yaml.AliasEvent):
            found = f"The alias *{event.anchor}"
        elif depth > MAX_DEPTH:
            found = f"A value {depth} levels deep"
        elif tag := getattr(event, "tag", None):
            found = f"The tag {tag.replace('tag:yaml.org,2002:', '!!')}"
        elif isinstance(event, yaml.ScalarEvent) and event.implicit[0] and len(event.value) > MAX_DIGITS:
            found = f"A word of {len(event.value)} characters without quotes" if " " not in event.value else None
        if found:
            raise ConfigError(
                f"{found} is not allowed here. Expected plain values, at most {MAX_DEPTH} levels deep. Write the value "
                "itself, or refer to a key: ${epochs}",
                where=f"{shown(path)}:{event.start_mark.line + 1}",
            )


def _check_keys(node: yaml.Node, path: Path) -> None:
    parts = node.value if isinstance(node, yaml.CollectionNode) else ()
    lines: dict[str, int] = {}
    for part in parts:
        key, value = part if isinstance(part, tuple) else (None, part)
        message = None
        if key is not None and not isinstance(key, yaml.ScalarNode):
            message = "A key of several parts is not allowed here. Expected a name. Write: key: value"
        elif key is not None and (kind := key.tag.rpartition(":")[2]) in ("null", "bool"):
            message = f"YAML reads the key {key.value!r} as {kind}. Expected a name. Write it in quotes."
        elif key is not None and key.value in lines:
            message = (
                f"The key {key.value!r} is here for the second time; the first is in line {lines[key.value]}. Expected each key "
                "once. Remove one of them, or rename it."
            )
        if message:
            raise ConfigError(message, where=f"{shown(path)}:{key.start_mark.line + 1}")
        if key is not None:
            lines[key.value] = key.start_mark.line + 1
        _check_keys(value, path)


def _walk(node: yaml.MappingNode, prefix: str, file: ConfigFile) -> Iterator[tuple[str, Origin]]:
    for key_node, value_node in node.value:
        key = f"{prefix}.{key_node.value}" if prefix else str(key_node.value)
        yield key, Origin(file, key_node.start_mark.line + 1, value_node)
        if isinstance(value_node, yaml.MappingNode):
            yield from _walk(value_node, key, file)


class Origins:
    """For every key, the places that set it, in the order in which Hydra merges them; the last one wins.

    Args:
        chain: the files, in that order.
        overrides: as typed; they come after all files.
        parse: gives an override's value; without it, the keys inside a typed mapping have no place.
        own: the experiment's file, the only one whose `about` and `expect` count: they are not inherited. None: all count.
    """

    def __init__(
        self,
        chain: list[ConfigFile],
        overrides: tuple[str, ...],
        parse: Callable[[str], Any] | None = None,
        own: Path | None = None,
    ):
        self.overrides, self._files, self._parse, self._own = overrides, chain, parse, own

    @cached_property
    def settings(self) -> list[tuple[str, Origin | Typed]]:
        """Every `(key, place)`, first to last."""
        settings: list[tuple[str, Origin | Typed]] = []
        for file in self._files:
            foreign = self._own not in (None, file.path)
            settings += [(key, origin) for key, origin in file.items() if not (foreign and _HEAD.match(key))]
        for override in self.overrides:
            settings += _typed(override_key(override), override, self._value(override))
        return settings

    def history(self, key: str) -> list[Origin | Typed]:
        """Every place that set `key`, or that replaced a mapping above it, first to last."""
        above = {key[:at] for at in range(len(key)) if key[at] == "."}
        return [
            place
            for name, place in self.settings
            if name == key or (name in above and not isinstance(place.value, Mapping))
        ]

    def chain(self, key: str) -> list[str]:
        """`history` as `file:line` or the override as typed."""
        return [str(place) for place in self.history(key)]

    def locate(self, key: str) -> str | None:
        """The place that decided `key`: the last override or line that sets it, or else the nearest key above it."""
        parts = key.split(".")
        for length in range(len(parts), 0, -1):
            if places := self.history(".".join(parts[:length])):
                return str(places[-1])
        return None

    def latest(self, keys: Sequence[str]) -> tuple[str, str | None]:
        """Which of several keys was set last, and where; if one file or override sets several of them, the first of these.

        A shipped group's file counts as the choice that brought it in: `task=binary`, or the line of a defaults list.
        """
        ranked = [(*self._rank(place), -number, key) for number, key in enumerate(keys) for place in self.history(key)]
        if not ranked:
            return keys[0], self.locate(keys[0])
        _, place, _, key = max(ranked, key=lambda row: (row[0], row[2]))
        return key, place

    def _rank(self, place: Origin | Typed) -> tuple[int, str]:
        files, file = list(self._files), getattr(place, "file", None)
        if file is None:
            return len(files) + self.overrides.index(str(place)), str(place)
        if file.package and file.path.is_relative_to(shipped("conf")):
            for number, typed in enumerate(self.overrides):
                if override_key(typed) == file.package and file.path.stem in typed.partition("=")[2]:
                    return len(files) + number, typed
            for number, other in enumerate(files):
                choices = other.choices() if other.path.stem != "config" else []
                for name, option in choices:
                    if name.value.split()[-1].strip("/") == file.package and option.value == file.path.stem:
                        return number, f"{shown(other.path)}:{name.start_mark.line + 1}"
        return next((number for number, other in enumerate(files) if other is file), 0), str(place)

    def add_place(self, error: ConfigError) -> ConfigError:
        """Fill in the error's `where` from its key, or from the key of `among` that was set last."""
        if error.where is None and error.among:
            error.key, error.where = self.latest(error.among)
        if error.where is None and error.key:
            error.where = self.locate(error.key)
        return error

    def _value(self, override: str) -> Any:
        text = override.partition("=")[2].strip()
        if override.startswith("~"):
            return {} if override_key(override) in GROUPS else None
        if is_choice(override):
            return {}  # it chooses a file; that file's lines set the values
        if self._parse:
            return self._parse(override)
        return {} if text.startswith("{") else text


def _typed(key: str, override: str, value: Any) -> Iterator[tuple[str, Typed]]:
    yield key, Typed(override, value)
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _typed(f"{key}.{name}", override, item)


def is_choice(override: str) -> bool:
    """Whether an override chooses a group's option (`optimizer=sgd`), and does not set a value."""
    name, _, text = override.lstrip("+~").partition("=")
    return ("/" in name or name.strip() in GROUPS) and not text.lstrip().startswith("{")


def override_key(override: str) -> str:
    """`model.layers.hidden.units` of `model.layers.hidden.units=3`, `+…=3`, `++…=3` or `~…`; a group's `/` is a dot."""
    return override.lstrip("+~").partition("=")[0].strip().replace("/", ".")
