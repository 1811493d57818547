"""A member's state between two epochs: enough to continue as if nothing had happened.

Weights, seed generators and optimizer are Keras variables; the data order is a function of (seed, epoch) and needs no
state. What is left is what callbacks remember. No pickle: reading a checkpoint runs no code.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

# What Keras's callbacks that watch a metric hold as their comparison.
OPERATIONS = {"less": keras.ops.less, "greater": keras.ops.greater, "np.less": np.less, "np.greater": np.greater}
OF_KERAS = {"_model", "model", "params", "_params", "validation_data"}  # set by Keras itself before training


@dataclass
class Checkpoint:
    """After `epoch` complete epochs. `callbacks`: one state each, as `remember` gives it."""

    epoch: int
    variables: list[np.ndarray]  # the model's (seed generators included), then the optimizer's
    callbacks: list[dict[str, Any]]
    logs: dict[str, float]
    stopped: bool = False
    stopper: int | None = None  # the number of the callback that stopped it
    digests: list[str] = field(default_factory=list)  # of the weights at each epoch's end, where they are compared
    seconds: float = 0.0  # from the run's start to this epoch's end
    lost: list[str] = field(default_factory=list)  # what callbacks remember and no file can hold

    def write(self, path: Path, seconds: float = 0.0) -> None:
        """Write it as NPZ: arrays, and the rest as JSON in an array of bytes; `seconds` since the run's start."""
        arrays = {f"variable_{number}": value for number, value in enumerate(self.variables)}
        packed = pack(self.callbacks, arrays)
        rest = {"epoch": self.epoch, "callbacks": packed, "logs": self.logs, "stopped": self.stopped,
                "stopper": self.stopper, "digests": self.digests,
                "seconds": seconds, "lost": self.lost, "variables": len(self.variables)}  # fmt: skip
        arrays["rest"] = np.frombuffer(json.dumps(rest).encode(), np.uint8)
        stream = io.BytesIO()
        np.savez(stream, **arrays)  # type: ignore[arg-type]
        path.write_bytes(stream.getbuffer())

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read what `write` wrote; NPZ carries a checksum of every array.

        Raises:
            Exception: of any kind, if the file is damaged.
        """
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:  # NumPy leaves a damaged file open
            arrays = dict(stored)
        rest = json.loads(arrays["rest"].tobytes())
        variables = [arrays[f"variable_{number}"] for number in range(rest.pop("variables"))]
        callbacks = unpack(rest.pop("callbacks"), arrays)
        return cls(variables=variables, callbacks=callbacks, **rest)


def variables_of(model: keras.Model) -> list[Any]:
    """Everything of the model and its optimizer that training changes, besides the metrics."""
    return [*model.variables, *model.optimizer.variables]


def restore_variables(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Assign what `variables_of` gave.

    Raises:
        ValueError: another number of variables, or another shape.
    """
    for variable, value in zip(variables_of(model), values, strict=True):
        dtype = variable.numpy().dtype
        variable.assign(value.view(dtype) if value.dtype.kind == "V" else value)  # NumPy stores bfloat16 as bytes


def fits(checkpoint: Checkpoint, model: keras.Model, callbacks: int) -> bool:
    """Whether it holds this model's variables and that many callbacks' states (Keras's History is one more)."""
    shapes = [tuple(variable.shape) for variable in variables_of(model)]
    return [value.shape for value in checkpoint.variables] == shapes and len(checkpoint.callbacks) == callbacks + 1


class Memory:
    """What a callback remembers: the attributes that have changed since it was built."""

    def __init__(self, callback: keras.callbacks.Callback):
        self.callback = callback
        self.built = _attributes(callback)
        self.own = all(callable(getattr(callback, name, None)) for name in ("get_state", "set_state"))

    def remember(self) -> tuple[dict[str, Any], list[str]]:
        """The state to keep, and the changed attributes that cannot be kept, each with its class."""
        label = type(self.callback).__name__
        if self.own:
            state = self.callback.get_state()
            return ({"get_state": state}, []) if _is_plain(state) else ({}, [f"what {label}.get_state returns"])
        state, lost = {}, []
        for name, value in _attributes(self.callback).items():
            if name in self.built and _same(self.built[name], value):
                continue
            if _is_plain(value):
                state[name] = value
            else:
                lost.append(f"{label}.{name}")
        return state, lost

    def recall(self, state: Mapping[str, Any]) -> None:
        """Give back what `remember` returned; called after `on_train_begin`."""
        if self.own:
            if "get_state" in state:
                self.callback.set_state(state["get_state"])
            return
        for name, value in state.items():
            setattr(self.callback, name, value)
            self.built.pop(name, None)  # it has changed since the run's start, whatever becomes of it now


def resume_file(callback: keras.callbacks.Callback, epoch: int) -> None:
    """Let a CSVLogger continue its file after the row of the last complete epoch; call it before `on_train_begin`."""
    if isinstance(callback, keras.callbacks.CSVLogger) and Path(callback.filename).is_file():
        lines = Path(callback.filename).read_bytes().splitlines(keepends=True)
        Path(callback.filename).write_bytes(b"".join(lines[: epoch + 1]))
        callback.append = True


def close_file(callback: keras.callbacks.Callback) -> None:
    """Close a CSVLogger's file without ending its training: another process may go on with it."""
    if isinstance(callback, keras.callbacks.CSVLogger) and callback.csv_file is not None:
        callback.csv_file.close()


def _attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    return {name: _copy(value) for name, value in vars(callback).items() if name not in OF_KERAS}


def _copy(value: Any) -> Any:
    """A copy of plain containers; arrays too, since a callback may go on writing into them."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return type(value)(map(_copy, value)) if type(value) in (list, tuple, set) else value


def _same(built: Any, now: Any) -> bool:
    if isinstance(built, (list, tuple)) and type(built) is type(now):
        return len(built) == len(now) and all(map(_same, built, now))
    if isinstance(built, dict) and isinstance(now, dict):
        return list(built) == list(now) and all(_same(built[key], now[key]) for key in built)
    if isinstance(built, np.ndarray) or isinstance(now, np.ndarray):
        return type(built) is type(now) and built.dtype == now.dtype and np.array_equal(built, now)
    return built is now or (type(built) is type(now) and _is_plain(built) and built == now)


def _is_plain(value: Any) -> bool:
    """Whether it can be kept: exactly these types, since a subclass would come back as another one."""
    if type(value) in (list, tuple, set):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "biufc"
    return type(value) in (type(None), bool, int, float, str) or any(value is known for known in OPERATIONS.values())


def pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What `_is_plain` lets through as JSON; arrays and NumPy scalars move into `arrays`."""
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"array_{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {"of": "scalar" if isinstance(value, np.generic) else "array", "is": name}
    if isinstance(value, dict):
        return {"of": "dict", "is": [[pack(key, arrays), pack(item, arrays)] for key, item in value.items()]}
    if isinstance(value, (list, tuple, set)):
        return {"of": type(value).__name__, "is": [pack(item, arrays) for item in value]}
    operation = next((name for name, known in OPERATIONS.items() if value is known), None)
    return {"of": "operation", "is": operation} if operation else value


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What `pack` packed."""
    if not isinstance(value, dict):
        return value
    kind, content = value["of"], value["is"]
    if kind in ("array", "scalar"):
        return arrays[content] if kind == "array" else arrays[content][()]
    if kind == "operation":
        return OPERATIONS[content]
    if kind == "dict":
        return {unpack(key, arrays): unpack(item, arrays) for key, item in content}
    return {"list": list, "tuple": tuple, "set": set}[kind](unpack(item, arrays) for item in content)
