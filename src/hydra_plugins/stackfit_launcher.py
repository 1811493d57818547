"""Hydra's launcher `fused`: trains the cells of a sweep together. A thin adapter; importing it must stay cheap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class FusedConfig:
    _target_: str = "hydra_plugins.stackfit_launcher.FusedLauncher"
    max_members: int | None = None  # None: chosen by memory


class FusedLauncher(Launcher):
    """Hands all cells of a batch to the sweep's task function at once."""

    def __init__(self, max_members: int | None = None):
        self.max_members = max_members

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.task_function = task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train every cell named by its overrides; one JobReturn a cell, in order."""
        sweep: Any = self.task_function
        folders = sweep.launch_together(job_overrides, self.max_members)
        return [
            JobReturn(overrides=list(overrides), _return_value=folder, status=JobStatus.COMPLETED)
            for overrides, folder in zip(job_overrides, folders, strict=True)
        ]


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedConfig, provider="stackfit")
