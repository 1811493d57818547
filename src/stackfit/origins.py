"""Where a config value comes from: file and line of every key, from YAML node marks (OmegaConf keeps none)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from stackfit.errors import ConfigError
from stackfit.places import shown

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times as fast
MAX_DEPTH = 50


@dataclass(frozen=True)
class Origin:
    """One place that sets a key. `value` is the scalar as written, or None for a mapping or list."""

    file: Path
    line: int
    value: str | None

    def __str__(self) -> str:
        return f"{shown(self.file)}:{self.line}"


@dataclass(frozen=True)
class ConfigFile:
    """One YAML file of a defaults chain, and the config package its content goes to ("" for the top)."""

    path: Path
    package: str
    node: yaml.MappingNode | None

    def items(self) -> Iterator[tuple[str, Origin]]:
        """Every key of the file as `(dotted key, origin)`, without its defaults list."""
        if self.node is not None:
            for key, origin in _walk(self.node, self.package, self.path):
                if key != "defaults" and not key.startswith("defaults."):
                    yield key, origin

    def entries(self, key: str) -> list[str]:
        """`file:line` of every entry of the list under a top key; keys inside lists have no origin of their own."""
        lists = [value for name, value in (self.node.value if self.node else ()) if name.value == key]
        return [f"{shown(self.path)}:{entry.start_mark.line + 1}" for one in lists for entry in one.value]


def read_config_file(path: Path, package: str = "") -> ConfigFile:
    """Parse one YAML file without building its values: nothing is constructed.

    Raises:
        ConfigError: the file cannot be read, is not YAML, holds an alias or more than `MAX_DEPTH` levels, or is not a
            mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _check_events(text, path)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise yaml_problem(error, path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"This file cannot be read: {error}. Expected YAML in UTF-8. Correct or remove it.", where=shown(path)
        ) from None
    if node is not None and not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            "This file holds no mapping. Expected `key: value` lines. See: stackfit new --help",
            where=f"{shown(path)}:1",
        )
    return ConfigFile(path, package, node)


def _check_events(text: str, path: Path) -> None:
    """Refuse aliases, which can stand for 9^30 values, and nesting on which the C parser overflows its stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
            found = f"The alias *{event.anchor}" if depth <= MAX_DEPTH else f"A value {depth} levels deep"
            raise ConfigError(
                f"{found} is not allowed here. Expected plain values, at most {MAX_DEPTH} levels deep. Write the value "
                "itself, or refer to a key: ${epochs}",
                where=f"{shown(path)}:{event.start_mark.line + 1}",
            )


def yaml_problem(error: yaml.YAMLError, path: Path | None = None) -> ConfigError:
    """The error of a YAML parser or constructor, with file and line."""
    mark = getattr(error, "problem_mark", None)
    path = path or (Path(mark.name) if mark else None)
    return ConfigError(
        f"This is not YAML: {getattr(error, 'problem', None) or error}. Expected `key: value` lines with even "
        "indentation. Correct the line.",
        where=f"{shown(path)}:{mark.line + 1}" if path and mark else str(path or "") or None,
    )


def _walk(node: yaml.MappingNode, prefix: str, path: Path) -> Iterator[tuple[str, Origin]]:
    for key_node, value_node in node.value:
        key = f"{prefix}.{key_node.value}" if prefix else str(key_node.value)
        scalar = value_node.value if isinstance(value_node, yaml.ScalarNode) else None
        yield key, Origin(path, key_node.start_mark.line + 1, scalar)
        if isinstance(value_node, yaml.MappingNode):
            yield from _walk(value_node, key, path)


class Origins:
    """For every key the places that set it, in the order in which Hydra merges them; the last one wins."""

    def __init__(self, chain: list[ConfigFile], overrides: tuple[str, ...]):
        self.overrides = overrides
        self._places: dict[str, list[Origin]] = {}
        for file in chain:
            for key, origin in file.items():
                self._places.setdefault(key, []).append(origin)

    def chain(self, key: str) -> list[str]:
        """Every place that set `key` itself, first to last, as `file:line` or the override as typed."""
        typed = [override for override in self.overrides if override_key(override) == key]
        return [*map(str, self._places.get(key, [])), *typed]

    def locate(self, key: str) -> str | None:
        """The place that decided `key`: the last override or line that sets it, else the nearest key above it."""
        parts = key.split(".")
        for length in range(len(parts), 0, -1):
            places = self.chain(".".join(parts[:length]))
            if places:
                return places[-1]
        return None

    def add_place(self, error: ConfigError) -> ConfigError:
        """Fill in the error's `where` from its key."""
        if error.where is None and error.key:
            error.where = self.locate(error.key)
        return error


def override_key(override: str) -> str:
    """`model.layers.hidden.units` of `model.layers.hidden.units=3`, `+…=3`, `++…=3` or `~…`; a group's `/` is a dot."""
    return override.lstrip("+~").partition("=")[0].strip().replace("/", ".")
