"""Other programs' forms of a model, as Keras writes them: SavedModel, ONNX, TensorFlow Lite; and what they answer."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

FORMS = {"savedmodel": "tf_saved_model", "onnx": "onnx", "tflite": "litert"}  # ours: Keras's name
BATCH = 256  # examples that are answered at once


def write(model: keras.Model, form: str, path: Path) -> None:
    """Write the model to a path that does not exist, by `model.export`.

    Args:
        form: one of `FORMS`.

    Raises:
        Exception: whatever Keras or the converter raised; a layer that has no such form.
    """
    with _quiet():
        model(np.zeros((1, *model.input_shape[1:]), np.float32))  # the ONNX converter wants a model that was called
        model.export(str(path), format=FORMS[form], verbose=False)


def answers(form: str, path: Path, x: np.ndarray) -> np.ndarray:
    """What the written model answers, loaded again: of SavedModel and TensorFlow Lite by TensorFlow, of ONNX by the reference
    implementation of the `onnx` package.

    Args:
        x: inputs `(examples, *input_shape)` as the network takes them, scaled.

    Returns:
        Its outputs as float32 `(examples, *output_shape)`.
    """
    with _quiet():
        parts = [x[start : start + BATCH] for start in range(0, len(x), BATCH)]
        if form == "savedmodel":
            import tensorflow as tf

            served = tf.saved_model.load(str(path))
            found = [served.serve(part).numpy() for part in parts]
        elif form == "onnx":
            from onnx.reference import ReferenceEvaluator

            evaluator = ReferenceEvaluator(str(path))
            (name,) = evaluator.input_names
            found = [evaluator.run(None, {name: part})[0] for part in parts]
        else:
            found = [_interpret(path, part) for part in parts]
    return np.concatenate(found).astype(np.float32)


def _interpret(path: Path, x: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(path))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(taken["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], x.astype(taken["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(given["index"])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the converters' remarks, which they write in every way there is."""
    logging.disable(logging.WARNING)
    errors = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        logging.disable(logging.NOTSET)
