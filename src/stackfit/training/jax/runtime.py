"""Starts Keras on JAX, with the settings that a run's bits depend on."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any

from stackfit.errors import ConfigError
from stackfit.training.backend import PLOTS, check_backend, choose_backend, cores, import_keras, without
from stackfit.waiting import doing

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"  # a quarter slower on an H100; a CPU is deterministic anyway
# What a user's variables or a notebook may have set and what decides bits: a fingerprint stands for these.
CONVENTIONS = {
    "jax_enable_x64": False,
    "jax_default_matmul_precision": None,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_disable_jit": False,
}


def start(deterministic: bool = True, lean: bool = False, cache: str = "") -> None:
    """Import JAX and Keras, without TensorFlow.

    Args:
        deterministic: on a GPU; the first start of a process decides.
        lean: leave out what Keras imports for its plots and its scikit-learn wrappers.
        cache: a folder for compiled programs, so that the next process need not compile them; empty for none.

    Raises:
        ConfigError: JAX is not installed, Keras runs on another backend in this process already, or cannot be imported
            with its keras.json.
    """
    if importlib.util.find_spec("jax") is None:
        raise ConfigError(
            "engine is jax, and JAX is not installed. Expected the extra. Type: pip install 'stackfit[jax]'", key="engine"
        )
    check_backend("jax")
    choose_backend("jax")
    if deterministic and "jax" not in sys.modules:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = flags if DETERMINISTIC in flags else f"{flags} {DETERMINISTIC}".strip()
    with doing("Starting JAX"), without("tensorflow", *(PLOTS if lean else ())):
        import_keras()
    import jax

    for name, value in CONVENTIONS.items():
        jax.config.update(name, value)
    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@contextlib.contextmanager
def only_jax() -> Iterator[None]:
    """Inside, TensorFlow cannot be imported: what needs it says so, and does not start a second engine in this process."""
    there = sys.modules.get("tensorflow")
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if there is None:
            del sys.modules["tensorflow"]
        else:
            sys.modules["tensorflow"] = there


def describe() -> dict[str, Any]:
    """The cores, threads and devices in force, and what else of JAX decides a number."""
    import jax

    devices = jax.devices()
    on_gpu = devices[0].platform != "cpu"
    return {
        "cores": cores(),
        "threads": {"intra_op": cores(), "inter_op": 1},  # XLA's own pool
        "devices": [device.device_kind if on_gpu else "CPU" for device in devices],
        "op_determinism": not on_gpu or DETERMINISTIC in os.environ.get("XLA_FLAGS", ""),
        "tensor_float_32": on_gpu,  # JAX's default precision there
    }
