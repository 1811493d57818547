"""The source of classes for an ejected script: of their modules' files only what they need."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from stackfit.config import project
from stackfit.config.trust import module_file
from stackfit.errors import ConfigError
from stackfit.files import shown


class Excerpts:
    """Classes with the functions, constants and imports that they use, each once, in the order of their files."""

    def __init__(self, targets: Iterable[str]):
        self.imports: set[str] = set()
        self.blocks: list[str] = []
        self._origin: dict[str, str] = {}  # whose name it is
        self._taken: set[tuple[str, int]] = set()
        wanted: dict[str, set[str]] = {}
        for target in targets:
            module, _, name = target.rpartition(".")
            if module.split(".")[0] != "keras" and target != "stackfit.layers.dense_stack":
                wanted.setdefault(module, set()).add(name)
        for module in sorted(wanted):
            self._add(module, wanted[module])

    def _add(self, module: str, names: set[str]) -> None:
        own = module.startswith("stackfit.")
        path = project.PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py") if own else module_file(module)
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body
        needed = _needed(body, names)
        used = {name for number in needed for name in _used(body[number])}
        blocks = []
        for number in sorted(needed):
            node = body[number]
            if (module, number) in self._taken:
                continue
            self._taken.add((module, number))
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node, used, path)
                continue
            for name in _bound(node):
                if self._origin.setdefault(name, module) != module:
                    raise ConfigError(
                        f"{self._origin[name]} and {module} both define {name!r}. Expected different names, because one "
                        "script holds both. Rename one of them and run the experiment again."
                    )
            blocks.append(_source(node, text))
        self.blocks += blocks

    def _import(self, node: ast.Import | ast.ImportFrom, used: set[str], path: Path) -> None:
        module = node.module if isinstance(node, ast.ImportFrom) else None
        kept = [alias for alias in node.names if module == "__future__" or alias.name == "*" or _name_of(alias) in used]
        if module and module.startswith("stackfit.") and not any(alias.asname for alias in kept):
            self._add(module, {alias.name for alias in kept})
        elif getattr(node, "level", 0) or (module or kept[0].name).split(".")[0] == "stackfit":
            raise ConfigError(
                f"{shown(path)}:{node.lineno} imports stackfit, or relatively, which a standalone script cannot do. "
                "Expected imports such as `from stackfit.callbacks import StopAt`. Change it and run the experiment again."
            )
        elif module == "__future__":
            self.imports.add(ast.unparse(node))
        else:
            for alias in kept:
                self.imports.add(ast.unparse(ast.ImportFrom(module, [alias], 0) if module else ast.Import([alias])))


def _needed(body: list[ast.stmt], names: set[str]) -> set[int]:
    """Which statements of a module define these names, what those use, and so on; and those that act on import."""
    places_of: dict[str, list[int]] = {}
    for number, node in enumerate(body):
        for name in _bound(node):
            places_of.setdefault(name, []).append(number)
    needed = {number for number, node in enumerate(body) if _acts(node)}
    todo = [*names, *(name for number in needed for name in _used(body[number]))]
    while todo:
        for number in places_of.pop(todo.pop(), []):
            needed.add(number)
            todo += _used(body[number])
    return needed


def _acts(node: ast.stmt) -> bool:
    """Whether a statement does something besides binding names: a call, a star import, a switch of the language."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*")


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from map(_name_of, node.names)
    elif not (isinstance(node, ast.If) and "__name__" in _used(node.test)):
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
            elif isinstance(part, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
                yield from _bound(part)


def _used(node: ast.AST) -> list[str]:
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]


def _name_of(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _source(node: ast.stmt, text: str) -> str:
    """The statement as written, with its decorators and the comments right above it."""
    lines = text.splitlines()
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : node.end_lineno])
