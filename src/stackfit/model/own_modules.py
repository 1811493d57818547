"""Modules that a config's targets name: Keras's, ours, and the user's, which are imported from the project's root.

A run records the SHA-256 of the user's code. So the bytes that are executed are those that were hashed, and a file that
has changed since its module was imported, as in a notebook, is executed again before the next run. Its new classes
replace the old ones; models and callbacks made before keep theirs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import types
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path

from stackfit.config import project, trust
from stackfit.config.given import find_given
from stackfit.errors import ConfigError, TrustError
from stackfit.files import shown

_project = ""  # the project's root that this process works in
_executed: dict[str, str] = {}  # modules of that project, with the SHA-256 of the bytes that were executed
_recorded: dict[str, str] = {}  # of modules that were hashed before they were executed


def refresh(modules: Iterable[str]) -> None:
    """Call it when a cell is composed: a module whose file has changed since will be executed again.

    Never later, or the runs of a sweep, whose fingerprints name the code at its start, would go on with other code.
    """
    for module in modules:
        _recorded.pop(module, None)
        try:
            digest = _digest(trust.module_file(module).read_bytes())
        except (TrustError, OSError):
            continue  # reported where it is imported
        if _executed.get(module, digest) != digest:
            _forget([module])


def digest_of(module: str) -> str:
    """SHA-256 of the code that a run of this process executes as `module`.

    Raises:
        TrustError: there is no such file in the project.
    """
    if module.startswith("<") and (given := find_given(module)):
        return given.digest
    file = trust.module_file(module)
    _enter_project(str(Path.cwd()))
    if module in _executed:
        return _executed[module]
    return _recorded.setdefault(module, _digest(file.read_bytes()))


def import_trusted(module: str, key: str) -> types.ModuleType:
    """Import Keras's public modules, ours, and those that the user trusts from the project's root.

    Raises:
        ConfigError: the user's module does not exist, fails while it is imported, or has changed since it was hashed.
    """
    if module.split(".")[0] in ("keras", "stackfit"):
        return importlib.import_module(module)
    file = trust.module_file(module)
    _enter_project(str(Path.cwd()))
    if module in _executed and module in sys.modules:
        return sys.modules[module]
    if module.startswith("experiments."):
        _join_experiments()
    try:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.origin or not file.samefile(spec.origin):
            raise TrustError(
                f"{module!r} is also {spec.origin if spec else None}. Expected a name of its own for "
                f"{shown(file)}. Rename it, for example to my_{file.name}",
                key=key,
            )
        source = file.read_bytes()
        if _recorded.get(module, _digest(source)) != _digest(source):
            raise ConfigError(
                f"{shown(file)} has changed while this command was running. Expected the code whose hash the run "
                "records. Run the same command again.",
                key=key,
            )
        if module not in sys.modules or _may_have_changed(file):
            _execute(module, spec, source)
        _executed[module] = _digest(source)
        return sys.modules[module]
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{shown(file)} cannot be imported: {type(error).__name__}: {error}. "
            "Expected a Python file that imports without error. Correct it.",
            key=key,
        ) from error


def _execute(module: str, spec: ModuleSpec, source: bytes) -> None:
    """What `import` does, but with these bytes: it would take compiled ones for as long as size and second are the same."""
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    try:
        exec(compile(source, str(spec.origin), "exec", dont_inherit=True), vars(made))
    except BaseException:
        sys.modules.pop(module, None)
        raise
    package, _, name = module.rpartition(".")
    if package:
        setattr(sys.modules[package], name, sys.modules[module])


def _may_have_changed(file: Path) -> bool:
    """Whether a file may have been edited after the user imported it. If not, the user's module stays, with its objects."""
    import psutil

    return file.stat().st_mtime > psutil.Process().create_time() - 2  # the clock of some file systems counts 2 s


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


def _enter_project(root: str) -> None:
    """Put the project's root on the path; what another project brought before, as in a notebook, goes."""
    global _project
    if root != _project:
        _forget(list(_executed))
        _recorded.clear()
        if _project in sys.path:
            sys.path.remove(_project)
        _project = root
    if root not in sys.path:
        sys.path.append(root)  # last: a file of the project must not replace a library's


def _forget(modules: list[str]) -> None:
    for name in modules:
        sys.modules.pop(name, None)
        del _executed[name]
    importlib.invalidate_caches()


def _join_experiments() -> None:
    """Make `experiments` one package over the user's folder and the shipped one, which ships inside the wheel."""
    package = sys.modules.get("experiments")
    if package is None:
        package = types.ModuleType("experiments")
        sys.modules["experiments"] = package
    folders = [str(project.shipped("experiments")), str(Path.cwd() / "experiments")]  # ours cannot be replaced
    package.__path__ = list(dict.fromkeys(folders))
