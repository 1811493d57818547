"""`evaluate`: the splits side by side."""

from __future__ import annotations

import sys

from stackfit.cli.arguments import DataPath, Format, RunPath, Trust
from stackfit.cli.text import complain, width


def command(run: RunPath, format: Format = "text", data_path: DataPath = None, trust: Trust = None) -> None:
    """The saved model is evaluated on the data that the run names; of its files only the arrays are loaded."""
    import pandas as pd

    from stackfit.proof.saved import evaluate_run
    from stackfit.results import formats
    from stackfit.results.run import Run

    splits = evaluate_run(Run(run, data_path), lambda line: complain([line]), trust or ())
    rows = [{"split": split, **logs} for split, logs in splits.items()]
    if "train" in splits and "test" in splits:
        gap = {name: splits["test"][name] - value for name, value in splits["train"].items()}
        rows.append({"split": "test - train", **gap})
    sys.stdout.write(formats.render(pd.DataFrame(rows), format, width() if format == "text" else None))
