"""`python benchmarks/gpu.py [--cells N] [--examples N] [--stack N]`: `engine=jax` on this machine's device, without a network.

Trains many cells of gsp631_base as commands in fresh processes: seeds of one width, then eight widths; and some cells again
alone, whose weights must be the same to the bit. Prints one JSON object. Without Fashion-MNIST in the cache it makes pictures of
noise in the same shape: the times are the same, the accuracies mean nothing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stackfit.results.run_files import find_run_folders, read_environment, read_history, read_metrics, read_status

UNITS, WIDTHS = "model.layers.hidden.units", (16, 32, 64, 96, 128, 192, 256, 512)
ALONE = 3  # cells that train again


def stackfit(folder: Path, *words: str) -> tuple[float, Path]:
    """Seconds of a command, and the folder that it printed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "stackfit", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"stackfit {' '.join(words)}\nended with {done.returncode}: {done.stderr[-2000:]}")
    return time.perf_counter() - began, folder / (done.stdout.splitlines() or ["."])[-1]


def make_noise(folder: Path, examples: int) -> list[str]:
    """Overrides that put noise in the place of the pictures."""
    random, arrays = np.random.default_rng(0), {}
    for split, size in (("train", examples), ("test", max(10, examples // 6))):
        arrays[f"x_{split}"] = random.integers(0, 256, (size, 28, 28, 1), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(size) % 10
    np.savez(folder / "noise.npz", **arrays)
    return ["data=npz", "data.path=noise.npz", "data.input_shape=[28,28,1]", "data.num_classes=10"]


def sweep(folder: Path, fixed: list[str], *axes: str) -> tuple[dict[str, float], list[Path]]:
    """A sweep from the command to its table: seconds, cells a second of training alone, and the cells' folders."""
    seconds, made = stackfit(folder, "run", "gsp631_base", *fixed, "-m", *axes)
    table, _ = stackfit(folder, "table", str(made))
    folders = [*find_run_folders([made])]
    training = sum(row["seconds"] / row["members"] for path in folders for row in read_history(path))
    accuracy = statistics.mean(read_status(path)["metrics"]["test_accuracy"] for path in folders)
    rate = len(folders) / training
    return {"cells": len(folders), "seconds": seconds + table, "cells_a_second": rate, "test_accuracy": accuracy}, folders


def unequal(folder: Path, fixed: list[str], cells: list[Path]) -> list[str]:
    """Which of these cells of a sweep have other weights when each trains alone."""
    found = []
    for cell in cells:
        axes = [f"{key}={value}" for key, value in read_status(cell)["axes"].items()]
        _, alone = stackfit(folder, "run", "gsp631_base", "--fresh", *fixed, *axes)
        if read_metrics(alone)["weights_sha256"] != read_metrics(cell)["weights_sha256"]:
            found.append(cell.name)
    return found


def main() -> None:
    """Run all, and print what it took."""
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=512, metavar="N", help="of each of the two sweeps; a multiple of 8")
    parser.add_argument("--examples", type=int, default=0, metavar="N", help="noise instead of Fashion-MNIST")
    parser.add_argument("--stack", default="auto", metavar="N")
    typed = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    with TemporaryDirectory() as name:
        folder = Path(name)
        fixed = ["engine=jax", f"stack={typed.stack}", "verbosity=0", "save=[]"]
        fixed += make_noise(folder, typed.examples) if typed.examples else []
        seeds, first = sweep(folder, fixed, f"seed=range({typed.cells})")
        widths = f"{UNITS}={','.join(map(str, WIDTHS))}"
        eight, second = sweep(folder, fixed, widths, f"seed=range({typed.cells // len(WIDTHS)})")
        environment = read_environment(first[0])
        report = {
            "date": time.strftime("%Y-%m-%d"),
            "devices": environment["devices"],
            "versions": environment["versions"],
            "stack": environment["determinism"]["stack"],
            "seeds": seeds,
            "eight widths": eight,
            "not bit-equal alone": unequal(folder, fixed, [*first[:ALONE], *second[-ALONE:]]),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
