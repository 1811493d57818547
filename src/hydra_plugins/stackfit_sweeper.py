"""Hydra's sweeper `cells`: grids, pairs and unions of cells. A thin adapter; importing it must stay cheap."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class CellsConfig:
    _target_: str = "hydra_plugins.stackfit_sweeper.CellsSweeper"
    params: dict[str, Any] = field(default_factory=dict)  # axes, as in Hydra's basic sweeper
    union: list[Any] = field(default_factory=list)  # several such grids, one after another


class CellsSweeper(Sweeper):
    """Asks the sweep's task function which cells must run, and launches those."""

    def __init__(self, params: dict[str, Any] | None = None, union: list[Any] | None = None):
        self.params, self.union = params, union

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.task_function = task_function
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep that `arguments` and the config's own axes describe."""
        sweep: Any = self.task_function
        waiting = sweep.waiting_cells()
        if waiting:
            self.launcher.launch([list(cell.overrides) for cell in waiting], initial_job_idx=0)
        return sweep


ConfigStore.instance().store(group="hydra/sweeper", name="cells", node=CellsConfig, provider="stackfit")
