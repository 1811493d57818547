"""The digest of a class by its code: of its functions and attributes, and of what these use in turn.

It is the compiled code that is hashed: a class of a notebook has no file, and a file may have been edited since it was
imported. Installed packages stand by their names: their versions are recorded elsewhere.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import sysconfig
import types
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_CACHED = type(functools.cache(len))  # a function that keeps its results
# What Python itself puts into every class.
_PYTHONS = ("__module__", "__dict__", "__weakref__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__")


def digest_of_class(kind: type) -> str:
    """SHA-256 over the code of a class, its bases, and the functions, classes and values that they use by name.

    If they use an object that is neither code nor a plain value, the digest is a new one every time.
    """
    return hashlib.sha256(json.dumps([*_describe(kind, {})]).encode()).hexdigest()


def _describe(thing: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Plain values that stand for `thing`."""
    if id(thing) in seen:
        return
    if isinstance(thing, (str, int, float, bool, bytes, type(None), complex)):
        yield repr(thing)
    elif isinstance(thing, types.ModuleType):
        yield thing.__name__
    elif isinstance(thing, (list, tuple, set, frozenset, Mapping)):
        seen[id(thing)] = thing  # kept, so that nothing else gets this id
        items = thing.items() if isinstance(thing, Mapping) else thing
        parts = [[*_describe(item, seen)] for item in items]
        yield sorted(parts, key=str) if isinstance(thing, (set, frozenset)) else parts
    elif isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        yield from _describe(thing.__func__, seen)
    elif isinstance(thing, property):
        for part in (thing.fget, thing.fset, thing.fdel):
            yield from _describe(part, seen)
    elif isinstance(thing, (type, types.FunctionType)):
        seen[id(thing)] = thing  # kept, so that nothing else gets this id
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
            yield from _describe(thing.__code__, seen)
            yield [[*_describe(value, seen)] for value in (thing.__defaults__, thing.__kwdefaults__)]
            for name, value in _used(thing):
                yield [name, *_describe(value, seen)]
    elif isinstance(thing, types.CodeType):
        yield [thing.co_code.hex(), thing.co_exceptiontable.hex(), thing.co_flags, thing.co_names, thing.co_varnames]
        yield [[*_describe(constant, seen)] for constant in thing.co_consts]
    elif isinstance(thing, (types.BuiltinFunctionType, types.GetSetDescriptorType, types.MemberDescriptorType)):
        yield thing.__qualname__
    elif hasattr(thing, "tobytes") and not getattr(getattr(thing, "dtype", None), "hasobject", True):
        yield [str(thing.dtype), list(thing.shape), hashlib.sha256(thing.tobytes()).hexdigest()]
    elif isinstance(thing, functools.partial):
        yield from _describe([thing.func, thing.args, thing.keywords], seen)
    elif isinstance(thing, functools.cached_property):
        yield from _describe(thing.func, seen)
    elif isinstance(thing, _CACHED):
        yield from _describe(thing.__wrapped__, seen)
    elif not _is_installed(type(thing)) and hasattr(thing, "__dict__"):
        yield from _describe([type(thing), vars(thing)], seen)
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
    """Whether it comes with Python or a package: by the file of its code, or for a class without functions, of its module."""
    members = [thing, *(vars(thing).values() if isinstance(thing, type) else ())]
    file = next((each.__code__.co_filename for each in members if isinstance(each, types.FunctionType)), None)
    if file is None:
        file = getattr(sys.modules.get(thing.__module__), "__file__", "<frozen>" if thing.__module__ == "builtins" else "")
    return str(file).startswith((*_INSTALLED, "<frozen")) or "-packages/" in Path(str(file)).as_posix()
