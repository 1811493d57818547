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
from stackfit.training.backend import PLOTS, check_backend, choose_backend, cores, import_keras, without
from stackfit.waiting import doing


def start(deterministic: bool = True, threads: int = 1, together: bool = False, lean: bool = False) -> None:
    """Import TensorFlow and Keras without a line on stderr, and set threads before the first operation.

    Threads can be set once a process: later calls keep them.

    Args:
        deterministic: turn TensorFlow's op determinism on, or off: a sweep may hold cells of both kinds. It costs a tenth
            of an epoch and gives other bits than without.
        threads: of one operation (intra-op).
        together: operations may run side by side: several models train in one graph, or a step is heavy. For one small
            model a second inter-op thread costs a sixth of an epoch (measured: 0.58 s against 0.48 s).
        lean: leave out what Keras imports for its plots and its scikit-learn wrappers.

    Raises:
        ConfigError: Keras runs on another backend in this process already, or cannot be imported with its keras.json.
    """
    check_backend("tensorflow")
    with doing("Starting TensorFlow"), quiet(), without(*PLOTS) if lean else contextlib.nullcontext():
        import absl.logging

        import_keras()
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")  # its advice on retracing is about programs, not about configs
    absl.logging.set_verbosity(absl.logging.ERROR)  # Keras's remarks on .h5 files
    _set_threads(threads, cores() if together else 1)
    _op_determinism().enable(deterministic)


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
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ side writes to file descriptor 2 while it is imported off the terminal.

    The first lines come before any log level is read (seen with 2.21 at TF_CPP_MIN_LOG_LEVEL=3). If the block
    raises, they are shown after all. In a thread of a program nothing is kept off: the others would lose what they print.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    choose_backend("tensorflow")
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
