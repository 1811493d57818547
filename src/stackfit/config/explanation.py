"""Why a key has its value: every place that set it, what chose the group's file, what an interpolation reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stackfit.config import declarations, schema
from stackfit.config.hydra.composition import Composition
from stackfit.config.near_keys import near_keys
from stackfit.config.origins import Origin, Typed, is_choice, override_key
from stackfit.errors import ConfigError
from stackfit.files import shown

_REFERENCE = re.compile(r"\$\{\s*(\.*)([\w.\-]+)\s*\}")
_AXIS = "hydra.sweeper.params."


@dataclass(frozen=True)
class Step:
    """One place of a chain. `kind`: schema, group, root, parent, experiment, override."""

    kind: str
    place: str
    value: Any  # as written there; None removes
    choice: str = ""  # of a group's file: what chose it, first to last
    removes: bool = False


@dataclass(frozen=True)
class Explanation:
    """The chain that set one key, first to last: the last step decides."""

    key: str
    value: Any  # resolved
    removed: bool
    steps: tuple[Step, ...]
    sources: tuple[Explanation, ...]  # of the keys that its ${…} reads
    axis: str = ""  # the line that varies the key in a sweep

    @property
    def place(self) -> str:
        """Where it was decided; for an interpolation also where each value that it reads was: `file:line -> key file:line`."""
        own = self.steps[-1].place if self.steps else "stackfit"
        return " -> ".join([own, *(f"{source.key} {source.place}" for source in self.sources)])


class Explainer:
    """Explains the keys of one composition."""

    def __init__(self, composition: Composition):
        self.composition, self.origins = composition, composition.origins
        self.values = dict(_leaves(OmegaConf.to_container(composition.config), ""))
        groups = {file.package.replace(".", "/") for file in composition.chain if file.package}
        self._choices = {group: f"{group}: " + ", then ".join(_choices(composition, group)) for group in groups}

    def explain(self, key: str, waiting: tuple[str, ...] = ()) -> Explanation:
        """The chain of one key.

        Args:
            waiting: the keys whose interpolations led here; a cycle ends at them.

        Raises:
            ConfigError: nothing sets such a key; the message names the nearest.
        """
        steps = (*_declared(key), *map(self._step, self.origins.history(key)))
        if not steps and key not in self.values:
            raise self._unknown(key)
        written = self.values.get(key)
        reads = [name for name in _references(written, key) if name not in waiting]
        sources = [self.explain(name, (*waiting, key)) for name in reads if self.origins.history(name)]
        axes = self.origins.history(_AXIS + key)
        removed = key not in self.values or (written is None and bool(steps) and steps[-1].removes)
        value = self._resolved(key, written) if reads else written
        return Explanation(key, value, removed, steps, tuple(sources), str(axes[-1]) if axes else "")

    def below(self, key: str) -> list[Explanation]:
        """Every value below a mapping, and what was removed there. "" is the top."""
        prefix = f"{key}." if key else ""
        kept = [name for name in self.values if name.startswith(prefix)]
        gone = dict.fromkeys(name for name, _ in self.origins.settings if name.startswith(prefix))
        for name in gone:
            above = [name[:at] for at in range(len(prefix), len(name)) if name[at] == "."]
            whole = all(self.is_mapping(part) for part in above)  # not a part of something that was removed as a whole
            if whole and not self.holds(name) and not name.startswith("hydra"):
                kept.append(name)
        return [self.explain(name) for name in kept]

    def place(self, key: str) -> str:
        """Where a value was decided; for a mapping, what chose its group, or the last place that names it."""
        if not self.is_mapping(key):
            return self.explain(key).place
        return self._choices.get(key) or self.origins.locate(key) or declarations.place_of(*_part(key))

    def holds(self, key: str) -> bool:
        """Whether the config has the key, as a value or as a mapping."""
        return key in self.values or self.is_mapping(key)

    def is_mapping(self, key: str) -> bool:
        """Whether there are values below `key`."""
        return any(name.startswith(f"{key}.") for name in self.values)

    def _resolved(self, key: str, written: Any) -> Any:
        try:
            value = OmegaConf.select(self.composition.config, key)
            return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except (OmegaConfBaseException, RecursionError) as error:
            return f"{written} cannot be resolved: {str(error).partition(chr(10))[0]}"

    def _step(self, place: Origin | Typed) -> Step:
        if isinstance(place, Typed):
            removes = place.override.startswith("~") or place.value is None
            return Step("choice" if is_choice(place.override) else "override", str(place), place.value, removes=removes)
        file, value = place.file, place.value
        if file.package:
            return Step("group", str(place), value, self._choices[file.package.replace(".", "/")], value is None)
        kind = "root" if file.path.parent.name == "conf" else "parent"
        own = file.path == self.composition.path
        return Step("experiment" if own else kind, str(place), value, removes=value is None)

    def _unknown(self, key: str) -> ConfigError:
        plain: Any = OmegaConf.to_container(self.composition.config)
        near, name = near_keys(key, plain), self.composition.experiment
        cure = f"Write: {' or '.join(near)}" if near else f"Try: stackfit show {name}"
        return ConfigError(f"There is no key {key!r} in {name}. Expected a key of the composed config. {cure}")


def _part(key: str) -> tuple[type, str]:
    part, _, name = key.rpartition(".")
    return (schema.PARTS[part], name) if part in schema.PARTS else (schema.Experiment, "")


def _declared(key: str) -> Iterator[Step]:
    kind, name = _part(key)
    if name in schema.keys_of(kind) and key not in schema.PARTS:
        default = declarations.default_of(kind, name)
        yield Step("schema", declarations.place_of(kind, name), asdict(default) if is_dataclass(default) else default)


def _choices(composition: Composition, group: str) -> Iterator[str]:
    """What chose a group's option, first to last: lines of defaults lists, then overrides."""
    for file in composition.chain:
        if file.package:
            continue
        for name, option in file.choices():
            if name.value.split()[-1].lstrip("/") == group:
                options = option.value if isinstance(option, yaml.SequenceNode) else [option]
                text = ", ".join(str(node.value) for node in options)
                yield f"{text} by {shown(file.path)}:{name.start_mark.line + 1}"
    for typed in composition.overrides:
        if is_choice(typed) and override_key(typed) == group.replace("/", "."):
            yield f"{typed.partition('=')[2]} by {typed}"


def _references(value: Any, key: str) -> list[str]:
    """The keys that a text's `${…}` read; a relative one counts its dots from the key."""
    if not isinstance(value, str):
        return []
    keys = []
    for dots, name in _REFERENCE.findall(value):
        above = key.split(".")[: -len(dots)] if dots else []
        keys.append(".".join([*above, name]))
    return list(dict.fromkeys(keys))


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
