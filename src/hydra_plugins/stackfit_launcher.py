"""Hydra's group `hydra/launcher`, our options: stackfit reads them from the composed config. Importing it must stay cheap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class FusedConfig:
    _target_: str = "hydra_plugins.stackfit_launcher.FusedLauncher"
    max_members: int | None = None  # None: chosen by memory


@dataclass
class ProcessesConfig:
    _target_: str = "hydra_plugins.stackfit_launcher.ProcessesLauncher"
    workers: int | None = None  # None: one for each core
    max_members: int | None = None


class FusedLauncher(Launcher):
    """Named by configs, for stackfit alone: another Hydra application cannot fuse its jobs."""

    def __init__(self, **settings: Any):
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        raise HydraException("This launcher trains the cells of a stackfit sweep: stackfit run NAME -m …")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise NotImplementedError


class ProcessesLauncher(FusedLauncher):
    """The same."""


for name, node in {"fused": FusedConfig, "processes": ProcessesConfig}.items():
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="stackfit")
