"""The named layers of a config become one Keras Functional model.

Problems are collected: a layer that cannot be built or called leaves the checks of all others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from stackfit.errors import ConfigError, Problems, did_you_mean, lacks_form, lacks_memory
from stackfit.model.adapting import check_place
from stackfit.model.agreement import PASSING, Output
from stackfit.model.building import build
from stackfit.model.wiring import as_list, check_computed, names_in, no_room, other_form, passed, said_of

_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")
INPUT = "input"  # the name of the input layer, for `inputs: [input, …]`


@dataclass
class Stack:
    """The layers of a config on their way to a model, top to bottom; `after` moves a layer, `inputs` wires branches.

    Args:
        layers: `{name: {_target_: ..., **arguments}}`; a null layer is left out.
        problems: takes their errors; each carries the config key. The rest is built.
    """

    layers: Mapping[str, Any]
    problems: Problems
    model: keras.Model | None = None  # built, not compiled; its output is `(batch, *last_layer_shape)`
    output: Output | None = None
    values: dict[str, Any] = field(default_factory=dict)  # by layer; None where it or a layer above is wrong
    reads: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # Keras's names, and the keys they come from
    called: list[Any] = field(default_factory=list)  # the Keras layers that fit, in order
    parts: dict[str, list[Any]] = field(default_factory=dict)  # the Keras layers of each key

    def build(self, input_shape: tuple[int, ...] | None) -> None:
        """Build every layer, and connect them as far as they fit; `model` is None where something is wrong.

        Args:
            input_shape: shape of one example, without the batch axis; None where it is not known.
        """
        used = {name: layer for name, layer in self.layers.items() if isinstance(layer, Mapping)}
        used = order_layers(used, self.problems, [name for name, layer in self.layers.items() if layer is None])
        inputs = None if input_shape is None else keras.Input(shape=tuple(input_shape), name=INPUT)
        self.called = [] if inputs is None else [inputs._keras_history.operation]
        self.values, self.names = {INPUT: inputs}, {INPUT: INPUT}
        last, ends = INPUT, {INPUT}  # ends: what nothing reads yet
        for name, layer in used.items():
            wiring = self._wiring(name, layer.get("inputs"), last)
            self.reads[name] = [last] if wiring is None else names_in(wiring)
            arguments = {argument: value for argument, value in layer.items() if argument not in ("after", "inputs")}
            extra = {} if "name" in arguments else {"name": name}
            built = build(arguments, f"model.layers.{name}", "layers", self.problems, **extra)
            parts = [] if built is None else as_list(built)
            known = built is not None and wiring is not None and all(self.values[read] is not None for read in self.reads[name])
            self.values[name] = self._connect(name, parts, wiring) if known and self._named(name, parts) else None
            ends = (ends - set(self.reads[name])) | {name}
            last = name
            self.parts[name] = parts
            if parts:
                self._end(name, parts)
        if not any(e.key and e.key.endswith((".after", ".inputs")) for e in self.problems.errors):
            self._find_loose(sorted(ends - {last}), last)
        if self.values[last] is not None and not any(e.key and "model.layers" in e.key for e in self.problems.errors):
            self.model = keras.Model(inputs, self.values[last], name="model")

    def _wiring(self, name: str, inputs: Any, last: str) -> Any:
        """What a layer reads, as it is passed on: a name, a list, or a mapping from arguments; None if a name is wrong."""
        wiring = last if inputs is None or inputs == [] else inputs
        key = f"model.layers.{name}.inputs"
        for source in names_in(wiring):
            if not isinstance(source, str) or source not in self.values:
                removed = isinstance(source, str) and source in self.layers and self.layers[source] is None
                error = ConfigError(
                    f"There is no layer {source!r} above {name!r}{': it was set to null' if removed else ''}."
                    f"{did_you_mean(str(source), self.values)} Expected some of: {', '.join(self.values)}. "
                    "Correct the name, or move the layer up.",
                    among=(key, *([f"model.layers.{source}"] if removed else [])),
                )
                self.problems.errors.append(error)
                return None
        return wiring

    def _named(self, name: str, parts: list[Any]) -> bool:
        """Whether Keras's names of these layers are free; `hidden: {units: [8, 4]}` takes hidden_1 and hidden_2."""
        for part in parts:
            if part.name == INPUT:
                self.problems.errors.append(
                    ConfigError(
                        f"A layer is called {INPUT!r}, which is the name of the model's input. Expected another name. "
                        "Rename the key, or its `name`.",
                        key=f"model.layers.{name}",
                    )
                )
                return False
            if not _SCOPE.fullmatch(part.name):
                self.problems.errors.append(
                    ConfigError(
                        f"A layer is called {part.name!r}, which TensorFlow refuses. Expected only letters from a to z, digits, "
                        "and '_', '.' or '-' between them. Rename the key, or its `name`.",
                        key=f"model.layers.{name}",
                    )
                )
                return False
            other = self.names.setdefault(part.name, name)
            if other != name:
                self.problems.errors.append(
                    ConfigError(
                        f"Two layers are called {part.name!r}: one of {other!r} and one of {name!r}. Expected a name of its "
                        "own for each. Rename one of the keys, or its `name`.",
                        among=tuple(f"model.layers.{key}" for key in (name, other) if key != INPUT),
                    )
                )
                return False
        return True

    def _connect(self, name: str, parts: list[Any], wiring: Any) -> Any:
        value = passed(wiring, self.values)
        for part in parts:
            if misplaced := [*check_place(name, part)]:
                self.problems.errors += misplaced
                return None
            read = value
            try:
                value = part(**read) if isinstance(read, Mapping) else part(read)
                check_computed(part, read, value)
                self.called.append(part)
            except Exception as error:  # Keras's own, and whatever a user's layer raises
                if without := lacks_form(error):
                    self.problems.errors.append(ConfigError(f"Layer {name!r}, {type(part).__name__}, {without}", key=f"model.layers.{name}"))
                    return None
                if lacks_memory(error):
                    self.problems.errors.append(no_room(f"Layer {name!r}, {type(part).__name__},", error, self.causes(name)))
                    return None
                tensors = read.values() if isinstance(read, Mapping) else as_list(read)
                shapes = [str(tuple(tensor.shape[1:])) for each in tensors for tensor in as_list(each)]
                said = ConfigError(
                    f"Layer {name!r}: {type(part).__name__} cannot take what comes from above, "
                    f"{' and '.join(shapes)}: {said_of(error)}. {other_form(part, wiring)}"
                    f"The shapes along the stack: {self.shapes()}. Change this layer or the one above it.",
                    kind="shape",
                    among=self.causes(name),
                )
                said.__cause__ = error
                self.problems.errors.append(said)
                return None
            if self._gives_several(name, part, value) or self._gives_its_input(name, part, read, value):
                return None
        return None if not parts and self._gives_several(name, None, value) else value

    def _gives_several(self, name: str, part: Any, value: Any) -> bool:
        """Whether a layer gives more than the one tensor that the next layer reads: a problem."""
        if not isinstance(value, (list, tuple, Mapping)):
            return False
        flag = "return_state" if getattr(part, "return_state", False) else None
        cure = f"Write: model.layers.{name}.{flag}=false" if flag else "Choose a layer that gives one"
        self.problems.errors.append(
            ConfigError(
                f"Layer {name!r}{f': {type(part).__name__}' if part else ''} gives {len(value)} tensors. Expected one, which the "
                f"next layer reads. {cure}.",
                kind="shape",
                among=(f"model.layers.{name}.{flag}", f"model.layers.{name}"),
            )
        )
        return True

    def _gives_its_input(self, name: str, part: Any, read: Any, value: Any) -> bool:
        """Whether a layer gives the very tensor that it read, which a Functional model takes for a cycle: a problem."""
        if value is not read:
            return False
        self.problems.errors.append(
            ConfigError(
                f"{type(part).__name__} {name!r} gives its input itself and not a tensor of its own, so no model can be built "
                f"of it. Expected a layer that Keras's Functional models take. Write: model.layers.{name}=null",
                kind="shape",
                among=(f"model.layers.{name}",),
            )
        )
        return True

    def _end(self, name: str, parts: list[Any]) -> None:
        value = self.values[name]
        written = list(self.layers)
        removed = [layer for layer in written if self.layers[layer] is None]
        after = tuple(layer for layer in removed if written.index(layer) > written.index(name))
        others = tuple(layer for layer in removed if layer not in after)
        above, source = list(parts), name
        while all(isinstance(part, PASSING) for part in above) and self.reads.get(source, [INPUT]) != [INPUT]:
            source = self.reads[source][0]
            above = [*self.parts.get(source, []), *above]
        shape = None if value is None else tuple(value.shape[1:])
        self.output = Output(name, above, shape, source, after, others)

    def _find_loose(self, ends: list[str], last: str) -> None:
        for name in ends:
            key = "model.layers" if name == INPUT else f"model.layers.{name}"
            self.problems.errors.append(
                ConfigError(
                    f"The branch that ends in {name!r} leads nowhere. Expected every layer to be read by another, down to "
                    f"{last!r}. Name it in a later layer's inputs: [{name}, …], or set it to null.",
                    among=(key, *(f"model.layers.{reader}.inputs" for reader in self.reads)),
                )
            )

    def shapes(self) -> str:
        """`input (28, 28, 1) -> flatten (784,)`: what is connected so far."""
        known = [(name, value) for name, value in self.values.items() if value is not None]
        return " -> ".join(f"{name} {tuple(value.shape[1:])}" for name, value in known)

    def causes(self, name: str) -> list[str]:
        """The keys that make up a layer's input: its own, then those of the layers above it, then the data's shape."""
        keys, waiting = [], [name]
        while waiting:
            layer = waiting.pop(0)
            key = f"model.layers.{layer}"
            if key not in keys and layer != INPUT:
                keys += [key, *(f"{key}.{argument}" for argument in self.layers[layer])]
                waiting += self.reads.get(layer, [])
        written = list(self.layers)
        keys += [f"model.layers.{layer}" for layer in written[: written.index(name)] if self.layers[layer] is None]
        return [*keys, "data.input_shape"]

    def check_axes(self, output: Output, classes: int) -> None:
        """An output must have one axis, as the labels have."""
        if output.shape is not None and len(output.shape) != 1:
            removed = [f"model.layers.{name}" for name, layer in self.layers.items() if layer is None and "flat" in name]
            text = self._explain_axes(output.shape, classes)
            among = removed or self.causes(output.name)
            self.problems.errors.append(ConfigError(text, kind="shape", among=among))

    def _explain_axes(self, shape: tuple[int, ...], classes: int) -> str:
        places = " x ".join(map(str, shape[:-1])) or "no"
        targets = [str(layer.get("_target_")) for layer in self.layers.values() if isinstance(layer, Mapping)]
        flattened = "keras.layers.Flatten" in targets
        meaning = (
            f"that is {places} sets of {shape[-1]} scores for one example, but an example has one label"
            if shape
            else "that is a single number without an axis of scores"
        )
        cure = (
            "Let the last layer give one axis."
            if flattened or not shape
            else "A Dense layer works on the last axis only and keeps the others: put Flatten before the first Dense. "
            "Write: flatten: {_target_: keras.layers.Flatten}, with after: input where it is not the first layer."
        )
        return (
            f"The output has shape {shape}: {meaning}. Expected ({classes},). The shapes along the stack: {self.shapes()}. {cure}"
        )


def order_layers(layers: Mapping[str, Any], problems: Problems, removed: list[str]) -> dict[str, Any]:
    """The layers in the order in which they run: as written, but one with `after: NAME` directly after NAME.

    Args:
        problems: takes an `after` that names no layer, and layers that wait for one another; they stay where they are.
        removed: the names of layers that were set to null.
    """
    waiting = {name: layer["after"] for name, layer in layers.items() if layer.get("after") is not None}
    ordered = [name for name in layers if name not in waiting]
    for name, before in list(waiting.items()):
        if not isinstance(before, str) or (before not in layers and before != INPUT):
            nulled = isinstance(before, str) and before in removed
            others = [INPUT, *(other for other in layers if other != name)]
            problems.errors.append(
                ConfigError(
                    f"There is no layer {before!r} to stand after{': it was set to null' if nulled else ''}."
                    f"{did_you_mean(str(before), layers)} Expected one of: {', '.join(others)}. Correct the name.",
                    among=(f"model.layers.{name}.after", *([f"model.layers.{before}"] if nulled else [])),
                )
            )
            ordered.append(name)
            del waiting[name]
    while waiting:
        ready = [name for name, before in waiting.items() if before in ordered or before == INPUT]
        if not ready:
            problems.errors.append(
                ConfigError(
                    f"The layers {', '.join(waiting)} each stand after one another. Expected an order. Remove one `after`.",
                    among=tuple(f"model.layers.{name}.after" for name in waiting),
                )
            )
            ordered += waiting
            break
        # Two layers after the same one keep the order in which they are written.
        for name in reversed(ready):
            before = waiting.pop(name)
            ordered.insert(0 if before == INPUT else ordered.index(before) + 1, name)
    return {name: layers[name] for name in ordered}
