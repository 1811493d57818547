"""One hop from config to object: a checked `_target_` and its arguments become a Keras object."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra.utils
import keras
from hydra.errors import InstantiationException

from stackfit import places, trust
from stackfit.errors import ConfigError, TrustError, did_you_mean

BASES: dict[str, tuple[type, ...]] = {
    "layers": (keras.layers.Layer,),
    "optimizer": (keras.optimizers.Optimizer,),
    "loss": (keras.losses.Loss,),
    "metrics": (keras.metrics.Metric,),
    "callbacks": (keras.callbacks.Callback,),
}
NESTED_BASES = (
    keras.layers.Layer,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.regularizers.Regularizer,
    keras.initializers.Initializer,
    keras.constraints.Constraint,
    keras.dtype_policies.DTypePolicy,
)
OWN_FUNCTIONS = ("stackfit.layers.dense_stack",)
# Arguments that every layer takes through **kwargs (keras.layers.Layer).
LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")
_LAYER = {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in LAYER_ARGUMENTS}


def build(node: Mapping[str, Any], key: str, role: str, **extra: Any) -> Any:
    """Instantiate one config node of a role.

    Args:
        node: `{_target_: …, **arguments}`, resolved, already checked by `stackfit.trust`.
        key: the node's dotted config key, for errors.
        extra: arguments that stackfit adds, such as `name`.

    Raises:
        ConfigError: the target does not exist, is no class of the role, or refuses its arguments.
    """
    check_node(node, key, BASES[role], extra)
    try:
        return hydra.utils.instantiate(dict(node), _convert_="all", **extra)
    except InstantiationException as error:
        cause = error.__cause__ or error
        raise ConfigError(*_refused(node, cause), key=_refused_key(key, node, cause)) from cause
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of the user's own class, even sys.exit
        raise ConfigError(*_refused(node, error), key=_refused_key(key, node, error)) from error


def check_node(node: Any, key: str, bases: tuple[type, ...], extra: Mapping[str, Any] | None = None) -> None:
    """Check the target and the names of its arguments, at every depth.

    Raises:
        ConfigError: as `build`.
    """
    if isinstance(node, (list, tuple)):
        for number, item in enumerate(node):
            check_node(item, f"{key}.{number}", NESTED_BASES)
    if not isinstance(node, Mapping):
        return
    if "_target_" in node:
        target = find_target(node["_target_"], f"{key}._target_", bases)
        _check_arguments(target, node, key, extra or {})
    for name, value in node.items():
        check_node(value, f"{key}.{name}", NESTED_BASES)


def find_target(target: str, key: str, bases: tuple[type, ...]) -> Any:
    """The class (or our function) that a target names.

    Raises:
        ConfigError: there is none, or it is not one of `bases`.
    """
    module_name, _, name = target.rpartition(".")
    module = import_trusted(module_name, key)
    found = getattr(module, name, None)
    if name.startswith("_") or found is None:
        names = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, bases)]
        near = did_you_mean(name, names)
        raise ConfigError(
            f"There is no {name!r} in {module_name}.{near} Expected a public name such as "
            f"{', '.join(_some(names, name))}. Write: _target_: {module_name}.{_some(names, name)[0] if names else name}",
            key=key,
        )
    if target in OWN_FUNCTIONS:
        return found
    own = module_name.split(".")[0] not in ("keras", "stackfit")
    if not (isinstance(found, type) and issubclass(found, bases)) or (own and found.__module__ != module_name):
        kinds = " or ".join(sorted({base.__name__ for base in bases}))
        raise TrustError(f"{target} is no {kinds}. Expected a class derived from it. Correct the name.", key=key)
    return found


def import_trusted(module: str, key: str) -> types.ModuleType:
    """Import Keras's public modules, ours, and those that the user trusts from the project's root.

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
                f"{places.shown(file)}. Rename it, for example to my_{file.name}",
                key=key,
            )
        _imported.add(module)
        return importlib.import_module(module)
    except TrustError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{places.shown(file)} cannot be imported: {type(error).__name__}: {error}. "
            "Expected a Python file that imports without error. Correct it.",
            key=key,
        ) from error


_project = ""  # the project's root that this process works in
_imported: set[str] = set()  # modules of that project


def _enter_project(root: str) -> None:
    """Put the project's root on the path; what another project brought before, as in a notebook, goes."""
    global _project
    if root != _project:
        for name in _imported:
            sys.modules.pop(name, None)
        _imported.clear()
        if _project in sys.path:
            sys.path.remove(_project)
        importlib.invalidate_caches()
        _project = root
    if root not in sys.path:
        sys.path.append(root)  # last: a file of the project must not stand in for a library's


def _join_experiments() -> None:
    """Make `experiments` one package over the user's folder and the shipped one, which ships inside the wheel."""
    package = sys.modules.get("experiments")
    if package is None:
        package = types.ModuleType("experiments")
        sys.modules["experiments"] = package
    folders = [str(places.shipped("experiments")), str(Path.cwd() / "experiments")]  # ours cannot be replaced
    package.__path__ = list(dict.fromkeys(folders))


def accepted_arguments(target: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """The arguments that a target takes by name, those of its **kwargs included, and whether it takes any others."""
    parameters = inspect.signature(target).parameters
    known = {n: p for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_more = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if takes_more and isinstance(target, type) and issubclass(target, keras.layers.Layer):
        known = known | _LAYER | known  # its own come first
        takes_more = not target.__module__.startswith("keras.")
    elif takes_more and getattr(target, "__name__", "") == "dense_stack":
        known = known | accepted_arguments(keras.layers.Dense)[0] | known
        takes_more = False
    elif takes_more and isinstance(target, type) and issubclass(target, keras.optimizers.Optimizer):
        takes_more = False
    return known, takes_more


def _check_arguments(target: Any, node: Mapping[str, Any], key: str, extra: Mapping[str, Any]) -> None:
    known, takes_more = accepted_arguments(target)
    given = [name for name in node if not name.startswith("_")]
    label = str(node["_target_"]).rpartition(".")[2]
    for name in given:
        if name not in known and not takes_more:
            raise ConfigError(
                f"{label} has no argument {name!r}.{did_you_mean(name, known)} Expected some of: {', '.join(known)}. "
                "If it was left over by a change of _target_, set the old layer to null and add a new name.",
                key=f"{key}.{name}",
            )
    required = [name for name, parameter in known.items() if parameter.default is parameter.empty]
    for name in required:
        if name not in given and name not in extra:
            raise ConfigError(
                f"{label} needs the argument {name!r}. Expected a value. Write: {name}: …", key=f"{key}.{name}"
            )


def _refused(node: Mapping[str, Any], error: BaseException) -> tuple[str]:
    label = str(node.get("_target_")).rpartition(".")[2]
    text = " ".join(str(error).split())
    activation = node.get("activation")
    if isinstance(activation, str) and activation in text and "activation" in text:
        names = [n for n in dir(keras.activations) if n.islower() and callable(getattr(keras.activations, n))]
        names = [n for n in names if n not in ("deserialize", "get", "serialize")]
        return (
            f"There is no activation {activation!r}.{did_you_mean(activation, names)} "
            f"Expected one of: {', '.join(names)}. Write: activation: {(_some(names, activation))[0]}",
        )
    return (
        f"{label} refuses its arguments: {text[:300].rstrip('.')}. Expected values that Keras accepts. Correct them.",
    )


def _refused_key(key: str, node: Mapping[str, Any], error: BaseException) -> str:
    """The argument whose name or text the error repeats, if there is one."""
    text = str(error)
    for name, value in node.items():
        if not name.startswith("_") and (f"`{name}`" in text or (isinstance(value, str) and value in text)):
            return f"{key}.{name}"
    return key


def _some(names: list[str], name: str) -> list[str]:
    return difflib.get_close_matches(name, names, n=3, cutoff=0.0) or names[:3]
