"""A run as a plain Keras script: readable from top to bottom, without stackfit, and with the same weights to the bit.

What makes it so: layers are made and called in the same order after the same seed (initializers and dropout draw from
it), every epoch has the order that its seed and number give, and inputs are scaled in float32.
"""

from __future__ import annotations

import itertools
import keyword
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackfit.config.class_weights import BALANCED, numbered
from stackfit.config.own_units import loss_weight
from stackfit.config.schedules import find_unlike_fit, find_unlike_layers
from stackfit.config.threads import need_threads
from stackfit.config.trust import module_file, targets_in
from stackfit.data.kinds import kind_of
from stackfit.data.settings import settings_of
from stackfit.errors import ConfigError, Problems
from stackfit.execution.cells import Cell
from stackfit.execution.fingerprint import code_digests
from stackfit.execution.members import make_model, start
from stackfit.files import shown
from stackfit.proof.eject.data import adapt_lines, arrays_of, check_out, data_lines, own_arrays, write_script
from stackfit.proof.eject.expressions import WIDTH, Code, call, identifier, render, statement
from stackfit.proof.eject.metric_lines import check_monitors, test_lines
from stackfit.proof.eject.sources import Excerpts
from stackfit.proof.rerun import read_cell
from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_folder import RunFolder
from stackfit.waiting import doing

IMPORTS = {
    "keras": "import keras",
    "np": "import numpy as np",
    "tf": "import tensorflow as tf",
    "math": "import math",
    "hashlib": "import hashlib",
}

BATCHES = '''\
class Batches(keras.utils.PyDataset):
    """Batches in an order that is a function of the seed and the epoch alone."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays
        self.shuffle(epoch=0)

    def shuffle(self, epoch):
        self.order = np.random.default_rng([SEED, epoch]).permutation(len(self.arrays[0]))

    def __len__(self):
        return math.ceil(len(self.order) / BATCH_SIZE)

    def __getitem__(self, step):
        rows = self.order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
        return tuple(array[rows] for array in self.arrays)'''

DIGEST = """\
digest = hashlib.sha256()
for weight in model.get_weights():
    digest.update(f"{weight.dtype.str}{weight.shape}".encode())
    digest.update(weight.tobytes())
print("weights SHA-256", digest.hexdigest())"""


@doing("Writing the script")
def eject(run: Run, trust: Iterable[str] = (), out: Path | None = None) -> str:
    """The run as a Keras script.

    Args:
        out: where to write it, with the arrays of the user's own data next to it; None: it is only returned.

    Raises:
        RunFolderError: the run did not finish, or its files are damaged.
        ConfigError: its config is not allowed, or names code that a single script cannot hold; or `out` is taken, cannot
            be written, or is missing where there are arrays to write.
        DataError: its data are streamed, or the user's own are gone or have changed.
    """
    cell = read_cell(run, trust)
    config, metrics = cell.config, run_files.read_metrics(run.folder)
    kind = kind_of(config["data"]["kind"])
    check_out(out, run, kind.own)
    _check_code(cell, run)
    for key, plain in (("engine", "tensorflow"), ("jit_compile", "false")):
        if (found := str(config[key]).lower()) != plain:
            raise ConfigError(
                f"{key} is {found}: stackfit lets XLA compile many steps as one program, Keras's fit each step, and the bits "
                f"differ. Expected {key}: {plain}. Run it so, then eject that run.",
                key=key,
            )
    for error in (*find_unlike_fit(config["optimizer"]), *find_unlike_layers(config["model"]["layers"])):
        raise error
    start(cell)
    from stackfit.model.building import with_floats  # Keras comes with it

    config = with_floats(config)
    model = make_model(cell, tuple(config["data"]["input_shape"]))  # what cannot be built is an error here, not in the script
    check_monitors(config)
    tested = any(name.startswith("test_") for name in metrics)
    if tested and kind.script and not RunFolder(run.folder).predictions.exists():
        # No scores are stored for streamed data only: a limit of 0 makes this say so.
        kind.script(replace(settings_of(config["data"]), max_memory_bytes=0))
    excerpts = Excerpts(sorted(set(targets_in(config))))
    arrays = own_arrays(run, config["data"])
    parts = ["train", *(["val"] if config["data"]["validation_split"] else []), *(["test"] if tested else [])]
    lines = data_lines(config["data"], parts, out and arrays_of(out))
    imported = {line for line in lines if line.startswith(("import ", "from "))}
    sections = {
        "Settings": _settings(config, run),
        "Its own code": ["\n\n\n".join(excerpts.blocks)] if excerpts.blocks else [],
        "Data": [*(line for line in lines if line not in imported), *_targets(config, parts, model.gives_columns)],
        "Model": [*model_lines(config), *adapt_lines(model)],
        "Training": _training(config),
        "Test": test_lines(model.has_arrays) if tested else [],
        "The weights, as one number to compare": [DIGEST],
    }
    body = "\n\n\n".join(f"# ---- {name}\n\n" + "\n".join(lines) for name, lines in sections.items() if lines)
    imports = {line for name, line in IMPORTS.items() if f"{name}." in body} | excerpts.imports | imported
    text = "\n\n".join(["\n".join(_head(run, metrics)), _sorted(imports), "\n" + body]) + "\n"
    if out is not None:
        write_script(out, text, arrays)
    return text


def _check_code(cell: Cell, run: Run) -> None:
    """The script holds the user's code by its source: it must be the one that the run trained with."""
    recorded = run_files.read_environment(run.folder).get("code") or {}
    for module, digest in code_digests(cell.modules).items():
        if recorded.get(module, digest) != digest:
            raise ConfigError(
                f"{shown(module_file(module))} has changed since this run: the script would end with other weights. Expected "
                f"the file with SHA-256 {recorded[module][:12]}…. Restore it, or run the experiment again and eject that run."
            )


def _head(run: Run, metrics: Mapping[str, Any]) -> list[str]:
    environment = run_files.read_environment(run.folder)
    versions = environment.get("versions") or {}
    used = ", ".join(f"{name} {versions.get(name)}" for name in ("tensorflow", "keras", "numpy"))
    lines = [
        f"{run.status.get('experiment')} as a plain Keras script; made by stackfit {versions.get('stackfit')}.",
        f"Python {environment.get('python')} with {used} ended with the weights SHA-256",
        f"{metrics['weights_sha256']}.",
        "The same versions on the same kind of processor end with them again, to the bit.",
    ]
    return [f"# {' '.join(line.split())}" for line in lines]  # one line each, whatever the folder's files contain


def _sorted(imports: set[str]) -> str:
    """`__future__` first, then Python's own library, then the others, with blank lines between."""

    def group(line: str) -> int:
        module = line.split()[1].partition(".")[0]
        if module == "__future__":
            return 0
        return 1 if module in sys.stdlib_module_names else 2

    lines = sorted(imports, key=lambda line: (group(line), line.split()[1], line))
    return "\n\n".join("\n".join(block) for _, block in itertools.groupby(lines, group))


def _settings(config: Mapping[str, Any], run: Run) -> list[str]:
    lines = [f"SEED = {config['seed']}", f"EPOCHS = {config['epochs']}", f"BATCH_SIZE = {config['batch_size']}"]
    if config["deterministic"]:
        lines.append("tf.config.experimental.enable_op_determinism()  # sums in the same order every time")
    threads = (run_files.read_environment(run.folder).get("threads") or {}).get("intra_op")
    if need_threads(config) and isinstance(threads, int):  # 0, in runs of earlier versions: one for each core
        lines.append(f"tf.config.threading.set_intra_op_parallelism_threads({threads})  # sums are split among them")
    return lines


def _targets(config: Mapping[str, Any], parts: Sequence[str], columns: bool) -> list[str]:
    """Class weights as the examples' weights, and labels in the form that the loss and the metrics take."""
    task, classes = config["task"], config["data"]["num_classes"]
    lines = []
    if task["class_weight"] == BALANCED:
        lines += [
            f"count = np.bincount(y_train, minlength={classes})",
            'weight_of_class = (len(y_train) / (np.count_nonzero(count) * np.maximum(count, 1))).astype("float32")',
        ]
    elif task["class_weight"]:
        by_number = numbered(config)
        lines += [
            f'weight_of_class = np.ones({classes}, "float32")',
            f"weight_of_class[{[*by_number]}] = {render([float(weight) for weight in by_number.values()])}",
        ]
    lines += ["weights = weight_of_class[y_train]"] if task["class_weight"] else []
    if task["labels"] == "one_hot":
        lines.append(f'one_hot = np.eye({classes}, dtype="float32")')
        lines += [f"y_{part} = one_hot[y_{part}]" for part in parts]
    if columns:
        lines += [f"y_{part} = y_{part}[:, None]  # metrics compare it with the output" for part in parts]
    return lines


def _call_arguments(given: Any) -> str:
    """`x`, `[x, y]`, or `query=x, value=y`, from names of variables."""
    if isinstance(given, Mapping):
        return ", ".join([f"{identifier(argument)}={_call_arguments(value)}" for argument, value in given.items()])
    return f"[{', '.join(given)}]" if isinstance(given, list) else given


def model_lines(config: Mapping[str, Any]) -> list[str]:
    """The layers from top to bottom, each made and called in stackfit's order, then `compile`."""
    from stackfit.model.stack import INPUT, order_layers
    from stackfit.model.wiring import passed

    nodes = {name: node for name, node in config["model"]["layers"].items() if node is not None}
    nodes = order_layers(nodes, Problems(), [])
    wired = any(node.get("inputs") is not None for node in nodes.values())
    values = {INPUT: "inputs"} | {
        name: (_variable(name, number) if wired else "x") for number, name in enumerate(nodes, 1)
    }
    lines = ["keras.utils.set_random_seed(SEED)  # what layers draw at random, they draw from here in this order"]
    if config["precision"] != "float32":
        lines.append(f"keras.config.set_dtype_policy({render(config['precision'])})")
    shape = Code(repr(tuple(config["data"]["input_shape"])))
    lines.append(statement("inputs", call("keras.Input", {"shape": shape, "name": INPUT})))
    last = INPUT
    for name, node in nodes.items():
        given = _call_arguments(passed(node.get("inputs") or last, values))
        arguments = {key: value for key, value in node.items() if key not in ("after", "inputs")}
        layers, shared = _layers(arguments, name)
        lines += shared
        for layer in layers:
            lines.append(statement(values[name], layer, f"({given})"))
            given = values[name]
        if not layers:  # an empty stack passes its input on
            lines.append(f"{values[name]} = {given}")
        last = name
    lines.append(
        statement(
            "model", call("keras.Model", {"inputs": Code("inputs"), "outputs": Code(values[last]), "name": "model"})
        )
    )
    task = config["task"]
    metrics = [{**node, "name": name} for name, node in task["metrics"].items() if node is not None]
    compiled = {"optimizer": config["optimizer"], "loss": task["loss"], "metrics": metrics}
    if (weight := loss_weight(config)) is not None:
        compiled["loss_weights"] = weight
    return [*lines, "", render(call("model.compile", {**compiled, "jit_compile": False}))]


def _layers(node: dict[str, Any], name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The layers that a node stands for, and lines for objects that several of them share."""
    if node["_target_"] != "stackfit.layers.dense_stack":
        return [{**node, "name": node.get("name", name)}], []
    name, units = node.get("name", name), node["units"]
    widths = units if isinstance(units, list) else [units]
    shared, arguments = [], {}
    for key, value in node.items():
        if key in ("_target_", "units", "name"):
            continue
        if len(widths) > 1 and isinstance(value, Mapping):
            shared.append(statement(key, value))  # one object for all, as in the run
            value = Code(key)
        arguments[key] = value
    names = [name] if len(widths) == 1 else [f"{name}_{number}" for number in range(1, len(widths) + 1)]
    made = zip(widths, names, strict=True)
    return [call("keras.layers.Dense", {"units": width, **arguments, "name": label}) for width, label in made], shared


def _variable(name: str, number: int) -> str:
    taken = ("inputs", "model", "keras", "np", "tf", "math", "hashlib", "x", "y")
    return name if name.isidentifier() and not keyword.iskeyword(name) and name not in taken else f"layer_{number}"


def _training(config: Mapping[str, Any]) -> list[str]:
    callbacks: list[Any] = [node for node in config["callbacks"].values() if node is not None]
    weights = bool(config["task"]["class_weight"])
    given: dict[str, Any] = {"epochs": Code("EPOCHS"), "shuffle": False}
    lines = []
    if config["shuffle"]:
        lines += ["", BATCHES, "", "", f"batches = Batches(x_train, y_train{', weights' if weights else ''})", ""]
        shuffle = {"on_epoch_begin": Code("lambda epoch, logs: batches.shuffle(epoch)")}
        callbacks.insert(0, call("keras.callbacks.LambdaCallback", shuffle))
        head = ["batches"]
    else:
        head = ["x_train", "y_train"]
        given = {"batch_size": Code("BATCH_SIZE"), **given, **({"sample_weight": Code("weights")} if weights else {})}
    if config["data"]["validation_split"]:
        given |= {"validation_data": Code("(x_val, y_val)"), "validation_batch_size": Code("BATCH_SIZE")}
    if callbacks:
        lines += [statement("callbacks", callbacks), ""]
        given["callbacks"] = Code("callbacks")
    arguments = [*head, *(f"{name}={render(value)}" for name, value in {**given, "verbose": 2}.items())]
    text = f"model.fit({', '.join(arguments)})"
    if len(text) > WIDTH:
        text = "\n".join(["model.fit(", *(f"    {argument}," for argument in arguments), ")"])
    return [*lines, text]
