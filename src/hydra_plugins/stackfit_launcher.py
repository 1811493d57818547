"""Hydra's group `hydra/launcher`, our options: stackfit reads them from the composed config. Importing it must stay cheap."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass
class SlurmConfig:
    _target_: str = "hydra_plugins.stackfit_launcher.SlurmLauncher"
    workers: int = 4
    partition: str | None = None  # None: the cluster's own default
    minutes: int = 60  # of a task
    memory_gb: float | None = None
    cores: int = 1
    setup: list[str] = field(default_factory=list)  # lines of the batch script before the worker starts
    options: dict[str, Any] = field(default_factory=dict)  # of sbatch, by their long names
    requeues: int = 3
    cluster: str = "slurm"  # or local: processes on this machine, as submitit starts them
    max_members: int | None = None


class SlurmLauncher(FusedLauncher):
    """The same."""


@dataclass
class RayConfig:
    _target_: str = "hydra_plugins.stackfit_launcher.RayLauncher"
    workers: int | None = None  # None: as many as the cluster has room for
    address: str | None = None  # None: a cluster on this machine, for as long as the command
    cores: float = 1  # that a task reserves
    retries: int = 3  # of a task whose node was lost
    max_members: int | None = None


class RayLauncher(FusedLauncher):
    """The same."""


OPTIONS = {"fused": FusedConfig, "processes": ProcessesConfig, "slurm": SlurmConfig, "ray": RayConfig}
for name, node in OPTIONS.items():
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="stackfit")
