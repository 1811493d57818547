"""`export`: a run for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import DataPath, RunPath, Trust, option
from stackfit.cli.text import complain, say


def _forms() -> list[str]:
    from stackfit.proof.exporting import FORMS

    return list(FORMS)


def command(
    run: RunPath,
    to: Annotated[str, option("savedmodel, onnx, tflite, or ro-crate: the whole run for an archive.", offers=_forms)],
    out: Annotated[Path | None, option("Write it here; else in this folder, called by the experiment.", metavar="PATH")] = None,
    data_path: DataPath = None,
    trust: Trust = None,
) -> int:
    """For example: stackfit export gsp631_base --to onnx --out fashion.onnx

    A model is loaded again in its new form and answers the test examples: exit code 1 if its answers are not the stored
    predictions. It takes scaled inputs: scaling.json in the run folder says how to make them. A crate is a zip with the
    run folder and its description as linked data, as Zenodo shows it.
    """
    from stackfit.proof.exporting import export
    from stackfit.results.run import Run

    made = export(Run(run, data_path), to, out, trust or (), lambda line: complain([line]))
    if made.difference is not None:
        say(
            f"{made.examples:,} examples answered again: largest difference from {made.against} {made.difference:.2g}"
            f" (outputs up to {made.largest:.3g})"
        )
    if not made.is_equal:
        complain(["The written model answers otherwise than the run. Do not use it."])
    sys.stdout.write(f"{made.path}\n")
    return 0 if made.is_equal else 1
