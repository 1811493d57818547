"""What a run's model answers: to its test items, to pictures, to the rows of a table, to arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.data.inputs import Inputs
from stackfit.data.kinds.csv import read_table
from stackfit.errors import RunFolderError
from stackfit.files import shown
from stackfit.proof.rerun import check_config, load_data
from stackfit.proof.saved import load_model
from stackfit.results import run_files
from stackfit.results.answers import read_answers
from stackfit.results.run import Run

if TYPE_CHECKING:
    import pandas as pd

SILENT: Callable[[str], None] = lambda line: None  # noqa: E731


@dataclass(frozen=True)
class Prediction:
    """One example's answer.

    `predicted`: a class number, a value, or the values of several outputs `(outputs,)`; `label`: the same of the data, None
    where it is not known; `probabilities`: `(classes,)`, None of values and of scores that are none.
    """

    name: str
    predicted: Any
    label: Any = None
    probabilities: np.ndarray | None = None

    @property
    def error(self) -> float | None:
        """By how much a single value is off; None of several and of an unknown label."""
        return None if self.label is None or np.ndim(self.predicted) else float(self.predicted - self.label)


def is_value(run: Run) -> bool:
    """Whether the run predicts values, not classes."""
    return run.config["task"]["labels"] == "value"


def class_name(run: Run, number: int) -> str:
    """A class by its name, or by its number where it has none."""
    names = run.config["data"].get("class_names") or []
    return str(names[number]) if 0 <= number < len(names) else str(number)


def predict_items(run: Run, trust: Iterable[str] = ()) -> list[Prediction]:
    """The test items' predictions as the run stored them, in the data's order.

    Raises:
        RunFolderError: the run stored none; ConfigError: see `check_config`.
    """
    check_config(run, trust, callbacks=False)
    scores, labels = run_files.read_predictions(run.folder)
    return _predictions(run, scores, [f"item {number}" for number in range(len(scores))], labels)


def predict_files(
    run: Run, files: Sequence[Path], invert: bool = False, trust: Iterable[str] = (), say: Callable[[str], None] = SILENT
) -> list[Prediction]:
    """Predict pictures of any size, made grey or RGB as the model needs; or, of a run on a table, the rows of CSV files.

    Args:
        invert: for dark objects on white paper, where the data show bright objects on black.
        say: told which columns are not used.

    Raises:
        DataError: a file is not a picture, or not such a table; ConfigError: see `load_model`.
    """
    check_config(run, trust, callbacks=False)
    inputs = _read_inputs(run)
    if inputs.columns:
        tables = [(shown(file), read_table(file)) for file in files]
        x = np.concatenate([inputs.rows(table, name, say, first_row=2) for name, table in tables])
        several = len(files) > 1
        names = [f"{name} row {row + 2}" if several else f"row {row + 2}" for name, table in tables for row in table.index]
    else:
        x, names = inputs.pictures(files, invert), [str(file) for file in files]
    return _predictions(run, _scores(run, x, trust), names)


def check_file(run: Run, file: Path, invert: bool = False) -> None:
    """Read a file as `predict_files` does, without predicting it. DataError: it is not what the run predicts."""
    inputs = _read_inputs(run)
    if inputs.columns:
        inputs.rows(read_table(file), shown(file), SILENT, first_row=2)
    else:
        inputs.pictures([file], invert)


def predict_frame(run: Run, rows: Any, trust: Iterable[str] = (), say: Callable[[str], None] = SILENT) -> pd.DataFrame:
    """Predict unscaled rows of a table, columns by name; or an array of unscaled examples, `(examples, *input_shape)`.

    Returns:
        See `as_frame`, with the rows' index.

    Raises:
        DataError: a column is missing, the shape is another, or a value is not a number; ConfigError: see `load_model`.
    """
    check_config(run, trust, callbacks=False)
    inputs = _read_inputs(run)
    is_table = hasattr(rows, "columns")
    x = inputs.rows(rows, "the table", say) if is_table else inputs.arrays(rows)
    frame = as_frame(run, _predictions(run, _scores(run, x, trust), [""] * len(x))).drop(columns="name")
    return frame.set_axis(rows.index) if is_table else frame


def as_frame(run: Run, predictions: Sequence[Prediction]) -> pd.DataFrame:
    """One row a prediction: `name`, `predicted`, and where it is known `label`.

    Of values, `predicted` (with several outputs `predicted_1` and so on) is a number, and `error` how far it is off. Of
    classes it is the class's name, then come `right` and, as `p_NAME`, the probability of each class.
    """
    import pandas as pd

    rows = []
    for prediction in predictions:
        row: dict[str, Any] = {"name": prediction.name}
        known = prediction.label is not None
        if is_value(run):
            values = np.atleast_1d(prediction.predicted)
            row |= {"predicted" if len(values) == 1 else f"predicted_{n}": float(v) for n, v in enumerate(values, 1)}
            row |= {"label": prediction.label} if known else {}
            row |= {} if prediction.error is None else {"error": prediction.error}
        else:
            row["predicted"] = class_name(run, prediction.predicted)
            if known:
                row |= {"label": class_name(run, prediction.label), "right": prediction.predicted == prediction.label}
            shares = () if prediction.probabilities is None else prediction.probabilities
            row |= {f"p_{class_name(run, number)}": float(share) for number, share in enumerate(shares)}
        rows.append(row)
    return pd.DataFrame(rows)


def _read_inputs(run: Run) -> Inputs:
    """From `scaling.json`; of a run that has none, from its data."""
    data = run.config["data"]
    record = run_files.read_scaling(run.folder)
    if record is None:
        return Inputs.of(load_data(run), data.get("label"))
    return Inputs.read(record, data, shown(run_files.RunFiles(run.folder).scaling), RunFolderError)


def _scores(run: Run, x: np.ndarray, trust: Iterable[str]) -> np.ndarray:
    """The model's scores of scaled inputs, `(examples, outputs)`."""
    return load_model(run, trust=trust).predict(x, batch_size=run.config["batch_size"], verbose=0)


def _predictions(run: Run, scores: np.ndarray, names: Sequence[str], labels: Any = None) -> list[Prediction]:
    answers = read_answers(run.config["task"], scores)
    predicted = answers.predicted.tolist() if answers.predicted.ndim == 1 else [*answers.predicted]
    known = [None] * len(scores) if labels is None else [label.tolist() for label in labels]
    shares = [None] * len(scores) if answers.shares is None else answers.shares
    return [Prediction(*parts) for parts in zip(names, predicted, known, shares, strict=True)]
