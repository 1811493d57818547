"""Options that would do nothing beside others, or without them: refused, never ignored."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from stackfit.errors import ConfigError


class Idle:
    """A parameter of a command that does nothing beside another one, or `without` it; by their names in the function."""

    def __init__(self, name: str, beside: str = "", without: str = ""):
        self.name, self.beside, self.without = name, beside, without


class Command(TyperCommand):
    """A command whose module lists in `IDLE` what does nothing."""

    idle: tuple[Idle, ...] = ()

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
