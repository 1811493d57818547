"""Write the table of experiments into README.md from the newest finished runs: python docs/index.py

Run the experiments first; what has no finished run in ./outputs is listed without numbers. Seconds are those of the run
folder: from its claim to its end, without imports.
"""

from __future__ import annotations

from pathlib import Path

from stackfit.experiments import Record, list_experiments
from stackfit.run_folder import find_run_folders
from stackfit.runs import Run

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("<!-- experiments -->", "<!-- /experiments -->")


def measured(record: Record) -> tuple[str, str]:
    """Seconds and result of the newest finished run, or of the newest sweep's cells."""
    if any("error" in claim for claim in record.expect if isinstance(claim, dict)):
        return "-", "an error before training, as it must"
    folder = ROOT / "outputs" / record.name
    runs = [Run(path) for path in (find_run_folders([folder]) if folder.is_dir() else [])]
    runs = [run for run in runs if run.state == "finished"]
    if not runs:
        return "", "not measured"
    newest = max(runs, key=lambda run: run.status["started"])
    sweep = newest.folder.parent
    cells = [run for run in runs if run.folder.parent == sweep] if sweep.name.startswith("sweep-") else [newest]
    scores = [run.metrics["test_accuracy"] for run in cells]
    result = f"test accuracy {scores[0]:.4f}" if len(cells) == 1 else f"{len(cells)} cells, {min(scores):.4f} to {max(scores):.4f}"
    if len(cells) == 1 and newest.metrics["stopped_epoch"] < newest.config["epochs"]:
        result += f", stopped after epoch {newest.metrics['stopped_epoch']}"
    seconds = max(run.status["seconds"] for run in cells)
    return f"{seconds:.0f} s", result


def rows() -> list[str]:
    """The table's lines."""
    lines = ["| experiment | question | measured | time |", "|---|---|---|---|"]
    for record in list_experiments():
        seconds, result = measured(record)
        lines.append(f"| `{record.name}` | {record.about.get('question', '')} | {result} | {seconds} |")
    return lines


def main() -> None:
    """Put the table between the marks."""
    page = ROOT / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page.write_text("\n".join([before + MARKS[0], *rows(), MARKS[1] + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
