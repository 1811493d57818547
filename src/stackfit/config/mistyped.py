"""Why a word of the command line is not an override, and what to type: in our words, not in those of Hydra's parser."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Sequence

from stackfit.config.experiments import find_experiments
from stackfit.config.forms import options_of
from stackfit.config.origins import GROUPS
from stackfit.config.schema import Experiment, expected, keys_of
from stackfit.config.targets import all_arguments
from stackfit.errors import nearest

_KEY = re.compile(r"[A-Za-z_][\w./]*")
_VALUE = re.compile(r"-?[\d.\[{'\"]|true$|false$|null$", re.IGNORECASE)
_CLOSERS = {"[": "]", "{": "}", "(": ")"}
EXAMPLE = "epochs=3 or 'model.layers.hidden.units=[64,64]'"


def torn(words: Sequence[str]) -> tuple[int, str] | None:
    """How many of the first words are one override with blanks in it, such as `epochs = 3`, and that override."""
    key = words[0].rstrip("=:")
    sign, rest, count = words[0][len(key) :], list(words[1:3]), 1
    if not _KEY.fullmatch(key) or len(sign) > 1 or not rest:
        return None
    if not sign and rest[0][0:1] in ("=", ":"):
        sign, rest[0], count = rest[0][0], rest[0][1:], 2
        if rest[0]:
            return count, f"{key}={rest[0]}"
        rest = rest[1:]
    if not rest or "=" in rest[0] or not (sign or _VALUE.match(rest[0])):
        return None
    return count + 1, f"{key}={rest[0]}"


def undashed(words: Sequence[str]) -> str | None:
    """The override that was typed as an option: `epochs=3` of `--epochs 3`, `--epochs=3` or `-epochs=3`."""
    key, equals, value = words[0].lstrip("-").partition("=")
    key = key.replace("-", "_")
    if not equals and len(words) > 1 and "=" not in words[1] and not words[1].startswith("--"):
        value = words[1]
    names = {*keys_of(Experiment), *all_arguments()}
    is_key = key in names or nearest(key, [name for name in names if "_" in name]) or key.partition(".")[0] in GROUPS
    return shlex.quote(f"{key}={value or 'VALUE'}") if is_key else None


def describe(typed: str, quoted: Callable[[str], str | None]) -> tuple[str, str]:
    """What is wrong with a word that Hydra's grammar does not read, and what to do, as a sentence.

    Args:
        quoted: gives an override of a text in quotes; None for other keys.
    """
    if not typed.strip():
        return "This word is empty", "Leave it out."
    if "=" not in typed and (typed in find_experiments() or typed.endswith((".yaml", ".yml"))):
        return "This is a second experiment: a command takes one", f"Run it by itself: stackfit run {typed}"
    found, cure = _describe(typed, quoted)
    return found, f"Write: {cure}"


def _describe(typed: str, quoted: Callable[[str], str | None]) -> tuple[str, str]:
    key, equals, value = typed.partition("=")
    if not equals:
        return _without_equals(typed)
    bare = key.lstrip("+~").strip()
    if not bare:
        return "There is nothing before '='", EXAMPLE
    if not _KEY.fullmatch(bare.replace("@", "_")):
        odd = next(sign for sign in bare if not re.match(r"[\w./]", sign, re.ASCII))
        name = re.sub(r"\[(\d+)\]", ".NAME", bare)
        fixed = f"{name}={value}" if name != bare and _KEY.fullmatch(name) else EXAMPLE
        return f"A key cannot hold {odd!r}; a layer is found by its name", fixed
    if value.startswith("="):
        return "There are two '='", shlex.quote(f"{key}={value.lstrip('=')}")
    if value.startswith("~"):
        return "Only a word that begins with ~ is your home folder", shlex.quote(f"{key}={os.path.expanduser(value)}")
    if value.startswith("(") and value.endswith(")"):
        return "A list stands in brackets", shlex.quote(f"{key}=[{value[1:-1]}]")
    if missing := _unclosed(value):
        opener, closers = missing
        if opener in "'\"" and not quoted(typed) and value.strip("'\""):
            return f"The {opener} is not closed", shlex.quote(f"{key}={value.strip(opener)}")
        return f"The {opener} is not closed", shlex.quote(f"{key}={value}{closers}")
    if text := quoted(typed):
        return "The text needs quotes, for the shell and for stackfit", text
    if (plain := value.rstrip(";,.'\"").lstrip("'\"")) != value and plain:
        return f"{value!r} has a sign too many", shlex.quote(f"{key}={plain}")
    return f"{value!r} is not a value", f"{key}=VALUE, which is {expected(bare) or 'a number, a word or [a,list]'}"


def _without_equals(word: str) -> tuple[str, str]:
    head, colon, value = word.partition(":")
    if colon and _KEY.fullmatch(head):
        return "An override has = in place of ':'", shlex.quote(f"{head}={value.strip()}") if value else f"{head}=VALUE"
    if group := next((group for group in GROUPS if word.lower() in options_of(group)), None):
        return "An option follows its group and '='", f"{group}={word.lower()}"
    if expected(word) or word in GROUPS:
        return "There is no '=' and no value", f"{word}=VALUE" + (f", which is {expected(word)}" if expected(word) else "")
    near = nearest(word, find_experiments())
    return "There is no '='", f"{EXAMPLE}" + (f"; the experiment {near} comes first" if near else "")


def _unclosed(value: str) -> tuple[str, str] | None:
    """The sign that is not closed, and what closes everything that is open."""
    stack: list[str] = []
    quote = ""
    for at, sign in enumerate(value):
        escaped = at and value[at - 1] == "\\"
        if quote:
            quote = "" if sign == quote and not escaped else quote
        elif sign in "'\"" and not escaped and (at == 0 or value[at - 1] in "[{(,: ="):
            quote = sign
        elif sign in _CLOSERS:
            stack.append(sign)
        elif stack and sign == _CLOSERS[stack[-1]]:
            stack.pop()
    closers = quote + "".join(_CLOSERS[sign] for sign in reversed(stack))
    return (quote or stack[-1], closers) if closers else None
