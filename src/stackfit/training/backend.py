"""Keras on one of its backends: the backend is chosen when it is first imported, once a process."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError
from stackfit.files import shown


def check_backend(engine: str) -> None:
    """Keras's backend is chosen when it is first imported, in a notebook perhaps by somebody else.

    Raises:
        ConfigError: it is another one than this engine's.
    """
    keras = sys.modules.get("keras")
    backend = keras.backend.backend() if keras is not None and hasattr(keras, "backend") else engine
    if backend != engine:
        raise ConfigError(
            f"Keras was imported with the backend {backend!r} in this process. Expected {engine!r}, which stackfit trains "
            f"with. Start a new process and set KERAS_BACKEND={engine} before Keras is imported, or call stackfit first."
        )


def choose_backend(engine: str) -> None:
    """Say it to Keras, before it is imported."""
    os.environ["KERAS_BACKEND"] = engine  # whatever the machine prefers for other programs
    os.environ["KERAS_NNX_ENABLED"] = "false"  # Flax's variables in the place of Keras's own
    if os.path.expanduser("~") == "~":  # a user without a home folder: Keras would make one of that name here
        os.environ.setdefault("KERAS_HOME", os.path.join(tempfile.gettempdir(), ".keras"))


def import_keras() -> Any:
    """Keras, with the conventions that a fingerprint stands for, whatever keras.json says or a notebook has set.

    Raises:
        ConfigError: it cannot be imported with this user's keras.json, or because of a file with another module's name.
    """
    try:
        import keras

        keras.config.set_floatx("float32")
        keras.config.set_epsilon(1e-7)
        keras.config.set_image_data_format("channels_last")
        return keras
    except (ValueError, AttributeError, TypeError, ImportError) as error:
        if found := shadowing(error):
            raise ConfigError(
                f"Keras cannot be imported: {str(error).rstrip('.')}. {shown(found[1])} was imported in the place of the module "
                f"{found[0]!r}. Expected a file name that no module has. Rename it."
            ) from error
        if isinstance(error, ImportError):
            raise
        # What is left is what a wrong value in keras.json raises.
        folder = os.environ.get("KERAS_HOME") or "~/.keras"
        if not os.path.exists(file := os.path.expanduser(os.path.join(folder, "keras.json"))):
            raise
        raise ConfigError(
            f"Keras cannot be imported with {file}: {str(error).rstrip('.')}. Expected its own settings, or no such file. "
            "Remove it, or set KERAS_HOME to another folder."
        ) from error


def shadowing(error: BaseException) -> tuple[str, Path] | None:
    """A module that an error passed through or names, and the file that hides it: another one of its name comes later on the path."""
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    names = dict.fromkeys([*re.findall(r"'(\w+)[.']", str(error)), *(Path(frame).stem for frame in frames)])
    for place, folder in enumerate(sys.path):
        for name in names:
            files = (Path(folder or ".", f"{name}.py"), Path(folder or ".", name, "__init__.py"))
            if (file := next(filter(Path.is_file, files), None)) and PathFinder.find_spec(name, sys.path[place + 1 :]):
                return name, file
    return None


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """Let imports of these optional packages fail inside the block, unless they are loaded already.

    Keras 3.15 imports them if it can, for plots and wrappers that no run uses: 1.1 of 3.2 s.
    """
    blocked = [name for name in names if name not in sys.modules and "keras" not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]


PLOTS = ("matplotlib", "sklearn")  # what Keras imports for its plots and its scikit-learn wrappers


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
