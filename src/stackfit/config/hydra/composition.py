"""The bridge to Hydra: search path, defaults chain, composition.

Hydra's exceptions become ConfigErrors with file and line, or the override as typed.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from stackfit.config import project, schema
from stackfit.config.claims import Claim, check_claims, read_claims
from stackfit.config.experiments import Located, find_experiment
from stackfit.config.given import add_callbacks
from stackfit.config.hydra.errors import translated
from stackfit.config.hydra.launcher_keys import Launchers, check_conf, forced
from stackfit.config.hydra.overrides import adds_argument, apply_override, is_group, parse_override, parse_overrides
from stackfit.config.hydra.repository import CheckedRepository, Experiments
from stackfit.config.hydra.sweeper_keys import check_sweeper, settable
from stackfit.config.near_keys import cure_written, with_cure
from stackfit.config.origins import ConfigFile, Origins, override_key
from stackfit.errors import ConfigError, Problems
from stackfit.files import shown

SCHEMA = "stackfit_schema"  # its name in defaults lists
# Defaults without types: every file merges, and the result is checked by the dataclasses once.
UNTYPED = OmegaConf.to_container(OmegaConf.structured(schema.Experiment))
ConfigStore.instance().store(name=SCHEMA, node=UNTYPED, provider="stackfit")

# The settings that only stackfit decides: Hydra makes no folder, writes no log and no .hydra.
OWN_SETTINGS = (
    *("hydra.run.dir=.", "hydra.sweep.dir=.", "hydra.sweep.subdir=.", "hydra.output_subdir=null", "hydra.job.chdir=false"),
    *("hydra/job_logging=none", "hydra/hydra_logging=none"),
)


@dataclass(frozen=True)
class Composition:
    """One composed config, unresolved, with the places of its values."""

    experiment: str
    path: Path  # the experiment's own file
    config: DictConfig
    overrides: tuple[str, ...]
    chain: tuple[ConfigFile, ...]
    hydra: DictConfig  # Hydra's own section
    parsed: tuple[Override, ...] = ()  # every override; several values for a key are an axis, which is not applied
    added: frozenset[str] = frozenset()  # the overrides that add an argument without a +
    faults: tuple[ConfigError, ...] = ()  # problems of the files; what has them was left out

    @cached_property
    def origins(self) -> Origins:
        """Where every key was set."""
        return Origins(list(self.chain), self.overrides, _value_of, self.path)

    @property
    def replaced(self) -> list[str]:
        """The groups' options, such as `model/mlp`, that come from the user's `./conf` instead of the shipped one."""
        own, shipped = project.own("conf"), project.shipped("conf")
        names = [file.path.relative_to(own) for file in self.chain if own and file.path.is_relative_to(own)]
        return [str(name.with_suffix("")) for name in names if (shipped / name).is_file()]

    @property
    def claims(self) -> list[Claim]:
        """The experiment's own `expect`."""
        return read_claims(OmegaConf.to_container(self.config.expect))  # type: ignore[arg-type]

    @property
    def launcher(self) -> dict[str, Any]:
        """The launcher with its settings, texts as they are written: in a batch script `${HOME}` is the shell's."""
        return OmegaConf.to_container(self.hydra.launcher, resolve=False)  # type: ignore[return-value]

    @property
    def sweeper(self) -> dict[str, Any]:
        """`hydra.sweeper` as plain containers."""
        return OmegaConf.to_container(self.hydra.sweeper, resolve=True)  # type: ignore[return-value]

    @property
    def declared_axes(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """`hydra.sweeper.params` and `hydra.sweeper.union`, as plain containers."""
        params, union = self.sweeper.get("params") or {}, self.sweeper.get("union") or []
        grids = [params, *union] if isinstance(union, list) else [None]
        if not all(isinstance(grid, dict) for grid in grids):
            raise ConfigError(
                "hydra.sweeper does not hold axes. Expected params: {seed: '0,1'}, or union: [{seed: '0,1'}]. Correct it.",
                key="hydra.sweeper",
            )
        return params, union

    @property
    def axes(self) -> list[Override]:
        """The overrides with several values: a sweep takes one of them at a time."""
        return [override for override in self.parsed if override.is_sweep_override()]

    @property
    def declares_sweep(self) -> bool:
        """Whether the experiment's own file, or an override, asks for a sweep (`hydra.mode: MULTIRUN`)."""
        return self.hydra.mode == RunMode.MULTIRUN


def search_path(experiment: Located) -> ConfigSearchPathImpl:
    """Hydra's own configs, then experiments, then groups: the user's before the shipped ones."""
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"{Experiments.scheme()}://{experiment.path if experiment.by_path else ''}")
    own, shipped = project.own("conf"), project.shipped("conf")
    if own:
        path.append(Launchers.scheme(), f"{Launchers.scheme()}://{own}")
        path.append("stackfit", f"file://{own}")
    path.append("stackfit", f"file://{shipped}")
    path.append("schema", "structured://")
    return path


class Composer:
    """Composes one experiment with any overrides. Each file is read once, each choice of groups is composed once.

    Args:
        experiment: its name, or the path of its file.
        judged: by claims from outside: what its own file expects, and what it silences, do not count.
        callbacks: nodes to add to its callbacks; see `config.given`.

    Raises:
        ConfigError: there is no such experiment.
    """

    def __init__(self, experiment: str, judged: bool = False, callbacks: Mapping[str, Any] | None = None):
        located = find_experiment(experiment)
        self.experiment, self.path, self.judged = located.name, located.path, judged
        self.callbacks = dict(callbacks or {})
        check_conf()
        Plugins.instance()
        setup_globals()
        self.loader = _Loader(search_path(located))
        self.repository = CheckedRepository(self.loader.repository)
        self.loader.repository = self.repository
        parser = OverridesParser.create(self.loader)  # glob(…) asks the loader for a group's options
        self._parse = cache(partial(parse_override, parser, self.repository))  # the cells of a sweep share most overrides
        self._bases: dict[tuple[str, ...], tuple[Composition, bytes]] = {}

    def parse(self, overrides: Iterable[str], problems: Problems) -> list[Override]:
        """The parsed overrides; one with a problem is left out."""
        return parse_overrides(overrides, self._parse, problems)

    def compose(self, overrides: Iterable[str | Override], problems: Problems) -> Composition:
        """Compose the experiment. The result equals Hydra's own, but each choice of groups is composed only once.

        Args:
            overrides: as typed, or parsed by `parse`; those with several values are not applied.
            problems: takes the problems of overrides and files; what has them is left out of the config.

        Raises:
            ConfigError: the problems keep the experiment from composing at all.
        """
        parsed: list[Override] = []
        for are_words, group in itertools.groupby(overrides, lambda override: isinstance(override, str)):
            given: list[Any] = list(group)
            parsed += self.parse(given, problems) if are_words else given
        fixed = [override for override in parsed if not override.is_sweep_override()]
        chooses = [override.is_hydra_override() or is_group(override, self.repository) for override in fixed]
        base, pickled = self._base(tuple(o.input_line or "" for o, choice in zip(fixed, chooses, strict=True) if choice))
        problems.errors += base.faults  # a line's own problem is not a consequence of another
        config, added = pickle.loads(pickled), set()  # a copy: copy.deepcopy takes 1.6 ms, this 0.3
        for override, choice in zip(fixed, chooses, strict=True):
            if not choice:
                if adds_argument(override, config):
                    added.add(override.input_line or "")
                with problems.collect():
                    apply_override(override, config)
        if self.callbacks:
            problems.add(add_callbacks(self.callbacks, config))
        lines = tuple(o.input_line or "" for o in fixed)
        return replace(base, config=config, overrides=lines, parsed=tuple(parsed), added=frozenset(added))

    def _base(self, groups: tuple[str, ...]) -> tuple[Composition, bytes]:
        if groups not in self._bases:
            base = self._compose(groups)
            self._bases[groups] = base, pickle.dumps(base.config)
        return self._bases[groups]

    def _compose(self, groups: tuple[str, ...]) -> Composition:
        try:
            with translated(self.path, groups):
                settings = [*map(settable, map(forced, groups)), *OWN_SETTINGS]
                config = self.loader.load_configuration(
                    self.experiment, settings, RunMode.RUN, validate_sweep_overrides=False
                )
            chain = tuple(self._chain())
        except ConfigError:
            problems = Problems()
            for faults in self.repository.faults.values():
                problems.add(faults)
            misfits = [misfit for file in self._chain() for misfit in _misfits_of(file)]
            problems.add(misfits)
            with problems.collect():
                if not misfits:  # else they are the cause: a list does not merge with a mapping
                    raise
            problems.raise_errors()
        hydra = config._content.pop("hydra")
        if not {*schema.keys_of(schema.Experiment)} <= {*config}:
            raise ConfigError(
                "This experiment does not start from `config` or another experiment, so it has no data, model or task. "
                "Expected one of them first in a defaults list. Write: defaults: [config, _self_]",
                where=shown(self.path),
            )
        self._keep_own_head(config)
        faults = [fault for file in chain for fault in self.repository.faults.get(file.path, ())]
        composition = Composition(self.experiment, self.path, config, groups, chain, hydra)
        typed, misfits = _fit(config, composition.origins)
        misfits += check_sweeper(composition.sweeper, {override_key(line) for line in groups}, composition.origins.locate)
        faults += misfits if self.judged else [*misfits, *self._check_claims(typed, chain, hydra, groups)]
        return replace(composition, config=typed, faults=tuple(faults))

    def _keep_own_head(self, config: DictConfig) -> None:
        """`about` and `expect` are not inherited: drop the parents'; and what does not count, if others judge."""
        file: Any = OmegaConf.to_container(self.repository.load_config(self.experiment).config)
        about = file.get("about") or {}
        config.about = {**asdict(schema.About()), **about} if isinstance(about, dict) else about
        config.expect = file.get("expect") or []
        if self.judged:
            config.expect, config.silence = [], []

    def _check_claims(
        self, config: DictConfig, chain: tuple[ConfigFile, ...], hydra: DictConfig, groups: tuple[str, ...]
    ) -> Iterator[ConfigError]:
        """The problems of the experiment's own `expect`; another task or other data may have other metrics."""
        own = next(file for file in chain if file.path == self.path)
        plain = OmegaConf.to_container(config)
        names = [] if any(word in group for word in ("task", "data") for group in groups) else ["loss"]
        names += [name for name, metric in plain["task"]["metrics"].items() if metric and names]
        splits = ("", "val_", "test_") if plain["data"]["validation_split"] else ("", "test_")
        metrics = [split + name for split in splits for name in names]
        sweeper = [hydra.sweeper.get("params") or {}, *(hydra.sweeper.get("union") or [])]
        axes = [key for grid in sweeper if isinstance(grid, DictConfig) for key in grid]
        yield from check_claims(plain["expect"], own.entries("expect"), metrics, axes)

    def _chain(self) -> Iterator[ConfigFile]:
        """The YAML files that Hydra has merged, in its order; Hydra's own are left out."""
        for default in self.loader.defaults:
            if file := self.repository.file(default.config_path or ""):
                yield self.repository.read(file, default.package or "")


class _Loader(ConfigLoaderImpl):
    """Hydra's loader; it keeps the defaults list of the last composition."""

    defaults: Sequence[Any] = ()

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        self.defaults = defaults
        return super()._compose_config_from_defaults_list(defaults, repo)


def _value_of(typed: str) -> Any:
    return OverridesParser.create().parse_override(typed).value()


def _misfits_of(file: ConfigFile) -> Iterator[ConfigError]:
    for key, origin in file.items():
        if key.partition(".")[0] != "hydra" and not isinstance(origin.value, Mapping):
            for _, message in schema.find_misfits(origin.value, tuple(key.split("."))):
                yield ConfigError(message, key=key, where=str(origin))


def _fit(config: DictConfig, origins: Origins) -> tuple[DictConfig, list[ConfigError]]:
    """The composed config with the schema's types, and an error for each value that the schema refuses and that is left out."""
    plain: Any = OmegaConf.to_container(config)
    misfits = list(schema.find_misfits(plain))
    values = []
    for path, _ in misfits:
        node = plain
        for part in path[:-1]:
            node = node[part]
        values.append(node.pop(next((name for name in node if str(name) == path[-1]), None), None))
    errors = []
    for (path, message), value in zip(misfits, values, strict=True):
        key = ".".join(path)
        known = schema.hint_of(key)
        if not known and (cure := cure_written(key, value, plain)):
            message = with_cure(message.partition(" Expected ")[0], cure)
        errors.append(ConfigError(message, key=key, where=origins.locate(key), kind=None if known else "name"))
    return OmegaConf.merge(OmegaConf.structured(schema.Experiment), plain), errors  # type: ignore[return-value]
