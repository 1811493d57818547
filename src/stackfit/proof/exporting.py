"""A run's model in another program's form, loaded again there and held against what the run stored."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.data import Dataset
from stackfit.errors import ConfigError, DataError, RunFolderError, did_you_mean, said
from stackfit.files import shown, writing
from stackfit.proof.rerun import load_data, read_inputs
from stackfit.proof.saved import load_model
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.waiting import doing

MODELS = {"savedmodel": "", "onnx": ".onnx", "tflite": ".tflite"}  # the form: how its file's name ends; "": a folder
CRATE = "ro-crate"
FORMS = (*MODELS, CRATE)
NEEDS = {"onnx": (("onnx", "tf2onnx"), "onnx"), CRATE: (("rocrate",), "crate")}  # modules, and the extra that brings them
EXAMPLES = 1000  # of the test split that are answered again
RANDOM = 64  # inputs where there are no test examples
NEAR = 1e-4  # relative to the largest output: float32 sums in another order differ less


@dataclass(frozen=True)
class Exported:
    """A file or folder that was written, and how far its answers are from the run's.

    Args:
        difference: the largest absolute one over all outputs of `examples`; None for a crate, which answers nothing.
        largest: the largest absolute output.
        against: what was compared: `stored predictions`, or `the model`.
    """

    path: Path
    examples: int = 0
    difference: float | None = None
    largest: float = 0.0
    against: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether the answers are those of the run, but for the order of float32 sums."""
        return self.difference is None or self.difference <= NEAR * max(1.0, self.largest)


def export(
    run: Run, form: str, out: Path | None, trust: Iterable[str] = (), say: Callable[[str], None] = lambda line: None
) -> Exported:
    """Write the run's model, or the whole run as an RO-Crate.

    Args:
        form: one of `FORMS`.
        out: the file or folder to make; None: one in the current folder that is called by the experiment.
        say: told what else is to be known.

    Raises:
        ConfigError: no such form, its extra is missing, `out` exists, or the model has no such form.
        RunFolderError: the run has no saved model, or is not finished.
    """
    check_form(form)
    ending = MODELS.get(form, ".crate.zip")
    if out is not None and not out.name.endswith(last := f".{ending.rpartition('.')[2]}" if ending else ""):
        raise ConfigError(f"--out is {str(out)!r}. Expected a name that ends with {last}. Write: --out {out}{last}")
    path = out or Path(f"{run_files.read_status(run.folder).get('experiment') or run.folder.parent.name}{ending or '_savedmodel'}")
    if path.exists():
        raise ConfigError(f"{shown(path)} exists. Expected a new name. Add for example: --out {path.stem}-2{ending}")
    if form != CRATE and (engine := run.config.get("engine", "tensorflow")) != "tensorflow":
        raise ConfigError(
            f"{shown(run.folder)} was trained with engine={engine}; {form} is written by TensorFlow. Expected a run with "
            "engine=tensorflow. Try: --to ro-crate"
        )
    if run.state != "finished":
        raise RunFolderError(f"{shown(run.folder)} is {run.state}. Expected a finished run. Type the command that made it again.")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if form == CRATE:
        from stackfit.results.crate import write_crate

        with writing(path):
            write_crate(run, path)
        return Exported(path)
    return _export_model(run, form, path, trust, say)


def check_form(form: str) -> None:
    """Refuse a form that does not exist, or whose extra is missing.

    Raises:
        ConfigError: see above.
    """
    if form not in FORMS:
        raise ConfigError(f"There is no form {form!r}.{did_you_mean(form, FORMS)} Expected one of: {', '.join(FORMS)}. Write: --to onnx")
    modules, extra = NEEDS.get(form, ((), ""))
    if absent := [module for module in modules if find_spec(module) is None]:
        raise ConfigError(
            f"--to {form} needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed. "
            f"Expected the extra. Type: pip install 'stackfit[{extra}]'"
        )


def _export_model(run: Run, form: str, path: Path, trust: Iterable[str], say: Callable[[str], None]) -> Exported:
    model = load_model(run, trust=trust)
    from stackfit.training.tensorflow import exports

    try:
        with doing(f"Writing {form}"):
            exports.write(model, form, path)
    except Exception as error:  # a converter's own
        _remove(path)
        raise ConfigError(
            f"The model cannot be written as {form}: {said(error)[:300].rstrip('.')}. Expected layers that have this form. "
            f"Try: --to {'onnx' if form == 'savedmodel' else 'savedmodel'}"
        ) from error
    x, expected, against = _examples(run, model, say)
    try:
        with doing("Answering with the written model"):
            answers = exports.answers(form, path, x)
    except Exception as error:
        _remove(path)
        raise ConfigError(
            f"The model was written as {form} and does not run there: {said(error)[:300].rstrip('.')}. Expected layers that "
            f"have this form. Try: --to {'onnx' if form == 'savedmodel' else 'savedmodel'}"
        ) from error
    difference = float(np.max(np.abs(answers.astype(np.float64) - expected), initial=0.0))
    return Exported(path, len(x), difference, float(np.max(np.abs(expected), initial=0.0)), against)


def _examples(run: Run, model: Any, say: Callable[[str], None]) -> tuple[np.ndarray, np.ndarray, str]:
    """Scaled inputs, the outputs that belong to them, and where those are from."""
    with suppress(RunFolderError, DataError):  # no predictions were stored, or the data are not here
        scores, _ = run_files.read_predictions(run.folder)
        dataset = load_data(run, say, read_inputs(run))
        if isinstance(dataset, Dataset) and dataset.test is not None and len(dataset.test.x) == len(scores):
            x = np.asarray(dataset.scaling.apply(dataset.test.x[:EXAMPLES]), np.float32)
            return x, scores[:EXAMPLES], "stored predictions"
    say(f"The run's test examples or predictions are not here: compared on {RANDOM} random inputs.")
    x = np.random.default_rng(0).random((RANDOM, *run.config["data"]["input_shape"]), np.float32)
    return x, np.asarray(model.predict(x, verbose=0), np.float32), "the model"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
