"""Write the table of both engines in docs/engines.md.

    python docs/engines.py                  from docs/engines.csv
    python docs/engines.py --measure NAME…  first train these experiments with both engines: an ordinary sweep over five seeds each

A name may have overrides after it: `--measure 'cnn epochs=2'`. The seconds are the user and system CPU seconds of the whole command,
with the programs that earlier ones have compiled: they say something on a busy machine too.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from stackfit.files import csv_text
from stackfit.results.run_files import find_run_folders, read_status

PAGE = Path(__file__).resolve().parent / "engines.md"
MEASURED = PAGE.with_suffix(".csv")
MARKS = ("<!-- engines.py -->\n", "<!-- end -->\n")
ENGINES = ("tensorflow", "jax")
SEEDS = 5


def measure(what: str, engine: str) -> dict[str, object]:
    """Train an experiment over the seeds: test accuracies, and CPU seconds of the command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "stackfit", "run", *what.split(), f"engine={engine}", "save=[]", "-m", f"seed=range({SEEDS})"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"stackfit {' '.join(command[3:])}\nended with {done.returncode}: {done.stderr[-2000:]}")
        runs = [read_status(path) for path in find_run_folders([Path(folder, done.stdout.splitlines()[-1])])]
    values = sorted((run["seed"], run["metrics"]["test_accuracy"]) for run in runs)
    if len(values) != SEEDS:
        raise SystemExit(f"{what}: {len(values)} runs. Expected {SEEDS}: fix the axes that the experiment declares.")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    accuracies = {f"seed {seed}": f"{value:.4f}" for seed, value in values}
    return {"experiment": what, "engine": engine, **accuracies, "cpu": f"{cpu:.1f}"}


def interval(row: dict[str, str]) -> str:
    """The mean of the seeds, and its 95 % interval by Student's t."""
    import scipy.stats

    values = [float(row[f"seed {seed}"]) for seed in range(SEEDS)]
    mean = sum(values) / SEEDS
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (SEEDS - 1))
    half = scipy.stats.t.ppf(0.975, SEEDS - 1) * spread / math.sqrt(SEEDS)
    return f"{mean:.4f} ± {half:.4f}"


def table(rows: list[dict[str, str]]) -> str:
    """The rows as a table, one line an experiment."""
    lines = ["| experiment | tensorflow | jax | CPU seconds |", "|---|---|---|---|"]
    found = {(row["experiment"], row["engine"]): row for row in rows}
    for name in dict.fromkeys(row["experiment"] for row in rows):
        both = [found[name, engine] for engine in ENGINES]
        lines.append(" | ".join([f"| `{name}`", *map(interval, both), " / ".join(row["cpu"] for row in both)]) + " |")
    return "\n".join(lines) + "\n"


def page(text: str, rows: list[dict[str, str]]) -> str:
    """The page with this table in its place."""
    before, rest = text.split(MARKS[0])
    return before + MARKS[0] + table(rows) + MARKS[1] + rest.split(MARKS[1])[1]


def read_rows() -> list[dict[str, str]]:
    """What was measured so far."""
    with MEASURED.open(newline="") as file:
        return [*csv.DictReader(file)]


def main() -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(prog="python docs/engines.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", nargs="+", default=[], metavar="NAME")
    for what in parser.parse_args().measure:
        rows = [measure(what, engine) for engine in ENGINES]
        kept = [row for row in read_rows() if row["experiment"] != what] if MEASURED.exists() else []
        MEASURED.write_text(csv_text([*kept, *rows]))
        print(f"{what}: {', '.join(str(row['cpu']) for row in rows)} CPU seconds", file=sys.stderr)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read_rows()), encoding="utf-8")


if __name__ == "__main__":
    main()
