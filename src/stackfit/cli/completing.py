"""Completion by TAB: the answer to what the scripts of `shells` ask."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stackfit.cli import completion

ASKED = "_STACKFIT_COMPLETE"


def answer() -> None:
    """Print what may stand at the cursor, one a line, for the shell that asks through the environment."""
    words = os.environ.get("COMP_WORDS", "").split("\n")
    at = int(os.environ.get("COMP_CWORD") or len(words) - 1)
    words = [*words[: at + 1], ""][: at + 1] or [""]
    last, joined = words[-1], _joined(words)
    quote = joined[-1][:1] if joined[-1][:1] in ("'", '"') else ""
    text = joined[-1].removeprefix(quote)
    found = complete([word.strip("'\"") for word in joined[1:-1]], text)
    # bash replaces only what stands behind the last = or :, unless it does not split there or a quote is open.
    cut = len(text) - len("" if re.fullmatch("[=:]+", last) else last.removeprefix(quote))
    if os.environ[ASKED] == "complete_zsh":
        cut = 0
    elif quote and len(found) == 1 and not found[0].endswith(" "):
        found.append(f"{found[0]}...")  # a single answer would close the quote
    sys.stdout.write("".join(f"{one[cut:].rstrip() if quote else one[cut:]}\n" for one in found))


def _joined(words: list[str]) -> list[str]:
    """The words as typed: bash splits `a=b` and `a:b` into three; a lone end after a sign is a word of its own."""
    joined: list[str] = []
    glue = False
    for number, word in enumerate(words):
        sign = bool(re.fullmatch("[=:]+", word))
        if joined and (sign or (glue and (word or number < len(words) - 1))):
            joined[-1] += word
        else:
            joined.append(word)
        glue = sign
    return joined


def complete(words: list[str], text: str) -> list[str]:
    """What may stand for `text` behind the words after `stackfit`; what is finished ends in a space."""
    command, rest = _command(words)
    if hasattr(command, "commands"):
        return _finished([*command.commands, *_flags(command)] if not rest else [], text)
    if text.startswith("-") and not text.startswith("--hydra"):
        return _finished(_flags(command), text)
    positions, asked = _positions(command, rest)
    if asked is not None:
        return _finished(_values(asked), text)
    params = [param for param in command.params if param.param_type_name == "argument"]
    extra = bool(command.context_settings.get("allow_extra_args"))
    names = [param.name for param in params]
    where = min(len(positions), len(names) - 1 + extra)
    name = names[where] if where < len(names) else "overrides"
    if name in ("overrides", "key") and "experiment" in names:
        keys = completion.Keys(positions[0], [word for word in positions[1:] if "=" in word or word.startswith("~")])
        return keys.plain(text) if name == "key" else keys.complete(text)
    if name in ("run", "runs", "paths"):
        return list(_run_folders(text))
    if name == "name" and command.name != "new":  # of data
        return _finished(completion.options("data"), text)
    return _finished(_values(name), text)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    from typer.main import get_command

    from stackfit.cli.app import app

    command: Any = get_command(app)
    rest = [word for word in words if word != "--debug"]
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def _positions(command: Any, words: list[str]) -> tuple[list[str], str | None]:
    """The words that are no options, and the option whose value comes next."""
    takes = {name: param.name for param in command.params for name in param.opts if _takes_value(param)}
    found, waiting = [], None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in takes:
            waiting = takes[word]
        elif not word.startswith("-"):
            found.append(word)
    return found, waiting


def _takes_value(param: Any) -> bool:
    return param.param_type_name == "option" and not getattr(param, "is_flag", False)


def _flags(command: Any) -> Iterator[str]:
    for param in command.params:
        if param.param_type_name == "option":
            yield from (name for name in param.opts if name.startswith("--"))
    yield "--help"
    if command.context_settings.get("allow_extra_args"):
        yield "--multirun"


def _values(name: str) -> list[str]:
    """What an argument or the value of an option may be, by its name."""
    if name in ("experiment", "experiments", "parent", "diff"):
        return completion.experiment_names()
    known = {
        "group": list(completion.GROUPS),
        "format": ["text", "md", "json", "csv"],
        "split": ["train", "validation", "test"],
    }
    return known.get(name, [])


def _run_folders(text: str) -> Iterator[str]:
    """Run folders below ./outputs, a level at a time; a level with one way on is passed through."""
    parent = text.rpartition("/")[0] if "/" in text else ""
    if not "outputs/".startswith(text) and not text.startswith("outputs/"):
        return  # somewhere else: the shell completes files
    folder = Path(parent or "outputs")
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = [path for path in below if str(path).startswith(text)]
    if len(found) == 1 and not _is_run(found[0]):
        yield from list(_run_folders(f"{found[0]}/")) or [f"{found[0]}/"]
        return
    for path in found:
        yield f"{path} " if _is_run(path) else f"{path}/"


def _is_run(path: Path) -> bool:
    from stackfit.results import run_files

    return (path / run_files.STATUS).is_file()


def _finished(names: list[str], text: str) -> list[str]:
    return [f"{name} " for name in names if name.startswith(text)]
