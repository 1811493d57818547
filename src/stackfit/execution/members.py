"""From a cell to a member ready to train: its compiled model, its feeds, its callbacks, and what they weigh."""

from __future__ import annotations

import contextlib
import io
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackfit.config.trust import FILE_ARGUMENTS
from stackfit.data import Dataset, StreamedDataset
from stackfit.errors import ConfigError, Problems
from stackfit.execution import interrupts
from stackfit.execution.cells import Cell, used_modules
from stackfit.results.run_files import is_own
from stackfit.training.tensorflow import runtime


def build_member(cell: Cell, dataset: Dataset | StreamedDataset, feeds: Any) -> Any:
    """The cell's compiled model with its feeds, still without callbacks.

    Weights and dropout masks are functions of the cell's seed alone.

    Raises:
        ConfigError: with file and line.
    """
    from stackfit.training.loop import Member
    from stackfit.training.tensorflow.pipeline import Targets

    config = cell.config
    model = make_model(cell, dataset.input_shape)
    task = config["task"]
    targets = Targets(task["labels"], config["data"]["num_classes"], task["class_weight"])
    batch, seed = config["batch_size"], config["seed"] if config["shuffle"] else None
    validation = feeds.feed("validation", batch, targets) if feeds.has("validation") else None
    train = feeds.feed("train", batch, targets, seed, training=True)
    return Member(model, train, validation, config["epochs"], [], config["jit_compile"])


def make_model(cell: Cell, input_shape: tuple[int, ...]) -> Any:
    """The cell's compiled model for examples of `input_shape`.

    Raises:
        ConfigError: all that is wrong; with file and line.
    """
    problems = Problems()
    model = _assemble(cell, input_shape, problems)
    if cell.origins:
        problems.place(cell.origins)
    problems.raise_errors()
    return model


def _assemble(cell: Cell, input_shape: tuple[int, ...] | None, problems: Problems) -> Any:
    import keras

    from stackfit.model.stack import assemble

    keras.utils.set_random_seed(cell.config["seed"])
    keras.config.set_dtype_policy(cell.config["precision"])
    try:
        return assemble(cell.config, input_shape, problems)
    finally:
        keras.config.set_dtype_policy("float32")


def build_layers(cell: Cell) -> list[Any]:
    """The Keras layers of the cell's model, in order, down to one that cannot be built."""
    import keras

    from stackfit.model.stack import build_model

    built: list[Any] = []
    try:
        with contextlib.suppress(ConfigError, ValueError, TypeError):  # the cell may have errors anywhere
            keras.config.set_dtype_policy(cell.config["precision"])
            build_model(cell.config["model"], tuple(cell.config["data"]["input_shape"]), built)
    finally:
        keras.config.set_dtype_policy("float32")
    return built


@interrupts.step()
def inspect_model(cell: Cell, known: Problems | None = None) -> Problems:
    """Everything that is wrong with the cell's model, optimizer, task and callbacks, without training; starts TensorFlow.

    Args:
        known: what `cells.inspect_cell` has found already; what it covers is not looked at again.

    Returns:
        Further errors and warnings, each with its place; both are empty when the cell can be trained.
    """
    known = known or Problems()
    found, _ = _inspect(cell, Problems([*known.errors], [], {*known.unknown}))
    return Problems(found.errors[len(known.errors) :], found.warnings)


def _inspect(cell: Cell, problems: Problems) -> tuple[Problems, Any]:
    defaults = {"seed": 0, "precision": "float32", "deterministic": True, "batch_size": 32}
    config = {**cell.config, **{key: value for key, value in defaults.items() if problems.covers(key)}}
    cell = replace(cell, config=config)
    start(cell)
    from stackfit.model.building import try_build

    shape = None if problems.touches("data.input_shape") else tuple(config["data"]["input_shape"])
    model = _assemble(cell, shape, problems)
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        for name, node in (config["callbacks"] or {}).items():
            if isinstance(node, dict):
                with problems.collect():
                    try_build(_placed(node, Path(folder), name), f"callbacks.{name}", "callbacks", problems)
    if cell.origins:
        problems.place(cell.origins)
    return problems, None if problems.errors else model


def build_callbacks(cell: Cell, folder: Path, say: Callable[[str], None]) -> list[Any]:
    """The cell's callbacks, their files inside `folder`; `say` gets what their constructors print.

    Raises:
        ConfigError: a callback refuses its arguments; with file and line.
    """
    from stackfit.model.building import build

    built = []
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            for name, node in cell.config["callbacks"].items():
                if node is not None:
                    built.append(build(_placed(node, folder, name), f"callbacks.{name}", "callbacks"))
    except ConfigError as error:
        raise cell.place(error) from error.__cause__
    if not printed.closed and printed.getvalue():
        say(printed.getvalue())
    return built


def _check_file(file: Path, folder: Path, key: str) -> None:
    if is_own(file, folder):
        raise ConfigError(
            f"{file.name!r} is a file of the run itself. Expected a name of its own, in the run folder. "
            f"Write: {key}=my_{file.name}",
            key=key,
        )


def _placed(node: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """A callback's node with its files inside `folder`.

    Raises:
        ConfigError: one of them is a file of the run itself.
    """
    files = {key: folder / node[key] for key in FILE_ARGUMENTS & node.keys() if isinstance(node[key], str)}
    for key, file in files.items():
        _check_file(file, folder, f"callbacks.{name}.{key}")
    return {**node, **{key: str(file) for key, file in files.items()}}


def model_key(cell: Cell) -> str:
    """Equal for cells whose models are built alike: seeds, epochs, data order and a learning rate do not matter."""
    config = cell.config
    optimizer = dict(config["optimizer"] or {})
    if isinstance(optimizer.get("learning_rate"), float):  # what else it may be has to be built
        optimizer["learning_rate"] = 0.0
    parts = [optimizer, *(config[key] for key in ("model", "task", "callbacks", "precision", "batch_size"))]
    data = [config["data"][key] for key in ("input_shape", "num_classes", "validation_split")]
    return json.dumps([parts, data], default=str)


def start(cell: Cell, together: bool = False) -> None:
    """Start TensorFlow as the cell asks for; with all of Keras where it names code of the user's."""
    lean = not used_modules(cell.config)
    runtime.start(cell.config["deterministic"], cell.config["batch_size"], together, lean)


@interrupts.step()
def weigh(
    cell: Cell, look: Callable[[Any], None] = lambda model: None, problems: Problems | None = None
) -> int:
    """Build and compile the cell's model and its callbacks, let `look` see the model, then drop them.

    Args:
        problems: takes what is wrong; without it that is raised.

    Returns:
        About how many bytes one member takes: weights, gradients, Adam's two moments, and a batch's activations.

    Raises:
        ConfigError: they cannot be built; with file and line.
    """
    found, model = _inspect(cell, Problems() if problems is None else problems)
    if problems is None:
        found.raise_errors()
    if model is None:
        return 0
    look(model)
    units = sum(math.prod(layer.output.shape[1:]) for layer in model.layers)
    return 4 * (4 * model.count_params() + 2 * cell.config["batch_size"] * units)


def trains_alone(cell: Cell) -> str | None:
    """Why the cell cannot share a graph with others, or None."""
    from stackfit.callbacks import listens_to_batches
    from stackfit.model.building import BASES, find_target

    for name, node in cell.config["callbacks"].items():
        if node is not None:
            kind = find_target(node["_target_"], f"callbacks.{name}", BASES["callbacks"])
            if listens_to_batches(kind, node.get):
                return f"callbacks.{name} listens to every batch"
    return None


def describe_stack(model: Any) -> str:
    """`784 -> 64 -> 10`: the input's size, then the widths of the layers with weights."""
    size = math.prod(length or 1 for length in model.input_shape[1:])
    widths = [layer.output.shape[-1] for layer in model.layers if layer.weights]
    return " -> ".join(map(str, [size, *widths]))
