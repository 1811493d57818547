"""Write the tables of experiments, README.md's and experiments/README.md's, from the newest finished runs:
python docs/index.py

Run the experiments first; what has no finished run in ./outputs is listed without numbers. Seconds are those of the run
folder: from its claim to its end, without imports.
"""

from __future__ import annotations

from pathlib import Path

from stackfit.experiments import Record, list_experiments
from stackfit.run_folder import find_run_folders
from stackfit.runs import Run

ROOT = Path(__file__).resolve().parents[1]
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
MARKS = ("<!-- experiments -->", "<!-- /experiments -->")


def measured(record: Record) -> tuple[str, str]:
    """Seconds and result of the newest finished run, or of the newest sweep's cells."""
    if any("error" in claim for claim in record.expect if isinstance(claim, dict)):
        return "-", "an error before training, as it must"
    folder = ROOT / "outputs" / record.name
    cells: dict[str, Run] = {}  # the newest finished run of every cell with seed 0
    for path in find_run_folders([folder]) if folder.is_dir() else ():
        run = Run(path)
        axes = {key: value for key, value in run.status["axes"].items() if key != "seed"}
        if run.state == "finished" and run.status["seed"] == 0 and bool(axes) == _is_sweep(record):
            key = str(sorted(axes.items()))
            if key not in cells or run.status["started"] > cells[key].status["started"]:
                cells[key] = run
    if not cells:
        return "", "not measured"
    runs = list(cells.values())
    scores = [run.metrics["test_accuracy"] for run in runs]
    members = int(runs[0].history["members"].max())
    together = f", {members} together" if members > len(runs) else ""
    seconds = f"{max(run.status['seconds'] for run in runs):.0f} s{together}"
    if len(runs) > 1:
        return seconds, f"{len(runs)} cells, test accuracy {min(scores):.4f} to {max(scores):.4f}"
    stopped = runs[0].metrics["stopped_epoch"]
    early = f", stopped after epoch {stopped}" if stopped < runs[0].config["epochs"] else ""
    return seconds, f"test accuracy {scores[0]:.4f}{early}"


def _is_sweep(record: Record) -> bool:
    return "MULTIRUN" in record.path.read_text(encoding="utf-8")


def rows(records: list[Record], published: bool) -> list[str]:
    """A table's lines."""
    heads = ["experiment", "question", *(["published"] if published else []), "measured", "time"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for record in records:
        seconds, result = measured(record)
        cells = [f"`{record.name}`", record.about.get("question", ""), result, seconds]
        if published:
            cells.insert(2, str(record.about.get("published", "")))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write(page: Path, lines: list[str]) -> None:
    """Put the lines between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page.write_text("\n".join([before + MARKS[0], *lines, MARKS[1] + after]), encoding="utf-8")


def main() -> None:
    """Write both tables."""
    records = {record.name: record for record in list_experiments()}
    write(ROOT / "README.md", rows([records[name] for name in MAIN], published=False))
    write(ROOT / "experiments" / "README.md", rows(list(records.values()), published=True))


if __name__ == "__main__":
    main()
