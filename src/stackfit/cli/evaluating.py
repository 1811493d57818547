"""`evaluate`: the splits side by side."""

from __future__ import annotations

from pathlib import Path

from stackfit.cli.arguments import DataPath, Format, RunPaths, Trust, chosen_runs
from stackfit.cli.text import complain, width, write_whole


def command(runs: RunPaths, format: Format = "text", data_path: DataPath = None, trust: Trust = None) -> int:
    """The saved model is evaluated on the data that the run names; of its files only the arrays are loaded. Exit code 1
    when one of several runs could not be evaluated.
    """
    from stackfit.cli.each import for_each
    from stackfit.files import shown
    from stackfit.proof.saved import evaluate_frame
    from stackfit.results import formats
    from stackfit.results.run import Run

    def evaluate(path: Path) -> None:
        (path,) = chosen_runs([path])
        frame = evaluate_frame(Run(path, data_path), lambda line: complain([line]), trust or ())
        heading = f"{shown(path)}\n" if len(runs) > 1 else ""
        write_whole(heading + formats.render(frame, format, width()), format)

    return for_each(runs, evaluate, shown)
