"""The executor that `hydra/launcher` chooses."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from typing import Any

from stackfit.errors import ConfigError
from stackfit.execution.executors import Executor, InProcess

CLUSTERS = ("slurm", "local")  # of submitit


def executor_of(launcher: Mapping[str, Any], trust: tuple[str, ...]) -> Executor:
    """The executor for the composed `hydra.launcher`, which is one of `overrides.OURS`.

    Args:
        trust: modules that the user trusts.

    Raises:
        ConfigError: a number of workers or members is not above 0, or what the launcher needs is not here.
    """
    for key in ("workers", "max_members", "cores", "minutes", "memory_gb"):
        if (value := launcher.get(key)) is not None and not value > 0:
            raise ConfigError(
                f"hydra.launcher.{key} is {value}. Expected a number above 0. Write for example: hydra.launcher.{key}=2",
                key=f"hydra.launcher.{key}",
            )
    name = str(launcher["_target_"]).rpartition(".")[2]
    if name == "ProcessesLauncher":
        from stackfit.execution.processes import Processes

        return Processes(launcher["workers"], launcher["max_members"], trust)
    settings = {key: value for key, value in launcher.items() if key != "_target_"} | {"trust": trust}
    if name == "SlurmLauncher":
        if launcher["cluster"] not in CLUSTERS:
            raise ConfigError(
                f"hydra.launcher.cluster is {launcher['cluster']!r}. Expected {' or '.join(CLUSTERS)}. "
                "Write: hydra.launcher.cluster=local"
            )
        _need("slurm", "submitit")
        if launcher["cluster"] == "slurm" and not shutil.which("sbatch"):
            raise ConfigError(
                "This machine is not part of a Slurm cluster: it has no sbatch. Expected a login node. Start the command "
                "there; for workers on this machine write: hydra/launcher=processes"
            )
        from stackfit.execution.slurm import Slurm

        return Slurm(**settings | {"setup": tuple(launcher["setup"]), "options": dict(launcher["options"])})
    if name == "RayLauncher":
        _need("ray", "ray")
        from stackfit.execution.ray_tasks import Ray

        return Ray(**settings)
    return InProcess(launcher["max_members"] if name == "FusedLauncher" else 1)


def _need(extra: str, module: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"The launcher {extra} needs {module}, which is not installed. Expected the extra. "
            f"Type: pip install 'stackfit[{extra}]'"
        )
