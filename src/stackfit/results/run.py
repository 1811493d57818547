"""A run as the Python API hands it out: its folder, read back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import RunFolderError
from stackfit.files import shown
from stackfit.keys import flatten
from stackfit.results import run_files

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """One run folder. `Run(path)` raises RunFolderError if the path is none."""

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        _ = self.status

    @cached_property
    def status(self) -> dict[str, Any]:
        """The content of `status.json`."""
        return run_files.read_status(self.folder)

    @property
    def state(self) -> str:
        """One of `run_files.STATES`; `running` with a dead owner is `interrupted`."""
        return run_files.state_of(self.status)

    @property
    def reason(self) -> str | None:
        """Why the run did not finish, or None."""
        return self.status.get("reason")

    @property
    def metrics(self) -> dict[str, Any]:
        """The final metrics: `loss`, `accuracy`, `val_…`, `test_…`, `stopped_epoch`, `parameters`.

        All are of the saved weights; `weights_epoch` is their epoch where that is not `stopped_epoch`. If no epoch ended
        with these weights, it is None and so are `loss` and the metrics of the training.
        In runs of earlier versions (no `results_format` in `status`) all but `test_…` are of the last epoch.
        """
        return dict(self.status.get("metrics") or {})

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved config; RunFolderError if it is damaged, so that a setting of the run is missing in it."""
        config = run_files.read_config(self.folder)
        missing = (self.status.get("settings") or {}).keys() - flatten(config).keys()
        if missing:
            raise RunFolderError(
                f"{shown(run_files.RunFiles(self.folder).config)} is cut short: it has no {min(missing)}. Expected "
                "the run's resolved config. Run the experiment again."
            )
        return config

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row an epoch, from 1.

        Raises:
            RunFolderError: the file is damaged.
        """
        import pandas as pd

        return pd.DataFrame(run_files.read_history(self.folder))
