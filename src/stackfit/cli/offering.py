"""`options`: the groups, what may be chosen in each, and the keys of each choice. No TensorFlow."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from stackfit.cli import completion
from stackfit.cli.arguments import option, word
from stackfit.cli.text import flow
from stackfit.cli.text import width as line_width

if TYPE_CHECKING:
    from stackfit.config.choices import Choice, Setting

LONGEST = 28  # characters of a default


def command(
    group: Annotated[str | None, word("A group, or one option of it: optimizer, optimizer=sgd.", completion.choices)] = None,
    as_json: Annotated[bool, option("As JSON.", "--json")] = False,
) -> None:
    """Without GROUP: the groups with their options, and the keys outside of them. Choose one with GROUP=OPTION.

    stackfit options optimizer

    stackfit options optimizer=sgd
    """
    from dataclasses import asdict

    from stackfit.config import choices

    if group is None:
        found: Any = {"groups": choices.groups(), "keys": choices.top_settings()}
        lines = _overview(found["groups"], found["keys"])
    elif "=" in group:
        found = choices.find_choice(*group.split("=", 1))
        lines = _choice(found)
    else:
        found = {"options": choices.choices_of(group), "keys": choices.settings_of_group(group)}
        lines = _group(group, found["options"], found["keys"])
    if as_json:
        text = json.dumps(found, indent=1, ensure_ascii=False, default=lambda value: asdict(value))
        sys.stdout.write(f"{text}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)


def _overview(groups: dict[str, list[str]], keys: list[Setting]) -> Iterator[str]:
    width = 1 + max(map(len, groups))
    for group, options in groups.items():
        yield from _fill(f"{group:<{width}}", ", ".join(options))
    yield ""
    yield from _settings(keys)
    yield ""
    yield "Of one group:  stackfit options optimizer"


def _group(group: str, found: list[Choice], keys: list[Setting]) -> Iterator[str]:
    width = max(len(choice.name) for choice in found)
    for choice in found:
        yield from _fill(f"{group}={choice.name:<{width}}  ", choice.about + "  (yours)" * choice.own)
        yield from (f"  {line}" for line in _settings(choice.settings, 2))
    if keys:
        yield ""
        yield from _settings(keys)
    if not any(choice.settings for choice in found):
        yield ""
        yield f"Its keys:  stackfit options {group}={found[0].name}"


def _choice(choice: Choice) -> Iterator[str]:
    if choice.about:
        yield from _fill("", choice.about)
    yield from _settings(choice.settings)


def _settings(settings: list[Setting], indent: int = 0) -> Iterator[str]:
    """Key, type and default, then what it is: on the same line where there is room beside the indent."""
    width = min(36, max((len(setting.key) for setting in settings), default=0))
    for setting in settings:
        given = flow(setting.default, LONGEST) if setting.is_set else "Keras's default"
        given = "must be set" if setting.default == "???" else given
        kind = f" ({setting.kind})" if setting.kind else ""
        head = f"{setting.key:<{width}}  {given}{kind}"
        if not setting.about:
            yield head
        elif indent + len(head) + len(setting.about) + 2 <= line_width():
            yield f"{head}  {setting.about}"
        else:
            yield head
            yield from _fill("    ", setting.about, indent)


def _fill(head: str, text: str, less: int = 0) -> list[str]:
    indent = " " * len(head) if len(head) < 30 else "    "
    return textwrap.wrap(
        text, line_width() - less, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [head.rstrip()]
