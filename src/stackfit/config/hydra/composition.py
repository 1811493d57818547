"""The bridge to Hydra: search path, defaults chain, composition. Everything Hydra-internal that we need is here.

Hydra's exceptions become ConfigErrors with file and line, or the override as typed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from stackfit.config import project, schema
from stackfit.config.claims import Claim, check_claims, read_claims
from stackfit.config.experiments import find_experiment
from stackfit.config.hydra.errors import HydraErrors
from stackfit.config.hydra.repository import CheckedRepository
from stackfit.config.origins import ConfigFile, Origins, read_config_file
from stackfit.config.trust import check_resolvers
from stackfit.errors import ConfigError, Problems, did_you_mean

ConfigStore.instance().store(name="stackfit_schema", node=schema.Experiment, provider="stackfit")

# What stackfit alone decides: Hydra makes no folder, writes no log and no .hydra.
OWN_SETTINGS = (
    "hydra.run.dir=.",
    "hydra.sweep.dir=.",
    "hydra.sweep.subdir=.",
    "hydra.output_subdir=null",
    "hydra.job.chdir=false",
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
)
MOST_BRACKETS = 500
_TYPABLE = re.compile(r"hydra/(launcher|sweeper)|hydra\.(mode|launcher\.max_members|sweeper\.(params|union)(\..*)?)")


@dataclass(frozen=True)
class Composition:
    """One composed config, unresolved, with where its values came from."""

    experiment: str
    config: DictConfig
    overrides: tuple[str, ...]
    chain: tuple[ConfigFile, ...]
    hydra: DictConfig  # Hydra's own section
    faults: tuple[ConfigError, ...] = ()  # what was found wrong in the files, and left out

    @cached_property
    def origins(self) -> Origins:
        """Where every key was set."""
        parser = OverridesParser.create()
        own = next((file.path for file in self.chain if file.path.stem == self.experiment and not file.package), None)
        return Origins(list(self.chain), self.overrides, lambda typed: parser.parse_override(typed).value(), own)

    @property
    def replaced(self) -> list[str]:
        """The groups' options, such as `model/mlp`, that come from the user's `./conf` in place of shipped ones."""
        own, shipped = project.own("conf"), project.shipped("conf")
        names = [file.path.relative_to(own) for file in self.chain if own and file.path.is_relative_to(own)]
        return [str(name.with_suffix("")) for name in names if (shipped / name).is_file()]

    @property
    def claims(self) -> list[Claim]:
        """The experiment's own `expect`."""
        return read_claims(OmegaConf.to_container(self.config.expect))  # type: ignore[arg-type]

    @property
    def declared_axes(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """`hydra.sweeper.params` and `hydra.sweeper.union`, as plain containers."""
        sweeper = OmegaConf.to_container(self.hydra.sweeper, resolve=True)
        params, union = sweeper.get("params") or {}, sweeper.get("union") or []  # type: ignore[union-attr]
        if not all(isinstance(grid, dict) for grid in (params, *(union if isinstance(union, list) else [None]))):
            raise ConfigError(
                "hydra.sweeper holds no axes. Expected mappings: params: {seed: '0,1'}, or union: [{seed: '0,1'}]. "
                "Correct them.",
                key="hydra.sweeper",
            )
        return params, union

    @property
    def max_members(self) -> int | None:
        """How many cells of a sweep the launcher puts into one graph; None: as many as fit."""
        launcher = self.hydra.launcher
        return launcher.get("max_members") if str(launcher.get("_target_")).endswith(".FusedLauncher") else 1

    @property
    def declares_sweep(self) -> bool:
        """Whether the experiment's own file, or an override, asks for a sweep (`hydra.mode: MULTIRUN`)."""
        return self.hydra.mode == RunMode.MULTIRUN


def search_path() -> ConfigSearchPathImpl:
    """Hydra's own configs, then experiments and groups: the user's before the shipped ones."""
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    folders = [project.own("experiments"), project.shipped("experiments"), project.own("conf"), project.shipped("conf")]
    for provider, folder in zip(("main", "main", "stackfit", "stackfit"), folders, strict=True):
        if folder:
            path.append(provider, f"file://{folder}")
    path.append("schema", "structured://")
    return path


class Composer:
    """Composes one experiment with any overrides; files are read, and a choice of groups composed, once."""

    def __init__(self, experiment: str):
        self.experiment = experiment
        self.path = find_experiment(experiment)
        _check_own_conf()
        Plugins.instance()
        setup_globals()
        self.loader = ConfigLoaderImpl(search_path())
        self.loader.repository = CheckedRepository(self.loader.repository)
        self._bases: dict[tuple[str, ...], Composition] = {}

    def compose(self, overrides: Iterable[str] = ()) -> Composition:
        """Hydra's composition of the experiment; equal to its own result, but a choice of groups is composed once.

        Raises:
            ConfigError: overrides or files of the chain are wrong: all that can be known.
        """
        problems = Problems()
        composition = self.try_compose(overrides, problems)
        problems.raise_errors()
        assert composition is not None
        return composition

    def try_compose(self, overrides: Iterable[str], problems: Problems) -> Composition | None:
        """As `compose`, but what is wrong goes into `problems` and is left out; None where nothing is left."""
        parsed = self.parse(overrides, problems)
        base = None
        with problems.collect():
            base = self._base(tuple(o.input_line or "" for o in parsed if self.is_group(o) or o.is_hydra_override()))
        if base is None:
            return None
        problems.errors += base.faults  # what a line itself has wrong is no consequence of another
        config = copy.deepcopy(base.config)
        good = tuple(override.input_line or "" for override in parsed)
        for override in parsed:
            if not self.is_group(override) and not override.is_hydra_override():
                with problems.collect(), HydraErrors((override.input_line or "",), self, config):
                    self._apply(override, config)
        return replace(base, config=config, overrides=good)

    def parse(self, overrides: Iterable[str], problems: Problems | None = None, axes: bool = False) -> list[Override]:
        """Parse overrides by Hydra's grammar, refusing what would reach beyond a run.

        Args:
            problems: where given, takes what is wrong, and the override is left out.
            axes: whether several values for one key are a sweep, not an error.

        Raises:
            ConfigError: the grammar or a key of `hydra` is wrong; `where` is the override as typed.
        """
        found = Problems() if problems is None else problems
        parsed = []
        for typed in overrides:
            with found.collect(), HydraErrors((typed,), self):
                override = self._parse(typed)
                if not axes:
                    self.loader.validate_sweep_overrides_legal([override], RunMode.RUN, from_shell=True)
                parsed.append(override)
        if problems is None:
            found.raise_errors()
        return parsed

    def _parse(self, typed: str) -> Override:
        try:
            if len(re.sub(r"[^\[{(]", "", typed)) > MOST_BRACKETS:  # the parser takes seconds for thousands
                raise HydraException(f"it has more than {MOST_BRACKETS} brackets")
            override = OverridesParser.create(self.loader).parse_override(typed)  # glob(…) asks for a group's options
        except (HydraException, RecursionError, ValueError) as error:
            text = str(error).partition("\nSee https")[0].partition("\n")[0]
            raise ConfigError(
                f"This is not an override: {text}. Expected key=value in Hydra's grammar. "
                "Write for example: epochs=3 or 'model.layers.hidden.units=[64,64]'",
                where=typed,
            ) from None
        if not override.key_or_group:
            raise ConfigError(
                "This is not an override: nothing stands before '='. Expected key=value. Write for example: epochs=3",
                where=typed,
            )
        check_override(override, typed)
        if not override.is_sweep_override() and not override.is_delete() and self.is_group(override):
            chosen = override.value()
            for option in chosen if isinstance(chosen, list) else [chosen]:
                if error := self.loader.repository.wrong_option(override.key_or_group, option):
                    error.where = typed
                    raise error
        return override

    def _apply(self, override: Override, config: DictConfig) -> None:
        """Apply one value, and take a key out again that the schema does not have: `+key=value` goes round it."""
        ConfigLoaderImpl._apply_overrides_to_config([override], config)
        for parent, kind in schema.PARTS.items():
            node = OmegaConf.select(config, parent) if parent else config
            for name in [name for name in node if name not in schema.keys_of(kind)] if node else ():
                node._content.pop(name)
                raise ConfigError(
                    f"There is no key {name!r}{f' in {parent}' if parent else ''}."
                    f"{did_you_mean(str(name), schema.keys_of(kind))} Expected one of: {', '.join(schema.keys_of(kind))}. "
                    "Correct the name.",
                    key=f"{parent}.{name}" if parent else str(name),
                    where=override.input_line,
                )

    def is_group(self, override: Override) -> bool:
        """Whether Hydra takes the override as a choice of group (`optimizer=sgd`), not as a value."""
        if not self.loader.repository.group_exists(override.key_or_group):
            return False
        return override.is_sweep_override() or not isinstance(override.value(), dict)

    def _base(self, groups: tuple[str, ...]) -> Composition:
        if groups not in self._bases:
            settings = [*groups, *OWN_SETTINGS]
            problems = Problems()
            try:
                chain = tuple(self._read_chain(settings))
                with HydraErrors(groups, self, chain=chain):
                    config = self.loader.load_configuration(
                        self.experiment, settings, RunMode.RUN, validate_sweep_overrides=False
                    )
            except ConfigError:
                for found in self.loader.repository.faults.values():
                    problems.add(found)
                with problems.collect():
                    raise
                problems.raise_errors()
            hydra = config._content.pop("hydra")
            if not {*schema.keys_of(schema.Experiment)} <= {*config}:
                raise ConfigError(
                    "This experiment does not start from `config` or another experiment, so it has no data, model or task. "
                    "Expected a defaults list. Write: defaults: [config, _self_]",
                    where=project.shown(self.path),
                )
            self._keep_own_head(config)
            faults = [fault for file in chain for fault in self.loader.repository.faults.get(file.path, ())]
            faults += self._check_claims(config, chain, hydra, groups)
            self._bases[groups] = Composition(self.experiment, config, (), chain, hydra, tuple(faults))
        return self._bases[groups]

    def _keep_own_head(self, config: DictConfig) -> None:
        """`about` and `expect` stand in each file itself: drop what came from a parent."""
        own = self.loader.repository.load_config(self.experiment).config
        config.about = OmegaConf.merge(OmegaConf.structured(schema.About), own.get("about") or {})
        config.expect = own.get("expect") or []

    def _check_claims(
        self, config: DictConfig, chain: tuple[ConfigFile, ...], hydra: DictConfig, groups: tuple[str, ...]
    ) -> Iterator[ConfigError]:
        """What is wrong in the experiment's own `expect`; another task or other data may have other metrics."""
        own = next(file for file in chain if file.path.stem == self.experiment and not file.package)
        plain = OmegaConf.to_container(config)
        names = [] if any(word in group for word in ("task", "data") for group in groups) else ["loss"]
        names += [name for name, metric in plain["task"]["metrics"].items() if metric and names]
        splits = ("", "val_", "test_") if plain["data"]["validation_split"] else ("", "test_")
        metrics = [split + name for split in splits for name in names]
        sweeper = [hydra.sweeper.get("params") or {}, *(hydra.sweeper.get("union") or [])]
        axes = [key for grid in sweeper if isinstance(grid, DictConfig) for key in grid]
        yield from check_claims(plain["expect"], own.entries("expect"), metrics, axes)

    def _read_chain(self, overrides: list[str]) -> Iterator[ConfigFile]:
        """The YAML files that Hydra will merge, in its order, without merging them; Hydra's own are left out."""
        with HydraErrors(tuple(overrides), self):
            found = self.loader.compute_defaults_list(self.experiment, overrides, RunMode.RUN)
        for default in found.defaults:
            if file := self.loader.repository.file(default.config_path or ""):
                yield read_config_file(file, default.package or "")


def launch(experiment: str, overrides: Iterable[str], task: Any) -> Any:
    """Let Hydra make the sweeper and launcher that the config names, and run `task` through them."""
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    app = Hydra.create_main_hydra2("stackfit", search_path())
    try:
        return app.multirun(experiment, task, [*overrides, *OWN_SETTINGS], with_log_configuration=False)
    finally:
        GlobalHydra.instance().clear()


def job_overrides() -> tuple[str, ...]:
    """The overrides of the job that Hydra is running in this process."""
    return tuple(HydraConfig.get().overrides.task)


def hydra_shows(experiment: str, overrides: list[str], flags: dict[str, str]) -> None:
    """What Hydra's own `--cfg`, `--info` and `--hydra-help` print, for an experiment."""
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra

    Composer(experiment).compose(overrides)  # our checks come before Hydra's
    GlobalHydra.instance().clear()
    app = Hydra.create_main_hydra2("stackfit", search_path())
    settings = [*overrides, *OWN_SETTINGS]
    try:
        if "--cfg" in flags:
            app.show_cfg(experiment, settings, flags["--cfg"], flags.get("--package"), "--resolve" in flags)
        elif "--info" in flags:
            app.show_info(flags["--info"], config_name=experiment, overrides=settings)
        else:
            app.hydra_help(experiment, get_args_parser(), get_args_parser().parse_args(["--hydra-help"]))
    finally:
        GlobalHydra.instance().clear()


def check_override(override: Override, typed: str) -> None:
    """Refuse what only stackfit may set, and resolvers that read the machine.

    Raises:
        ConfigError: see above.
    """
    if override.is_hydra_override() and not _TYPABLE.fullmatch(override.key_or_group):
        raise ConfigError(
            f"{override.key_or_group!r} is set by stackfit alone. Expected of `hydra` only its launcher, its sweeper "
            "and its mode. Remove it; folders are described in outputs/README.md.",
            where=typed,
        )
    if override.key_or_group == "hydra/sweeper" and override.value() != "cells":
        raise ConfigError(
            f"The sweeper {override.value()!r} knows nothing of finished cells. Expected 'cells', which takes the same "
            "axes. Leave hydra/sweeper out.",
            where=typed,
        )
    if override.package is not None and not override.is_hydra_override():
        raise ConfigError(
            f"The package @{override.package} is not allowed. Expected GROUP=OPTION. Remove @{override.package}.",
            where=typed,
        )
    if resolver := check_resolvers(typed):
        raise ConfigError(
            f"The resolver {resolver!r} is not allowed: a result must not depend on the machine it ran on. "
            "Expected ${key} of this config. Write the value itself.",
            where=typed,
        )


def _check_own_conf() -> None:
    for folder, allowed in (
        ("conf", "groups there: data, model, optimizer, task, callbacks"),
        ("experiments", "experiments there"),
    ):
        own = project.own(folder)
        for name in ("config.yaml", "hydra", "stackfit_schema.yaml"):
            if own and (own / name).exists() and not _same_as_shipped(own / name, name):
                raise ConfigError(
                    f"{name!r} in ./{folder} is stackfit's own name. Expected only {allowed}. Rename or remove it.",
                    where=project.shown(own / name),
                )


def _same_as_shipped(path: Path, name: str) -> bool:
    shipped = project.shipped("conf") / name
    return shipped.is_file() and path.is_file() and shipped.read_bytes() == path.read_bytes()
