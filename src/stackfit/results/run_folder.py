"""A run folder as it is written: claimed, filled epoch by epoch, finished. Its files and their readers: `run_files`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit import files
from stackfit.errors import RunFolderError, TakenError
from stackfit.files import shown, writing
from stackfit.results import owner, takeover
from stackfit.results.duration import share_of
from stackfit.results.final_metrics import RESULTS_FORMAT
from stackfit.results.manifest import write_manifest
from stackfit.results.run_files import FORMAT, RunFiles, read_environment, read_history, read_status, state_of
from stackfit.results.sealing import write_sealed

if TYPE_CHECKING:
    import numpy as np

HEARTBEAT_SECONDS = 20.0


class RunFolder(RunFiles):
    """One run on disk that this process claims, writes and finishes; every file appears whole."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._status: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        self._began = time.perf_counter()
        self._take = 0  # the number of this process's claim; see `takeover`
        self.begun = False  # whether an earlier attempt has left its config here, and with it perhaps a checkpoint

    # ---- claiming

    @classmethod
    def create(cls, experiment_folder: Path, fingerprint: str, about_run: dict[str, Any]) -> RunFolder:
        """Make `<YYYY-MM-DD_HH-MM-SS>[-n]` below the experiment's folder and own it.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        with writing(experiment_folder):
            experiment_folder.mkdir(parents=True, exist_ok=True)
            number = 1
            while True:
                path = experiment_folder / (stamp if number == 1 else f"{stamp}-{number}")
                try:
                    path.mkdir()
                except FileExistsError:
                    number += 1
                    continue
                folder = cls(path)
                folder._start(fingerprint, about_run, {})
                return folder

    def claim(self, fingerprint: str, about_run: dict[str, Any]) -> bool:
        """Own this folder, whether new or left by a dead owner; False if another process works in it.

        An earlier attempt with the same fingerprint is resumed from its checkpoint, if it has one; otherwise its files
        are replaced one by one. A finished run with the same fingerprint is never claimed.
        """
        with writing(self.path):
            with contextlib.suppress(FileExistsError):
                self.path.mkdir()
            with contextlib.suppress(FileNotFoundError), files.locked(self.path):  # who had it has just given it up
                before = self._read_again()
                mine = owner.is_me(before.get("owner")) and before.get("status") == "running"
                if (state_of(before) == "running" and not mine) or _is_finished(before, fingerprint):
                    return False
                last = before.get("claim") or 0
                number = last if mine else takeover.take(self.path, last)
                if number is None:
                    return False
                if number > 1 and not mine:
                    before = self._read_again()  # with all that the one before has written to its end
                    if _is_finished(before, fingerprint):
                        return False
                self._take = number
                self._start(fingerprint, about_run, before)
                return True
            return False

    def _read_again(self) -> dict[str, Any]:
        """The status as the disk has it, not as this machine remembers it; empty if there is none."""
        takeover.ask_again(self.path)
        return read_status(self.path, damaged_is_empty=True) if self.status.exists() else {}

    def _start(self, fingerprint: str, about_run: dict[str, Any], before: dict[str, Any]) -> None:
        files.clear_leftovers(self.path)
        for stale in (self.metrics, self.predictions, self.scaling, self.manifest, self.certificate):
            stale.unlink(missing_ok=True)
        self.begun = self.config.exists()
        if before.get("fingerprint") != fingerprint or not self.checkpoint.exists():
            self.reset()
        self._began = time.perf_counter()
        self._status = {
            "format": FORMAT,
            "status": "running",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "resumed_after": before.get("resumed_after", []) if self.checkpoint.exists() else [],  # epochs
            "seconds": None,
            "fingerprint": fingerprint,
            "owner": owner.this_process(),
            "claim": self._take,
            "reason": None,
            "traceback": None,
            **about_run,
            "metrics": {},
        }
        try:
            files.write_json(self.status, self._status)
        except OSError:
            with contextlib.suppress(OSError):  # it holds files: a run was here before
                self.path.rmdir()
            raise

    def give_up(self, reason: str) -> None:
        """Undo the claim before anything is written: a new folder is removed, an earlier attempt is interrupted again."""
        if takeover.is_taken(self.path, self._take):  # it is another process's by now
            return
        if self.config.exists():
            with contextlib.suppress(OSError):
                self._end("interrupted", reason=reason)
            return
        with contextlib.suppress(OSError):
            for file in sorted(self.path.iterdir(), key=self.status.__eq__):  # the status last, and then the claim
                if not file.name.startswith(".claim-"):
                    file.unlink()
        takeover.give_back(self.path, self._take)
        with contextlib.suppress(OSError):  # it holds other runs
            self.path.parent.rmdir()

    def reset(self) -> None:
        """Forget the epochs of an earlier attempt."""
        for stale in (self.checkpoint, self.history):
            stale.unlink(missing_ok=True)
        self._rows = []

    def resume(self, epoch: int, seconds: float) -> bool:
        """Keep the history and the time of an earlier attempt up to `epoch`; False if the history is not complete."""
        try:
            rows = read_history(self.path)[:epoch]
        except RunFolderError:
            return False
        if [row.get("epoch") for row in rows] != [*range(1, epoch + 1)]:
            return False
        self._rows = rows
        self._began -= seconds
        self._status["resumed_after"] = [*self._status["resumed_after"], epoch]
        with writing(self.path):
            files.write_text(self.history, files.csv_text(self._rows))
            files.write_json(self.status, self._status)
        return True

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, in every process that worked on it."""
        return time.perf_counter() - self._began

    # ---- while it trains

    def write_start(
        self, config_yaml: str, environment: dict[str, Any], printed: str = "", layers: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Write `config.yaml`, `environment.json` and `layers.json`; a resumed run keeps the environments of its parts."""
        earlier = read_environment(self.path) if self._status["resumed_after"] else {}
        parts = earlier.pop("before_resume", [])
        parts += [earlier] if earlier and earlier != environment else []
        environment |= {"before_resume": parts} if parts else {}
        with writing(self.path):
            files.write_text(self.config, config_yaml)
            files.write_json(self.environment, environment)
            files.write_json(self.layers, {"layers": list(layers)})
        self.append_log(printed)

    def append_history(self, row: dict[str, Any], printed: str = "") -> None:
        """Add one epoch's row to `history.csv`, complete after every epoch, and what was printed to the log.

        As little as the checkpoint is it flushed to disk before the end.
        """
        self.check_held()
        self._rows.append(row)
        with writing(self.path):
            files.write_text(self.history, files.csv_text(self._rows), flush=False)
        self.append_log(printed)
        self.heartbeat()

    def heartbeat(self) -> None:
        """Renew the heartbeat if the last one is older than `HEARTBEAT_SECONDS`."""
        if abs(time.time() - self._status["owner"]["heartbeat"]) > HEARTBEAT_SECONDS:  # abs: a clock that was set back
            self.check_held()
            self._status["owner"]["heartbeat"] = time.time()
            with writing(self.path):
                files.write_json(self.status, self._status)

    def save_checkpoint(self, write: Callable[[Path, float], None]) -> None:
        """Replace the checkpoint; `write` gets a temporary file and how many seconds the run has taken so far.

        It is not flushed to disk: if the machine loses power, the run starts over.
        """
        with writing(self.path):
            files.write_file(self.checkpoint, lambda path: write(path, self.seconds), flush=False)

    def check_held(self) -> None:
        """Whether this process still has the folder: one that was silent for long, such as a suspended one, may have lost it.

        Raises:
            TakenError: another process has taken it; this one must not write in it any more.
        """
        if takeover.is_taken(self.path, self._take):
            raise TakenError(
                f"{shown(self.path)} was taken by another process, because this one was silent for more than "
                f"{owner.SILENT_SECONDS:.0f} s. Expected to have it. The other one trains it to its end: stackfit table"
            )

    def append_log(self, text: str) -> None:
        """Append to `log.txt` what was printed."""
        if not text:
            return
        with writing(self.path), self.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)

    # ---- the end

    def finish(
        self,
        metrics: dict[str, Any],
        summary: dict[str, Any],
        models: Mapping[str, Callable[[Path], object]] | None = None,
        predictions: Mapping[str, np.ndarray] | None = None,
        printed: str = "",
        directions: Mapping[str, str] | None = None,
        scaling: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what a finished run consists of, then its manifest and the status *finished* with the metrics in `summary`.

        Args:
            metrics: for `metrics.json`.
            models: by form what writes the model into a given file.
            predictions: `scores` and `labels` of the test set, for `predictions.npz`.
            printed: for `log.txt`.
            directions: of the loss and the metrics, `max` or `min`; see `directions`.
            scaling: for `scaling.json`: what new examples need before the model takes them.
        """
        self.check_held()
        with writing(self.path):
            if self._rows:
                files.write_text(self.history, files.csv_text(self._rows))
            for form, write_model in (models or {}).items():
                files.write_file(self.model(form), write_model)
            if predictions:
                import numpy as np

                files.write_file(self.predictions, lambda path: np.savez(path, **predictions))
            if scaling is not None:
                files.write_json(self.scaling, scaling)
            self.append_log(printed)
            files.write_json(self.metrics, {"results_format": RESULTS_FORMAT, **metrics})
            self._end("finished", results_format=RESULTS_FORMAT, metrics=summary, directions=directions)
            self.checkpoint.unlink(missing_ok=True)

    def write_certificate(self, certificate: dict[str, Any]) -> str | None:
        """Write `certificate.json`: whether the run, executed again, came out the same. Returns why it is not signed."""
        with writing(self.path):
            return write_sealed(self.certificate, certificate)

    def fail(self, reason: str, traceback: str | None = None, status: str = "failed") -> None:
        """Record why the run did not finish. `status`: failed, interrupted, paused or pruned."""
        self._end(status, reason=reason, traceback=traceback)

    def _end(self, status: str, **fields: Any) -> None:
        done = status == "finished"
        if takeover.is_taken(self.path, self._take):
            return
        seconds = round(self.seconds, 3)
        self._status |= {"status": status, "seconds": seconds, **share_of(seconds, self._rows), "manifest": done, **fields}
        if done:
            write_manifest(self, self._status)  # before the status: a finished run has one
        else:
            self.manifest.unlink(missing_ok=True)
        files.write_json(self.status, self._status)


def _is_finished(status: Mapping[str, Any], fingerprint: str) -> bool:
    return status.get("status") == "finished" and status.get("fingerprint") == fingerprint
