"""What a sweep's queue costs: `claiming.py CELLS SECONDS`, in the folder where it is made.

`detach`: seconds of `run --detach` for CELLS cells besides composing them. `overhead`: of a worker on them, from the end of
its imports to the first epoch. `claiming`: the share of their time that four workers spend taking cells, as they say at
their end, on a fifth of CELLS.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

STACKFIT = [sys.executable, "-m", "stackfit"]
CELLS = ("epochs=2", "save=[]", "hydra/launcher=processes", "--yes")


def start(cells: int, workers: int) -> tuple[Path, float, float]:
    """Plan a sweep and start its workers: the folder, the command's seconds, and those of composing."""
    words = ["run", "digits_quickstart", "-m", f"seed=range({cells})", f"hydra.launcher.workers={workers}", "--detach", *CELLS]
    began = time.perf_counter()
    done = subprocess.run([*STACKFIT, *words], check=True, capture_output=True, text=True)
    said = re.search(r"Composed [\d,]+ cells in (\d+) s", done.stderr)
    return Path(done.stdout.splitlines()[-1]), time.perf_counter() - began, float(said.group(1)) if said else 0.0


def stop(folder: Path) -> None:
    """Ask the workers to stop, and wait until the last has ended."""
    subprocess.run([*STACKFIT, "stop", str(folder)], check=True, capture_output=True)
    while [*folder.glob("jobs/worker-*.json")]:
        time.sleep(0.5)


def overhead(folder: Path) -> float:
    """Seconds before a worker's first epoch, in this process, which has imported everything."""
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401

    from stackfit.execution.progress import Reporter
    from stackfit.execution.worker import Worker
    from stackfit.training import loop

    trained = []
    train = loop.train

    def noted(*arguments):
        trained.append(time.perf_counter())
        return train(*arguments)

    loop.train = noted
    began = time.perf_counter()
    Worker(folder, Reporter(0), most_cells=1).work()
    return trained[0] - began


def main() -> None:
    cells, seconds = int(sys.argv[1]), float(sys.argv[2])
    folder, whole, composing = start(cells, 2)
    stop(folder)
    figures = {"detach": whole - composing, "composing": composing, "overhead": overhead(folder)}
    subprocess.run(["rm", "-r", "outputs"], check=True)
    folder, _, _ = start(cells // 5, 4)
    time.sleep(seconds)
    stop(folder)
    logs = [log.read_text() for log in folder.glob("jobs/worker-*.log")]
    times = [re.search(r"Of (\d+) s, taking cells took (\d+\.\d)", log) for log in logs]
    whole, taking = (sum(float(each.group(part)) for each in times) for part in (1, 2))
    print(json.dumps(figures | {"claiming": 100 * taking / whole, "workers": len(logs)}))


if __name__ == "__main__":
    main()
