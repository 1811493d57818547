"""Starts Keras on JAX, with the settings that a run's bits depend on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

from stackfit.errors import ConfigError
from stackfit.training.backend import PLOTS, check_backend, choose_backend, cores, import_keras, without
from stackfit.waiting import doing

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"  # a quarter slower on an H100; a CPU is deterministic anyway
# What a user's variables or a notebook may have set and what decides bits, or stops a step: a fingerprint stands for these.
CONVENTIONS = {
    "jax_enable_x64": False,
    "jax_default_matmul_precision": None,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_disable_jit": False,
    "jax_numpy_rank_promotion": "allow",
    "jax_transfer_guard": "allow",
    "jax_debug_nans": False,
    "jax_debug_infs": False,
}


def start(deterministic: bool = True, lean: bool = False, cache: str = "") -> None:
    """Import JAX and Keras, without TensorFlow.

    Args:
        deterministic: on a GPU; the first start of a process decides, see `gives_bits_of`.
        lean: leave out what Keras imports for its plots and its scikit-learn wrappers.
        cache: a folder for compiled programs, so that the next process need not compile them; empty for none.

    Raises:
        ConfigError: Keras runs on another backend in this process already, or cannot be imported with its keras.json; or JAX
            does not take its own variables, or has no device.
    """
    check_backend("jax")
    choose_backend("jax")
    if "jax" not in sys.modules:  # XLA reads them once
        os.environ["XLA_FLAGS"] = xla_flags(os.environ.get("XLA_FLAGS", ""), deterministic)
    with doing("Starting JAX"), only_jax(), without(*(PLOTS if lean else ())):
        try:
            import jax
        except ValueError as error:  # of a variable such as JAX_ENABLE_X64
            text = f"JAX cannot be imported: {str(error).rstrip('.')}. Expected a value that it takes. Correct the variable, or unset it."
            raise ConfigError(text, key="engine") from error
        import_keras()

    for name, value in CONVENTIONS.items():
        jax.config.update(name, value)
    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    _check_device()


def _check_device() -> None:
    """Whether there is a device; else the first layer, and whatever else makes an array, would say so in its own way."""
    import jax

    try:
        jax.devices()
    except Exception as error:  # RuntimeError, or an assertion where a platform is known but has no device
        platforms = getattr(jax.config, "jax_platforms", None)
        asked = f" with JAX_PLATFORMS={platforms}" if platforms else ""
        text = str(error).partition("(set JAX_PLATFORMS")[0].strip().rstrip(".")
        raise ConfigError(
            f"JAX has no device{asked}{f': {text}' if text else ''}. Expected one that it finds on this machine. "
            f"{'Unset JAX_PLATFORMS' if asked else 'Install the wheel of JAX for it'}, or write: engine=tensorflow",
            key="engine",
        ) from error


def xla_flags(others: str, deterministic: bool) -> str:
    """XLA's flags with ours on or off, whatever another process has passed on."""
    kept = [flag for flag in others.split() if flag != DETERMINISTIC]
    return " ".join([*kept, DETERMINISTIC] if deterministic else kept)


def gives_bits_of(deterministic: bool) -> bool:
    """Whether this process trains with that determinism; a CPU always does."""
    import jax

    return jax.devices()[0].platform == "cpu" or deterministic == (DETERMINISTIC in os.environ.get("XLA_FLAGS", ""))


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Inside, models are built: without TensorFlow, and variables that start with the same constant share one array.

    Of 18 variables of a small model 16 are such: zeros of an optimizer, of metrics, of biases. JAX's arrays do not change.
    """
    from stackfit.training.jax.constants import sharing_constants

    with only_jax(), sharing_constants():
        yield


@contextlib.contextmanager
def only_jax() -> Iterator[None]:
    """Inside, TensorFlow cannot be imported: what needs it says so, and does not start a second engine in this process."""
    refusing = _Refusing()
    sys.meta_path.insert(0, refusing)
    try:
        yield
    finally:
        sys.meta_path.remove(refusing)


class _Refusing(MetaPathFinder, Loader):
    """Refuses the import alone: whether there is a TensorFlow may be asked (JAX's cache does), and an entry of `sys.modules`
    would make Keras believe that it is loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "tensorflow" else None

    def create_module(self, spec: ModuleSpec) -> None:
        raise ModuleNotFoundError("TensorFlow is not imported with engine=jax", name=spec.name)

    def exec_module(self, module: Any) -> None:
        """Nothing is ever made that could be executed; importlib asks for the method."""


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
