"""Hydra's group `hydra/sweeper`, our options: stackfit reads them from the composed config. Importing it must stay cheap."""

from dataclasses import asdict, dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class CellsConfig:
    _target_: str = "hydra_plugins.stackfit_sweeper.CellsSweeper"
    params: dict[str, Any] = field(default_factory=dict)  # axes, as in Hydra's basic sweeper
    union: list[Any] = field(default_factory=list)  # several such grids, one after another


@dataclass
class SearchConfig(CellsConfig):
    _target_: str = "hydra_plugins.stackfit_sweeper.SearchSweeper"
    metric: str | list[str] = "val_accuracy"  # two: a search for the Pareto front, without pruning
    direction: str | list[str] | None = None  # max or min; None: as the metric's class says
    sampler: str = "tpe"
    pruner: str = "halving"
    n_trials: int | None = None  # None: until `minutes` are over; without them 48, or all of the sampler grid
    minutes: float | None = None  # no batch is begun after this long
    batch: int = 16  # trials that are asked for, ranked and pruned together
    seeds: int = 1  # cells of a trial; the search sees their mean
    seed: int = 0  # of the search itself
    eta: int = 2  # at a rung, one of so many goes on
    first_rung: int = 1  # epochs


class CellsSweeper(Sweeper):
    """Named by configs, for stackfit alone: another Hydra application has no cells."""

    def __init__(self, **settings: Any):
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        raise HydraException("This sweeper plans the cells of a stackfit sweep: stackfit run NAME -m …")

    def sweep(self, arguments: list[str]) -> Any:
        raise NotImplementedError


class SearchSweeper(CellsSweeper):
    """The same."""


OPTIONS = {"cells": CellsConfig, "search": SearchConfig}
for name, kind in OPTIONS.items():  # without types: `config.hydra.sweeper_keys` says what is wrong, and where
    ConfigStore.instance().store(group="hydra/sweeper", name=name, node=asdict(kind()), provider="stackfit")
