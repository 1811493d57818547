"""Layers that look rows up by number: an index that a table does not have stops TensorFlow late, or gives zeros on a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import keras

from stackfit.errors import ConfigError

PASSING = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute, keras.layers.Identity, keras.layers.RepeatVector)
ROWS = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens"}


@dataclass(frozen=True)
class IndexLayer:
    """A layer that takes the model's inputs for indices from 0 to `rows` - 1."""

    name: str
    kind: str
    rows: int

    @property
    def key(self) -> str:
        return f"model.layers.{self.name}.{ROWS[self.kind]}"


@dataclass(frozen=True)
class Seen:
    """What the model gets from one part of the data, scaled."""

    lowest: float
    highest: float
    fraction: float | None  # one of the values that are not whole


def find_index_layers(model: keras.Model) -> list[IndexLayer]:
    """The index layers that read the model's inputs themselves, or past layers that pass them on."""
    found = []
    for layer in model.layers:
        if type(layer).__name__ in ROWS and _reads_inputs(layer):
            found.append(IndexLayer(layer.name, type(layer).__name__, getattr(layer, ROWS[type(layer).__name__])))
    return found


def _reads_inputs(layer: keras.layers.Layer) -> bool:
    sources = [tensor._keras_history.operation for tensor in layer._inbound_nodes[0].input_tensors]
    return all(
        isinstance(source, keras.layers.InputLayer) or (isinstance(source, PASSING) and _reads_inputs(source))
        for source in sources
    )


def check_indices(layer: IndexLayer, seen: Mapping[str, Seen], scale: str) -> Iterator[ConfigError]:
    """An error for the first part of the data whose values are not indices of this layer.

    Args:
        seen: by part: train, validation, test.
        scale: the config's `data.scale`.
    """
    expected = f"Expected whole numbers from 0 to {layer.rows - 1} ({ROWS[layer.kind]} - 1)."
    for part, values in seen.items():
        found = f"{layer.kind} {layer.name!r} looks up rows by number, but the {part} part"
        if values.fraction is not None:
            scaled = f", after data.scale={scale}" if scale != "none" else ""
            cure = "Write: data.scale=none" if scale != "none" else "Number the categories from 0 in the file."
            text = f"{found} holds fractions such as {values.fraction:.4g}{scaled}. {expected} {cure}"
            yield ConfigError(text, kind="labels", among=("data.scale", layer.key))
        elif values.lowest < 0 or values.highest >= layer.rows:
            wrong = values.lowest if values.lowest < 0 else values.highest
            cure = "Number the categories from 0 in the file."
            if values.lowest >= 0:
                cure = f"Write: {layer.key}={int(values.highest) + 1}"
            yield ConfigError(f"{found} has the index {wrong:g}. {expected} {cure}", kind="labels", among=(layer.key,))
        else:
            continue
        return
