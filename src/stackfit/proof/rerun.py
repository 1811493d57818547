"""From a run folder back to the cell that it ran. The folder may come from somebody else: its config is held to the
same rules as any experiment before anything is imported or built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stackfit.config.checks import check_stored
from stackfit.config.schema import settings_of
from stackfit.config.trust import trusted_modules, used_modules
from stackfit.errors import RunFolderError
from stackfit.execution.cells import Cell
from stackfit.files import shown
from stackfit.model import own_modules
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder


def read_cell(run: Run, trust: Iterable[str] = ()) -> Cell:
    """The cell of a finished run, from `config.yaml` and `status.json` alone.

    Raises:
        RunFolderError: the run did not finish, or its config cannot be read.
        ConfigError: the config breaks a rule that every config must keep.
    """
    if run.state != "finished":
        reason = f" ({run.reason.splitlines()[0].rstrip('.')})" if run.reason else ""
        raise RunFolderError(
            f"{shown(run.folder)} is {run.state}{reason}. Expected a finished run. Run the experiment again: the same "
            "command finishes it."
        )
    config, trusted = check_config(run, trust)
    modules, settings = used_modules(config), settings_of(config)
    own_modules.refresh(modules)
    status = run.status
    axes = status.get("axes") if isinstance(status.get("axes"), dict) else {}
    experiment = str(status.get("experiment") or run.folder.resolve().parent.name)
    overrides = tuple(map(str, status.get("overrides") or ()))
    return Cell(experiment, config, overrides, axes, trusted, modules=modules, settings=settings)


def check_config(run: Run, trust: Iterable[str] = ()) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Check the run's config, which may come from somebody else, by the rules for a new one.

    Returns:
        The config with the schema's types, and the trusted modules.

    Raises:
        ConfigError: it would be refused as a new config.
    """
    trusted = trusted_modules(trust)
    return check_stored(run.config, trusted, shown(RunFolder(run.folder).config)), trusted
