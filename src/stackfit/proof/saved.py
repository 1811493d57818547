"""What a finished run can still do: load its model, evaluate it on both splits, predict pictures and test items."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.trust import used_modules
from stackfit.data import load_dataset, pictures
from stackfit.data.pictures import unlike
from stackfit.errors import DataError, Problems, RunFolderError
from stackfit.execution.engines import ENGINE
from stackfit.execution.members import settings_of
from stackfit.files import shown
from stackfit.model import own_modules
from stackfit.proof.archive import check_archive
from stackfit.proof.rerun import check_config
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder
from stackfit.training.engine import Settings


def load_model(run: Run, form: str | None = None, trust: Iterable[str] = ()) -> Any:
    """The run's Keras model, from `model.keras` or else `model.h5` (or the `form` asked for), in Keras's safe mode.

    Raises:
        RunFolderError: there is no saved model, or it cannot be loaded.
        ConfigError: the run's config or its model names what `trust` and the project do not trust.
    """
    _, trusted = check_config(run, trust)
    folder = RunFolder(run.folder)
    found = [path for path in map(folder.model, [form] if form else ["keras", "h5"]) if path.is_file()]
    if not found:
        raise RunFolderError(
            f"{shown(run.folder)} holds no model; its state is {run.state!r} and it saves "
            f"{run.config.get('save')}. Expected model.keras. Run the experiment again with 'save=[keras]'."
        )
    check_archive(found[0], trusted)
    ENGINE.start(Settings(run.config.get("batch_size", 32), deterministic=run.config.get("deterministic", True)))
    import keras

    own_modules.refresh(used_modules(run.config))
    for module in sorted(used_modules(run.config)):
        _register(own_modules.import_trusted(module, "trust"))
    try:
        return keras.models.load_model(found[0], safe_mode=True)
    except Exception as error:  # whatever a damaged or forged description makes Keras raise
        raise RunFolderError(
            f"{shown(found[0])} cannot be loaded: {str(error).partition(chr(10))[0]}. Expected a model as "
            "stackfit saves it. Run the experiment again."
        ) from error


def _register(module: Any) -> None:
    import keras

    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, keras.layers.Layer) and value.__module__ == module.__name__:
            keras.utils.get_custom_objects()[name] = value


def reloads_equal(run: Run, trust: Iterable[str] = ()) -> bool:
    """Whether every model that the run saved, loaded again, gives the stored test scores, bit for bit.

    Raises:
        RunFolderError: no model or no predictions; DataError: the data are not available any more.
    """
    scores, _ = run_files.read_predictions(run.folder)
    folder = RunFolder(run.folder)
    forms = [form for form in run.config["save"] if folder.model(form).is_file()]
    return bool(forms) and all(
        np.array_equal(scores, _test_scores(run, load_model(run, form, trust))) for form in forms
    )


def _test_scores(run: Run, model: Any) -> np.ndarray:
    feeds = ENGINE.feeds(load_dataset(run.config["data"], lambda line: None))
    return ENGINE.evaluate([model], [feeds.feed("test", settings_of(run.config))])[0][1]


def evaluate_run(run: Run, say: Any = lambda line: None, trust: Iterable[str] = ()) -> dict[str, dict[str, float]]:
    """Loss and metrics of the run's model on its training, validation and test splits.

    Raises:
        RunFolderError: no model; DataError: the data are not available any more; ConfigError: see `load_model`.
    """
    model = load_model(run, trust=trust)
    dataset = load_dataset(run.config["data"], say)
    before = run_files.read_environment(run.folder).get("data_fingerprint")
    if before != dataset.fingerprint:
        say("The data have changed since this run trained: their fingerprint differs.")
    feeds, settings = ENGINE.feeds(dataset), settings_of(run.config)
    splits = [split for split in ("train", "validation", "test") if feeds.has(split)]
    return {split: ENGINE.evaluate([model], [feeds.feed(split, settings)])[0][0] for split in splits}


@dataclass(frozen=True)
class Prediction:
    """One example's prediction. `probabilities`: `(classes,)`, sums to 1; `label` is None where it is not known."""

    name: str
    probabilities: np.ndarray
    predicted: int
    label: int | None = None
    picture: np.ndarray | None = None  # as the network sees it, unscaled
    remark: str = ""  # why it is unlike the training pictures


def predict_items(run: Run, trust: Iterable[str] = ()) -> list[Prediction]:
    """The test items' predictions as the run stored them, in the data's order.

    Raises:
        RunFolderError: the run stored none; ConfigError: see `check_config`.
    """
    check_config(run, trust)
    scores, labels = run_files.read_predictions(run.folder)
    return [
        _prediction(f"item {number}", row, run, int(label))
        for number, (row, label) in enumerate(zip(scores, labels, strict=True))
    ]


def predict_pictures(
    run: Run,
    files: Sequence[Path],
    invert: bool = False,
    trust: Iterable[str] = (),
    problems: Problems | None = None,
) -> list[Prediction]:
    """Predict pictures of any size: made grey or RGB as the model needs, resized, scaled as in training.

    Args:
        invert: for dark objects on white paper, where the data show bright objects on black.
        problems: takes the errors about files that are not pictures, if one of them is; else the first is raised.

    Raises:
        DataError: a file is not a picture, or the model does not take pictures; ConfigError: see `load_model`.
    """
    check_config(run, trust)
    data = run.config["data"]
    read, shape, known = [], tuple(data["input_shape"]), run_files.read_environment(run.folder).get("pictures")
    for file in files:
        with contextlib.nullcontext() if problems is None else problems.collect():
            read.append((str(file), read_picture(file, shape, invert, data.get("background", "white"))))
    if problems is not None and not read:
        problems.raise_errors()
    model = load_model(run, trust=trust)
    dataset = load_dataset(data, lambda line: None)
    arrays = np.stack([picture for _, picture in read])
    pixels = arrays if dataset.white == 255 else arrays * (dataset.white / 255.0)  # digits go up to 16
    scores = model.predict(dataset.scaling.apply(pixels), verbose=0)
    return [
        replace(_prediction(name, row, run), picture=picture, remark=unlike(picture, known) if known else "")
        for (name, picture), row in zip(read, scores, strict=True)
    ]


def read_picture(file: Path, shape: tuple[int, ...], invert: bool = False, background: str = "white") -> np.ndarray:
    """A picture file as uint8 of `shape` `(height, width, channels)`, as a run's own reader reads it.

    Raises:
        DataError: the file cannot be read as a picture, or `shape` is not a picture's.
    """
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise DataError(
            f"This run's examples have the shape {shape}. Expected (height, width, 1 or 3) to predict a picture. "
            "Leave out the files to see its test items."
        )
    if not file.exists():
        raise DataError(f"There is no file {file}. Expected a picture. Correct the path.")
    picture = pictures.read_picture(file, shape, background)
    return 255 - picture if invert else picture


def _prediction(name: str, scores: np.ndarray, run: Run, label: int | None = None) -> Prediction:
    """Logits become probabilities; a single sigmoid output becomes two."""
    scores = np.asarray(scores, np.float64).reshape(-1)
    logits = bool(run.config["task"]["loss"].get("from_logits"))
    if len(scores) == 1:
        scores = np.array([0 if logits else 1 - scores[0], scores[0]])
    raised = np.exp(scores - scores.max()) if logits else scores
    probabilities = raised / raised.sum() if logits else scores
    return Prediction(name, probabilities, int(probabilities.argmax()), label)
