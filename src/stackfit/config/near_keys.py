"""What somebody meant who wrote a key that does not exist: `units` is `model.layers.hidden.units`, `lr` a learning rate."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from stackfit.config.arguments import arguments_of
from stackfit.config.forms import ROLE_OF, mapping_form, options_of, target_of
from stackfit.config.origins import GROUPS
from stackfit.config.override_text import override_text
from stackfit.config.targets import all_arguments
from stackfit.errors import nearest

_HEAD = re.compile(r"(about|expect|hydra)(\.|$)")
_MOST = 3  # keys that are offered


def cure_typed(key: str, value: Any, text: str, config: Mapping[str, Any]) -> str | None:
    """What to type in place of an override whose key does not exist, as a sentence; None if nothing is near.

    Args:
        text: the value as it was typed.
        config: composed, as plain containers.
    """
    keys, choice = _meant(key, value, config)
    if choice:
        return f"Write: {choice}"
    if len(keys) == 1 and keys[0] in ROLE_OF and not isinstance(value, Mapping):
        return mapping_form(keys[0], value, typed=True)
    written = [shlex.quote(f"{name}={text}") for name in keys]
    return f"Write: {' or '.join(written)}" if written else None


def with_cure(found: str, cure: str) -> str:
    """`There is no key 'unit'. Did you mean 'units'?` and the cure, where it is about the same name; else without the question."""
    statement, _, question = found.partition(" Did you mean ")
    same = question and question.strip("'?") in re.split(r"\W+", cure)
    return f"{found if same else statement} Expected a key of the config. {cure}"


def cure_written(key: str, value: Any, config: Mapping[str, Any]) -> str | None:
    """`cure_typed` for a line of a file."""
    keys, choice = _meant(key, value, config)
    if choice and not choice.startswith(("+", "'")):
        group, _, option = choice.split()[0].partition("=")
        return f"Write in its defaults, before _self_: override {group}: {option}"
    if not keys:
        return None
    name = keys[0]
    if name in ROLE_OF and not isinstance(value, Mapping):
        return mapping_form(name, value, typed=False)
    *above, last = name.split(".")
    if isinstance(value, (Mapping, list)):
        return f"Write it as {last} below {'.'.join(above)}." if above else f"Write: {last}:"
    plain = yaml.safe_dump({last: value}, default_flow_style=bool(above)).strip()
    for part in reversed(above):
        plain = f"{part}: {plain}" if part == above[0] else f"{{{part}: {plain}}}"
    return f"Write: {plain}"


def near_keys(key: str, config: Mapping[str, Any]) -> list[str]:
    """The keys of a composed config that a key may stand for; none where nothing is near."""
    keys = {name: rank for name, rank in _keys(config, "") if not name.startswith("hydra")}
    return _matches(key, keys) or _similar(key, keys)


def _meant(key: str, value: Any, config: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """The keys that a key may stand for, or else an override that does what was meant."""
    key = key.replace("/", ".")
    keys = {name: rank for name, rank in _keys(config, "") if not _HEAD.match(name)}
    if key in keys:
        return [key], None
    if exact := _matches(key, keys):
        return exact, None
    if choice := _choice(key, value):
        return [], choice
    if similar := _similar(key, keys):
        return similar, None
    return [], _new_layer(key, value, config)


def _matches(key: str, keys: Mapping[str, int]) -> list[str]:
    """The keys that end like it, or have its parts in this order. Keys that refer to another one (`units:
    ${data.num_classes}`) and arguments that are not set are offered only where there are no others."""
    *above, last = key.split(".")
    ranked = {
        name: (not name.endswith(key), rank)
        for name, rank in keys.items()
        if name.split(".")[-1] == last and _within(above, name.split(".")[:-1])
    }
    best = min(ranked.values(), default=None)
    return [name for name, rank in ranked.items() if rank == best][:_MOST]


def _within(parts: list[str], steps: list[str]) -> bool:
    """Whether all parts are among the steps, in this order."""
    rest = iter(steps)
    return all(part in rest for part in parts)


def _similar(key: str, keys: Mapping[str, int]) -> list[str]:
    """The key whose first wrong part, corrected, gives one that exists; of a single word, the one with the nearest end."""
    parts = key.split(".")
    for at in range(len(parts)):
        before = ".".join([*parts[:at], ""])
        beside = {name.split(".")[at] for name in keys if name.startswith(before)}
        if parts[at] not in beside:
            near = nearest(parts[at], beside)
            corrected = ".".join([*parts[:at], near or "", *parts[at + 1 :]])
            found = _matches(corrected, keys) if near else []
            if found or at:
                return found
            break
    if parts[-1] in all_arguments():  # of something that this config does not have
        return []
    *above, last = parts
    near = nearest(last, dict.fromkeys(name.rpartition(".")[2] for name, rank in keys.items() if rank < 2))
    return _matches(".".join([*above, near]), keys) if near else []


def _keys(node: Mapping[str, Any], above: str) -> Iterator[tuple[str, int]]:
    """Every key with its rank: 0 set, 1 set to another key's value, 2 an argument that is not set."""
    target = node.get("_target_")
    for name, value in node.items():
        here = f"{above}{name}"
        yield here, int(isinstance(value, str) and "${" in value)
        if isinstance(value, Mapping):
            yield from _keys(value, f"{here}.")
    for name in arguments_of(str(target)) - set(map(str, node)) if target else ():
        yield f"{above}{name}", 2


def _choice(key: str, value: Any) -> str | None:
    """The choice of a group that an unknown key stands for: `data=mnist` for `dataset=mnist`, `data=csv` for `csv=my.csv`;
    `optimizer=momentum` for an argument of `optimizer` that only other options take, and what a callback needs first."""
    group, _, name = key.partition(".")
    if name:
        callback = next((part for part in key.split(".") if part in options_of("callbacks")), None)
        if callback:
            argument = key.rpartition(".")[2]
            return f"'callbacks=[{callback}]' {override_text(f'callbacks.{callback}.{argument}', value)}"
        takers = [option for option, content in options_of(group).items() if _takes(content, name)] if group in GROUPS else []
        return f"{group}={takers[0]} {override_text(key, value)}" if takers else None
    if isinstance(value, str):
        for other in GROUPS:
            if value.lower() in options_of(other):
                return f"{other}={value.lower()}"
    if key in options_of("data") and isinstance(value, str) and "." in value:
        return f"data={key} {override_text('data.path', value)}"
    return next((f"{other}={key}" for other in GROUPS if key in options_of(other) and key != "none"), None)


def _takes(content: Any, name: str) -> bool:
    return isinstance(content, dict) and (name in content or name in arguments_of(str(content.get("_target_"))))


def _new_layer(key: str, value: Any, config: Mapping[str, Any]) -> str | None:
    """The override that adds a layer: of `dropout=0.5`, or `model.layers.dropout=0.5`, one with its rate; of
    `model.layers.extra=Dense`, one of this class."""
    name, layers = key.rpartition(".")[2], list((config.get("model") or {}).get("layers") or {})
    below = key == f"model.layers.{name}"
    made = (target_of("layers", value) if below else None) or (target_of("layers", {name: value}) if below or key == name else None)
    if made is None or not layers:
        return None
    return override_text(f"+model.layers.{name}", {**made, "after": layers[-2] if len(layers) > 1 else layers[-1]})
