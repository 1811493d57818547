"""A seeded corpus of faults over the shipped experiments: each knows, from how it was made, where it must be reported.

A fault is a change to one experiment, typed as an override or written into a child file. Content is a nested mapping whose
leaves are YAML text, rendered one key a line, so that the line of every key is known.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from composing import compose
from omegaconf import OmegaConf

from stackfit.config import project
from stackfit.config.experiments import read_record
from stackfit.config.hydra.composition import Composer

MINE = "experiments/mine.yaml"
PATHS = {path.stem: path for path in sorted(project.shipped("experiments").glob("*.yaml"))}
SOUND = [name for name, path in PATHS.items() if not any("error" in one for one in read_record(name, path).expect)]
DENSE = "keras.layers.Dense"


@dataclass
class Fault:
    """One wrong thing. `where` is the override or `file:line` at which it must be reported."""

    kind: str
    experiment: str
    overrides: list[str] = field(default_factory=list)
    file: str | None = None  # the text of experiments/mine.yaml, a child of the experiment
    where: str = ""
    sweep: bool = False
    content: Any = None  # of the file, for faults that are put together
    culprit: str = ""

    @property
    def name(self) -> str:
        """What to run."""
        return self.experiment if self.file is None else "mine"

    def __str__(self) -> str:
        return f"{self.kind}: {self.experiment} {' '.join(self.overrides)} {self.content or self.file or ''} -> {self.where}"


@dataclass(frozen=True)
class Base:
    """What a generator may ask of the experiment that it breaks."""

    name: str
    config: dict[str, Any]

    @property
    def layers(self) -> dict[str, Any]:
        return {name: layer for name, layer in self.config["model"]["layers"].items() if layer}

    @property
    def first(self) -> str:
        """The first dense layer."""
        return next(n for n, one in self.layers.items() if one.get("units") is not None)

    @property
    def flat(self) -> str | None:
        return next((n for n, one in self.layers.items() if one["_target_"].endswith(".Flatten")), None)

    @property
    def classes(self) -> int:
        return self.config["data"]["num_classes"]

    @property
    def logits(self) -> bool:
        return bool(self.config["task"]["loss"].get("from_logits"))


@functools.cache
def bases() -> list[Base]:
    """Every sound shipped experiment, composed."""
    found = []
    for name in SOUND:
        config = compose(Composer(name), ["hydra.mode=RUN"]).config
        found.append(Base(name, OmegaConf.to_container(config)))  # type: ignore[arg-type]
    return found


# ---- how a change is written


def render(content: Any, number: int = 2, indent: str = "", prefix: str = "") -> Iterator[tuple[str, str, int]]:
    """`(line of YAML, dotted key, its number)`; the defaults list is line 1."""
    for key, value in content.items():
        full = f"{prefix}.{key}" if prefix else str(key)
        yield f"{indent}{key}:" + ("" if isinstance(value, dict) else f" {value}"), full, number
        number += 1
        if isinstance(value, dict):
            inner = list(render(value, number, indent + "  ", full))
            yield from inner
            number += len(inner)


def in_file(kind: str, base: Base, content: dict[str, Any], culprit: str, parents: str = "", **more: Any) -> Fault:
    lines = list(render(content))
    head = f"defaults: [{base.name}, {parents}_self_]"
    text = "\n".join([head, *(line for line, _, _ in lines)]) + "\n"
    where = next((f"{MINE}:{number}" for _, key, number in lines if key == culprit), f"{MINE}:1")
    return Fault(kind, base.name, file=text, where=where, content=content, culprit=culprit, **more)


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for key, value in other.items():
        both[key] = merged(both[key], value) if isinstance(both.get(key), dict) and isinstance(value, dict) else value
    return both


def either(rng: random.Random, kind: str, base: Base, key: str, value: str, add: str = "") -> Fault:
    """The same setting as an override or in a file. `add`: `+` for a key that is new."""
    if rng.random() < 0.5:
        typed = f"{add}{key}={value}"
        return Fault(kind, base.name, [typed], where=typed)
    return in_file(kind, base, nested(key, value), key)


def layer(rng: random.Random, kind: str, base: Base, called: str, culprit: str, **arguments: str) -> Fault:
    """A layer that is added; in a file the culprit is one of its lines."""
    if rng.random() < 0.5:
        inside = ", ".join(f"{key}: {value}" for key, value in arguments.items())
        typed = f"+model.layers.{called}={{{inside}}}"
        return Fault(kind, base.name, [typed], where=typed)
    content = nested(f"model.layers.{called}", dict(arguments))
    return in_file(kind, base, content, f"model.layers.{called}" + (f".{culprit}" if culprit else ""))


def misspelt(rng: random.Random, word: str) -> str:
    """A letter lost, doubled, swapped with its neighbour, or mistaken."""
    at = rng.randrange(1, max(2, len(word) - 1))
    return {
        0: word[:at] + word[at + 1 :],
        1: word[:at] + word[at] + word[at:],
        2: word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
        3: word[:at] + "z" + word[at + 1 :],
    }[rng.randrange(4)]


def typo(rng: random.Random, word: str, known: Any = ()) -> str:
    wrong = misspelt(rng, word)
    while wrong == word or wrong in known:
        wrong = misspelt(rng, word) + "x"
    return wrong


# ---- the kinds of faults


def keys(rng: random.Random, base: Base) -> Iterator[Fault]:
    config, first = base.config, base.first
    name = rng.choice(["epochs", "batch_size", "shuffle", "seed", "precision", "verbosity", "deterministic"])
    yield either(rng, "key", base, typo(rng, name, config), str(config[name]).lower(), rng.choice(["", "+", "++"]))
    part, name = rng.choice([("data", "scale"), ("data", "validation_split"), ("data", "order"), ("task", "labels")])
    yield either(rng, "key", base, f"{part}.{typo(rng, name, config[part])}", str(config[part][name]), "+")
    part = rng.choice(["data", "model", "task", "optimizer", "callbacks"])
    yield in_file("key", base, (content := {typo(rng, part): {"kind": "x"}}), next(iter(content)))
    yield in_file("key", base, {"about": {(name := typo(rng, "question", config["about"])): "Why?"}}, f"about.{name}")
    yield either(rng, "argument", base, f"model.layers.{first}.{typo(rng, 'units')}", "32", rng.choice(["+", "++"]))
    name = typo(rng, rng.choice(["kernel_regularizer", "kernel_initializer", "use_bias", "bias_initializer"]))
    yield either(rng, "argument", base, f"model.layers.{first}.{name}", "null", "+")
    yield either(rng, "argument", base, f"optimizer.{typo(rng, 'learning_rate')}", "0.1", "+")
    yield either(rng, "argument", base, f"task.loss.{typo(rng, 'from_logits')}", "true", "+")
    yield either(rng, "argument", base, f"task.metrics.accuracy.{typo(rng, 'dtype')}", "float32", "+")
    text = f"{{_target_: keras.regularizers.L2, {typo(rng, 'strength')}: 0.01}}"
    yield either(rng, "argument", base, f"model.layers.{first}.kernel_regularizer", text, "++")
    name = typo(rng, first, base.layers)
    if rng.random() < 0.5:
        yield Fault("layer", base.name, [typed := f"model.layers.{name}.units=32"], where=typed)
    else:
        yield in_file("layer", base, nested(f"model.layers.{name}", {"units": "32"}), f"model.layers.{name}")


def targets(rng: random.Random, base: Base) -> Iterator[Fault]:
    for key, module, name in (
        (f"model.layers.{base.first}._target_", "keras.layers", "Dense"),
        ("optimizer._target_", "keras.optimizers", "Adam"),
        ("task.loss._target_", "keras.losses", "SparseCategoricalCrossentropy"),
        ("task.metrics.accuracy._target_", "keras.metrics", "SparseCategoricalAccuracy"),
    ):
        yield either(rng, "target", base, key, f"{module}.{typo(rng, name)}")
    yield either(rng, "target", base, "optimizer._target_", rng.choice(["keras.layers.Dense", "torch.optim.Adam", "Adam"]))
    yield either(rng, "target", base, "task.loss._target_", rng.choice(["keras.metrics.MeanSquaredError", "os.system"]))
    target = f"keras.callbacks.{typo(rng, 'EarlyStopping')}"
    yield either(rng, "target", base, "callbacks.stop", f"{{_target_: {target}, monitor: loss}}", "+")
    yield layer(rng, "target", base, "extra", "_target_", _target_=f"keras.layers.{typo(rng, 'Dropout')}", rate="0.5",
                after=base.first)  # fmt: skip
    nest = f"{{_target_: keras.regularizers.{typo(rng, 'L2', ('L1', 'l2', 'l1', 'L1L2'))}, l2: 0.1}}"
    yield either(rng, "target", base, f"model.layers.{base.first}.kernel_regularizer", nest, "++")
    # A layer that gets another type keeps the arguments of the old one.
    yield either(rng, "left over", base, f"model.layers.{base.first}._target_", "keras.layers.Flatten")


def options(rng: random.Random, base: Base) -> Iterator[Fault]:
    for group, name in (("optimizer", "sgd"), ("model", "mlp"), ("data", "digits"), ("task", "binary")):
        wrong = typo(rng, name)
        if rng.random() < 0.5:
            yield Fault("option", base.name, [f"{group}={wrong}"], where=f"{group}={wrong}")
        else:
            yield in_file("option", base, {}, "", f"override {group}: {wrong}, ")
    wrong = typo(rng, "early_stopping")
    yield Fault("option", base.name, [f"callbacks=[stop_at,{wrong}]"], where=f"callbacks=[stop_at,{wrong}]")
    yield in_file("group", base, {}, "", f"override {typo(rng, 'optimizer')}: sgd, ")
    yield Fault("override", base.name, [wrong := rng.choice(["epochs", "epochs=[1", "=3", "epochs:3"])], where=wrong)


def values(rng: random.Random, base: Base) -> Iterator[Fault]:
    first = f"model.layers.{base.first}"
    wrong_types = [
        ("epochs", "three"), ("epochs", "1.5"), ("batch_size", "big"), ("shuffle", "maybe"), ("seed", "[1]"),
        ("deterministic", "5x"), ("jit_compile", "sometimes"), ("verbosity", "loud"), ("data.validation_split", "tenth"),
        (f"{first}.units", "many"), ("optimizer.learning_rate", "fast"), ("data.input_shape", "[a]"), ("save", "[3.5]"),
    ]  # fmt: skip
    for key, value in rng.sample(wrong_types, 4):
        yield either(rng, "type", base, key, value)
    yield either(rng, "type", base, f"{first}.use_bias", "perhaps", "++")
    yield either(rng, "type", base, "optimizer.epsilon", "small", "++")
    yield either(rng, "type", base, rng.choice(["epochs", "seed", "model", "task", "precision"]), "null")
    out_of_range = [
        ("epochs", "0"), ("epochs", "-5"), ("batch_size", "0"), ("seed", "-1"), ("verbosity", "-1"), (f"{first}.units", "0"),
        (f"{first}.units", "[32,-1]"), (f"{first}.units", "2.5"), ("optimizer.learning_rate", "-0.1"),
        ("optimizer.learning_rate", "0"), ("data.validation_split", "1.0"), ("data.validation_split", "-0.1"),
        ("precision", "float99"), ("data.scale", "unitt"), ("data.kind", "fashon_mnist"), ("save", "[kears]"),
        ("task.labels", "onehot"), ("data.input_shape", "[0]"), ("data.max_memory_bytes", "0"),
    ]  # fmt: skip
    for key, value in rng.sample(out_of_range, 4):
        yield either(rng, "range", base, key, value)
    yield layer(rng, "range", base, "extra", "rate", _target_="keras.layers.Dropout", rate=rng.choice(["1.5", "-1"]),
                after=base.first)  # fmt: skip
    nest = "{_target_: keras.regularizers.L2, l2: -1}"
    yield either(rng, "range", base, f"{first}.kernel_regularizer", nest, "++")
    yield either(rng, "activation", base, f"{first}.activation", typo(rng, rng.choice(["relu", "sigmoid", "softmax"])), "++")
    yield either(rng, "initializer", base, f"{first}.kernel_initializer", typo(rng, "he_normal"), "++")


def shapes(rng: random.Random, base: Base) -> Iterator[Fault]:
    if base.flat:
        yield either(rng, "shape", base, f"model.layers.{base.flat}", "null")
        yield layer(rng, "shape", base, "conv", "", _target_="keras.layers.Conv2D", filters="4", kernel_size="3",
                    after=base.flat)  # fmt: skip
        yield layer(rng, "shape", base, "pool", "", _target_="keras.layers.MaxPooling2D", pool_size="99", after="input")
        yield layer(rng, "shape", base, "again", "", _target_="keras.layers.Reshape", target_shape="[5,7]", after=base.flat)
        yield layer(rng, "shape", base, "sum", "", _target_="keras.layers.Add", inputs=f"[{base.flat}, {base.first}]",
                    after=base.first)  # fmt: skip
    yield layer(rng, "shape", base, "conv", "", _target_="keras.layers.Conv1D", filters="4", kernel_size="3", after=base.first)
    if base.classes > 2:
        yield either(rng, "width", base, "model.layers.output.units", str(rng.randrange(1, base.classes)))
        yield either(rng, "width", base, "model.layers.output", "null")


def references(rng: random.Random, base: Base) -> Iterator[Fault]:
    first = f"model.layers.{base.first}"
    yield either(rng, "interpolation", base, f"{first}.units", f"${{data.{typo(rng, 'num_classes')}}}")
    yield either(rng, "interpolation", base, "epochs", f"${{{typo(rng, 'batch_size')}}}")
    yield either(rng, "interpolation", base, *rng.choice([("seed", "${seed}"), ("epochs", "${precision}")]))
    typed = f"{rng.choice([f'{first}.units', 'epochs', 'data.kind'])}=???"  # in a file, ??? leaves the parent's value
    yield Fault("missing", base.name, [typed], where=typed)
    yield layer(rng, "after", base, "drop", "after", _target_="keras.layers.Dropout", rate="0.5", after=typo(rng, base.first))
    yield layer(rng, "inputs", base, "drop", "inputs", _target_="keras.layers.Dropout", rate="0.5",
                inputs=f"[{typo(rng, base.first)}]", after=base.first)  # fmt: skip
    yield either(rng, "after", base, f"{first}.after", base.first, "++")
    yield either(rng, "branch", base, "model.layers.output.inputs", "[input]", "++")
    yield layer(rng, "name", base, "extra", "", _target_="keras.layers.Dropout", rate="0.5", name="output", after=base.first)


def agreement(rng: random.Random, base: Base) -> Iterator[Fault]:
    output = "model.layers.output.activation"
    if base.classes > 2:
        if base.logits:
            yield either(rng, "activation and loss", base, output, "softmax", "++")
        else:
            yield either(rng, "activation and loss", base, output, rng.choice(["null", "linear", "relu", "tanh"]))
            yield either(rng, "activation and loss", base, output, "sigmoid")
            yield either(rng, "activation and loss", base, "task.loss.from_logits", "true", "++")
            yield Fault("activation and loss", base.name, ["task=classification_logits"], where="task=classification_logits")
            yield in_file("activation and loss", base, {}, "", "override task: classification_logits, ")
        metric = rng.choice(["CategoricalAccuracy", "BinaryAccuracy", "MeanAbsoluteError", "AUC", "TopKCategoricalAccuracy"])
        yield either(rng, "metric", base, "task.metrics.accuracy._target_", f"keras.metrics.{metric}")
        yield either(rng, "labels", base, "task.labels", rng.choice(["one_hot", "value"]))
        loss = rng.choice(["CategoricalCrossentropy", "BinaryCrossentropy", "MeanSquaredError"])
        yield either(rng, "labels", base, "task.loss", f"{{_target_: keras.losses.{loss}}}")
    if not base.config["data"]["validation_split"]:
        text = f"{{_target_: keras.callbacks.{rng.choice(['EarlyStopping', 'ReduceLROnPlateau'])}, monitor: val_loss}}"
        yield either(rng, "monitor", base, "callbacks.watch", text, "+")
        yield Fault("monitor", base.name, ["callbacks=checkpoint_best"], where="callbacks=checkpoint_best")
    text = f"{{_target_: stackfit.callbacks.StopAt, monitor: {typo(rng, 'accuracy')}}}"
    yield either(rng, "monitor", base, "callbacks.watch", text, "+")


def sweeps(rng: random.Random, base: Base) -> Iterator[Fault]:
    units = f"model.layers.{base.first}.units"
    axes = [
        (f"model.layers.{typo(rng, base.first, base.layers)}.units", "32,64"), (typo(rng, "epochs", base.config), "1,2"),
        (units, "64,0"), ("epochs", "0,2"), ("optimizer", f"adam,{typo(rng, 'sgd')}"), ("batch_size", "32,huge"),
        ("optimizer.learning_rate", "0.1,-1"), ("optimizer.learning_rate", "interval(0,1)"),
    ]  # fmt: skip
    for key, text in rng.sample(axes, 3):
        if rng.random() < 0.6:
            yield Fault("sweep", base.name, [f"{key}={text}"], where=f"{key}={text}", sweep=True)
        else:
            content = {"hydra": {"mode": "MULTIRUN", "sweeper": {"params": {key: f'"{text}"'}}}}
            yield in_file("sweep", base, content, f"hydra.sweeper.params.{key}", sweep=True)


KINDS: tuple[Callable[[random.Random, Base], Iterator[Fault]], ...] = (
    keys, targets, options, values, shapes, references, agreement, sweeps,
)  # fmt: skip


def faults(seed: int = 0) -> list[Fault]:
    """The whole corpus: every kind on a few experiments each, drawn with the seed."""
    rng, found, all_bases = random.Random(seed), [], bases()
    for kind in KINDS:
        for base in rng.sample(all_bases, 8):
            found += kind(rng, base)
    return found


def several(seed: int, count: int) -> list[tuple[Fault, list[str]]]:
    """Files with two to four faults at different places; and every place that must be reported."""
    rng, found, all_bases = random.Random(seed), [], bases()
    while len(found) < count:
        base, content, parts = rng.choice(all_bases), {}, []
        for kind in rng.sample([keys, targets, values, references, agreement, shapes], rng.randint(2, 4)):
            made = [one for one in kind(rng, base) if one.content and len(list(render(one.content))) > 1]
            fault = rng.choice(made) if made else None
            taken = {part.culprit.rsplit(".", 1)[0] for part in parts} | {"model"}
            if fault and fault.kind not in ("layer",) and fault.culprit.rsplit(".", 1)[0] not in taken:
                content, parts = merged(content, fault.content), [*parts, fault]
        if len(parts) > 1:
            whole = in_file("several", base, content, "")
            lines = {key: f"{MINE}:{number}" for _, key, number in render(content)}
            if not all(part.culprit in lines for part in parts):  # one stands where the other did
                continue
            found.append((whole, [lines[part.culprit] for part in parts]))
    return found
