"""A command's words before it is called: paths are made those of the project; options that would do nothing are refused."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.core import TyperCommand

from stackfit.errors import ConfigError


class Idle:
    """A parameter of a command that does nothing beside another one, or `without` it; by their names in the function."""

    def __init__(self, name: str, beside: str = "", without: str = ""):
        self.name, self.beside, self.without = name, beside, without


def from_project(words: Sequence[str], start: Path, options: Collection[str]) -> Iterator[str]:
    """The words of a command that was typed in `start`, below the project: paths become those from the current folder.

    Args:
        options: which take a path, of a file that may have to be written. Of other words, paths are those that exist.
    """
    before = ""
    for word in words:
        key, equals, value = word.rpartition("=")
        is_file = value != "-" and (key in options if equals else before in options)
        is_path = ("/" in value or "." in value) and (start / value).exists()
        here = os.path.relpath(start / value) if (is_file or is_path) and not os.path.isabs(value) else value
        yield f"{key}{equals}{here}"
        before = word


class Command(TyperCommand):
    """A command whose module lists in `IDLE` what does nothing."""

    idle: tuple[Idle, ...] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words are those of a command that was typed in the folder `ctx.obj`, if there is one."""
        if ctx.obj is not None:
            kinds = get_type_hints(self.callback)
            options = [param for param in self.params if param.param_type_name == "option"]
            files = {word for param in options if Path in get_args(kinds.get(str(param.name))) for word in param.opts}
            args = [*from_project(args, ctx.obj, files)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Call the command, unless something that was typed would be ignored.

        Raises:
            ConfigError: see above.
        """
        typed = {param.name for param in self.params if getattr(ctx.get_parameter_source(param.name), "name", "") == "COMMANDLINE"}
        words = {param.name: param.opts[0] if param.param_type_name == "option" else f"{param.name}" for param in self.params}
        for rule in self.idle:
            if rule.name in typed and rule.beside in typed:
                raise ConfigError(
                    f"{words[rule.name]} does nothing beside {words[rule.beside]}. Expected one of them. Leave out {words[rule.name]}."
                )
            if rule.name in typed and rule.without and rule.without not in typed:
                raise ConfigError(
                    f"{words[rule.name]} does nothing without {words[rule.without]}. Expected both. Add {words[rule.without]}, or leave it out."
                )
        return super().invoke(ctx)
