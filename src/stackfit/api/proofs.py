"""From finished runs back to their numbers: predict, evaluate, verify, check, eject."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackfit.api.notebook import reporter_of
from stackfit.api.records import Certificate, Text
from stackfit.api.wording import in_python, spoken, turn
from stackfit.config.given import given
from stackfit.errors import ConfigError, printable
from stackfit.execution.progress import Reporter
from stackfit.files import shown
from stackfit.results import run as results
from stackfit.results.choice import choose_run
from stackfit.results.run_files import RunFiles

if TYPE_CHECKING:
    import keras
    import pandas as pd

    RunLike = results.Run | str | PathLike[str]

class Run(results.Run):
    """A run folder: what it holds, and what its model predicts.

    >>> run = stackfit.run("digits_quickstart", "epochs=2")
    >>> run.metrics, run.history, run.config, run.folder, run.callbacks
    >>> run.predict(pictures)
    >>> stackfit.Run("outputs/digits_quickstart/2026-01-31_12-00-00")

    Args:
        folder: of the run.
        data_path: where your own data of the run are now: the file, or the folder that holds it.

    Raises:
        RunFolderError: the path is not a run folder.
    """

    @spoken
    def __post_init__(self) -> None:
        super().__post_init__()

    def __repr__(self) -> str:
        known = {name: value for name, value in self.metrics.items() if name.startswith("test_") and value is not None}
        return "  ".join([f"Run {shown(self.folder)}", self.state, *(f"{name} {value:.4f}" for name, value in known.items())])

    def _repr_html_(self) -> str:
        from stackfit.api.html import run_html

        return run_html(self)

    @spoken
    def predict(self, examples: Any, trust: str | Iterable[str] = (), invert: bool = False) -> pd.DataFrame:
        """Predict unscaled examples; the run's own scaling is applied.

        Args:
            examples: a DataFrame whose columns are found by name, an array `(examples, *input_shape)`, or paths of
                pictures or CSV files; values as they stand in the training data.
            trust: modules of your project whose layers the config may name.
            invert: the pictures are dark on white; the data bright on black.

        Returns:
            One row an example: of files its `name`, `predicted`, and of classes the probability of each as `p_NAME`.

        Raises:
            DataError: a column is missing, the shape is another, or a value is not a number.
            RunFolderError, ConfigError: see `load_model`.
        """
        from stackfit.proof.predictions import predict_frame

        with turn:
            return predict_frame(self, examples, modules(trust), lambda line: warn([line]), invert)

    @cached_property
    @spoken
    def config(self) -> dict[str, Any]:
        """The resolved config; RunFolderError if it is damaged."""
        return super().config


def modules(trust: str | Iterable[str]) -> tuple[str, ...]:
    """The names of trusted modules; one may be given alone."""
    return (trust,) if isinstance(trust, str) else tuple(trust)


def warn(problems: Iterable[str]) -> None:
    """Name problems on stderr that are no reason to stop."""
    for problem in problems:
        print(printable(f"warning: {in_python(problem)}"), file=sys.stderr)


def open_run(run: RunLike, data_path: str | PathLike[str] | None = None) -> Run:
    """The run at a path, or the newest finished run of an experiment's name."""
    moved = Path(data_path) if data_path is not None else getattr(run, "data_path", None)
    return Run(choose_run(Path(run))[0], moved)


@spoken
def predict(
    run: RunLike,
    examples: Any = None,
    *,
    invert: bool = False,
    trust: str | Iterable[str] = (),
    data_path: str | PathLike[str] | None = None,
) -> pd.DataFrame:
    """What a run's model says: `stackfit.predict("gsp631_base", "shoe.png")`.

    Args:
        run: a run, its folder, or an experiment's name: its newest finished run.
        examples, invert: see `Run.predict`; None for the test items, as the run stored their predictions.
        trust: modules of your project whose layers the config may name.
        data_path: where your own data of the run are now.

    Returns:
        One row an example, as of `Run.predict`; of test items also `label`, and `right` or `error`.

    Raises:
        DataError, RunFolderError, ConfigError: see `Run.predict`; the run stored no predictions of test items.
    """
    from stackfit.proof.predictions import as_frame, predict_items

    opened = open_run(run, data_path)
    if examples is None:
        return as_frame(opened, predict_items(opened, modules(trust)))
    return opened.predict(examples, trust, invert)


@spoken
def evaluate(
    run: RunLike, trust: str | Iterable[str] = (), data_path: str | PathLike[str] | None = None
) -> pd.DataFrame:
    """Training and test split side by side, with the gap between them: `stackfit.evaluate("gsp631_base")`.

    Args:
        run, trust, data_path: see `predict`.

    Returns:
        One row a split, and `test - train`: loss and metrics of the saved model.

    Raises:
        RunFolderError: the run saved no model; DataError: its data are not here; ConfigError: see `load_model`.
    """
    from stackfit.proof.saved import evaluate_frame

    with turn:
        return evaluate_frame(open_run(run, data_path), lambda line: warn([line]), modules(trust))


@spoken
def verify(
    run: RunLike,
    *,
    tolerance: float = 1e-3,
    callbacks: Any = None,
    trust: str | Iterable[str] = (),
    data_path: str | PathLike[str] | None = None,
    reporter: Reporter | None = None,
) -> Certificate:
    """Train a run again and compare it bit by bit: `stackfit.verify(run)["verdict"] == "bit-equal"`.

    Args:
        run, trust, data_path: see `predict`.
        tolerance: by how much a metric may differ where the weights are not equal.
        callbacks: the callbacks' classes with which the run was made, as they were given to `run`.
        reporter: see `run`.

    Returns:
        The certificate, which is also kept in the run's folder: its `verdict` is bit-equal, within tolerance, diverged or
        changed.

    Raises:
        RunFolderError: the run did not finish, or a file of it is missing or damaged.
        ConfigError: its config is not allowed, or names a callback that was given as an object; DataError: its data are
            not here.
    """
    from stackfit.proof.verify import verify as verify_run
    from stackfit.results.run_folder import RunFolder

    opened = open_run(run, data_path)
    with turn, given(callbacks, "a run is repeated with a callback that has seen nothing yet") as nodes:
        if unknown := sorted(nodes.keys() - (opened.config["callbacks"] or {}).keys()):
            known = ", ".join(opened.config["callbacks"] or {}) or "none"
            raise ConfigError(f"The run has no callback {unknown[0]!r}. Expected those of the run: {known}. Correct callbacks=.")
        certificate = verify_run(opened, reporter or reporter_of(), modules(trust), tolerance)
    if reason := RunFolder(opened.folder).write_certificate(certificate):
        warn([f"the verdict is not signed, so it counts as another's: {reason}"])
    return Certificate(certificate, shown(opened.folder))


@spoken
def check(
    *experiments: str | PathLike[str],
    claims: str | PathLike[str] | None = None,
    max_epochs: int | None = None,
    max_parameters: int | None = None,
    max_minutes: float | None = None,
    engine: str | None = None,
    trust: str | Iterable[str] = (),
    reporter: Reporter | None = None,
) -> pd.DataFrame:
    """Hold experiments against what their sources published: `stackfit.check("gsp631_base", "gsp631_ex1_128")`.

    Trains what is missing, and reuses finished runs of the same config.

    Args:
        experiments: names, files, or patterns of them.
        claims: a rubric's file: it judges, not the experiments' own `expect`.
        max_epochs, max_parameters, max_minutes: the most that an item may ask for.
        engine: `tensorflow` or `jax`: what trains every item, whatever it says itself.
        trust: modules of your project whose classes the configs may name.
        reporter: see `run`.

    Returns:
        One row a claim: `item`, `claim`, `state` (passed, failed, skipped or error), the measured `value`, and the `reason`.

    Raises:
        ConfigError: nothing could be judged.
    """
    import pandas as pd

    from stackfit.cli.gradebook import rows_of
    from stackfit.config.rubric import read_rubric
    from stackfit.proof.check import check as judge
    from stackfit.proof.items import Limits

    limits = Limits(max_epochs, max_parameters, max_minutes)
    rubric = read_rubric(Path(claims)) if claims is not None else None
    words = [str(name) for name in experiments]
    if not words:
        raise ConfigError("No experiment was named. Expected at least one. Try: stackfit check gsp631_base")
    with turn:
        marks = judge(words, reporter or reporter_of(), modules(trust), rubric=rubric, limits=limits, engine=engine)
    problems = [mark.problem for mark in marks if mark.problem is not None and not mark.outcomes]
    if marks and len(problems) == len(marks):
        raise problems[0]
    return pd.DataFrame(rows_of(marks))


@spoken
def eject(
    run: RunLike,
    out: str | PathLike[str] | None = None,
    trust: str | Iterable[str] = (),
    data_path: str | PathLike[str] | None = None,
) -> Text:
    """The run as a plain Keras script, without stackfit: `print(stackfit.eject("gsp631_base"))`.

    Args:
        run, trust, data_path: see `predict`.
        out: write it here as well, with the arrays of your own data next to it.

    Raises:
        RunFolderError: the run did not finish, or its files are damaged; ConfigError, DataError: it names code or data that
            a script cannot hold, or `out` exists.
    """
    from stackfit.proof.eject.script import eject as write

    with turn:
        return Text(write(open_run(run, data_path), modules(trust), Path(out) if out is not None else None))


@spoken
def load_model(run: RunLike, trust: str | Iterable[str] = ()) -> keras.Model:
    """The trained Keras model of a run: `stackfit.load_model("gsp631_base").summary()`.

    Its layers are made from the run's config, its arrays come from `model.keras`; no code is loaded. Its inputs are scaled as in training: `(x - subtract) / divide`, with the numbers of the run's `scaling.json`. A line on
    stderr says so. `Run.predict` takes unscaled examples.

    Args:
        run: a run, its folder, or an experiment's name: its newest finished run.
        trust: modules of your project whose layers the config may name.

    Raises:
        RunFolderError: the path is not a run folder, the run saved no model, or another one than its config describes.
        ConfigError: the run names modules that are trusted neither by `trust` nor by the project.
    """
    from stackfit.proof.saved import load_model as load

    opened = open_run(run)
    with turn:
        model = load(opened, trust=modules(trust))
    scale, columns = (opened.config["data"].get(key) for key in ("scale", "columns"))
    if scale != "none" or columns:
        file = RunFiles(opened.folder).scaling
        where = f", with the numbers of {shown(file)}" if file.exists() else ""
        how = "encoded and scaled" if columns else "scaled"
        print(
            f"This model takes inputs {how} as in training: data.scale is {scale}{where}. Unscaled ones: Run.predict",
            file=sys.stderr,
        )
    return model
