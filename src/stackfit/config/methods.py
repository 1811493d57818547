"""Which methods the class of a callback or layer has of its own, from its source: a fingerprint must not wait for Keras's import."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from stackfit.config import project
from stackfit.config.arguments import full_name
from stackfit.config.trust import module_file
from stackfit.errors import StackfitError


def defines(target: str, methods: Collection[str], known: Collection[str] = (), seen: frozenset[str] = frozenset()) -> bool:
    """Whether a class, or one that it is derived from below Keras's `Callback`, defines one of these methods or is `known` to.

    False for a class whose source is not found.
    """
    if target in known:
        return True
    module, _, name = target.rpartition(".")
    of_keras = module.split(".")[0] == "keras"
    if target in seen or (of_keras and name == "Callback"):
        return False
    for tree in _keras_callbacks() if of_keras else _sources(module):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                if any(isinstance(item, ast.FunctionDef) and item.name in methods for item in node.body):
                    return True
                bases = [full_name(base, tree) for base in node.bases]
                bases = [base if "." in base else f"{module}.{base}" for base in bases]
                return any(defines(base, methods, known, seen | {target}) for base in bases)
    return False


@cache
def _keras_callbacks() -> tuple[ast.Module, ...]:
    found = importlib.util.find_spec("keras")
    folders = [Path(folder) for folder in (found and found.submodule_search_locations) or ()]
    return tuple(ast.parse(file.read_bytes()) for folder in folders for file in sorted(folder.glob("src/callbacks/*.py")))


def _sources(module: str) -> Iterator[ast.Module]:
    """A module of ours or of the user's, if it can be read."""
    ours = module.split(".")[0] == "stackfit"
    try:
        file = project.PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py") if ours else module_file(module)
        yield ast.parse(file.read_bytes())
    except (StackfitError, OSError, ValueError, SyntaxError, RecursionError):
        return
