"""A run as the Python API hands it out: its folder, read back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.errors import RunFolderError, did_you_mean
from stackfit.files import shown
from stackfit.keys import flatten
from stackfit.results import run_files

if TYPE_CHECKING:
    import pandas as pd


class Callbacks(list[Any]):
    """The callbacks of a run in the order in which they are called: `callbacks[0]`, or by name, `callbacks["history"]`."""

    def __init__(self, made: Mapping[str, Any] | None = None):
        super().__init__((made or {}).values())
        self.names = tuple(made or ())

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in self.names:
            known = ", ".join(self.names) or "none; they exist only in the process that trained, after stackfit.run"
            raise KeyError(f"There is no callback {key!r}.{did_you_mean(key, self.names)} Expected: {known}.")
        return super().__getitem__(self.names.index(key))


@dataclass(frozen=True, eq=False)
class Run:
    """One run folder. `Run(path)` raises RunFolderError if the path is none.

    Args:
        data_path: where the user's own data of the run are now: the file, or the folder that holds it.
        callbacks: those that trained it; none where the run was opened from its folder.
    """

    folder: Path
    data_path: Path | None = None
    callbacks: Callbacks = field(default_factory=Callbacks, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        _ = self.status

    def __eq__(self, other: object) -> bool:  # also a class of its own, such as the one that predicts
        return isinstance(other, Run) and (self.folder, self.data_path) == (other.folder, other.data_path)

    def __fspath__(self) -> str:
        return str(self.folder)

    def __hash__(self) -> int:
        return hash((self.folder, self.data_path))

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

    def check_finished(self) -> None:
        """RunFolderError unless the run is finished: what it is, why, and the command that finishes it."""
        if self.state == "finished":
            return
        reason = f" ({self.reason.splitlines()[0].rstrip('.')})" if self.reason else ""
        cure = "Run the experiment again: the same command finishes it."
        if self.state == "pruned":  # the same command is settled with it
            words = ["stackfit", "run", str(self.status.get("experiment")), *map(str, self.status.get("overrides") or ())]
            cure = f"To go on from its checkpoint, type: {shlex.join(words)}"
        raise RunFolderError(f"{shown(self.folder)} is {self.state}{reason}. Expected a finished run. {cure}")

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
        return config if self.data_path is None else {**config, "data": self._moved(config.get("data"), Path(self.data_path))}

    def _moved(self, data: Any, path: Path) -> dict[str, Any]:
        """The `data` section with its paths where the data are now."""
        recorded = [key for key in ("path", "test_path") if isinstance(data, dict) and data.get(key)]
        if "path" not in recorded:
            raise RunFolderError(
                f"{shown(self.folder)} trained on data without a path. Expected a run on a file or folder of yours. "
                "Leave out --data-path"
            )
        inside = {key: str(path / Path(str(data[key])).name) for key in recorded}
        if path.is_dir() and Path(inside["path"]).exists():
            return {**data, **inside}
        if not path.exists():
            raise RunFolderError(
                f"There is no {shown(path)}. Expected the data of {shown(self.folder)}, which it read from "
                f"{data['path']}. Correct --data-path"
            )
        return {**data, "path": str(path)}

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row an epoch, from 1.

        Raises:
            RunFolderError: the file is damaged.
        """
        import pandas as pd

        return pd.DataFrame(run_files.read_history(self.folder))

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row a layer, from the input to the output; no rows for a run of a version that did not record them.

        Raises:
            RunFolderError: the file is damaged.
        """
        import pandas as pd

        return pd.DataFrame(run_files.read_layers(self.folder))
