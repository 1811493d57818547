"""Commands as a user types them, in processes that can be watched and stopped, and the runs that they leave."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from faults.children import Child
from faults.fault import Wrong, expect

LIMIT = float(os.environ.get("FAULTS_LIMIT", "180"))  # seconds; a command that takes longer hangs (4 to 10 on two quiet cores)
COMMAND = (sys.executable, "-m", "stackfit")

# Small, with all that a resume must bring back: shuffled order, dropout, a plateau counter, momentum.
RUN = (
    "run", "digits_quickstart", "epochs=16", "batch_size=32", "model.layers.hidden.units=16",
    "data.validation_split=0.1", "callbacks=reduce_on_plateau", "callbacks.reduce_on_plateau.patience=1",
    "+model.layers.drop={_target_: keras.layers.Dropout, rate: 0.2, after: hidden}",
)  # fmt: skip
# Small ones, where the fault is not about training.
SHORT = ("run", "digits_quickstart", "epochs=2", "model.layers.hidden.units=8")
OTHER = (*SHORT, "seed=1")
GRID = ("run", "digits_quickstart", "-m", "epochs=2", "model.layers.hidden.units=4,8")

SWEEP = (*RUN[:2], "-m", *(word.replace("units=16", "units=8,16,[16,8]") for word in RUN[2:]))


CHECKED = """
defaults: [digits_quickstart, _self_]
about: {question: "Does it still work?", source: ours}
epochs: 2
expect:
  - {metric: test_accuracy, between: [0.0, 1.0]}
"""


def write_checked(folder: Path) -> None:
    """An experiment of the user's, `checked`, with a claim."""
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "experiments" / "checked.yaml").write_text(CHECKED)


class Answer(NamedTuple):
    """What a command gave back. A negative code is the signal that ended it."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def last(self) -> str:
        return self.err.strip().rpartition("\n")[2][:300]


class Process:
    """A command that runs, in a process group of its own.

    `warm`: it starts with TensorFlow imported. Of a warm one, `fsize` limits the bytes of its files, and `disk` holds the
    options of a tmpfs of its own at `outputs`.
    """

    def __init__(
        self,
        folder: Path,
        words: Sequence[str],
        wrapper: Sequence[str] = (),
        warm: bool = False,
        fsize: int | None = None,
        disk: str | None = None,
        **variables: str,
    ):
        self._out, self._err = Reader(), Reader()
        self.began = time.monotonic()
        self.process: Any
        if warm:
            self.process = Child(folder, list(words), self._out.path, self._err.path, variables, fsize, disk)
        else:
            self.process = subprocess.Popen(
                [*wrapper, *COMMAND, *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=self._out.end,
                stderr=self._err.end,
                env=os.environ | variables,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far: how far it has come, however busy the machine is."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("inf")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, number: int) -> None:
        """Send a signal, as a terminal does, to the whole group."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(self.process.pid, number)

    def wait_until(self, condition: Callable[[], object], limit: float = LIMIT) -> bool:
        """Wait for a condition while the process lives; whether it came true."""
        while self.alive:
            if condition():
                return True
            if time.monotonic() - self.began > limit:
                self.kill()
                raise Wrong(f"waited {limit:.0f} s, but it did not happen")
            time.sleep(0.005)
        return bool(condition())

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.wait()

    def finish(self, limit: float = LIMIT) -> Answer:
        """Wait for its end; a process that needs longer than `limit` hangs."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Wrong(f"hangs: no end after {limit:.0f} s; {self._err.text()[-300:]}") from None
        return Answer(code, self._out.text(), self._err.text(), time.monotonic() - self.began)


class Reader:
    """A pipe that is read while a process writes to its `end`: a limit on files does not affect it."""

    def __init__(self) -> None:
        read, self.end = os.pipe()
        self.path = f"/proc/{os.getpid()}/fd/{self.end}"
        self._content: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(read,), daemon=True)
        self._thread.start()

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as file:
            while content := file.read1(1 << 16):
                self._content.append(content)

    def text(self) -> str:
        """All that was written; call it when the writer has ended."""
        if self.end is not None:
            os.close(self.end)
            self.end = None
        self._thread.join(5)
        return b"".join(self._content).decode(errors="replace")


def stackfit(
    folder: Path,
    *words: str,
    wrapper: Sequence[str] = (),
    warm: bool = False,
    fsize: int | None = None,
    disk: str | None = None,
    **variables: str,
) -> Answer:
    """Run a command to its end and judge its manners."""
    return decent(Process(folder, words, wrapper, warm, fsize, disk, **variables).finish())


def decent(answer: Answer, codes: Sequence[int] = (0, 1, 2, 130)) -> Answer:
    """The answer, if it ended with one of the codes, with messages."""
    said = answer.out + answer.err
    for bad in ("Traceback (most recent call last)", "stackfit itself failed", "Exception ignored"):
        expect(bad not in said, f"prints {bad!r}: {said[-1500:]}")
    expect(answer.code in codes, f"ended with {answer.code}, expected {codes}: {said[-1500:]}")
    expect(answer.code in (0, 130) or answer.err.strip(), f"ended with {answer.code} silently")
    return answer


# ---- what runs leave


def folders(folder: Path) -> list[Path]:
    """Every run folder below `outputs`."""
    return sorted(path.parent for path in (folder / "outputs").rglob("status.json"))


def status(path: Path) -> dict[str, Any]:
    return json.loads((path / "status.json").read_bytes())


def numbers(path: Path) -> dict[str, Any]:
    """The numbers that must not depend on a fault: metrics with the weights' digest, history without its times, predictions."""
    with (path / "history.csv").open(newline="") as file:
        history = [{key: row[key] for key in row if key not in ("seconds", "members")} for row in csv.DictReader(file)]
    with np.load(path / "predictions.npz") as stored:
        predictions = {name: (stored[name].dtype.str, stored[name].shape, stored[name].tobytes()) for name in stored}
    return {"metrics": json.loads((path / "metrics.json").read_bytes()), "history": history, "predictions": predictions}


def numbers_or_none(path: Path) -> dict[str, Any] | None:
    """The numbers of a finished run; None of any other, or of one whose status cannot be read."""
    try:
        return numbers(path) if status(path)["status"] == "finished" else None
    except ValueError:
        return None


def same(path: Path, expected: dict[str, Any]) -> None:
    """Raise `Wrong` unless the run is *finished* with exactly these numbers and its folder holds no leftovers."""
    expect(status(path)["status"] == "finished", f"{path.name} is {status(path)['status']}: {status(path)['reason']}")
    found = numbers(path)
    for part, value in expected.items():
        expect(found[part] == value, f"other {part} than without the fault")
    left = [file.name for file in path.iterdir() if re.match(r"\.(?!claim-\d+$)", file.name)]
    expect(not left, f"{path.name} keeps temporary files: {left}")
    expect((path / "model.keras").stat().st_size > 0, "no model")


def axes(path: Path) -> str:
    return json.dumps(status(path)["axes"], sort_keys=True)


def run_folder_of(answer: Answer, folder: Path) -> Path:
    """The folder that a command printed last."""
    return folder / answer.out.rstrip("\n").rpartition("\n")[2]


def epochs_in(path: Path) -> int:
    """How many epochs a run's history has; 0 without one."""
    history = path / "history.csv"
    return max(0, history.read_text().count("\n") - 1) if history.exists() else 0


def has(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
