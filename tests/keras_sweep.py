"""Every public class of a part of Keras, through everything that stackfit does with it.

`sweep(kind)` gives a row a class: `bit-equal` if it was built, trained in a cohort of two, saved, loaded, verified (trained
again, alone) and ejected with the same weights; `refused` with the sentence that says why, before training; else `fault`.
The classes are found by walking Keras. What one needs to be made stands in `ARGUMENTS`, and what it reads in `READS`.
Runs in the current folder, where it writes experiments and outputs.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras_sweep_metrics
import numpy as np
import yaml

import stackfit
from stackfit.config.hydra.composition import Composer
from stackfit.errors import ConfigError, StackfitError
from stackfit.execution.cells import compose_command
from stackfit.execution.members import trains_alone
from stackfit.execution.plan.run import plan_run
from stackfit.execution.progress import Reporter
from stackfit.proof.eject.script import eject
from stackfit.proof.rerun import read_cell
from stackfit.proof.saved import reloads_equal
from stackfit.proof.verify import verify
from stackfit.results import run_files

QUIET = Reporter(0)
KINDS = {
    "layers": "keras.layers",
    "optimizers": "keras.optimizers",
    "schedules": "keras.optimizers.schedules",
    "losses": "keras.losses",
    "regularizers": "keras.regularizers",
    "initializers": "keras.initializers",
    "constraints": "keras.constraints",
    **keras_sweep_metrics.KINDS,
}
BIT_EQUAL, REFUSED, FAULT = "bit-equal", "refused", "fault"


class Refused(Exception):
    """What a run would say before it trains, and `plan` does not."""


class NotEjected(Exception):
    """All is bit-equal, but there is no script; why."""


class Row(NamedTuple):
    """The verdict on one class; `reason` is empty if it is bit-equal."""

    kind: str
    name: str
    verdict: str
    reason: str = ""


# ---- what a class needs


def layer(name: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": f"keras.layers.{name}", **arguments}


CONVOLUTION = {"filters": 2, "kernel_size": 3}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "tanh"},
    "Bidirectional": {"layer": layer("GRU", units=2)},
    "CategoryEncoding": {"num_tokens": 17},
    "CenterCrop": {"height": 4, "width": 4},
    "Discretization": {"num_bins": 4},
    "Dot": {"axes": 1},
    "EinsumDense": {"equation": "abc,cd->abd", "output_shape": [8, 3]},
    "Embedding": {"input_dim": 17, "output_dim": 2},
    "GroupNormalization": {"groups": 1},
    "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1},
    "HashedCrossing": {"num_bins": 5},
    "Hashing": {"num_bins": 5},
    "InputLayer": {"shape": [8, 8, 1]},
    "JaxLayer": {"call_fn": "f"},
    "FlaxLayer": {"module": "m"},
    "Lambda": {"function": "f"},
    "MaxNumBoundingBoxes": {"max_number": 3},
    "MelSpectrogram": {"sequence_length": 32, "fft_length": 32, "sequence_stride": 16, "num_mel_bins": 8},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "Permute": {"dims": [2, 1]},
    "Pipeline": {"layers": [layer("RandomFlip"), layer("RandomContrast", factor=0.2, value_range=[0, 16])]},
    "RNN": {"cell": layer("GRUCell", units=3)},
    "RandomColorDegeneration": {"factor": 0.5},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RepeatVector": {"n": 3},
    "Rescaling": {"scale": 0.1},
    "Reshape": {"target_shape": [4, 16]},
    "ReversibleEmbedding": {"input_dim": 17, "output_dim": 2},
    "STFTSpectrogram": {"frame_length": 32, "fft_length": 32, "frame_step": 16},
    "SpectralNormalization": {"layer": layer("Dense", units=3)},
    "StackedRNNCells": {"cells": [layer("GRUCell", units=3)]},
    "TFSMLayer": {"filepath": "model"},
    "TimeDistributed": {"layer": layer("Dense", units=3)},
    "TorchModuleWrapper": {"module": "m"},
    "Wrapper": {"layer": layer("Dense", units=3)},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 4},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 4},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [0.1, 0.05, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 4},
    "LossScaleOptimizer": {"inner_optimizer": {"_target_": "keras.optimizers.SGD", "learning_rate": 0.01}},
    "MultiOptimizer": {"optimizer_map": {}},
    "RandomPosterization": {"factor": 4},
    "Constant": {"value": 0.1},
}
COMMON = {  # by the names of required arguments that several classes have
    "filters": 2, "kernel_size": 3, "units": 3, "rate": 0.3, "stddev": 0.1, "factor": 0.2, "height_factor": 0.2, "height": 6,
    "width": 6, "pool_size": 2, "output_size": 2, "learning_rate": 0.01,
}  # fmt: skip
SEQUENCE, FLAT, VOLUME = layer("Reshape", target_shape=[8, 8]), layer("Flatten"), layer("Reshape", target_shape=[4, 4, 4, 1])
CLIP = {1: layer("Reshape", target_shape=[4, 4, 4]), 2: layer("Reshape", target_shape=[2, 4, 8, 1]), 3: layer("Reshape", target_shape=[1, 4, 4, 4, 1])}
COLORS = layer("Concatenate", inputs=["input", "input", "input"])


def reads(name: str, target: type) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The layers above a class that give it what it reads, and its `inputs`."""
    module = target.__module__
    dimensions = int(name_end[0]) if (name_end := re.findall(r"([123])D(?:Transpose)?$", name)) else 0
    if name.startswith("ConvLSTM"):
        return [CLIP[dimensions]], {}
    if dimensions:
        return [[SEQUENCE], [], [VOLUME]][dimensions - 1], {}
    if ".merging." in module:
        return [FLAT], {"inputs": ["above", "above"]}
    if name == "HashedCrossing":
        return [layer("Reshape", target_shape=[64, 1]), layer("Cropping1D", cropping=[0, 63]), FLAT], {"inputs": ["above", "above"]}
    if name in ("Attention", "AdditiveAttention"):
        return [SEQUENCE], {"inputs": ["above", "above"]}
    if ".attention." in module:
        return [SEQUENCE], {"inputs": {"query": "above", "value": "above"}}
    if "image_preprocessing" in module:
        return [COLORS], {}
    if name in ("RepeatVector", "CategoryEncoding", "Embedding", "ReversibleEmbedding", "STFTSpectrogram", "MelSpectrogram"):
        return [FLAT], {}
    if ".rnn." in module or name in ("EinsumDense", "Permute", "Masking"):
        return [SEQUENCE], {}
    return [], {}


def arguments(name: str, target: type) -> dict[str, Any]:
    from stackfit.model.building import required_arguments

    given = ARGUMENTS.get(name)
    return given if given is not None else {each: COMMON[each] for each in required_arguments(target) if each in COMMON}


# ---- the experiments


def classes(kind: str) -> dict[str, type]:
    """The classes of a kind by name, each once: `Convolution1D` is `Conv1D`."""
    import keras

    bases = {
        "layers": keras.layers.Layer,
        "optimizers": keras.optimizers.Optimizer,
        "schedules": keras.optimizers.schedules.LearningRateSchedule,
        "losses": keras.losses.Loss,
        "regularizers": keras.regularizers.Regularizer,
        "initializers": keras.initializers.Initializer,
        "constraints": keras.constraints.Constraint,
        "metrics": keras.metrics.Metric,
        "callbacks": keras.callbacks.Callback,
    }
    module: Any = keras
    for part in KINDS[kind].split(".")[1:]:
        module = getattr(module, part)
    found: dict[type, str] = {}
    for name in sorted(dir(module), key=lambda each: (getattr(getattr(module, each), "__name__", "") != each, each)):
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, bases[kind]):
            found.setdefault(value, name)
    return {name: value for value, name in sorted(found.items(), key=lambda pair: pair[1])}


def write_data() -> None:
    """24 + 12 pictures of 8 x 8 whole numbers from 0 to 16 in two classes, and empty groups."""
    noise = np.random.default_rng(0)
    arrays = {}
    for split, size in (("train", 24), ("test", 12)):
        arrays[f"x_{split}"] = noise.integers(0, 17, (size, 8, 8, 1)).astype(np.float32)
        arrays[f"y_{split}"] = np.arange(size) % 2
    np.savez("tiny.npz", **arrays)
    for group, content in {"model": "layers: {}\n", "optimizer": "{}\n", "task": "metrics: {}\n"}.items():
        Path("conf", group).mkdir(parents=True, exist_ok=True)
        Path("conf", group, "bare.yaml").write_text(content, encoding="utf-8")
    Path("experiments").mkdir(exist_ok=True)


TASKS: dict[str, dict[str, Any]] = {
    "class": {"labels": "class", "loss": {"_target_": "keras.losses.SparseCategoricalCrossentropy"}},
    "one_hot": {"labels": "one_hot", "loss": {"_target_": "keras.losses.CategoricalCrossentropy"}},
    "value": {"labels": "value", "loss": {"_target_": "keras.losses.MeanSquaredError"}},
}


def write_experiment(
    name: str,
    above: list[dict[str, Any]],
    optimizer: dict[str, Any] | None = None,
    loss: dict[str, Any] | None = None,
    task: str = "class",
) -> None:
    """An experiment with these layers below the input and a Dense output for the task."""
    end = {"units": 1} if task == "value" else {"units": 2, "activation": "softmax"}
    layers = [*above, layer("Flatten"), layer("Dense", **end)]
    content = {
        "defaults": ["config", {"override data": "npz"}, *({f"override {g}": "bare"} for g in ("model", "optimizer", "task")), "_self_"],
        "about": {"question": f"Does {name} work?"},
        "data": {"path": str(Path("tiny.npz").resolve()), "input_shape": [8, 8, 1], "num_classes": 0 if task == "value" else 2, "scale": "none"},
        "epochs": 1,
        "batch_size": 8,
        "verbosity": 0,
        "model": {"layers": {f"layer_{number}": each for number, each in enumerate(layers, 1)}},
        "optimizer": optimizer or {"_target_": "keras.optimizers.SGD", "learning_rate": 0.01},
        "task": {**TASKS[task], **({"loss": loss} if loss else {})},
    }  # fmt: skip
    Path("experiments", f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def write_for(kind: str, name: str, target: type) -> Iterator[str]:
    """The names of experiments that use a class, the likeliest first."""
    if kind in keras_sweep_metrics.KINDS:
        yield from keras_sweep_metrics.write_for(kind, name, target, write_experiment)
        return
    node = {"_target_": f"{KINDS[kind]}.{name}", **arguments(name, target)}
    label = f"{kind}_{name}"
    if kind == "layers":
        above, wiring = reads(name, target)
        inputs = yaml.safe_load(yaml.safe_dump(wiring).replace("above", f"layer_{len(above)}" if above else "input"))
        write_experiment(label, [*above, {**node, **inputs}])
        yield label
    elif kind == "losses":
        for task in TASKS:
            write_experiment(f"{label}_{task}", [], loss=node, task=task)
            yield f"{label}_{task}"
    elif kind in ("optimizers", "schedules"):
        schedule = {"_target_": "keras.optimizers.SGD", "learning_rate": node}
        write_experiment(label, [FLAT, layer("Dense", units=4)], optimizer=node if kind == "optimizers" else schedule)
        yield label
    else:
        argument = {"regularizers": "kernel_regularizer", "initializers": "kernel_initializer", "constraints": "kernel_constraint"}[kind]
        dense = [FLAT, layer("Dense", units=4, **{argument: node})]
        # Some are for the kernels of convolutions alone, or for square ones.
        write_experiment(label, dense)
        yield label
        write_experiment(f"{label}_conv", [layer("Conv2D", filters=2, kernel_size=3, **{argument: node})])
        yield f"{label}_conv"


# ---- the verdict


def check(experiment: str) -> str:
    """The first error that `stackfit plan` has, or nothing."""
    composition, problems, _ = compose_command(Composer(experiment), [], False)
    plan = plan_run(composition, problems, [])
    return str(plan["errors"][0]["message"]) if plan["errors"] else ""


def prove(experiment: str) -> str:
    """What is not bit-equal, or nothing: a cohort of two, if no callback listens to batches; the second loaded, verified, ejected."""
    stackfit.sweep(experiment, "seed=1,2", reporter=QUIET)
    runs = [stackfit.Run(path.parent) for path in sorted(Path("outputs", experiment).glob("sweep-*/*/status.json"))]
    run = runs[1]
    if run.state != "finished":
        if (run.reason or "").startswith("The model cannot be trained on these data: "):  # while it was traced
            raise Refused(run.reason)
        return f"{run.state}: {run.reason}"
    found = []
    if set(run.history["members"]) != ({1} if trains_alone(read_cell(run)) else {2}):
        found.append("it trained alone")
    if not reloads_equal(run):
        found.append("loaded, it predicts otherwise")
    if (verdict := verify(run, QUIET)["verdict"]) != "bit-equal":
        found.append(f"verified alone it is {verdict}")
    script = Path(f"{experiment}.py")
    try:
        eject(run, out=script)
    except ConfigError as error:
        if found:
            return "; ".join(found)
        raise NotEjected(str(error)) from error
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(script), run_name="__main__")
    if printed.getvalue().split()[-1] != run_files.read_metrics(run.folder)["weights_sha256"]:
        found.append("its script ends with other weights")
    return "; ".join(found)


def judge(kind: str, name: str, target: type) -> Row:
    """The row of one class."""
    refusals = []
    try:
        for experiment in write_for(kind, name, target):
            try:
                refused = check(experiment)
            except StackfitError as error:
                refused = str(error)
            if refused:
                refusals.append(refused)
                continue
            try:
                unequal = prove(experiment)
            except NotEjected as error:
                return Row(kind, name, BIT_EQUAL, f"not ejected: {error}")
            except Refused as error:
                refusals.append(str(error))
                continue
            return Row(kind, name, FAULT if unequal else BIT_EQUAL, unequal)
    except StackfitError as error:
        return Row(kind, name, FAULT, f"after the plan: {error}")
    except Exception as error:
        return Row(kind, name, FAULT, f"{type(error).__name__}: {error}"[:300])
    return Row(kind, name, REFUSED, refusals[0])


def sweep(kind: str, names: Iterable[str] | None = None) -> list[Row]:
    """A row for each class of the kind, or for those named."""
    write_data()
    chosen = classes(kind)
    return [judge(kind, name, chosen[name]) for name in names or chosen]
