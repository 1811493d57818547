"""A config is data, not a program: which `_target_` may stand where, decided by name before anything is imported."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath
from typing import Any

from stackfit.config import project
from stackfit.config.forms import as_written, target_of
from stackfit.config.given import check_given, find_given
from stackfit.config.targets import ROLES, target_named
from stackfit.errors import ConfigError, TrustError, did_you_mean

# The modules that the arguments of a role's target may name.
NESTED: dict[str, tuple[str, ...]] = {
    "layers": (
        "keras.layers",
        "keras.regularizers",
        "keras.initializers",
        "keras.constraints",
        "keras.dtype_policies",
    ),
    "optimizer": ("keras.optimizers", "keras.optimizers.schedules"),
    "loss": (),
    "metrics": (),
    "callbacks": ("keras.optimizers.schedules",),
}
# They run code from a string, load a program, send data away, or write anywhere.
REFUSED = {"Lambda", "TFSMLayer", "RemoteMonitor", "LambdaCallback", "BackupAndRestore", "JaxLayer", "FlaxLayer",
           "TorchModuleWrapper"}  # fmt: skip
FILE_ARGUMENTS = {"filepath", "filename", "log_dir", "backup_dir", "path", "directory"}
READ_ARGUMENTS = {"vocabulary", "idf_weights"}  # of layers: a list, or else a file that the layer reads
SHIPPED_MODULES = ("experiments.lab_callbacks",)
# A resolver, `${oc.env:…}`, or a reference inside another, which can build a resolver's name.
_RESOLVER = re.compile(r"\$\{\s*([^{}]*?)\s*(:|\$\{)")
# The fields that a file name may have: numbers of an epoch. `{epoch.__doc__[17]}` and `{epoch:c}` can spell `../`.
_FIELD = re.compile(r"\{[A-Za-z_]\w*(:0?\d?(\.\d)?[defg]?)?\}")


def check_targets(config: Mapping[str, Any], trusted: tuple[str, ...]) -> Iterator[ConfigError]:
    """One error for every `_target_` outside its role, every Hydra trick and every file argument that leaves the run.

    Args:
        config: the resolved config as plain containers.
        trusted: modules the user trusts, such as `experiments.my_callbacks`.
    """
    layers = config["model"]["layers"] or {}
    for name, layer in layers.items():
        whole = [other for other, node in layers.items() if isinstance(node, Mapping) and "_target_" in node]
        yield from _check(layer, f"model.layers.{name}", "layers", trusted, did_you_mean(name, whole))
    yield from _check(config["optimizer"] or None, "optimizer", "optimizer", trusted)
    yield from _check(config["task"]["loss"] or None, "task.loss", "loss", trusted)
    for name, metric in (config["task"]["metrics"] or {}).items():
        yield from _check(metric, f"task.metrics.{name}", "metrics", trusted)
    for name, callback in (config["callbacks"] or {}).items():
        yield from _check(callback, f"callbacks.{name}", "callbacks", trusted)


def _check(node: Any, key: str, role: str, trusted: tuple[str, ...], near: str = "") -> Iterator[ConfigError]:
    if node is None:
        return
    if not isinstance(node, Mapping) or "_target_" not in node:
        example = f"{{_target_: {ROLES[role][0]}.{EXAMPLES[role]}}}"
        if meant := target_of(role, node):
            example = as_written(key.rpartition(".")[2], meant)
        yield ConfigError(f"Found {node!r}.{near} Expected a mapping with `_target_`, or null to remove it. Write: {example}", key=key)
        return
    yield from _check_target(node["_target_"], f"{key}._target_", ROLES[role], role, trusted)
    yield from _check_arguments(node, key, role, trusted)


def _check_arguments(node: Mapping[str, Any], key: str, role: str, trusted: tuple[str, ...]) -> Iterator[ConfigError]:
    for name, value in node.items():
        here = f"{key}.{name}"
        if name != "_target_" and str(name).startswith("_"):  # `_partial_`, `_args_`, …: Hydra's own
            yield TrustError(
                f"Found {name!r}. Expected only the target's own arguments by name. Remove the line.", key=here
            )
        if name == "class_name":
            yield TrustError(
                "Found Keras's own form of an object, which can name any class. Expected a mapping with `_target_`. "
                "Write: {_target_: keras.initializers.HeNormal}",
                key=here,
            )
        if name in FILE_ARGUMENTS and value is not None:
            yield from _check_file(value, here)
        if name in READ_ARGUMENTS and role == "layers" and isinstance(value, str):
            yield TrustError(
                f"{value!r} names a file that the layer would read. Expected a list. Write: {name}: […]", key=here
            )
        yield from _check_nested(value, here, role, trusted)


def _check_nested(value: Any, key: str, role: str, trusted: tuple[str, ...]) -> Iterator[ConfigError]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield from _check_target(value["_target_"], f"{key}._target_", NESTED[role], role, trusted)
        yield from _check_arguments(value, key, role, trusted)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _check_nested(item, key, role, trusted)
    elif isinstance(value, str) and "${" in value:
        yield TrustError(
            f"{value!r} resolves to another reference, which would be read again. Expected a value, or ${{key}}. "
            "Write the value itself.",
            key=key,
        )


def _check_target(
    target: Any, key: str, modules: tuple[str, ...], role: str, trusted: tuple[str, ...]
) -> Iterator[ConfigError]:
    module, _, name = str(target).rpartition(".")
    if name in REFUSED and module.split(".")[0] in ("keras", "tensorflow"):
        yield TrustError(
            f"{target} is refused: it runs code, reads or sends data beyond the run. "
            "Expected a layer, callback or argument that does not. Write your own class in a module that you trust.",
            key=key,
        )
    elif role == "callbacks" and (errors := [*check_given(str(target), key)]):
        yield from errors
    elif role == "callbacks" and find_given(module):
        return
    elif module not in modules and module not in (*trusted, *SHIPPED_MODULES):
        public = f"a public class of {' or '.join(modules)}, or" if modules else "plain values, or a class"
        foreign = module and module.partition(".")[0] not in ("keras", "tf", "tensorflow")
        meant = target_named(target, modules) if isinstance(target, str) and not foreign else None
        own = _foreign(module) or f"If {module or target!s} is your own file, add --trust {module or 'MODULE'}"
        yield TrustError(
            f"{target} is not allowed as part of {role}. Expected {public} of a module that you "
            f"trust. {f'Write: _target_: {meant}' if meant else own}",
            key=key,
        )
    elif module in trusted:
        try:
            module_file(module)
        except TrustError as error:
            error.key = key
            yield error


def _foreign(module: str) -> str:
    """Why nobody can trust a module: it is not a file of the project, but Python's or an installed package's; else empty."""
    with contextlib.suppress(TrustError):
        module_file(module)
        return ""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"{top} belongs to Python and cannot be trusted. Remove it"
    origin = getattr(PathFinder.find_spec(top), "origin", None)  # what was loaded from elsewhere may have no spec
    if {"site-packages", "dist-packages"} & {*Path(origin or "").parts}:
        return f"{top} is an installed package and cannot be trusted. Remove it, or write a class of your own that uses it"
    return ""


def _check_file(value: Any, key: str) -> Iterator[ConfigError]:
    text = str(value).replace("\\", "/")
    path = PurePosixPath(text)
    leaves = path.is_absolute() or ".." in path.parts or re.match(r"^[A-Za-z]:|^\w+://|^~", text)
    plain = _FIELD.sub("", text)
    odd = not isinstance(value, str) or not text.isprintable() or len(text) > 200 or "{" in plain or "}" in plain
    if leaves or odd:
        found = f"{value!r} leaves the run folder" if leaves else f"{str(value)[:80]!r} is not a file name"
        name = path.name if odd is False and path.name != ".." else ""
        yield TrustError(
            f"{found}. Expected a relative path without '..'; it is placed in the run folder. "
            f"Write: {name or 'best.keras'}",
            key=key,
        )


def trusted_modules(trust: Iterable[str] = ()) -> tuple[str, ...]:
    """The modules that the user trusts, on the command line and in `pyproject.toml`."""
    return tuple(dict.fromkeys((*trust, *project.project_trust())))


def targets_in(node: Any) -> Iterator[str]:
    """Every `_target_` at any depth."""
    if isinstance(node, Mapping):
        if isinstance(target := node.get("_target_"), str):
            yield target
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from targets_in(item)


def used_modules(config: Mapping[str, Any]) -> frozenset[str]:
    """The modules beyond Keras and stackfit that the config's targets name."""
    modules = {target.rpartition(".")[0] for target in targets_in(config)}
    return frozenset(module for module in modules if module.split(".")[0] not in ("keras", "stackfit"))


def module_file(module: str) -> Path:
    """The file of a trusted module: below the project's root, or one of ours.

    Raises:
        TrustError: there is no such file; a module from elsewhere is never imported.
    """
    relative = module.replace(".", "/")
    named = all(part.isidentifier() for part in module.split("."))
    root = project.shipped("experiments").parent if module in SHIPPED_MODULES else Path.cwd()
    for file in (root / f"{relative}.py", root / relative / "__init__.py"):
        if named and file.is_file():
            return file
    raise TrustError(
        f"There is no module {module!r} in this project. Expected the file {relative}.py below "
        f"{Path.cwd()}. Create it with: stackfit new --callback NAME"
    )


def check_resolvers(text: str) -> str | None:
    """The first resolver in `text`, such as `oc.env`, or None: configs may refer to keys, not to the machine."""
    found = _RESOLVER.search(text)
    return (found.group(1) or found.group(0)) if found else None


EXAMPLES = {
    "layers": "Dense, units: 64",
    "optimizer": "Adam",
    "loss": "SparseCategoricalCrossentropy",
    "metrics": "SparseCategoricalAccuracy",
    "callbacks": "EarlyStopping, monitor: val_loss",
}
