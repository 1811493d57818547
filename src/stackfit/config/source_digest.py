"""The digest of a class by its source: of its functions and attributes, and of what these use in turn.

A class of a notebook has no file, but its functions have their source. Installed packages stand by their names: their
versions are recorded elsewhere.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import sysconfig
import types
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from stackfit.errors import ConfigError

_INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
# What Python itself puts into every class.
_PYTHONS = ("__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__")


def digest_of_class(kind: type) -> str:
    """SHA-256 over the source of a class, its bases, and the functions, classes and values that they use by name.

    If they use an object that has no source and is not a plain value, the digest is a new one every time.

    Raises:
        ConfigError: a source cannot be read.
    """
    try:
        text = json.dumps([*_describe(kind, set())], sort_keys=True)
    except (OSError, TypeError, SyntaxError) as error:
        raise ConfigError(
            f"The source of {kind.__name__} cannot be read ({error}), so nobody can say later whether its code is the same. "
            f"Expected a class from a file or a notebook's cell. Give an object instead: callbacks=[{kind.__name__}()]"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(thing: Any, seen: set[int]) -> Iterator[Any]:
    """Plain values that stand for `thing`."""
    if id(thing) in seen:
        return
    if isinstance(thing, (str, int, float, bool, bytes, type(None), complex)):
        yield repr(thing)
    elif isinstance(thing, types.ModuleType):
        yield thing.__name__
    elif isinstance(thing, (list, tuple, set, frozenset, Mapping)):
        seen.add(id(thing))
        items = thing.items() if isinstance(thing, Mapping) else thing
        parts = [[*_describe(item, seen)] for item in items]
        yield sorted(parts, key=str) if isinstance(thing, (set, frozenset)) else parts
    elif isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        yield from _describe(thing.__func__, seen)
    elif isinstance(thing, property):
        for part in (thing.fget, thing.fset, thing.fdel):
            yield from _describe(part, seen)
    elif isinstance(thing, (type, types.FunctionType)):
        seen.add(id(thing))
        if _is_installed(thing):
            yield f"{thing.__module__}.{thing.__qualname__}"
        elif isinstance(thing, type):
            yield thing.__name__
            for base in thing.__bases__:
                yield from _describe(base, seen)
            for name, value in vars(thing).items():
                if name not in _PYTHONS:
                    yield [name, *_describe(value, seen)]
        else:
            yield inspect.getsource(thing)
            yield [[*_describe(value, seen)] for value in (thing.__defaults__, thing.__kwdefaults__)]
            for name, value in _used(thing):
                yield [name, *_describe(value, seen)]
    elif isinstance(thing, (types.BuiltinFunctionType, types.GetSetDescriptorType, types.MemberDescriptorType)):
        yield thing.__qualname__
    elif hasattr(thing, "tobytes") and not getattr(thing.dtype, "hasobject", True):
        yield [str(thing.dtype), list(thing.shape), hashlib.sha256(thing.tobytes()).hexdigest()]
    elif callable(wrapped := getattr(thing, "__wrapped__", getattr(thing, "func", None))):
        yield from _describe(wrapped, seen)
    elif type(thing).__module__.partition(".")[0] in sys.stdlib_module_names and " at 0x" not in repr(thing):
        yield repr(thing)
    else:
        yield uuid.uuid4().hex


def _used(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function, and the functions inside it, use of its module and of the functions around it."""
    codes = [function.__code__]
    for code in codes:  # grows while it is walked
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    names = dict.fromkeys(name for code in codes for name in code.co_names)
    yield from ((name, function.__globals__[name]) for name in names if name in function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name != "__class__":  # of `super()`
            try:
                yield name, cell.cell_contents
            except ValueError:  # not filled yet
                continue


def _is_installed(thing: Any) -> bool:
    module = inspect.getmodule(thing)
    file = getattr(module, "__file__", None)
    return module is not None and (file is None or file.startswith(_INSTALLED)) and module.__name__ != "__main__"
