"""`evaluate`: the splits side by side."""

from __future__ import annotations

import sys
from pathlib import Path

from stackfit.cli.arguments import Format, RunPaths, Trust
from stackfit.cli.text import width


def command(runs: RunPaths, format: Format = "text", trust: Trust = None) -> int:
    """The saved model is loaded in safe mode and evaluated on the data that the run names. Exit code 1 when one of
    several runs could not be evaluated.
    """
    import pandas as pd

    from stackfit.cli.each import for_each
    from stackfit.files import shown
    from stackfit.proof.saved import evaluate_run
    from stackfit.results import formats
    from stackfit.results.run import Run

    def evaluate(path: Path) -> None:
        splits = evaluate_run(Run(path), lambda line: print(line, file=sys.stderr), trust or ())
        rows = [{"split": split, **logs} for split, logs in splits.items()]
        if "train" in splits and "test" in splits:
            gap = {name: splits["test"][name] - value for name, value in splits["train"].items()}
            rows.append({"split": "test - train", **gap})
        heading = f"{shown(path)}\n" if len(runs) > 1 else ""
        sys.stdout.write(heading + formats.render(pd.DataFrame(rows), format, width() if format == "text" else None))

    return for_each(runs, evaluate, shown)
