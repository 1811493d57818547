"""From a run folder back to the cell that it ran. The folder may come from somebody else: its config is held to the
same rules as any experiment before anything is imported or built."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stackfit.config.checks import check_stored
from stackfit.config.schema import settings_of
from stackfit.config.trust import trusted_modules, used_modules
from stackfit.data import Dataset, StreamedDataset, load_dataset
from stackfit.data.inputs import Inputs
from stackfit.errors import DataError, RunFolderError
from stackfit.execution.cells import Cell
from stackfit.files import shown
from stackfit.model import own_modules
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder


def read_cell(run: Run, trust: Iterable[str] = ()) -> Cell:
    """The cell of a finished run, from `config.yaml` and `status.json` alone.

    Raises:
        RunFolderError: the run did not finish, or its config cannot be read.
        ConfigError: the config breaks a rule that every config must keep.
    """
    run.check_finished()
    check_data(run)
    return build_cell(run, trust)


def build_cell(run: Run, trust: Iterable[str] = (), callbacks: bool = True) -> Cell:
    """The cell of a run in any state. Without its callbacks, which only train, their modules need no trust.

    Raises:
        RunFolderError: its config cannot be read; ConfigError: the config breaks a rule that every config must keep.
    """
    config, trusted = check_config(run, trust, callbacks)
    modules, settings = used_modules(config), settings_of(config)
    own_modules.refresh(modules)
    status = run.status
    axes = status.get("axes") if isinstance(status.get("axes"), dict) else {}
    experiment = str(status.get("experiment") or run.folder.resolve().parent.name)
    overrides = tuple(map(str, status.get("overrides") or ()))
    return Cell(experiment, config, overrides, axes, trusted, modules=modules, settings=settings)


def check_config(run: Run, trust: Iterable[str] = (), callbacks: bool = True) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Check the run's config, which may come from somebody else, by the rules for a new one.

    Returns:
        The config with the schema's types, and the trusted modules.

    Raises:
        ConfigError: it would be refused as a new config.
    """
    trusted = trusted_modules(trust)
    config = run.config if callbacks else {**run.config, "callbacks": {}}
    return check_stored(config, trusted, shown(RunFolder(run.folder).config)), trusted


def check_data(run: Run) -> None:
    """Refuse a run whose own data are not where its config says, with the folder that was looked in.

    Raises:
        DataError: see above.
    """
    for key in ("path", "test_path"):
        recorded = run.config["data"].get(key)
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # not a path at all: reading it says why
            path = Path(str(recorded)).expanduser()
            if recorded and not path.exists():
                raise DataError(
                    f"{shown(run.folder)} trained on {recorded}, and there is no {path.name} in {path.parent.resolve()}. "
                    "Expected the data of the run. Add --data-path with the file or folder, or change into the folder that "
                    "the run was started in.",
                    key=f"data.{key}",
                )


def read_inputs(run: Run) -> Inputs | None:
    """How the run encodes and scales its inputs, from `scaling.json`; None for a run of an earlier version.

    Raises:
        RunFolderError: the file is damaged, or does not fit the config.
    """
    record = run_files.read_scaling(run.folder)
    where = shown(run_files.RunFiles(run.folder).scaling)
    return None if record is None else Inputs.read(record, run.config["data"], where, RunFolderError)


def load_data(
    run: Run, say: Callable[[str], None] = lambda line: None, trained: Inputs | None = None
) -> Dataset | StreamedDataset:
    """The run's data; `say` is told if they are not those that it trained on.

    Args:
        trained: how their inputs are encoded and scaled; None: fitted on their training part, as for a new run.

    Raises:
        DataError: they are not available any more.
    """
    check_data(run)
    dataset = load_dataset(run.config["data"], say, trained=trained)
    recorded = run_files.read_environment(run.folder).get("data_fingerprint")
    if recorded not in (None, dataset.fingerprint):
        say(
            f"The data have changed since {shown(run.folder)} trained: their fingerprint is {dataset.fingerprint[:12]}, "
            f"it recorded {str(recorded)[:12]}."
        )
    return dataset
