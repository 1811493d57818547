"""The content of `environment.json`: everything besides the config that decides a number."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackfit.execution.cells import Cell
from stackfit.execution.fingerprint import NUMERICS, code_digests
from stackfit.training.engine import Engine

PACKAGES = ("stackfit", "tensorflow", "keras", "tensorflow-datasets", "hydra-core", "omegaconf", "numpy", "pandas")
VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "TF_XLA_FLAGS", "XLA_FLAGS",
             "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "TF_DETERMINISTIC_OPS",
             "NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND")  # fmt: skip

KEYS = ("python", "versions", "numerics", "platform", "cores", "instruction_set", "threads", "devices", "determinism", "code",
        "variables", "git_commit", "git_clean", "data_fingerprint")  # fmt: skip


def describe_environment(
    cell: Cell, data_fingerprint: str, model: Any, engine: Mapping[str, Any]
) -> dict[str, Any]:
    """Versions, platform, cores, instruction set, threads, device, determinism, code, git state and data.

    Call it with the cell's model before its first step.

    Args:
        engine: what `describe_process` says once the engine has started.
    """
    own = {
        "determinism": describe_determinism(cell, model, engine),
        "code": code_digests(cell.modules),
        "data_fingerprint": data_fingerprint,
    }
    return {key: own.get(key, engine.get(key)) for key in KEYS}


def describe_process(engine: Engine) -> dict[str, Any]:
    """What is the same for all cells that train together; the engine has started. Of a cell git alone takes 10 ms."""
    commit, clean = git_state()
    return {
        **engine.describe(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages_of(engine.name)},
        "numerics": NUMERICS,
        "platform": platform.platform(),
        "instruction_set": instruction_set(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "git_commit": commit,
        "git_clean": clean,
    }


def packages_of(engine: str) -> list[str]:
    """The packages that decide a number; of the engines' libraries those of this one."""
    own = {"tensorflow": ["tensorflow"], "jax": ["jax", "jaxlib"]}[engine]
    return [each for name in PACKAGES for each in (own if name == "tensorflow" else [name])]


def describe_determinism(cell: Cell, model: Any, engine: Mapping[str, Any]) -> dict[str, Any]:
    """What `deterministic` asked for, and what applies, as read from the engine and the model that will train."""
    config = cell.config
    return {
        "asked": config["deterministic"],
        "op_determinism": engine["op_determinism"],
        "seed": config["seed"],
        "dropout_seeds": generator_states(model),
        "order": "from seed and epoch" if config["shuffle"] else "as stored",
        "dtype_policies": sorted({layer.dtype_policy.name for layer in model.layers}),
        "tensor_float_32": engine["tensor_float_32"],
        "jit_compile": config["jit_compile"],
        **({} if config.get("engine", "tensorflow") == "tensorflow" else {"stack": config["stack"]}),
    }


def generator_states(model: Any) -> dict[str, list[int]]:
    """The state of each seed generator by its layer's name; a layer that holds several (`Bidirectional`) has `name.1`, `name.2`."""
    found = {}
    for layer in model.layers:
        states = [each.numpy().tolist() for each in layer.variables if each.name == "seed_generator_state"]
        names = [layer.name] if len(states) == 1 else [f"{layer.name}.{number}" for number in range(1, len(states) + 1)]
        found |= dict(zip(names, states, strict=True))
    return found


def version(package: str) -> str | None:
    """An installed package's version, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def instruction_set() -> str:
    """The processor's architecture and its widest vector instructions that decide how sums are split."""
    machine = platform.machine()
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return machine
    flags = next((line for line in info.read_text().splitlines() if line.startswith("flags")), "").split()
    widest = next((flag for flag in ("avx512f", "avx2", "avx", "sse4_2") if flag in flags), "")
    return f"{machine} {widest}".strip()


def git_state() -> tuple[str | None, bool | None]:
    """The commit of the current folder's repository and whether nothing in it is changed; None outside of one.

    A repository's own settings can name programs, and it may belong to another user: none of them is run.
    """
    try:
        commit = _git("rev-parse", "HEAD")
        if commit.returncode:
            return None, None
        scopes = _git("config", "--show-scope", "--name-only", "--get-regexp", r"^filter\.").stdout.split()
        if "local" in scopes or "worktree" in scopes:
            return commit.stdout.strip(), None
        changes = _git("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
        return commit.stdout.strip(), not changes.stdout.strip() if changes.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        return None, None


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *words]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=5)
