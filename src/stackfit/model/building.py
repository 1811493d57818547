"""One hop from config to object: a checked `_target_` and its arguments become a Keras object."""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from stackfit.config.given import find_given
from stackfit.config.signatures import no_argument
from stackfit.errors import ConfigError, Problems, TrustError, did_you_mean, nearest, said
from stackfit.model.own_modules import import_trusted

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
_SHAPING = {"padding", "strides", "pool_size", "kernel_size", "dilation_rate", "data_format", "axis", "return_sequences"}
OWN_FUNCTIONS = ("stackfit.layers.dense_stack",)
# Arguments that every layer takes through **kwargs (keras.layers.Layer).
LAYER_ARGUMENTS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")
_LAYER = {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in LAYER_ARGUMENTS}


def build(node: Any, key: str, role: str, problems: Problems, **extra: Any) -> Any:
    """Make the object of one config node of a role.

    Args:
        node: `{_target_: …, **arguments}`, resolved, already checked by `stackfit.config.trust`.
        key: the node's dotted config key, for errors.
        problems: takes a target that does not exist or is not a class of the role, and the arguments that it refuses.
        extra: arguments that stackfit adds, such as `name`.

    Returns:
        The object, without the arguments that are wrong; None where it cannot be made without them.
    """
    if not isinstance(node, Mapping) or "_target_" not in node:
        return None
    return _build(with_floats(node), key, BASES[role], problems, extra)


def with_floats(node: Any) -> Any:
    """The node, with a float for a whole number where the argument of a Keras class is a float by default: Adam refuses
    `learning_rate: 1`."""
    if isinstance(node, (list, tuple)):
        return [with_floats(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    module, _, name = str(node.get("_target_")).rpartition(".")
    target = getattr(sys.modules.get(module), name, None) if module.startswith("keras.") else None
    known = accepted_arguments(target)[0] if isinstance(target, type) else {}
    floats = {argument for argument, parameter in known.items() if isinstance(parameter.default, float)}
    return {
        argument: float(value) if argument in floats and type(value) is int else with_floats(value)
        for argument, value in node.items()
    }


def _build(node: Any, key: str, bases: tuple[type, ...], problems: Problems, extra: Mapping[str, Any]) -> Any:
    if isinstance(node, (list, tuple)):
        return [_build(item, f"{key}.{number}", NESTED_BASES, problems, {}) for number, item in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    arguments = {
        name: _build(value, f"{key}.{name}", NESTED_BASES, problems, {})
        for name, value in node.items()
        if name != "_target_"
    }
    if "_target_" not in node:
        return arguments
    # Another problem at the same place, such as a metric that a callback watches but the run will not have, leaves the target usable.
    if Problems(problems.wrong_names(), unknown=problems.unknown).covers(f"{key}._target_"):
        return None
    target = None
    with problems.collect():
        target = find_target(str(node["_target_"]), f"{key}._target_", bases)
    if target is None:
        return None
    problems.add(check_arguments(target, node, key, extra))
    wrong = {name for name in arguments if problems.touches(f"{key}.{name}")}
    sound = {name: value for name, value in arguments.items() if name not in wrong}
    if any(name not in sound and name not in extra for name in required_arguments(target)):
        return None
    built, guilty = _construct(target, sound, node, key, problems, extra)
    # What is built without its wrong arguments still shows whether the shapes fit, unless those decide the shape.
    return None if _SHAPING & {*wrong, guilty} else built


def _construct(
    target: Any,
    arguments: Mapping[str, Any],
    node: Mapping[str, Any],
    key: str,
    problems: Problems,
    extra: Mapping[str, Any],
) -> tuple[Any, str | None]:
    """Call the target: what it made, and the argument that had to be left out because the target refuses it."""
    built, error = _call(target, arguments, extra)
    if error is None:
        return built, None
    if isinstance(error, ImportError) and keras.backend.backend() != "tensorflow":
        problems.add([
            ConfigError(
                f"{target.__name__} needs TensorFlow itself, and engine is {keras.backend.backend()}. Expected a class that does "
                f"not, or the other engine. Write: {key}=null, or engine=tensorflow",
                key=key,
            )
        ])  # fmt: skip
        return None, None
    guilty, without = _find_guilty(target, arguments, extra, error)
    said = ConfigError(describe_refusal(node, guilty, error), key=f"{key}.{guilty}" if guilty else key)
    said.__cause__ = error
    problems.add([said])
    return without, guilty


def _call(target: Any, arguments: Mapping[str, Any], extra: Mapping[str, Any]) -> tuple[Any, BaseException | None]:
    try:
        return target(**{**arguments, **extra}), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # Keras's own, and whatever a user's class raises, even sys.exit
        return None, error


def _find_guilty(
    target: Any, arguments: Mapping[str, Any], extra: Mapping[str, Any], error: BaseException
) -> tuple[str | None, Any]:
    """The argument without which the target is content, or complains of something else; and what it makes without it."""
    required = [name for name in arguments if name in required_arguments(target)]
    for name in arguments:
        if name not in required:
            others = {other: value for other, value in arguments.items() if other != name}
            built, second = _call(target, others, extra)
            if second is None or str(second) != str(error):
                return name, built
    text = str(error)
    if "name" in extra and str(extra["name"]) in text:
        return None, None  # the key itself is not a name for a layer
    named = [name for name, value in arguments.items() if f"`{name}`" in text or (isinstance(value, str) and value in text)]
    if named:
        return named[0], None
    return (required[0] if len(required) == 1 else None), None


def find_target(target: str, key: str, bases: tuple[type, ...]) -> Any:
    """The class (or our function) that a target names.

    Raises:
        ConfigError: there is none, or it is not one of `bases`.
    """
    module_name, _, name = target.rpartition(".")
    if module_name.startswith("<") and (given := find_given(module_name)):
        return given.kind
    module = import_trusted(module_name, key)
    named = getattr(module, name, None)
    if name.startswith("_") or named is None:
        names = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, bases)]
        near = closest(names, name)
        raise ConfigError(
            f"There is no {name!r} in {module_name}.{did_you_mean(name, names)} Expected a public name such as "
            f"{', '.join(near)}. Write: _target_: {module_name}.{near[0] if names else name}",
            key=key,
            kind="name",
        )
    if target in OWN_FUNCTIONS:
        return named
    users = module_name.split(".")[0] not in ("keras", "stackfit")
    if not (isinstance(named, type) and issubclass(named, bases)) or (users and named.__module__ != module_name):
        kinds = " or ".join(sorted({base.__name__ for base in bases}))
        raise TrustError(f"{target} is not a subclass of {kinds}. Expected a class derived from it. Correct the name.", key=key)
    if is_base(named):
        raise ConfigError(
            f"{target} is a base for other classes and computes nothing itself. Expected one of its subclasses. "
            "Correct the name.",
            key=key,
            kind="name",
        )
    return named


def is_base(target: type) -> bool:
    """Whether a class is one that others derive from: a role's own, or a layer without a `call`."""
    layer = keras.layers.Layer
    return target in (*NESTED_BASES, *itertools.chain(*BASES.values())) or (issubclass(target, layer) and target.call is layer.call)


@functools.lru_cache(1024)  # a sweep builds the same classes for every cell
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


@functools.lru_cache(1024)
def required_arguments(target: Any) -> list[str]:
    """The arguments without a default."""
    return [name for name, parameter in accepted_arguments(target)[0].items() if parameter.default is parameter.empty]


def check_arguments(target: Any, node: Mapping[str, Any], key: str, extra: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Arguments that the target does not take, is not given, or takes of another kind; `extra` are those we add."""
    known, takes_more = accepted_arguments(target)
    label = str(node["_target_"]).rpartition(".")[2]
    for name, value in node.items():
        if name.startswith("_"):
            continue
        if name not in known and not takes_more:
            yield no_argument(label, name, [*known], key)
        elif name in known and (wants := _other_kind(known[name].default, value)):
            yield ConfigError(
                f"{label}'s argument {name!r} is {value!r}. Expected {wants}, such as its default "
                f"{known[name].default}. Correct the value.",
                key=f"{key}.{name}",
                kind="name",
            )
    for name in required_arguments(target):
        if name not in node and name not in extra:
            yield ConfigError(
                f"{label} needs the argument {name!r}. Expected a value. Write: {name}: …",
                among=(f"{key}.{name}", f"{key}._target_"),
                kind="name",
            )


def _other_kind(default: Any, value: Any) -> str | None:
    """What an argument takes by its default, where the value is of another kind; Keras's signatures have no types."""
    if isinstance(default, bool):
        return "true or false" if isinstance(value, (str, float, list, Mapping)) else None
    if isinstance(default, (int, float)):
        return "a number" if isinstance(value, str) else None
    return None


def describe_refusal(node: Mapping[str, Any], guilty: str | None, error: BaseException) -> str:
    """What Keras, or a user's class, said against an argument, or against all of them, in three sentences."""
    label = str(node.get("_target_")).rpartition(".")[2]
    text = said(error)
    value = node.get(guilty) if guilty else None
    if isinstance(value, str) and guilty and guilty.endswith("activation"):
        names = [n for n in dir(keras.activations) if n.islower() and callable(getattr(keras.activations, n))]
        names = [n for n in names if n not in ("deserialize", "get", "serialize")]
        return (
            f"There is no activation {value!r}.{did_you_mean(value, names)} "
            f"Expected one of: {', '.join(names)}. Write: {guilty}: {nearest(value, names) or names[0]}"
        )
    refused = f"argument {guilty!r}, {value!r}" if guilty else "arguments"
    return f"{label} refuses its {refused}: {text[:300].rstrip('.')}. Expected values that Keras accepts. Correct them."


def closest(names: list[str], name: str) -> list[str]:
    """The three names that look most like `name`, however little."""
    return difflib.get_close_matches(name, names, n=3, cutoff=0.0) or names[:3]
