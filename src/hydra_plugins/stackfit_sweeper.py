"""Hydra's group `hydra/sweeper`, option `cells`: stackfit reads it from the composed config. Importing it must stay cheap."""

from dataclasses import dataclass, field
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


class CellsSweeper(Sweeper):
    """Named by configs, for stackfit alone: another Hydra application has no cells."""

    def __init__(self, params: dict[str, Any] | None = None, union: list[Any] | None = None):
        self.params, self.union = params, union

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        raise HydraException("The sweeper 'cells' plans the cells of a stackfit sweep: stackfit run NAME -m …")

    def sweep(self, arguments: list[str]) -> Any:
        raise NotImplementedError


ConfigStore.instance().store(group="hydra/sweeper", name="cells", node=CellsConfig, provider="stackfit")
