"""Hydra's view of the YAML files: each is read once, checked, and passed on without its faults.

So the rest is composed even after a wrong key or option, and all problems are found at once.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.default_element import ConfigDefault
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig, OmegaConf

from stackfit.config import project
from stackfit.config.experiments import by_folder_name, find_experiments, folder_name, name_of
from stackfit.config.file_rules import OPTION, find_faults
from stackfit.config.hydra.launcher_keys import Launchers
from stackfit.config.origins import ConfigFile, read_config_file
from stackfit.config.override_text import override_text
from stackfit.config.project import foreign_root
from stackfit.config.schema import hint_of
from stackfit.config.trust import check_resolvers
from stackfit.config.yaml_faults import yaml_problem
from stackfit.errors import ConfigError, ConfigErrors, did_you_mean, nearest
from stackfit.files import shown


class Experiments(ConfigSource):
    """The experiments by their names, and the one that a command gives by its path; nothing else of their folders.

    Its path, after `experiments://`, is that file's, or empty.
    """

    def __init__(self, provider: str, path: str):
        super().__init__(provider=provider, path=path)
        given = {name_of(Path(self.path)): Path(self.path)} if self.path else {}
        self.files = by_folder_name() | given

    @staticmethod
    def scheme() -> str:
        return "experiments"

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        return config_path.removesuffix(".yaml") in self.files

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def load_config(self, config_path: str) -> ConfigResult:
        path = self.files[config_path.removesuffix(".yaml")]
        with path.open(encoding="utf-8") as file:  # Hydra's own reader takes no .yml
            return ConfigResult(self.provider, str(path), OmegaConf.load(file), {"package": None})


SourcesRegistry.instance().register(Experiments)


class CheckedRepository(CachingConfigRepository):
    """Caches parsed files (6 ms each). `faults`: for each file, the errors of what was left out of it."""

    def __init__(self, delegate: Any):
        super().__init__(delegate)
        self.faults: dict[Path, list[ConfigError]] = {}
        self._files: dict[Path, ConfigFile] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        """The content of a file that is passed to Hydra.

        Raises:
            ConfigError: the file cannot be used at all.
        """
        is_ours = not config_path.startswith("hydra/")  # else it is checked where it is read
        if is_ours and f"config_path={config_path}" not in self.cache and (path := self.file(config_path)):
            self._load_checked(config_path, path)
        result = copy.deepcopy(super().load_config(config_path))  # Hydra merges into what it is given
        if result and result.provider == Launchers.scheme():
            result.config = OmegaConf.merge(self.get_schema_source().load_config(config_path).config, result.config)
            result.is_schema_source = True  # Hydra would merge them as well, with a warning
        return result

    def file(self, config_path: str) -> Path | None:
        """The YAML file of a config, or None if Hydra does not load it from a file."""
        name = config_path.removesuffix(".yaml")
        for source in self.get_sources():
            if isinstance(source, Experiments) and name in source.files:
                return source.files[name]
            if source.scheme() == "file" and (path := Path(source.path) / f"{name}.yaml").is_file():
                return path
        return None

    def read(self, path: Path, package: str) -> ConfigFile:
        """The parsed file, read once; `package` is the key that its content is placed under, "" for the top.

        Raises:
            ConfigError: see `read_config_file`.
        """
        if path not in self._files:
            self._files[path] = read_config_file(path, package)
        return self._files[path]

    def _load_checked(self, config_path: str, path: Path) -> None:
        group = config_path.rpartition("/")[0]
        file = self.read(path, group.replace("/", "."))
        faults = list(find_faults(file))
        errors = [fault.error for fault in faults]
        if any(fault.path is None for fault in faults):
            raise ConfigErrors(errors) if len(errors) > 1 else errors[0]
        try:
            result = super().load_config(config_path)
        except yaml.YAMLError as error:
            problem = yaml_problem(error, path, path.read_text(encoding="utf-8"))
            raise ConfigErrors([*errors, problem]) if errors else problem from None
        entries = {fault.path[1] for fault in faults if fault.path and fault.path[0] == "defaults"}
        for fault in faults:
            if fault.path and fault.path[0] != "defaults":
                _leave_out(result.config, fault.path)
        _keep_words(result.config, file, group.replace("/", "."))
        if errors and check_resolvers(OmegaConf.to_yaml(result.config)):
            raise ConfigErrors(errors)
        for number, error in self._wrong_entries(file, group):
            if number not in entries:
                entries.add(number)
                errors.append(error)
        result.defaults_list = [item for number, item in enumerate(result.defaults_list) if number not in entries]
        for item in result.defaults_list if not group else ():
            if isinstance(item, ConfigDefault) and item.path:  # Hydra would look for `cnn/deep` in a group `cnn`
                item.path = folder_name(item.path)
        self.faults[path] = errors

    def _wrong_entries(self, file: ConfigFile, group: str) -> Iterator[tuple[int, ConfigError]]:
        """The entries of a defaults list that name no option.

        Raises:
            ConfigError: a parent that does not exist.
        """
        for number, entry in enumerate(defaults_of(file)):
            where = f"{shown(file.path)}:{entry.start_mark.line + 1}"
            if isinstance(entry, yaml.ScalarNode):
                known = self.get_group_options(group) if group else ["config", *find_experiments()]
                if entry.value not in ("_self_", "stackfit_schema") and not self._is_base(entry.value, group):
                    raise _no_base(entry.value, sorted(known), group, where)
                continue
            name, options = entry.value[0]
            chosen = name.value.split()[-1]
            if group and not chosen.startswith("/"):
                continue
            chosen_options = options.value if isinstance(options, yaml.SequenceNode) else [options]
            for option in chosen_options:
                if not option.tag.endswith(":null") and (error := self.wrong_option(chosen.strip("/"), option.value)):
                    error.where = f"{shown(file.path)}:{option.start_mark.line + 1}"
                    yield number, error

    def _is_base(self, name: str, group: str) -> bool:
        if group:
            return name in self.get_group_options(group)
        return name == "config" or folder_name(name) in by_folder_name()

    def get_group_options(self, group_name: str, results_filter: ObjectType | None = ObjectType.CONFIG) -> list[str]:
        """The options of a group, without `.yml` files: Hydra lists them, with a warning, but cannot read them."""
        with warnings.catch_warnings(action="ignore"):
            names = super().get_group_options(group_name, results_filter)
        return [name for name in names if self.config_exists(f"{group_name}/{name}")]

    def wrong_option(self, group: str, option: Any) -> ConfigError | None:
        """The error for an option that its group does not have; None if it has it."""
        options = sorted(self.get_group_options(group))
        if not options or (isinstance(option, str) and option in options):
            return None
        if isinstance(option, str) and "/" in option and OPTION.fullmatch(option) and self.config_exists(f"{group}/{option}"):
            return None
        unused = Path("conf") / group / f"{option}.yaml"
        why = f" {unused} is not used: conf/config.yaml is another Hydra program's." if foreign_root() and unused.is_file() else ""
        cure = f"Write: {group}={nearest(str(option), options) or options[0]}"
        if group == "data" and (kind := str(option).rpartition(".")[2].lower()) in options and kind != option:
            cure = f"Write: data={kind} {override_text('data.path', option)}"
        own = project.own("conf")
        if own and isinstance(option, str) and OPTION.fullmatch(option) and (own / group / f"{option}.yml").is_file():
            cure = f"Rename conf/{group}/{option}.yml to {option}.yaml."
        return ConfigError(
            f"{'null' if option is None else repr(option)} is not an option of the group {group!r}.{why or did_you_mean(str(option), options)} "
            f"Expected one of: {', '.join(options)}. {cure}",
            key=f"callbacks.{option}" if group == "callbacks" else group,
            kind="name",
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> CheckedRepository:
        return self


def _no_base(name: str, known: list[str], group: str, where: str) -> ConfigError:
    bare = name.removesuffix(".yaml").removesuffix(".yml").removeprefix("./").removeprefix("experiments/")
    near = bare if bare in known else nearest(bare, known)
    among = f"a file of conf/{group}: {', '.join(known)}" if group else f"config or one of {len(known) - 1} experiments"
    cure = f"Write: {near}" if near else "Try: stackfit list"
    return ConfigError(
        f"No config {name!r} to inherit from.{f' Did you mean {near!r}?' if near else ''} Expected {among}. {cure}", where=where
    )


def defaults_of(file: ConfigFile) -> list[yaml.Node]:
    """The entries of a file's defaults list."""
    top = file.node.value if file.node else []
    lists = [value for key, value in top if key.value == "defaults"]
    return lists[0].value if lists and isinstance(lists[0], yaml.SequenceNode) else []


def _leave_out(config: Any, path: tuple[str, ...]) -> None:
    """Remove a key, which is found by its text: YAML may have read `1` or `yes` as another type."""
    for part in path[:-1]:
        config = config._get_node(_key(config, part))
    config._content.pop(_key(config, path[-1]), None)


def _key(config: Any, text: str) -> Any:
    return next((key for key in config if str(key).lower() == text.lower()), text)


def _keep_words(config: Any, file: ConfigFile, package: str) -> None:
    """Put words as they are written where a text is meant: YAML 1.1 reads `no` as false and `010` as 8."""
    for key, origin in file.items():
        words = _words(key, origin.node)
        if words is None:
            continue
        *above, last = key.removeprefix(f"{package}." if package else "").split(".")
        node = config
        for part in above:
            node = node._get_node(_key(node, part)) if isinstance(node, DictConfig) else None
        if isinstance(node, DictConfig):
            node[_key(node, last)] = words


def _words(key: str, node: yaml.Node) -> Any:
    """A value whose type is text with every word as written; None if YAML reads them so itself."""
    hint = hint_of(key) or ""
    if isinstance(node, yaml.ScalarNode):
        return node.value if hint.startswith("str") and not node.tag.endswith((":str", ":null")) else None
    if isinstance(node, yaml.SequenceNode) and hint.startswith("list[str]"):
        items = [item.value for item in node.value if isinstance(item, yaml.ScalarNode) and (item.value or item.style)]
        return items if len(items) == len(node.value) else None
    return None
