"""`evaluate`: the splits side by side."""

from __future__ import annotations

import sys
from pathlib import Path

from stackfit.cli.arguments import DataPath, Format, RunPaths, Trust, chosen_runs
from stackfit.cli.text import complain, width


def command(runs: RunPaths, format: Format = "text", data_path: DataPath = None, trust: Trust = None) -> int:
    """The saved model is evaluated on the data that the run names; of its files only the arrays are loaded. Exit code 1
    when one of several runs could not be evaluated.
    """
    import pandas as pd

    from stackfit.cli.each import for_each
    from stackfit.files import shown
    from stackfit.proof.saved import evaluate_run
    from stackfit.results import formats
    from stackfit.results.run import Run

    def evaluate(path: Path) -> None:
        (path,) = chosen_runs([path])
        splits = evaluate_run(Run(path, data_path), lambda line: complain([line]), trust or ())
        rows = [{"split": split, **logs} for split, logs in splits.items()]
        if "train" in splits and "test" in splits:
            gap = {name: splits["test"][name] - value for name, value in splits["train"].items()}
            rows.append({"split": "test - train", **gap})
        heading = f"{shown(path)}\n" if len(runs) > 1 else ""
        sys.stdout.write(heading + formats.render(pd.DataFrame(rows), format, width()))

    return for_each(runs, evaluate, shown)
