"""Runs for other tools: models in other forms, an archive, MLflow."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from stackfit.api.proofs import modules, open_run, warn
from stackfit.api.wording import spoken, turn
from stackfit.errors import RunFolderError, printable
from stackfit.results.frames import Paths

if TYPE_CHECKING:
    from stackfit.api.proofs import RunLike


@spoken
def export(
    run: RunLike,
    to: str,
    out: str | PathLike[str] | None = None,
    trust: str | Iterable[str] = (),
    data_path: str | PathLike[str] | None = None,
) -> Path:
    """A run for other programs: `stackfit.export("gsp631_base", "onnx", out="fashion.onnx")`.

    The model is loaded again in its new form, and its answers are held against the stored predictions.

    Args:
        run, trust, data_path: see `predict`.
        to: `savedmodel`, `onnx`, `tflite`, or `ro-crate`: the whole run as an archive.
        out: the file or folder to make; None for one in the current folder that is called by the experiment.

    Returns:
        What was made.

    Raises:
        ConfigError: no such form, its extra is missing, `out` exists, or a layer has no such form.
        RunFolderError: the run has no saved model, or the written model answers otherwise than the run.
    """
    from stackfit.proof.exporting import export as write

    with turn:
        made = write(open_run(run, data_path), to, Path(out) if out is not None else None, modules(trust), lambda line: warn([line]))
    if not made.is_equal:
        raise RunFolderError(
            f"{made.path}: its answers differ by {made.difference:.2g} from {made.against}. Expected equal ones. Do not use it."
        )
    return made.path


@spoken
def log_to_mlflow(paths: Paths = (), uri: str | None = None) -> list[str]:
    """Finished runs into MLflow: `stackfit.log_to_mlflow("gsp631_base")`.

    Args:
        paths: runs, sweeps, or names of experiments; none for all of `./outputs`.
        uri: a tracking server or a folder; None for MLFLOW_TRACKING_URI, or MLflow's own files here.

    Returns:
        The ids of the new runs; what was logged there before is left alone.

    Raises:
        ConfigError: MLflow is not installed, or does not answer.
        RunFolderError: there is no such run.
    """
    from stackfit.results.mlflow_log import log_runs

    ids, problems = log_runs(paths, uri, lambda line: print(printable(line), file=sys.stderr))
    warn(problems)
    return ids
