"""What a run's model answers: to its test items, to pictures, to the rows of a table, to arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.data.inputs import Inputs
from stackfit.errors import DataError
from stackfit.files import shown
from stackfit.proof.rerun import check_config, load_data, read_inputs
from stackfit.proof.saved import load_model
from stackfit.results import run_files
from stackfit.results.answers import read_answers
from stackfit.results.run import Run
from stackfit.waiting import doing

if TYPE_CHECKING:
    import pandas as pd

SILENT: Callable[[str], None] = lambda line: None  # noqa: E731


@dataclass(frozen=True)
class Prediction:
    """One example's answer.

    `predicted`: a class number, a value, or the values of several outputs `(outputs,)`; `label`: the same of the data, None
    where it is not known; `probabilities`: `(classes,)`, None of values and of scores that are none; `picture`: as the
    network sees it, unscaled; `remark`: why it is unlike the training pictures.
    """

    name: str
    predicted: Any
    label: Any = None
    probabilities: np.ndarray | None = None
    picture: np.ndarray | None = None
    remark: str = ""

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
    run.check_finished()
    scores, labels = run_files.read_predictions(run.folder)
    return _predictions(run, scores, [f"item {number}" for number in range(len(scores))], labels)


@dataclass(frozen=True)
class Examples:
    """What a file holds for a model: names of the examples and their scaled inputs; of pictures, how they look."""

    names: list[str]
    x: np.ndarray
    picture: np.ndarray | None = None
    remark: str = ""


def open_inputs(run: Run, trust: Iterable[str] = ()) -> Inputs:
    """How the run's model takes new examples.

    Raises:
        ConfigError: see `check_config`; RunFolderError: `scaling.json` is damaged; DataError: there is none, nor the data.
    """
    check_config(run, trust, callbacks=False)
    return read_inputs(run) or Inputs.of(load_data(run), run.config["data"])


def read_examples(
    inputs: Inputs, file: Path, invert: bool = False, prefix: bool = False, say: Callable[[str], None] = SILENT
) -> Examples:
    """A picture of any size, made grey or RGB as the model needs; of a model of a table, the rows of a CSV file; the array of an
    NPZ file.

    Args:
        invert: for dark objects on white paper, where the data show bright objects on black.
        prefix: the rows' names hold the file's.
        say: told which columns are not used.

    Raises:
        DataError: the file is not a picture, or not such a table or array.
    """
    before = f"{shown(file)} " if prefix else ""
    if file.is_dir():
        raise DataError(f"{shown(file)} is a folder. Expected files. Type {shown(file)}/* for those in it.")
    if file.suffix == ".npz":
        x = inputs.npz(file, say)
        return Examples([f"{before}example {number}" for number in range(len(x))], x)
    if inputs.encoding is None:
        picture = inputs.picture(file, invert)
        return Examples([str(file)], inputs.scaled([picture]), picture, inputs.unlike(picture))
    x, rows = inputs.file(file, say)
    return Examples([f"{before}row {row}" for row in rows], x)


def predict_examples(run: Run, examples: Sequence[Examples], trust: Iterable[str] = ()) -> list[Prediction]:
    """Predict what was read, in its order.

    Raises:
        ConfigError, RunFolderError: see `load_model`.
    """
    scores = _scores(run, np.concatenate([each.x for each in examples]), trust)
    predictions = _predictions(run, scores, [name for each in examples for name in each.names])
    of = [each for each in examples for _ in each.names]
    return [replace(one, picture=its.picture, remark=its.remark) for one, its in zip(predictions, of, strict=True)]


def predict_frame(
    run: Run, given: Any, trust: Iterable[str] = (), say: Callable[[str], None] = SILENT, invert: bool = False
) -> pd.DataFrame:
    """Predict unscaled rows of a table, columns by name; an array of unscaled examples, `(examples, *input_shape)`; or files.

    Args:
        invert: of pictures; see `read_examples`.

    Returns:
        See `as_frame`: of rows with their index, and only of files with `name`.

    Raises:
        DataError: a column is missing, the shape is another, a value is not a number, or a file cannot be read; ConfigError:
            see `load_model`.
    """
    inputs = open_inputs(run, trust)
    if isinstance(given, (str, Path)):
        given = [given]
    if isinstance(given, (list, tuple)) and given and all(isinstance(each, (str, Path)) for each in given):
        read = [read_examples(inputs, Path(file), invert, len(given) > 1, say) for file in given]
        predictions = predict_examples(run, read, trust)
        for unlike in [each for each in predictions if each.remark]:
            say(f"{unlike.name}: {unlike.remark}.")
        return as_frame(run, predictions)
    is_table = hasattr(given, "columns")
    x = inputs.frame(given, "the table", say) if is_table else inputs.arrays(given, say)
    frame = as_frame(run, _predictions(run, _scores(run, x, trust), [""] * len(x))).drop(columns="name")
    return frame.set_axis(given.index) if is_table else frame


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


@doing("Predicting")
def _scores(run: Run, x: np.ndarray, trust: Iterable[str]) -> np.ndarray:
    """The model's scores of scaled inputs, `(examples, outputs)`."""
    return load_model(run, trust=trust).predict(x, batch_size=run.config["batch_size"], verbose=0)


def _predictions(run: Run, scores: np.ndarray, names: Sequence[str], labels: Any = None) -> list[Prediction]:
    answers = read_answers(run.config["task"], scores)
    predicted = answers.predicted.tolist() if answers.predicted.ndim == 1 else [*answers.predicted]
    known = [None] * len(scores) if labels is None else [label.tolist() for label in labels]
    shares = [None] * len(scores) if answers.shares is None else answers.shares
    return [Prediction(*parts) for parts in zip(names, predicted, known, shares, strict=True)]
