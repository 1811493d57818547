"""The form that works, where a word or a list stands in place of a mapping: `optimizer: sgd`, `loss: mse`, `layers: [...]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from stackfit.config import project
from stackfit.config.loader import Loader
from stackfit.config.override_text import override_text
from stackfit.config.targets import ROLES, definition, target_named

ROLE_OF = {"model.layers": "layers", "optimizer": "optimizer", "task.loss": "loss", "task.metrics": "metrics", "callbacks": "callbacks"}
_MANY = ("model.layers", "task.metrics", "callbacks")
_LONGEST = 160  # characters of an example


def options_of(group: str) -> dict[str, Any]:
    """Each option of a group, from `./conf` or shipped, with what its file holds; None where that cannot be read."""
    folders = [folder for folder in (project.shipped("conf"), project.own("conf")) if folder]
    paths = {path.stem: path for folder in folders for path in sorted((folder / group).glob("*.yaml"))}
    return {name: _content(str(path), path.stat().st_mtime_ns) for name, path in sorted(paths.items())}


@cache
def _content(path: str, changed: int) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return yaml.load(file, Loader)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def mapping_form(key: str, value: Any, typed: bool) -> str:
    """What to write in place of a value that is not a mapping.

    Args:
        typed: as an override; else in a file.
    """
    words = value if isinstance(value, list) else [value]
    options = options_of(key) if "." not in key else {}
    if options and words and all(isinstance(word, str) and word.lower() in options for word in words):
        chosen = words[0].lower() if isinstance(value, str) else f"[{', '.join(word.lower() for word in words)}]"
        return f"Write: {key}={chosen}" if typed else f"Write in its defaults, before _self_: override {key}: {chosen}"
    made: Any = dict(_named(key, words)) if key in _MANY else target_of(ROLE_OF.get(key), value)
    if not made:
        return f"Write: {key}={{…}}" if typed else "Write its keys below it."
    if key == "task.metrics" and (known := {*made} & _task_metrics()):
        brought = " and ".join(sorted(known))
        return f"The tasks bring {brought} with them. Remove it, or choose a task: {'task=' if typed else 'override task: '}classification"
    form = override_text(key, made) if typed else as_written(key.rpartition(".")[2], made)
    return f"Write: {form}" + "  Layers of the base stay, unless they are null." * (key == "model.layers")


def target_of(role: str | None, value: Any) -> dict[str, Any] | None:
    """`{_target_: …}` for what somebody wrote in another form: `Dense`, `{type: Dense, units: 3}` or `{Dense: 3}`."""
    modules = ROLES.get(role or "", ())
    if isinstance(value, Mapping):
        if isinstance(given := value.get("_target_"), str):
            return {**value, "_target_": target_named(given, modules) or given}
        for name, item in value.items():
            if isinstance(item, str) and (target := target_named(item, modules)):
                return {"_target_": target, **{other: value[other] for other in value if other != name}}
        if len(value) == 1 and (target := target_named(str(next(iter(value))), modules)):
            return {"_target_": target, **_first_argument(target, next(iter(value.values())))}
        return None
    target = target_named(value, modules) if isinstance(value, str) else None
    return {"_target_": target} if target else None


def _first_argument(target: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    names = [name for name in (definition(target) or {}).get("properties", {}) if name != "_target_"]
    return {names[0]: value} if names and value is not None else {}


def _named(key: str, items: list[Any]) -> Iterator[tuple[str, Any]]:
    """A name for each target of a list: that of its class."""
    seen: set[str] = set()
    for item in items:
        if (made := target_of(ROLE_OF[key], item)) is None:
            return
        name = item if key == "task.metrics" and isinstance(item, str) else made["_target_"].rpartition(".")[2].lower()
        name = name if name not in seen else f"{name}_{len(seen) + 1}"
        seen.add(name)
        yield name, made


def _task_metrics() -> set[str]:
    contents = [content for content in options_of("task").values() if isinstance(content, dict)]
    return {str(name) for content in contents for name in content.get("metrics") or ()}


def as_written(name: str, value: Any) -> str:
    """`loss: {_target_: …}` on one line, cut where it is long."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()
    if len(text) > _LONGEST and isinstance(value, Mapping):
        first = next(iter(value))
        text = f"{{{first}: {yaml.safe_dump(value[first], default_flow_style=True, sort_keys=False, width=10_000).strip()}, …}}"
    return f"{name}: {text}"
