"""The settings of `hydra/launcher`: which launcher has which, of what type, and those of the project's own conf."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from hydra_plugins.stackfit_launcher import OPTIONS
from stackfit.config import project
from stackfit.config.loader import Loader
from stackfit.config.origins import read_config_file
from stackfit.errors import ConfigError, Problems, did_you_mean
from stackfit.files import shown

GROUP, PREFIX = "hydra/launcher", "hydra.launcher."
SETTINGS = tuple(f"{GROUP}/{name}.yaml" for name in OPTIONS)  # files of the project's conf


class Launchers(ConfigSource):
    """What the project's `conf/hydra/launcher/NAME.yaml` sets of a launcher; the source's path is that `conf`."""

    @staticmethod
    def scheme() -> str:
        return "launchers"

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        return self._name(config_path) in OPTIONS and self._file(config_path).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def load_config(self, config_path: str) -> ConfigResult:
        path = self._file(config_path)
        return ConfigResult(self.provider, str(path), OmegaConf.create(read_settings(path)), {"package": None})

    def _name(self, config_path: str) -> str:
        return config_path.removeprefix(f"{GROUP}/").removesuffix(".yaml")

    def _file(self, config_path: str) -> Path:
        return Path(self.path) / GROUP / f"{self._name(config_path)}.yaml"


SourcesRegistry.instance().register(Launchers)


def check_conf() -> None:
    """Refuse names in ./conf that are stackfit's own.

    Raises:
        ConfigError: see above.
    """
    own = project.own("conf")
    if own is None:
        return
    for path in [*sorted(own.glob("hydra/**/*.y*ml")), own / "stackfit_schema.yaml"]:
        name = path.relative_to(own).as_posix()
        if path.exists() and name not in SETTINGS:
            raise ConfigError(
                f"{name!r} in ./conf is a name that stackfit uses itself. Expected only groups there: data, model, "
                f"optimizer, task, callbacks; and settings of launchers: {', '.join(SETTINGS)}. Rename or remove it.",
                where=shown(path),
            )


def read_settings(path: Path) -> dict[str, typing.Any]:
    """What a launcher's file sets.

    Raises:
        ConfigError: the file is not YAML, or sets what the launcher does not have, or a value of another type.
    """
    file = read_config_file(path, PREFIX.rstrip("."))
    content = yaml.load(path.read_text(encoding="utf-8"), Loader) or {}
    problems = Problems()
    for key, _ in file.node.value if file.node else ():
        name = key.value
        if found := fault_of(name, content.get(name), OPTIONS, path.stem, f"{name}: "):
            problems.errors.append(ConfigError(found, where=f"{shown(path)}:{key.start_mark.line + 1}", kind="name"))
    problems.raise_errors()
    return dict(content)


def check_launcher(parsed: Sequence[Override], problems: Problems) -> list[Override]:
    """The overrides without settings that the chosen launcher does not have, or of another type.

    Args:
        problems: takes an error for each of those, with the override as typed in `where`.
    """
    chosen = next((str(each.value()) for each in reversed(parsed) if each.key_or_group == GROUP), "fused")
    right = []
    for each in parsed:
        name, _, inside = each.key_or_group.removeprefix(PREFIX).partition(".")
        found = None
        if each.key_or_group.startswith(PREFIX):
            value = {inside: each.value()} if inside else each.value()
            found = fault_of(name, value, OPTIONS, chosen, f"{PREFIX}{name}=")
        if found:
            problems.errors.append(ConfigError(found, where=each.input_line, kind="name"))
        else:
            right.append(each)
    return right


def forced(line: str) -> str:
    """An override as Hydra takes it: of a launcher's `options`, any key may be set, which Hydra calls adding."""
    return f"++{line}" if line.startswith(PREFIX) else line


def hints_of(option: str, options: Mapping[str, type] = OPTIONS) -> dict[str, typing.Any]:
    """The settings of a launcher, or of another option of `options`, each with its type."""
    hints = typing.get_type_hints(options[option]) if option in options else {}
    hints.pop("_target_", None)
    return hints


def fault_of(name: str, value: typing.Any, options: Mapping[str, type], chosen: str, form: str, kind: str = "launcher") -> str | None:
    """What is wrong with a setting of the chosen launcher or sweeper, if anything.

    Args:
        options: all of their kind.
        form: how the setting is written, up to its value.
    """
    hints = hints_of(chosen, options)
    if name not in hints:
        others = [each for each, config in options.items() if name in config.__dataclass_fields__]
        near = did_you_mean(name, hints)
        cure = "Correct the name" if near else "Leave it out"
        if others and form.endswith("="):
            cure = f"Write: hydra/{kind}={others[0]} with it"
        return f"The {kind} {chosen} has no setting {name!r}.{near} Expected {', '.join(hints) or 'none'}. {cure}."
    if not _fits(value, hints[name]):
        key = form.rstrip("=: ")
        return f"{key} is {value!r}. Expected {words_of(hints[name])}. Write for example: {form}{EXAMPLES[_kinds(hints[name])[0]]}"
    return None


def _kinds(hint: typing.Any) -> tuple[type, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(part) or part for part in parts)


def _fits(value: typing.Any, hint: typing.Any) -> bool:
    kinds = _kinds(hint)
    if isinstance(value, bool):
        return False
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        return False
    if isinstance(value, dict) and any(isinstance(item, (dict, list)) for item in value.values()):
        return False
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int)) or (str in kinds and isinstance(value, (int, float)))


WORDS = {int: "a whole number", float: "a number", str: "a text", list: "a list of texts", dict: "a mapping of words and numbers",
         types.NoneType: "null"}  # fmt: skip
EXAMPLES = {int: "2", float: "2", str: "main", list: "[]", dict: "{}"}


def words_of(hint: typing.Any) -> str:
    """What a setting of this type takes."""
    return " or ".join(WORDS[kind] for kind in _kinds(hint))
