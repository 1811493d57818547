"""Runs for readers, other tools and papers: a page, figures, models in other forms, an archive, MLflow."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.api.notebook import reporter_of
from stackfit.api.proofs import modules, open_run, warn
from stackfit.api.views import flat
from stackfit.api.wording import spoken, turn
from stackfit.errors import ConfigError, RunFolderError, printable
from stackfit.results.frames import Paths

if TYPE_CHECKING:
    from stackfit.api.proofs import RunLike
    from stackfit.execution.progress import Reporter
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
def report(
    *paths: Paths,
    out: str | PathLike[str] = "report.html",
    metric: str | None = None,
    direction: str | None = None,
    filter: str | None = None,
    check: bool = False,
    claims: str | PathLike[str] | None = None,
    max_epochs: int | None = None,
    max_parameters: int | None = None,
    max_minutes: float | None = None,
    by: str | None = None,
    engine: str | None = None,
    trust: str | Iterable[str] = (),
    reporter: Reporter | None = None,
) -> Path:
    """One HTML page that opens offline: `stackfit.report("gsp631_base", out="base.html")`.

    Args:
        paths: runs, their folders, sweeps, or experiments' names; all of ./outputs if none is given.
        out: the file to write.
        metric: compare by this metric; `test_accuracy` if there is one.
        direction: `"max"` or `"min"`: whether more is better, where the metric's class does not say it.
        filter: a pandas query that picks runs.
        check: the paths are experiments, or patterns of their files: a page of their claims, as `check` judges them.
        claims, max_epochs, max_parameters, max_minutes, engine, trust, reporter: with `check`; see there.
        by: with `check`: `"part"` or `"part.2"`, which part of the items' paths makes the rows of their table.

    Returns:
        The file.

    Raises:
        RunFolderError: a path holds no run.
        ConfigError: there is no such metric, the file cannot be written, or nothing could be judged.
    """
    from stackfit.reports.making import check_out, report_of, write_report

    ignored: dict[str, Any] = {"metric": metric, "direction": direction, "filter": filter}
    if not check:
        ignored = {"claims": claims, "max_epochs": max_epochs, "max_parameters": max_parameters, "max_minutes": max_minutes}
        ignored |= {"by": by, "engine": engine, "trust": trust or None, "reporter": reporter}
    if given := [name for name, value in ignored.items() if value is not None]:
        how = "beside check. Expected one of them." if check else "without check. Expected both. Add check=True, or"
        raise ConfigError(f"{given[0]} does nothing {how} {'L' if check else 'l'}eave out {given[0]}.")
    file = Path(out)
    check_out(file)
    if check:
        from stackfit.proof.items import Limits
        from stackfit.reports.classbook import class_report

        limits = Limits(max_epochs, max_parameters, max_minutes)
        rubric = None if claims is None else Path(claims)
        with turn:
            text, marks = class_report([str(path) for path in flat(paths)], reporter or reporter_of(), modules(trust), rubric, limits, by, engine)
        problems = [f"{mark.item}: {mark.problem}" for mark in marks if mark.problem]
    else:
        text, problems = report_of(flat(paths), file, metric, direction, filter)
    warn(problems)
    write_report(text, file)
    return file


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
