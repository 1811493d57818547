"""From a cell to a member ready to train: its compiled model, its feeds, its callbacks, and their size in memory."""

from __future__ import annotations

import contextlib
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stackfit import interrupts
from stackfit.config import project
from stackfit.config.given import described, find_given
from stackfit.config.threads import need_threads, threads_of
from stackfit.config.trust import FILE_ARGUMENTS
from stackfit.data import Dataset, StreamedDataset
from stackfit.errors import ConfigError, Problems, raising
from stackfit.execution import engines
from stackfit.execution.cells import Cell
from stackfit.execution.engine_settings import settings_of, without_rate
from stackfit.files import printed
from stackfit.model.sizes import size_model
from stackfit.results.run_files import is_own
from stackfit.training.engine import Feeds, Member, Settings, make_member
from stackfit.waiting import doing

# The values for checking a model when the config's own are wrong.
DEFAULTS = {"seed": 0, "precision": "float32", "deterministic": True, "batch_size": 32}


def start(cell: Cell, together: bool = False) -> None:
    """Start the cell's engine with its settings; with all of Keras if its config names the user's code.

    If another engine has been started here, nothing: the cell trains in a process of its own.
    """
    if not engines.is_here(cell.config):
        return
    engine = engines.engine_of(cell.config)
    settings = Settings(
        threads=threads_of(cell.config),
        needs_threads=need_threads(cell.config),
        deterministic=cell.config["deterministic"] is not False,
        lean=not cell.modules,
        cache=str(project.cache() / "compiled") if engine.name == "jax" else "",
    )
    engine.start(settings, together)
    engines.note_started(engine)


@doing("Building the model")
def build_model(cell: Cell, input_shape: tuple[int, ...] | None, problems: Problems) -> Any:
    """The cell's layers, a `stackfit.model.stack.Stack`; its `model` is compiled, or None if there is a problem.

    Weights and dropout masks depend on the cell's seed only.

    Args:
        problems: takes every problem, each with its place.
    """
    import keras

    from stackfit.model.assembly import assemble

    keras.config.set_dtype_policy(cell.config["precision"])
    try:
        with engines.here(cell.config).building():
            keras.utils.set_random_seed(cell.config["seed"])
            return assemble(cell.config, input_shape, problems)
    finally:
        keras.config.set_dtype_policy("float32")
        if cell.origins:
            problems.place(cell.origins)


@interrupts.step()
def check_model(cell: Cell, problems: Problems) -> Any:
    """Build the cell's model as it will train, and its callbacks, which are dropped. The engine has started.

    A request to stop waits for its end.

    Args:
        problems: the known problems; parts that they cover are not checked again. Takes all others of model, optimizer,
            task and callbacks, each with its place.

    Returns:
        The `Stack`; its `model` is None if there is a problem.
    """
    config = {**cell.config, **{key: value for key, value in DEFAULTS.items() if problems.covers(key)}}
    cell = replace(cell, config=config)
    shape = None if problems.touches("data.input_shape") else tuple(config["data"]["input_shape"])
    stack = build_model(cell, shape, problems)
    if config["callbacks"]:
        with tempfile.TemporaryDirectory() as folder, random_state_kept():
            _build_callbacks(cell, Path(folder), problems)
    if problems.errors:
        stack.model = None
    return stack


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore the random state after the block: the model may be trained, and its callbacks are then made again."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def make_model(cell: Cell, input_shape: tuple[int, ...]) -> Any:
    """The cell's compiled model for examples of `input_shape`.

    Raises:
        ConfigError: every problem, with file and line.
    """
    with raising() as problems:
        stack = build_model(cell, input_shape, problems)
    return stack.model


def find_index_layers(model: Any) -> list[Any]:
    """See `stackfit.model.index_layers`, which few models need."""
    if not {type(layer).__name__ for layer in model.layers} & {"Embedding", "CategoryEncoding"}:
        return []
    from stackfit.model import index_layers

    return index_layers.find_index_layers(model)


def check_inputs(cell: Cell, layers: Sequence[Any], dataset: Dataset | StreamedDataset | None, problems: Problems) -> None:
    """Whether the data are indices where layers of the model take them for such; streamed data are not read for that.

    Args:
        layers: what `find_index_layers` finds in the cell's model.
    """
    from stackfit.model.index_layers import Seen, check_indices

    if not layers or not isinstance(dataset, Dataset):
        return
    seen = {part: Seen(*facts) for part, facts in dataset.scaled_values.items()}
    for layer in layers:
        problems.add(check_indices(layer, seen, cell.config["data"]["scale"]))
    if cell.origins:
        problems.place(cell.origins)


def adapt_layers(cell: Cell, model: Any, dataset: Dataset | StreamedDataset, say: Callable[[str], None]) -> None:
    """Adapt the layers that take numbers from the data to the training part; see `stackfit.model.adapting`.

    Args:
        say: told of each.

    Raises:
        ConfigError: the data do not fit a layer, or are streamed; with file and line.
    """
    from stackfit.model import adapting

    layers = adapting.find_adapting(model)
    if not layers:
        return
    with raising() as problems:
        with problems.collect():
            if not isinstance(dataset, Dataset):
                name = layers[0].name
                raise ConfigError(
                    f"{type(layers[0]).__name__} {name!r} is adapted to the training examples, but these are streamed. Expected "
                    "data in memory, or the layer's numbers. Raise data.max_memory_bytes, or give them as arguments.",
                    among=(f"model.layers.{name}", "data.max_memory_bytes"),
                )
            x = dataset.scaling.apply(dataset.train.x)
            for name in adapting.adapt_layers(model, x, cell.config["batch_size"]):
                say(f"{name}: adapted to the {len(x):,} training examples")
        if cell.origins:
            problems.place(cell.origins)


def build_member(cell: Cell, dataset: Dataset | StreamedDataset, feeds: Feeds) -> Member:
    """The cell's compiled model with its feeds, not yet with callbacks.

    Raises:
        ConfigError: with file and line.
    """
    model = make_model(cell, dataset.input_shape)
    adapt_layers(cell, model, dataset, lambda line: None)
    return make_member(model, feeds, settings_of(cell.config), cell.config["epochs"])


def build_callbacks(cell: Cell, folder: Path, say: Callable[[str], None]) -> list[Any]:
    """The cell's callbacks, with their files inside `folder`; `say` is called with what their constructors print.

    Raises:
        ConfigError: with file and line: a callback refuses its arguments.
    """
    with raising() as problems:
        built, text = _build_callbacks(cell, folder, problems)
    if text:
        say(text)
    return built


def _build_callbacks(cell: Cell, folder: Path, problems: Problems) -> tuple[list[Any], str]:
    """The callbacks, and what their constructors printed."""
    from stackfit.model.building import build

    built = []
    # What does not go together with another key says nothing about a callback's own arguments.
    own = Problems([error for error in problems.errors if not error.among], unknown=problems.unknown)
    known = len(own.errors)
    with printed() as kept:
        for name, node in (cell.config["callbacks"] or {}).items():
            if isinstance(node, dict):
                target = str(node.get("_target_"))
                given = find_given(target.rpartition(".")[0]) if target.startswith("<") else None
                if given and given.made is not None:
                    built.append(given.made)
                    continue
                with own.collect(), engines.here(cell.config).building():
                    placed = _place_files(node, folder, f"callbacks.{name}")
                    built.append(build(placed, f"callbacks.{name}", "callbacks", own))
    problems.errors += own.errors[known:]
    if cell.origins:
        problems.place(cell.origins)
    return built, kept.text


def _place_files(node: dict[str, Any], folder: Path, key: str) -> dict[str, Any]:
    """A callback's node with the paths of its files inside `folder`.

    Raises:
        ConfigError: one of them is a file of the run itself.
    """
    files = {name: folder / node[name] for name in FILE_ARGUMENTS & node.keys() if isinstance(node[name], str)}
    for name, file in files.items():
        if is_own(file, folder):
            raise ConfigError(
                f"{file.name!r} is a file of the run itself. Expected another name, in the run folder. "
                f"Write: {key}.{name}=my_{file.name}",
                key=f"{key}.{name}",
            )
    return {**node, **{name: str(file) for name, file in files.items()}}


def model_key(cell: Cell) -> str:
    """A text that is equal for cells with the same model: seed, epochs, data order and learning rate do not matter."""
    config = cell.config
    parts = [without_rate(config["optimizer"]), *(config[key] for key in ("model", "task", "callbacks", "precision", "batch_size"))]
    data = [config["data"][key] for key in ("input_shape", "num_classes", "validation_split")]
    return json.dumps([parts, data], default=str)


@interrupts.step()
def estimate_bytes(cell: Cell, problems: Problems, look: Callable[[Any], None] = lambda model: None) -> int:
    """Check the cell's model, call `look` with it, then drop it.

    Returns:
        About how many bytes one member takes: weights, gradients, the optimizer's variables, and a batch's activations;
        0 if there is a problem.
    """
    model = check_model(cell, problems).model
    if model is None:
        return 0
    look(model)
    return size_model(model).member_bytes(cell.config["batch_size"])


def trains_alone(cell: Cell) -> str | None:
    """Why the cell cannot share a graph with others, or None."""
    from stackfit.model.building import BASES, find_target
    from stackfit.training.listeners import listens_to_batches, listens_to_tests

    listener = None
    for name, node in cell.config["callbacks"].items():
        if node is not None and listener is None:
            kind = find_target(node["_target_"], f"callbacks.{name}", BASES["callbacks"])
            setting = described(node).get
            listens = listens_to_batches(kind, setting) or listens_to_tests(kind, setting)
            listener = f"callbacks.{name}" if listens else None
    return engines.engine_of(cell.config).why_alone(listener) if listener else None


def describe_stack(model: Any) -> str:
    """`784 -> 64 -> 10`: the input's size, then the widths of the layers with weights."""
    size = math.prod(length or 1 for length in model.input_shape[1:])
    widths = [layer.output.shape[-1] for layer in model.layers if layer.weights]
    return " -> ".join(map(str, [size, *widths]))
