"""What is wrong with a command line before any command runs, in three sentences."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

from stackfit.errors import ConfigError, nearest

_KINDS = {"integer": "a whole number", "number": "a number"}


def usage_problem(error: Any, typed: Sequence[str]) -> ConfigError:
    """Typer's error about the words as ours; its classes are private, so they are told by their names."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "stackfit"
    kind, param, help_ = type(error).__name__, getattr(error, "param", None), f"Try: {path} --help"
    text = str(getattr(error, "message", error))
    if kind == "NoSuchOption":
        return no_option(error.option_name, typed, context.command if context else None, path)
    if kind == "MissingParameter" and param is not None:
        return ConfigError(f"{path} needs {_named(param)}. Expected: {_said(param)} {help_}")
    if found := re.match(r"Option '(\S+)' requires an argument", text):
        return ConfigError(f"{found[1]} needs a value. Expected one after it. {help_}")
    if found := re.match(r"No such command '(.*?)'\.", text):
        return _no_command(found[1], context.command if context else None, path)
    if found := re.match(r"Got unexpected extra argument\(?s?\)? \((.*)\)", text):
        return ConfigError(f"{path} does not take {found[1]!r} as well. Expected: {_usage(context)}. {help_}")
    said = error.format_message() if hasattr(error, "format_message") else text
    if context and (found := re.match(r"Invalid value for '(-[\w-]+)", said)):
        value = next((after for word, after in itertools.pairwise(typed) if word == found[1]), "another")
        wanted = next((words for kind, words in _KINDS.items() if f"valid {kind}" in said), "another value")
        return ConfigError(f"{found[1]} is {value!r}. Expected {wanted}. {help_}")
    return ConfigError(f"{text.rstrip('.')}. Expected: {_usage(context)}. {help_}")


def no_option(name: str, typed: Sequence[str], command: Any, path: str) -> ConfigError:
    """The error of an option that a command does not have: a setting with dashes, or a misspelt option."""
    params = getattr(command, "params", ())
    options = sorted({"--help", *(spelled for param in params for spelled in param.opts if spelled.startswith("--"))})
    begun = [spelled for spelled in options if spelled.startswith(name) and len(name) > 3]
    if not begun and any(param.name == "overrides" for param in params):
        from stackfit.config.mistyped import undashed

        at = next((number for number, word in enumerate(typed) if word.partition("=")[0].startswith(name)), 0)
        if override := undashed(typed[at : at + 2]):
            return ConfigError(f"There is no option {name!r}. Expected a setting without dashes, as key=value. Write: {override}")
    if (near := nearest(name.lstrip("-"), [spelled[2:] for spelled in begun or options])) and len(name) > 3:
        return ConfigError(f"There is no option {name!r}. Did you mean '--{near}'? Expected an option of {path}. Write: --{near}")
    short = ", or -m" if "--multirun" in options else ""
    return ConfigError(f"There is no option {name!r}. Expected {', '.join(options)}{short}. Try: {path} --help")


def _no_command(word: str, group: Any, path: str) -> ConfigError:
    from stackfit.config.experiments import find_experiments

    names = list(getattr(group, "commands", ()))
    if word in find_experiments() or word.endswith((".yaml", ".yml")):
        return ConfigError(f"{word} is an experiment, not a command. Expected a command before it. Write: {path} run {word}")
    if near := nearest(word, names):
        return ConfigError(f"There is no command {word!r}. Did you mean {near!r}? Expected a command. Write: {path} {near}")
    return ConfigError(f"There is no command {word!r}. Expected one of: {', '.join(names)}. Try: {path} --help")


def _named(param: Any) -> str:
    return param.opts[0] if param.param_type_name == "option" else f"{param.metavar or param.name}".strip("[].").upper()


def _said(param: Any) -> str:
    return f"{(param.help or 'a value').strip().rstrip('.')}."


def _usage(context: Any) -> str:
    if context is None:
        return "stackfit COMMAND"
    words = [f"{param.metavar or param.name}".upper() for param in context.command.params if param.param_type_name == "argument"]
    return " ".join([context.command_path, *words])
