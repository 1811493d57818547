"""Callbacks that a Python program gives to a run: classes and objects, which a config can only name.

`callbacks=[LossHistory]` becomes `callbacks.loss_history: {_target_: <class>.loss_history.LossHistory}`; in that name
`<class>.loss_history` stands for a module, so that a run records and compares its code like that of any other module.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackfit.config.class_digest import digest_of_class
from stackfit.errors import ConfigError, TrustError

CLASS, OBJECT = "<class>", "<object>"


@dataclass(frozen=True)
class Given:
    """A callback's class, the object itself if one was given, and the digest that stands for its code."""

    kind: type
    made: Any
    digest: str


_here: dict[str, Given] = {}  # by the module's name, for as long as their run lasts


@contextlib.contextmanager
def given(callbacks: Any, only_classes: str = "") -> Iterator[dict[str, dict[str, str]]]:
    """The nodes for the `callbacks` of a config. They mean these classes and objects inside the block only.

    Args:
        callbacks: one, several, or a mapping of names; each an object or a class. A class must take no arguments.
        only_classes: why an object cannot be used; empty if it can.

    Raises:
        ConfigError: a name cannot be a key, something is not a callback, a class takes arguments, or an object
            cannot be used.
    """
    nodes, here = {}, {}
    for name, thing in _named(callbacks):
        is_class = isinstance(thing, type)
        kind = thing if is_class else type(thing)
        _check(name, thing, kind)
        if only_classes and not is_class:
            raise ConfigError(
                f"callbacks has an object, {thing!r:.80}. Expected a class: {only_classes}. "
                f"Write: callbacks={{{name!r}: {kind.__name__}}}"
            )
        module = f"{CLASS if is_class else OBJECT}.{name}"
        # Nobody knows what an object was made from and has seen: no other run is like this one.
        digest = digest_of_class(kind) if is_class else uuid.uuid4().hex
        here[module] = Given(kind, None if is_class else thing, digest)
        nodes[name] = {"_target_": f"{module}.{kind.__name__}"}
    before = dict(_here)
    _here.update(here)
    try:
        yield nodes
    finally:
        _here.clear()
        _here.update(before)


def add_callbacks(nodes: Mapping[str, Any], config: Any) -> Iterator[ConfigError]:
    """Add the nodes to a composed config; an error for each name that its callbacks have already."""
    for name, node in nodes.items():
        if name in config.callbacks:
            yield ConfigError(
                f"The experiment has a callback {name!r} already. Expected a name of its own. "
                f"Write for example: callbacks={{'my_{name}': …}}",
                where="callbacks=",
            )
        else:
            config.callbacks[name] = node


def find_given(module: str) -> Given | None:
    """What this name of a module stands for; None for a real module."""
    return _here.get(module)


def check_given(target: str, key: str) -> Iterator[TrustError]:
    """An error if the target names a class or an object that a Python program gave, but not the present one."""
    module, _, name = target.rpartition(".")
    if module.startswith((f"{CLASS}.", f"{OBJECT}.")) and module not in _here:
        argument = module.partition(".")[2]
        again = f"Give the class again: stackfit.verify(RUN, callbacks={{{argument!r}: {name}}})"
        if module.startswith(OBJECT):
            again = "Give the class instead of an object, or write it into a module of your project, and run the experiment again."
        yield TrustError(
            f"{name} was given by a Python program and is not part of the run's folder. "
            f"Expected a callback that can be made again. {again}",
            key=key,
        )


def described(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A callback's node; of an object with its attributes, which Keras names like the arguments."""
    found = find_given(str(node.get("_target_")).rpartition(".")[0])
    return node if found is None or found.made is None else {**vars(found.made), **node}


def _check(name: str, thing: Any, kind: type) -> None:
    base = getattr(getattr(sys.modules.get("keras"), "callbacks", None), "Callback", None)  # whoever has one has loaded it
    if base is None or not issubclass(kind, base):
        option = f" An option of the experiment's callbacks is an override: 'callbacks=[{thing}]'." if kind is str else ""
        raise ConfigError(
            f"callbacks has {thing!r:.80}. Expected classes or objects of keras.callbacks.Callback.{option} "
            "Write for example: callbacks=[LossHistory]"
        )
    parameters = inspect.signature(kind).parameters.values() if isinstance(thing, type) else ()
    required = [each.name for each in parameters if each.default is each.empty and each.kind < each.VAR_POSITIONAL]
    if required:
        raise ConfigError(
            f"{kind.__name__} needs the argument {required[0]!r}. Expected a class that can be called without arguments. Give "
            f"the argument a default, or give an object: callbacks={{{name!r}: {kind.__name__}({required[0]}=…)}}"
        )


def _named(callbacks: Any) -> Iterable[tuple[str, Any]]:
    if callbacks is None:
        return
    if isinstance(callbacks, Mapping):
        for name in callbacks:
            if not isinstance(name, str) or not name.isidentifier():
                raise ConfigError(
                    f"callbacks has the name {name!r}. Expected a word of letters, digits and _. "
                    "Write for example: callbacks={'history': LossHistory}"
                )
        yield from callbacks.items()
        return
    seen: dict[str, int] = {}
    for thing in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        kind = thing if isinstance(thing, type) else type(thing)
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower().strip("_") or "callback"
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name}_{seen[name]}"), thing
