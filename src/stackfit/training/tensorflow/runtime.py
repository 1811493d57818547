"""Starts TensorFlow quietly, with the thread counts and determinism that a run asks for. Import it before Keras."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from stackfit.errors import ConfigError
from stackfit.waiting import doing


def start(deterministic: bool = True, threads: int = 1, together: bool = False, lean: bool = False) -> None:
    """Import TensorFlow and Keras without a line on stderr, and set threads before the first operation.

    Threads can be set once a process: later calls keep them.

    Args:
        deterministic: turn TensorFlow's op determinism on, or off: a sweep may hold cells of both kinds. It costs a tenth
            of an epoch and gives other bits than without.
        threads: of one operation (intra-op).
        together: several models train in one graph, so its operations may run side by side. For one model a second
            inter-op thread costs a sixth of an epoch (measured: 0.58 s against 0.48 s).
        lean: leave out what Keras imports for its plots and its scikit-learn wrappers.

    Raises:
        ConfigError: Keras runs on another backend in this process already, or cannot be imported with its keras.json.
    """
    check_backend()
    with doing("Starting TensorFlow"), quiet(), _without("matplotlib", "sklearn") if lean else contextlib.nullcontext():
        import absl.logging

        keras, tf = _import_keras()
    # Whatever this user's keras.json says, or a notebook has set: a fingerprint stands for these.
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    tf.get_logger().setLevel("ERROR")  # its advice on retracing is about programs, not about configs
    absl.logging.set_verbosity(absl.logging.ERROR)  # Keras's remarks on .h5 files
    _set_threads(threads, cores() if together else 1)
    _op_determinism().enable(deterministic)


def _import_keras() -> tuple[Any, Any]:
    try:
        import keras
        import tensorflow as tf
    except (ValueError, AttributeError, TypeError) as error:  # what a wrong value in keras.json raises
        folder = os.environ.get("KERAS_HOME") or "~/.keras"
        if not os.path.exists(file := os.path.expanduser(os.path.join(folder, "keras.json"))):
            raise
        raise ConfigError(
            f"Keras cannot be imported with {file}: {str(error).rstrip('.')}. Expected its own settings, or no such file. "
            "Remove it, or set KERAS_HOME to another folder."
        ) from error
    return keras, tf


def check_backend() -> None:
    """Keras's backend is chosen when it is first imported, in a notebook perhaps by somebody else.

    Raises:
        ConfigError: it is another one than TensorFlow.
    """
    keras = sys.modules.get("keras")
    backend = keras.backend.backend() if keras is not None and hasattr(keras, "backend") else "tensorflow"
    if backend != "tensorflow":
        raise ConfigError(
            f"Keras was imported with the backend {backend!r} in this process. Expected 'tensorflow', which stackfit trains "
            "with. Start a new process and set KERAS_BACKEND=tensorflow before Keras is imported, or call stackfit first."
        )


def _op_determinism() -> Any:
    from tensorflow.python.util import _pywrap_determinism  # publicly it can be turned on, but neither read nor off

    return _pywrap_determinism


_threads_set = False


def _set_threads(intra_op: int, inter_op: int) -> None:
    """Set the thread counts once a process: the first caller knows what will train."""
    global _threads_set
    import tensorflow as tf

    if _threads_set:
        return
    _threads_set = True
    with contextlib.suppress(RuntimeError):  # TensorFlow has run already, not by us
        tf.config.threading.set_intra_op_parallelism_threads(intra_op)
        tf.config.threading.set_inter_op_parallelism_threads(inter_op)


def gives_bits_of(threads: int) -> bool:
    """Whether an operation in this process is split among so many threads. On a GPU they do not matter."""
    import tensorflow as tf

    in_force = tf.config.threading.get_intra_op_parallelism_threads()  # 0 where others have started TensorFlow: the cores
    return in_force == threads or bool(tf.config.list_physical_devices("GPU"))


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
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


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ side writes to file descriptor 2 while it is imported off the terminal.

    The first lines come before any log level is read (seen with 2.21 at TF_CPP_MIN_LOG_LEVEL=3). If the block
    raises, they are shown after all. In a thread of a program nothing is kept off: the others would lose what they print.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the machine prefers for other programs
    if os.path.expanduser("~") == "~":  # a user without a home folder: Keras would make one of that name here
        os.environ.setdefault("KERAS_HOME", os.path.join(tempfile.gettempdir(), ".keras"))
    if "tensorflow" in sys.modules or threading.current_thread() is not threading.main_thread():
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except ConfigError:  # says it all
            raise
        except BaseException:
            os.dup2(terminal, 2)
            kept.seek(0)
            os.write(2, kept.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """The cores, threads and devices in force, and what else of TensorFlow decides a number."""
    import tensorflow as tf

    gpus: list[Any] = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return {
        "cores": cores(),
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "devices": details or ["CPU"],  # by name
        "op_determinism": _op_determinism().is_enabled(),
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
    }
