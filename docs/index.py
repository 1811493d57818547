"""Write the tables of experiments, README.md's and experiments/README.md's, and the times that the files state.

    python docs/index.py                    from experiments/measured.csv and claims.csv; for an experiment that was not
                                            measured alone, from its newest finished run in ./outputs
    python docs/index.py --measure          first run every experiment alone, but the long ones and those whose data
                                            are not here, and record times and results
    python docs/index.py --measure NAME…    only these, long ones too

Measure on a machine that does nothing else. `--measure` keeps what it has measured in outputs/measuring.csv: stopped in
the middle, the same command goes on there, and tries again what failed. Verdicts on claims come from
`stackfit check --all --long --csv experiments/claims.csv`.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from stackfit.config.experiments import Record, list_experiments
from stackfit.config.hydra.composition import Composer
from stackfit.data import list_data
from stackfit.errors import raising
from stackfit.files import csv_text, write_text
from stackfit.results.run import Run
from stackfit.results.run_files import find_run_folders

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "experiments" / "measured.csv"
CLAIMS = ROOT / "experiments" / "claims.csv"
MEASURING = ROOT / "outputs" / "measuring.csv"
MAIN = (
    "gsp631_base",
    "gsp631_callback_acc84",
    "gsp631_ex4_no_flatten",
    "codelab_base_128",
    "codelab_width_sweep",
    "tf_hparams_grid",
    "digits_quickstart",
    "xor_needs_a_hidden_layer",
)
Row = dict[str, str]  # a line of a CSV file


def read_rows(path: Path) -> list[Row]:
    """The lines of a CSV file; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- what was measured


def row_of(name: str, runs: Iterable[Run], seconds: float, alone: bool) -> Row:
    """What `measured.csv` keeps of an experiment's finished runs: one, or a sweep's cells; those that a search pruned are not."""
    cells = [run for run in runs if run.state != "pruned"]
    scores = sorted(run.metrics["test_accuracy"] for run in cells)
    return {
        "experiment": name,
        "state": "finished",
        "cells": str(len(cells)),
        "lowest": f"{scores[0]:.4f}",
        "highest": f"{scores[-1]:.4f}",
        "epochs": str(cells[0].config["epochs"]),
        "stopped_epoch": str(cells[0].metrics["stopped_epoch"]),
        "seconds": f"{seconds:.1f}",
        "members": "" if alone else str(int(cells[0].history["members"].max())),
    }


def measure(name: str, refused: bool) -> Row:
    """Run one experiment as a user would, and time the whole command.

    Raises:
        RuntimeError: it ended otherwise than it should.
    """
    command = [sys.executable, "-m", "stackfit", "run", name, "--fresh", "--quiet"]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode != (2 if refused else 0):
        raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stderr.strip()}")
    if refused:
        return {"experiment": name, "state": "refused", "seconds": f"{seconds:.1f}"}
    folder = ROOT / done.stdout.splitlines()[-1]
    return row_of(name, map(Run, find_run_folders([folder])), seconds, alone=True)


def measure_all(names: list[str], refused: set[str], measure: Callable[[str, bool], Row] = measure) -> bool:
    """Measure what this campaign has not measured yet; whether everything is."""
    failed = []
    for name in names:
        rows = read_rows(MEASURING)
        if any(row["experiment"] == name for row in rows):
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            rows.append(measure(name, name in refused))
        except (RuntimeError, OSError, LookupError) as error:
            failed.append(f"{name}: {error}")
            continue
        write_text(MEASURING, csv_text(rows))
        print(f"{name}  {rows[-1]['seconds']} s", file=sys.stderr, flush=True)
    print(*failed, sep="\n", end="\n" if failed else "", file=sys.stderr)
    return not failed


def newest(record: Record) -> Row | None:
    """The newest finished run of seed 0, or the newest of every cell, in ./outputs; None where there is none."""
    folder = ROOT / "outputs" / record.name
    cells: dict[str, Run] = {}
    for path in find_run_folders([folder]) if folder.is_dir() else ():
        run = Run(path)
        axes = {key: value for key, value in run.status["axes"].items() if key != "seed"}
        if run.state == "finished" and run.status["seed"] == 0 and bool(axes) == declares_sweep(record):
            key = str(sorted(axes.items()))
            if key not in cells or run.status["started"] > cells[key].status["started"]:
                cells[key] = run
    if not cells:
        return None
    return row_of(record.name, cells.values(), max(run.status["seconds"] for run in cells.values()), alone=False)


def declares_sweep(record: Record) -> bool:
    """Whether the file asks for a sweep."""
    return "MULTIRUN" in record.path.read_text(encoding="utf-8")


def is_here(record: Record) -> bool:
    """Whether the experiment's data can be had without a network."""
    with raising() as problems:
        data = Composer(record.name).compose((), problems).config.data
    ready = {row.name for row in list_data() if row.state == "ready"}
    return data.kind != "tfds" or str(data.name).partition(":")[0] in ready


# ---- what is written


def result(row: Row | None, claims: list[Row]) -> tuple[str, str]:
    """An experiment's result and time in words."""
    if row is None:
        here = not any(claim["state"] == "skipped" for claim in claims)
        return "not measured" if here else "not measured: its data were not to be had", ""
    seconds = f"{float(row['seconds']):.0f} s"
    if row["state"] == "refused":
        return "an error before training, as it must", seconds
    if row["members"] and int(row["members"]) > int(row["cells"]):
        seconds += f", {row['members']} together"
    if int(row["cells"]) > 1:
        return f"{row['cells']} cells, test accuracy {row['lowest']} to {row['highest']}", seconds
    early = f", stopped after epoch {row['stopped_epoch']}" if row["stopped_epoch"] != row["epochs"] else ""
    return f"test accuracy {row['lowest']}{early}", seconds


def judged(claims: list[Row]) -> str:
    """How many of an experiment's claims hold."""
    states = [claim["state"] for claim in claims]
    if not states or "skipped" in states:
        return ""
    return f"{states.count('passed')} of {len(states)}"


def table(records: Iterable[Record], rows: Mapping[str, Row], claims: list[Row], full: bool) -> list[str]:
    """A table's lines; `full` adds what was published and how many claims hold."""
    heads = ["experiment", "question", *(["published", "measured", "claims that hold"] if full else ["measured"]), "time"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for record in records:
        own = [claim for claim in claims if claim["item"] == record.name]
        found, seconds = result(rows.get(record.name), own)
        cells = [f"`{record.name}`", str(record.about.get("question", "")), found, seconds]
        if full:
            cells.insert(2, str(record.about.get("published", "")))
            cells.insert(4, judged(own))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def failures(records: Mapping[str, Record], claims: list[Row]) -> list[str]:
    """One paragraph for every claim that does not hold, with its figures and what its file says of it."""
    lines = []
    for claim in claims:
        if claim["state"] == "failed":
            published = f" Published: {claim['published']}." if claim["published"] else ""
            note = str(records[claim["item"]].about.get("ours", ""))
            lines += [f"* `{claim['item']}`, {claim['claim']}: {claim['reason']}.{published} {note}".rstrip()]
    return lines or ["Every claim that could be checked holds."]


def pages(records: Mapping[str, Record], rows: Mapping[str, Row], claims: list[Row]) -> dict[Path, str]:
    """Both pages as they must read."""
    index = ROOT / "experiments" / "README.md"
    text = between(index.read_text(encoding="utf-8"), "experiments", table(records.values(), rows, claims, full=True))
    readme = ROOT / "README.md"
    short = table([records[name] for name in MAIN], rows, claims, full=False)
    return {
        index: between(text, "failures", failures(records, claims)),
        readme: between(readme.read_text(encoding="utf-8"), "experiments", short),
    }


def between(text: str, mark: str, lines: list[str]) -> str:
    """The page with these lines between its marks."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, _, rest = text.partition(begin)
    return "\n".join([before + begin, *lines, end + rest.partition(end)[2]])


def with_time(text: str, seconds: float) -> str:
    """An experiment's file with this time in its first line and in `about`."""
    first, rest = text.split("\n", 1)
    told = f"about {max(1, round(seconds))} s on 2 cores"
    if re.search(r"about [\d.]+ s( on 2 cores)?", first):
        first = re.sub(r"about [\d.]+ s( on 2 cores)?", told, first)
    else:
        first += f", {told}" if len(first.split()) > 4 else f"   {told}"
    return first + "\n" + re.sub(r"^  seconds: .*$", f"  seconds: {max(1, round(seconds))}", rest, count=1, flags=re.M)


def read_records() -> dict[str, Record]:
    """The shipped experiments, by name."""
    return {record.name: record for record in list_experiments() if not record.own}


def main() -> None:
    """Measure if asked to, then write record, files and pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", metavar="NAME")
    asked = parser.parse_args().measure
    records = read_records()
    rows = {row["experiment"]: row for row in read_rows(MEASURED)}
    whole = True
    if asked is not None:
        names = asked or [name for name, record in records.items() if not record.about.get("long") and is_here(record)]
        refused = {name for name in records if any("error" in claim for claim in records[name].expect)}
        whole = measure_all(names, refused)
        rows |= {row["experiment"]: row for row in read_rows(MEASURING)}
    for name, record in records.items():
        if (name not in rows or rows[name].get("members")) and (row := newest(record)):
            rows[name] = row
    if CLAIMS.is_file():  # a reason may name a folder of this machine
        write_text(CLAIMS, CLAIMS.read_text(encoding="utf-8").replace(str(Path.home()), "~"))
    write_text(MEASURED, csv_text([rows[name] for name in records if name in rows]))
    for name, row in rows.items():
        path = records[name].path
        if row.get("members"):
            continue  # its time is not that of the command alone
        path.write_text(with_time(path.read_text(encoding="utf-8"), float(row["seconds"])), encoding="utf-8")
    for path, text in pages(records, rows, read_rows(CLAIMS)).items():
        path.write_text(text, encoding="utf-8")
    if whole:
        MEASURING.unlink(missing_ok=True)
    sys.exit(not whole)


if __name__ == "__main__":
    main()
