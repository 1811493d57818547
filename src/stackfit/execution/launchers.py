"""The executor that `hydra/launcher` chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.errors import ConfigError
from stackfit.execution.executors import Executor, InProcess


def executor_of(launcher: Mapping[str, Any], trust: tuple[str, ...]) -> Executor:
    """The executor for the composed `hydra.launcher`, which is one of `overrides.OURS`.

    Args:
        trust: modules that the user trusts.

    Raises:
        ConfigError: a number of workers or members is not above 0.
    """
    for key in ("workers", "max_members"):
        if (value := launcher.get(key)) is not None and value < 1:
            raise ConfigError(
                f"hydra.launcher.{key} is {value}. Expected a number above 0. Write for example: hydra.launcher.{key}=2"
            )
    name = str(launcher["_target_"]).rpartition(".")[2]
    if name == "ProcessesLauncher":
        from stackfit.execution.processes import Processes

        return Processes(launcher["workers"], launcher["max_members"], trust)
    return InProcess(launcher["max_members"] if name == "FusedLauncher" else 1)
