"""What a TAB offers: names of experiments, run folders, options of groups, and the keys of the last composition.

Composing an experiment takes a third of a second, too long for a TAB. So `show`, `explain` and `run` leave the keys that
they have composed in the cache, and a TAB reads them there.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stackfit.config import project
from stackfit.errors import ConfigError

if TYPE_CHECKING:
    from stackfit.config.hydra.composition import Composition


def remember_keys(composition: Composition) -> None:
    """Keep the keys of a composed config for the next TAB; a cache that cannot be written is left out."""
    from omegaconf import OmegaConf

    from stackfit.files import write_file

    config: Any = OmegaConf.to_container(composition.config)
    keys = json.dumps(dict(_choices(config, "")))
    with contextlib.suppress(OSError, ConfigError):
        path = _file_of_keys(composition.experiment)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, lambda temporary: temporary.write_text(keys, encoding="utf-8"), flush=False)


def _choices(node: Mapping[str, Any], above: str) -> Iterator[tuple[str, list[str]]]:
    """Every value's dotted key, with the values that are known for it."""
    for name, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _choices(value, f"{above}{name}.")
        elif not (key := f"{above}{name}").startswith(("about.", "expect")):
            yield key, ["false", "true"] if isinstance(value, bool) else []


def _file_of_keys(experiment: str) -> Path:
    """Projects may have experiments of the same name: the folder's checksum tells them apart."""
    return project.cache() / "completion" / f"{experiment.replace('/', '--')}-{zlib.crc32(os.fsencode(Path.cwd())):08x}.json"


def _read_keys(experiment: str) -> dict[str, list[str]]:
    try:
        keys = json.loads(_file_of_keys(experiment).read_bytes())
    except (OSError, ValueError, ConfigError):
        return {}
    return keys if isinstance(keys, dict) else {}


def experiments() -> list[str]:
    """Every file's name in ./experiments and among the shipped ones, whether it is right or not."""
    return sorted({name for folder in _folders("experiments") for name, _ in project.named_files(folder)})


def groups() -> list[str]:
    """The groups that an override may choose from."""
    return sorted({path.name for folder in _folders("conf") for path in folder.iterdir() if path.is_dir()})


def options(group: str) -> list[str]:
    """The options of a group: the user's and the shipped ones."""
    return sorted({path.stem for folder in _folders("conf") for path in (folder / group).glob("*.yaml")})


def choices(incomplete: str) -> list[str]:
    """A group, then an option of it after `=`."""
    group, equals, _ = incomplete.partition("=")
    return [f"{group}={name}" for name in options(group)] if equals else groups()


def data_sets() -> list[str]:
    """The options of the group `data`."""
    return options("data")


def _folders(name: str) -> list[Path]:
    return [folder for folder in (project.own(name), project.shipped(name)) if folder]


def keys(ctx: typer.Context, incomplete: str) -> list[str]:
    """The next step of a key of the experiment that was typed before."""
    return _steps(_read_keys(str(ctx.params.get("experiment"))), incomplete)


def overrides(ctx: typer.Context, incomplete: str) -> list[str]:
    """The next step of an override: keys, options of groups, true and false; a name where no experiment was typed yet."""
    typed = [ctx.params.get("experiment"), *(ctx.params.get("overrides") or ())]
    names = [word for word in typed if word and not word.startswith("-")]
    if not names:
        return experiments()
    known = _read_keys(names[0])
    body = incomplete.lstrip("+~")
    sign = incomplete.removesuffix(body)
    key, equals, value = body.partition("=")
    if equals:
        head = value[: value.rfind(",") + 1]
        choices = options(key) if key in groups() else known.get(key, [])
        return [f"{sign}{key}={head}{choice}" for choice in choices]
    if sign == "+":  # a key that the config does not have yet
        return []
    if sign == "~":
        return [f"~{step}" for step in _steps(known, body)]
    return [sign + step for step in _steps([f"{name}=" for name in (*groups(), *known)], body)]


def _steps(names: Iterable[str], text: str) -> list[str]:
    """The names that begin with `text`, each up to its next dot; a level with one way on is passed through."""
    steps = {
        name[: dot + 1] if (dot := name.find(".", len(text))) >= 0 else name for name in names if name.startswith(text)
    }
    if len(steps) == 1 and (step := min(steps)).endswith("."):
        return _steps(names, step)
    return sorted(steps)


def runs(incomplete: str) -> list[str]:
    """Run folders below ./outputs, a level at a time; a level with one way on is passed through. Or experiments by name."""
    if "outputs/".startswith(incomplete) and incomplete != "outputs/":
        return runs("outputs/")
    if not incomplete.startswith("outputs/"):  # the shell completes files
        return sorted(path.name for path in Path("outputs").glob("*/") if path.name.startswith(incomplete))
    folder = Path(incomplete.rpartition("/")[0])
    below = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    chosen = sorted(path for path in below if str(path).startswith(incomplete))
    if len(chosen) == 1 and not _is_run(chosen[0]):
        return runs(f"{chosen[0]}/") or [f"{chosen[0]}/"]
    return [str(path) if _is_run(path) else f"{path}/" for path in chosen]


def _is_run(path: Path) -> bool:
    from stackfit.results.run_files import STATUS

    return (path / STATUS).is_file()
