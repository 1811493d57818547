"""Modules that a config's targets name: Keras's, ours, and the user's, which are imported from the project's root."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import types
from pathlib import Path

from stackfit.config import project, trust
from stackfit.errors import ConfigError, TrustError

_project = ""  # the project's root that this process works in
_imported: dict[str, str] = {}  # modules of that project, with the SHA-256 of the file that was executed


def import_trusted(module: str, key: str) -> types.ModuleType:
    """Import Keras's public modules, ours, and those that the user trusts from the project's root.

    A module whose file has changed since it was imported, as in a notebook, is imported again: the run records the hash
    of the file as it is now.

    Raises:
        ConfigError: the user's module does not exist or fails while it is imported.
    """
    if module.split(".")[0] in ("keras", "stackfit"):
        return importlib.import_module(module)
    file = trust.module_file(module)
    _enter_project(str(Path.cwd()))
    if module.startswith("experiments."):
        _join_experiments()
    try:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.origin or not file.samefile(spec.origin):
            raise TrustError(
                f"{module!r} is also {spec.origin if spec else None}. Expected a name of its own for "
                f"{project.shown(file)}. Rename it, for example to my_{file.name}",
                key=key,
            )
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if _imported.setdefault(module, digest) != digest:
            _forget([module])
            _imported[module] = digest
        return importlib.import_module(module)
    except TrustError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{project.shown(file)} cannot be imported: {type(error).__name__}: {error}. "
            "Expected a Python file that imports without error. Correct it.",
            key=key,
        ) from error


def _enter_project(root: str) -> None:
    """Put the project's root on the path; what another project brought before, as in a notebook, goes."""
    global _project
    if root != _project:
        _forget(list(_imported))
        if _project in sys.path:
            sys.path.remove(_project)
        _project = root
    if root not in sys.path:
        sys.path.append(root)  # last: a file of the project must not stand in for a library's


def _forget(modules: list[str]) -> None:
    for name in modules:
        sys.modules.pop(name, None)
        del _imported[name]
    importlib.invalidate_caches()


def _join_experiments() -> None:
    """Make `experiments` one package over the user's folder and the shipped one, which ships inside the wheel."""
    package = sys.modules.get("experiments")
    if package is None:
        package = types.ModuleType("experiments")
        sys.modules["experiments"] = package
    folders = [str(project.shipped("experiments")), str(Path.cwd() / "experiments")]  # ours cannot be replaced
    package.__path__ = list(dict.fromkeys(folders))
