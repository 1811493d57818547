"""Messages in Python's words: `fresh=True` in the place of `--fresh`, `stackfit.run('xor')` of `stackfit run xor`.

A message names commands and options as one types them in a shell. Here they are translated by the signatures of the API,
so that nothing else has to know who reads a message.
"""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import stackfit
from stackfit.errors import StackfitError, did_you_mean

# Seeds, dtype policy and determinism belong to the process: a second thread's run waits, so that each has its own bits.
turn = threading.RLock()
F = TypeVar("F", bound=Callable[..., Any])
NAMES = {"list": "experiments"}  # `list` is Python's own
FUNCTIONS: dict[str, inspect.Signature] = {}  # those that `spoken` marks

_WORD = r"(?:'[^'\n]*'|\"[^\"\n]*\"|[^\s`'\"]*[^\s`'\",;])"
_COMMAND = re.compile(rf"(?<!\$ )\bstackfit (?P<name>[a-z]+)(?P<words>(?: (?:(?!or\b|and\b|then\b){_WORD}))*)")
# An option with its value, if that is the last word of its part of the sentence: `--last is 0` has none.
_OPTION = re.compile(
    r"--(?P<name>[a-z][a-z-]*)(?: (?P<value>'[^'\n]*'|(?!-)[^\s;`'\"]+?)(?=[.,;)]*(?:\s*$|\n)|[.,;)]+ | or --))?"
)
_FLAG = re.compile(r"(?P<verb>[Aa]dd|[Tt]ype) -m\b")


def in_python(text: str) -> str:
    """The text, with commands and options as calls and arguments of the API."""
    text = _COMMAND.sub(_call, text)
    text = _FLAG.sub(lambda found: f"{'Call' if found['verb'][0].isupper() else 'call'} stackfit.sweep", text)
    text = _OPTION.sub(_argument, text)
    return re.sub(r"\b([Tt]he same|[Tt]his) command\b", r"\1 call", text)


def _call(found: re.Match[str]) -> str:
    """One command. What the API does not have stays a command."""
    name, text = NAMES.get(found["name"], found["name"]), found["words"]
    words = text.rstrip(".")
    end = text[len(words) :]
    typed = shlex.split(words)
    if name == "run" and "-m" in typed:
        name = "sweep"
        typed.remove("-m")
    if name not in FUNCTIONS:
        return found[0]
    if not typed and text == "" and not _takes_nothing(FUNCTIONS[name]):
        return f"stackfit.{name}{end}"
    arguments, options = [], []
    while typed:
        word = typed.pop(0)
        parameter = _parameter(word[2:], [FUNCTIONS[name]]) if word.startswith("--") else None
        if word == "-m":
            options.append("multirun=True")
        elif not word.startswith("-"):
            arguments.append(repr(word))
        elif parameter is None:  # an option about the output, such as --csv
            break
        elif isinstance(parameter.default, bool):
            options.append(f"{parameter.name}=True")
        elif typed:
            options.append(f"{parameter.name}={_value(typed.pop(0))}")
    return f"stackfit.{name}({', '.join(arguments + options)}){end}"


def _argument(found: re.Match[str]) -> str:
    parameter, value = _parameter(found["name"], list(FUNCTIONS.values())), found["value"] or ""
    if parameter is None:
        return found[0]
    if isinstance(parameter.default, bool):
        return f"{parameter.name}=True" + (f" {value}" if value else "")
    return f"{parameter.name}={_value(value)}" if value else parameter.name


def _parameter(name: str, signatures: list[inspect.Signature]) -> inspect.Parameter | None:
    name = name.replace("-", "_")
    return next((each.parameters[name] for each in signatures if name in each.parameters), None)


def _takes_nothing(signature: inspect.Signature) -> bool:
    return all(each.default is not each.empty or each.kind is each.VAR_POSITIONAL for each in signature.parameters.values())


def _value(text: str) -> str:
    if re.fullmatch(r"-?\d+(\.\d+)?", text) or text.startswith(("'", '"')):
        return text
    return repr(text)


def _unknown_option(function: str, name: str, value: Any, signature: inspect.Signature) -> str:
    known = [each.name for each in signature.parameters.values() if each.kind is not each.VAR_POSITIONAL]
    setting = f" A setting of the experiment is an override: {{{name!r}: {value!r}}}" if "overrides" in signature.parameters else ""
    return f"{function}() has no argument {name!r}.{did_you_mean(name, known)} Expected: {', '.join(known)}.{setting}"


def spoken(function: F) -> F:
    """A function of the API: its errors have one message in Python's words, and no frames of stackfit's own.

    `stackfit.debug = True`, or the environment variable STACKFIT_DEBUG, shows every frame.
    """
    signature = FUNCTIONS[function.__qualname__] = inspect.signature(function)

    @functools.wraps(function)
    def speak(*arguments: Any, **options: Any) -> Any:
        if unknown := [name for name in options if name not in signature.parameters]:
            raise TypeError(_unknown_option(function.__name__, unknown[0], options[unknown[0]], signature))
        try:
            return function(*arguments, **options)
        except StackfitError as error:
            error.reword(in_python)
            if stackfit.debug:
                raise
            raise error.with_traceback(None) from None
        except KeyboardInterrupt:
            if stackfit.debug:
                raise
            raise KeyboardInterrupt("Interrupted.") from None

    return speak  # type: ignore[return-value]
