"""Run whole commands in fresh processes, one after another, and take their time and peak memory."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from stackfit.config import project
from stackfit.results.run_files import find_run_folders, read_history, read_status

HERE = Path(__file__).parent
STACKFIT = str(Path(sys.executable).with_name("stackfit"))
KERAS_HOME = project.cache() / "benchmarks" / "keras"  # where keras.datasets finds its files
TOUCHED = 1 << 31  # bytes
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in which ru_maxrss counts

Figures = dict[str, float]


class CommandFailed(Exception):
    """A command that was to be timed did not do its work."""


@dataclass(frozen=True)
class Program:
    """A command; what reads figures from its stdout and folder; its folder, None for a new, empty one."""

    argv: list[str]
    read: Callable[[str, Path], Figures] | None = None
    folder: Path | None = None


def run_program(program: Program) -> Figures:
    """`seconds` on the clock, `cpu` seconds, `peak_gb` (10^9 bytes), and what `read` finds.

    Raises:
        CommandFailed: it ended with another code than 0, or without its work done.
    """
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_HOME": str(KERAS_HOME)}
    with TemporaryDirectory() as empty, TemporaryFile("w+") as printed, TemporaryFile("w+") as errors:
        folder = program.folder or Path(empty)
        touch_memory()
        began = time.perf_counter()
        process = subprocess.Popen(
            program.argv,
            cwd=folder,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=errors,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        errors.seek(0)
        if process.returncode:
            said = "".join(errors.readlines()[-4:])
            raise CommandFailed(f"{' '.join(program.argv)}\nended with {process.returncode}: {said}")
        figures = program.read(printed.read(), folder) if program.read else {}
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * PEAK_UNIT / 1e9
    return {"seconds": seconds, "cpu": cpu, "peak_gb": peak, **figures}


def touch_memory() -> None:
    """Use memory and free it: what a virtual machine has not used lately, its host hands out page by page, slowly."""
    subprocess.run([sys.executable, "-c", f"import numpy; numpy.ones({TOUCHED}, numpy.uint8)"], check=True)


def read_json(printed: str, folder: Path) -> Figures:
    """What a script of ours prints as its last line."""
    return dict(json.loads(printed.splitlines()[-1]))


def script(path: str, *arguments: object) -> Program:
    """One of our scripts in `rivals/` or `probes/`."""
    return Program([sys.executable, str(HERE / path), *map(str, arguments)], read_json)


def stackfit_run(cells: int, *words: str) -> Program:
    """`stackfit run …`, which must leave so many finished runs, and no other.

    `epoch` is a member's share of its cohort's time for an epoch: the median of a cell's from the second
    on, and the mean of the cells.
    """

    def read(printed: str, folder: Path) -> Figures:
        epochs, accuracies = [], []
        for path in find_run_folders([folder / printed.splitlines()[-1]]):
            status = read_status(path)
            if status["status"] != "finished":
                raise CommandFailed(f"{path.name} is {status['status']}: {status['reason']}")
            shares = [row["seconds"] / row["members"] for row in read_history(path)]
            epochs.append(statistics.median(shares[1:] or shares))
            accuracies.append(status["metrics"]["test_accuracy"])
        if len(epochs) != cells:
            raise CommandFailed(f"stackfit run {' '.join(words)}\nleft {len(epochs)} runs of {cells}")
        return {"test_accuracy": statistics.mean(accuracies), "epoch": statistics.mean(epochs)}

    return Program([STACKFIT, "run", *words], read)


class Rounds(list[dict[str, Figures]]):
    """What each program took in each round."""

    def values(self, name: str, figure: str = "seconds") -> list[float]:
        """A program's figure, round by round."""
        return [one[name][figure] for one in self]

    def median(self, name: str, figure: str = "seconds") -> float:
        """A program's figure, over the rounds."""
        return statistics.median(self.values(name, figure))

    def ratio(self, ours: str, rival: str, figure: str = "seconds") -> float:
        """The median of the rounds' ratios: a slower hour slows both sides of a round."""
        return statistics.median(one[ours][figure] / one[rival][figure] for one in self)

    def peak(self, name: str) -> float:
        """The largest peak memory of all rounds, in GB."""
        return max(self.values(name, "peak_gb"))


def side_by_side(programs: dict[str, Program], repeat: int) -> Rounds:
    """Run every program once a round; every second round in the reverse order.

    Raises:
        CommandFailed: see `run_program`.
    """
    rounds = Rounds()
    for number in range(repeat):
        taken: dict[str, Figures] = {}
        for name in list(programs) if number % 2 == 0 else reversed(programs):
            taken[name] = run_program(programs[name])
            print(f"  {number + 1}/{repeat} {taken[name]['seconds']:8.2f} s  {name}", file=sys.stderr)
        rounds.append({name: taken[name] for name in programs})
    return rounds
