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
    """In this process, cells together."""

    _target_: str = "hydra_plugins.stackfit_launcher.FusedLauncher"
    max_members: int | None = None  # cells in one graph; null: as many as fit


@dataclass
class ProcessesConfig:
    """In processes on this machine, which share its cores."""

    _target_: str = "hydra_plugins.stackfit_launcher.ProcessesLauncher"
    workers: int | None = None  # null: one for each core
    max_members: int | None = None  # cells in one graph; null: as many as fit


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
    """In the tasks of a Slurm array job."""

    _target_: str = "hydra_plugins.stackfit_launcher.SlurmLauncher"
    workers: int = 4  # tasks of the array job
    partition: str | None = None  # null: the cluster's own default
    minutes: int = 60  # of a task
    memory_gb: float | None = None  # of a task; null: the cluster's own default
    cores: int = 1  # of a task
    setup: list[str] = field(default_factory=list)  # lines of the batch script before the worker starts
    options: dict[str, Any] = field(default_factory=dict)  # of sbatch, by their long names
    requeues: int = 3  # how often a task that was told to stop goes back into the queue
    cluster: str = "slurm"  # or local: processes on this machine, as submitit starts them
    max_members: int | None = None  # cells in one graph; null: as many as fit


class SlurmLauncher(FusedLauncher):
    """The same."""


@dataclass
class RayConfig:
    """In the tasks of a Ray cluster."""

    _target_: str = "hydra_plugins.stackfit_launcher.RayLauncher"
    workers: int | None = None  # null: as many as the cluster has room for
    address: str | None = None  # null: a cluster on this machine, for as long as the command
    cores: float = 1  # that a task reserves
    retries: int = 3  # of a task whose node was lost
    max_members: int | None = None  # cells in one graph; null: as many as fit


class RayLauncher(FusedLauncher):
    """The same."""


OPTIONS = {"fused": FusedConfig, "processes": ProcessesConfig, "slurm": SlurmConfig, "ray": RayConfig}
for name, node in OPTIONS.items():
    ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="stackfit")
