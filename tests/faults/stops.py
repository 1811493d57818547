"""SIGKILL, Ctrl-C and SIGTERM at random moments, then the same command again."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import NamedTuple

from faults import lab
from faults.damage import real_cache
from faults.fault import draw, expect, fault
from faults.lab import Process, decent, stackfit
from faults.reference import life, reference

FASHION = ("run", "gsp631_base", "epochs=3", "model.layers.hidden.units=16")


class Moment(NamedTuple):
    """A case: the number that decides the moment, and what is stopped."""

    number: int
    command: str

    @property
    def words(self) -> tuple[str, ...]:
        return {"run": lab.RUN, "sweep": lab.SWEEP, "fashion": FASHION}[self.command]

    @property
    def warm(self) -> bool:
        """Whether it starts with TensorFlow imported; every fifth is a command from its first instruction on."""
        return self.number % 5 > 0


def kinds(count: int, sweeps: int, fashion: int) -> list[Moment]:
    """`sweeps` and `fashion` of the moments, spread over the list; the others stop single runs."""
    commands = ["sweep"] * sweeps + ["fashion"] * fashion + ["run"] * (count - sweeps - fashion)
    draw(count).shuffle(commands)
    return [Moment(number, command) for number, command in enumerate(commands)]


def started(moment: Moment, folder: Path, shares: list[float]) -> Process | None:
    """A process at a random moment, counted in its processor time; None if it had ended by then.

    Half of the moments are drawn from its whole life (the import of TensorFlow included, unless it starts warm), half
    from its life with a run folder.
    """
    if moment.command == "fashion":
        real_cache("arrays", "fashion_mnist-tfds")
    usual = life(*moment.words, warm=moment.warm)
    process = Process(folder, moment.words, warm=moment.warm)
    begin = usual.folder if moment.number % 4 > 1 else 0.0
    until = begin + shares.pop() * (usual.end - begin)
    process.wait_until(lambda: process.cpu >= until and (not begin or lab.folders(folder)))
    return process if process.alive else None


def shares_of(moment: Moment) -> list[float]:
    chance = draw(f"{moment.command} {moment.number}")
    return [chance.random() for _ in range(20)]


def where(folder: Path) -> str:
    """How far the process was when it was stopped."""
    found = lab.folders(folder)
    if not found:
        return "before it had a folder"
    if any(lab.status(path)["status"] == "finished" for path in found):
        return "after a run had finished"
    return "in training" if any(map(lab.epochs_in, found)) else "before the first epoch's end"


@fault("kill", "SIGKILL at a random moment of a run or a fused sweep, then the same command", 2, lambda: kinds(100, 20, 5))
def kill(moment: Moment, folder: Path) -> str:
    shares = shares_of(moment)
    while (process := started(moment, folder, shares)) is None:  # it ended before: draw again
        shutil.rmtree(folder / "outputs", ignore_errors=True)
    process.kill()
    expected = reference(*moment.words)
    at = where(folder)
    finished = {path: (path / "metrics.json").stat().st_mtime_ns for path in lab.folders(folder)
                if lab.status(path)["status"] == "finished"}  # fmt: skip
    kept = max(map(lab.epochs_in, lab.folders(folder)), default=0)
    if moment.number % 5 == 4:  # the command that resumes it is also killed
        second = started(moment, folder, shares)
        if second is not None:
            second.kill()
    answer = stackfit(folder, *moment.words, warm=moment.warm)
    expect(answer.code == 0, f"killed {at}: the same command ended with {answer.code}: {answer.last}")
    expected.same(folder)
    for path, written in finished.items():
        expect((path / "metrics.json").stat().st_mtime_ns == written, f"{path.name} was finished and trained again")
    if at == "in training" and moment.command == "run" and moment.number % 5 != 4:
        trained = answer.err.count("\nepoch ")
        expect(trained <= 17 - kept, f"{kept} epochs were complete, but {trained} were trained again")
    return f"{at}: resumed to the identical digest"


@fault("ctrl-c", "Ctrl-C at a random moment; every third time twice", 1, lambda: kinds(20, 5, 1))
def interrupt(moment: Moment, folder: Path) -> str:
    return stop(moment, folder, signal.SIGINT, again=moment.number % 3 == 1)


@fault("sigterm", "SIGTERM at a random moment, as a batch system does", 1, lambda: kinds(10, 3, 0))
def terminate(moment: Moment, folder: Path) -> str:
    return stop(Moment(moment.number + 1000, moment.command), folder, signal.SIGTERM, again=moment.number % 5 == 1)


def stop(moment: Moment, folder: Path, number: int, again: bool) -> str:
    """Stop a command with a signal: in 5 s, code 130, status *interrupted*; the same command resumes."""
    shares = shares_of(moment)
    process = started(moment, folder, shares)
    while process is None:
        shutil.rmtree(folder / "outputs", ignore_errors=True)
        process = started(moment, folder, shares)
    sent, cpu = time.monotonic(), process.cpu
    process.send(number)
    if again:
        time.sleep(draw(moment.number).choice([0.0, 0.01, 0.1, 0.4]))
        process.send(number)
    answer = process.finish(60)
    took = time.monotonic() - sent
    if answer.code == -number and cpu < 0.1 and not lab.folders(folder):
        return "while Python starts, before our first line: ended, nothing written"
    decent(answer, (130,) if "Interrupted" in answer.err else (0,))
    expect(took < 5.0, f"took {took:.1f} s")
    states = {lab.status(path)["status"] for path in lab.folders(folder)}
    if answer.code == 0:
        expect(states == {"finished"}, f"code 0, but {states}")
        return "it had ended: finished, code 0"
    expect(answer.err.endswith("Interrupted. Run the same command again to resume.\n"), f"says: {answer.err[-300:]}")
    expect(states <= {"interrupted", "finished"}, f"code 130, but the state is {states}")
    said = where(folder)
    resumed = ""
    if moment.number % 4 == 0:
        last = stackfit(folder, *moment.words, warm=moment.warm)
        expect(last.code == 0, last.err)
        reference(*moment.words).same(folder)
        resumed = "; the same command: identical digest"
    return f"{said}: code 130 within 5 s, interrupted{resumed}"


@fault("ctrl-c-after-failure", "Ctrl-C in a --fail-fast sweep in which a cell could not be saved", 0, lambda: [2])
def after_failure(epochs: int, folder: Path) -> str:
    (folder / "own_gone.py").write_text(GONE)
    words = ("run", "digits_quickstart", "-m", f"epochs={epochs},1000000", "model.layers.hidden.units=4", "--fail-fast",
             "+callbacks.own={_target_: own_gone.Gone, path: x}", "--trust", "own_gone")  # fmt: skip
    process = Process(folder, words, warm=True)
    process.wait_until(lambda: (folder / "gone").exists())
    time.sleep(2.0)
    process.send(signal.SIGINT)
    answer = decent(process.finish(20))
    expect(answer.code == 130, f"ended with {answer.code}: {answer.err[-300:]}")
    return "code 130"


GONE = """
import pathlib, shutil
import keras

class Gone(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.folder = pathlib.Path(path).parent

    def on_train_end(self, logs=None):
        shutil.rmtree(self.folder)
        pathlib.Path("gone").touch()
"""
