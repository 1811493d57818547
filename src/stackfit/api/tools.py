"""Runs for other tools and for papers: figures, models in other forms, an archive, MLflow."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from stackfit.api.proofs import modules, open_run, warn
from stackfit.api.views import flat
from stackfit.api.wording import spoken, turn
from stackfit.errors import RunFolderError, printable
from stackfit.results.frames import Paths

if TYPE_CHECKING:
    from stackfit.api.proofs import RunLike
    from stackfit.reports.plotting import Plot


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
def plot(
    *paths: Paths,
    out: str | PathLike[str] | None = None,
    kind: str | None = None,
    metric: str | None = None,
    by: str | Iterable[str] = (),
    width: float = 85.0,
    direction: str | None = None,
    filter: str | None = None,
) -> Plot:
    """One figure, which a notebook shows: `stackfit.plot("gsp631_base", kind="axis", by="units", out="widths.pdf")`.

    Args:
        paths: runs, their folders, sweeps, or experiments' names; all of ./outputs if none is given.
        out: write it here as well: `.png`, `.svg` or `.pdf`.
        kind: `curves`, `axis`, `heatmap`, `pareto` or `compare`; of one run `curves`, `confusion` or `layers`.
        metric: what is shown; `test_accuracy` if there is one.
        by: the setting of an axis, two of a heat map, the colours of curves.
        width: in millimetres.
        direction: `"max"` or `"min"`: whether more is better, where the metric's class does not say it.
        filter: a pandas query that picks runs.

    Returns:
        The figure; `write(path)` and `svg()` give it in other forms.

    Raises:
        RunFolderError: a path holds no run.
        ConfigError: no such kind, metric or setting, these runs have no such figure, or the file cannot be written.
    """
    from stackfit.reports.plotting import check_file, plot_of

    if out is not None:
        check_file(Path(out))
    given = [by] if isinstance(by, str) else [*by]
    drawn, problems = plot_of(flat(paths), kind, metric, given, width, direction, filter)
    warn(problems)
    if out is not None:
        drawn.write(Path(out))
    return drawn


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
