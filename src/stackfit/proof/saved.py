"""A finished run's model: loaded, held against what the run stored, evaluated on every split."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.errors import RunFolderError
from stackfit.execution.engines import engine_of
from stackfit.execution.members import make_model, random_state_kept, settings_of
from stackfit.files import reading, shown
from stackfit.proof.loading import load_weights
from stackfit.proof.rerun import build_cell, load_data, read_inputs
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder
from stackfit.training.engine import Settings
from stackfit.waiting import doing

if TYPE_CHECKING:
    import pandas as pd


@doing("Loading the model")
def load_model(run: Run, form: str | None = None, trust: Iterable[str] = ()) -> Any:
    """The run's compiled Keras model: its layers from `config.yaml`, its arrays from `model.keras` or else `model.h5` (or
    the `form` asked for). What these files say besides is not read.

    Raises:
        RunFolderError: there is no saved model, it is damaged, or not the config's.
        ConfigError: the run's config breaks a rule, or its model names what `trust` and the project do not trust.
    """
    cell = build_cell(run, trust, callbacks=False)
    folder, config = RunFolder(run.folder), cell.config
    found = [path for path in map(folder.model, [form] if form else ["keras", "h5"]) if path.is_file()]
    if not found:
        run.check_finished()
        raise RunFolderError(
            f"{shown(run.folder)} holds no model; its state is 'finished' and it saves "
            f"{config['save']}. Expected model.keras. Run the experiment again with 'save=[keras]'."
        )
    engine_of(config).start(Settings(config["batch_size"], deterministic=config["deterministic"]))
    from stackfit.model.adapting import give_found

    with random_state_kept():
        model = make_model(cell, tuple(config["data"]["input_shape"]))
    record = run_files.read_scaling(run.folder) or {}
    with reading(folder.scaling, "what the layers of a finished run were adapted to", kind=RunFolderError):
        give_found(model, record.get("layers") or {})
    load_weights(model, found[0])
    return model


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
    engine = engine_of(run.config)
    feeds = engine.feeds(load_data(run))
    return engine.evaluate([model], [feeds.feed("test", settings_of(run.config))])[0][1]


@doing("Evaluating")
def evaluate_run(run: Run, say: Any = lambda line: None, trust: Iterable[str] = ()) -> dict[str, dict[str, float]]:
    """Loss and metrics of the run's model on its training, validation and test splits, encoded and scaled as in training; `say` is told if the data changed.

    Raises:
        RunFolderError: no model; DataError: the data are not available any more; ConfigError: see `load_model`.
    """
    model = load_model(run, trust=trust)
    dataset = load_data(run, say, read_inputs(run))
    engine, settings = engine_of(run.config), settings_of(run.config)
    feeds = engine.feeds(dataset)
    splits = [split for split in ("train", "validation", "test") if feeds.has(split)]
    return {split: engine.evaluate([model], [feeds.feed(split, settings)])[0][0] for split in splits}


def evaluate_frame(run: Run, say: Any = lambda line: None, trust: Iterable[str] = ()) -> pd.DataFrame:
    """`evaluate_run` as one row a split; last `test - train`, the gap between them."""
    import pandas as pd

    splits = evaluate_run(run, say, trust)
    rows = [{"split": split, **logs} for split, logs in splits.items()]
    if "train" in splits and "test" in splits:
        gap = {name: splits["test"][name] - value for name, value in splits["train"].items()}
        rows.append({"split": "test - train", **gap})
    return pd.DataFrame(rows)
