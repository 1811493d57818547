"""What `environment.json` records: all that decides a number beside the config."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from stackfit import backend

PACKAGES = ("stackfit", "tensorflow", "keras", "tensorflow-datasets", "hydra-core", "omegaconf", "numpy", "pandas")
VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
             "OMP_NUM_THREADS", "XLA_FLAGS", "KERAS_BACKEND", "CUDA_VISIBLE_DEVICES")  # fmt: skip


def describe_environment(data_fingerprint: str, deterministic: bool) -> dict[str, Any]:
    """Versions, platform, cores, instruction set, threads, device, git state and data of this process.

    Call it after `backend.start`.
    """
    commit, clean = git_state()
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "cores": backend.cores(),
        "instruction_set": instruction_set(),
        "threads": backend.threads(),
        "devices": backend.devices(),
        "deterministic": deterministic,
        "op_determinism": deterministic,  # tf.config.experimental.enable_op_determinism
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "git_commit": commit,
        "git_clean": clean,
        "data_fingerprint": data_fingerprint,
    }


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
    """The commit of the current folder's repository and whether nothing in it is changed; None outside of one."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5)
        if commit.returncode:
            return None, None
        changes = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, timeout=5
        )
        return commit.stdout.strip(), not changes.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None, None
