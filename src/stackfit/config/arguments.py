"""Which arguments a `_target_` takes, without importing it: Keras's and ours from the shipped schema, a user's from its source."""

from __future__ import annotations

import ast

from stackfit.config.targets import definition
from stackfit.config.trust import module_file
from stackfit.errors import StackfitError


def arguments_of(target: str) -> frozenset[str]:
    """The names of a target's arguments, with `after` and `inputs` for a layer; empty where they are not known."""
    node = definition(target)
    if node is not None:
        return frozenset(node["properties"]) - {"_target_"}
    module, _, name = target.rpartition(".")
    if module.split(".")[0] in ("keras", "stackfit", ""):
        return frozenset()
    try:
        tree = ast.parse(module_file(module).read_bytes())
    except (StackfitError, OSError, ValueError, SyntaxError, RecursionError):
        return frozenset()
    return _of_class(name, tree, frozenset())


def _of_class(name: str, tree: ast.Module, seen: frozenset[str]) -> frozenset[str]:
    """The arguments of a class of a user's module; with `**kwargs`, or without an `__init__`, those of its bases too."""
    defined = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    if not defined or name in seen:
        return frozenset()
    makers = [node for node in defined[-1].body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    found: set[str] = set()
    if makers:
        signature = makers[-1].args
        found = {argument.arg for argument in [*signature.args[1:], *signature.kwonlyargs]}
        if signature.kwarg is None:
            return frozenset(found | _reserved(defined[-1], tree, seen))
    for base in defined[-1].bases:
        found |= arguments_of(full_name(base, tree)) | _of_class(ast.unparse(base), tree, seen | {name})
    return frozenset(found)


def _reserved(defined: ast.ClassDef, tree: ast.Module, seen: frozenset[str]) -> frozenset[str]:
    """`after` and `inputs`, if the class is a layer."""
    inherited: frozenset[str] = frozenset()
    for base in defined.bases:
        inherited |= arguments_of(full_name(base, tree)) | _of_class(ast.unparse(base), tree, seen | {defined.name})
    return inherited & {"after", "inputs"}


def full_name(base: ast.expr, tree: ast.Module) -> str:
    """`keras.layers.Layer` for a base class written as `layers.Layer`, `Layer` or `tf.keras.layers.Layer`."""
    head, _, rest = ast.unparse(base).partition(".")
    for node in tree.body:
        for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            if (alias.asname or alias.name.partition(".")[0]) == head:
                module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                head = module + (alias.name if alias.asname or module else head)
    full = f"{head}.{rest}" if rest else head
    return full[full.index("keras.") :] if "keras." in full else full
