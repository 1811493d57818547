"""Hydra's group `hydra/launcher`, option `fused`: stackfit reads it from the composed config. Importing it must stay cheap."""

from collections.abc import Sequence
from dataclasses import dataclass

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


class FusedLauncher(Launcher):
    """Named by configs, for stackfit alone: another Hydra application cannot fuse its jobs."""

    def __init__(self, max_members: int | None = None):
        self.max_members = max_members

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        raise HydraException("The launcher 'fused' trains the cells of a stackfit sweep: stackfit run NAME -m …")

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise NotImplementedError


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedConfig, provider="stackfit")
