"""The project's paths: the shipped configs, the user's own, the data cache, the outputs."""

from __future__ import annotations

import filecmp
import os
import tomllib
from pathlib import Path

from stackfit.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]
EXPERIMENT_SCHEMA = PACKAGE / "experiment.schema.json"
SUFFIXES = (".yaml", ".yml")


def shipped(folder: str) -> Path:
    """`conf` or `experiments` as shipped: inside the wheel, or at the top of a source checkout."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parents[1] / folder


def own(folder: str) -> Path | None:
    """The user's `./conf` or `./experiments`, or None if there is none, it is the shipped one or another program's."""
    path = Path.cwd() / folder
    is_own = path.is_dir() and path.resolve() != shipped(folder).resolve()
    return path if is_own and not (folder == "conf" and foreign_root()) else None


def foreign_root() -> Path | None:
    """The `./conf/config.yaml` of another Hydra program, whose groups mean something else; None if there is none.

    The shipped one, as in a checkout of stackfit, is ours.
    """
    path, ours = Path.cwd() / "conf" / "config.yaml", shipped("conf") / "config.yaml"
    return path if path.is_file() and not (ours.is_file() and filecmp.cmp(path, ours, shallow=False)) else None


def foreign_conf() -> list[ConfigError]:
    """A warning that `./conf` is another program's, with the groups of ours that it has too; none if it is not."""
    root = foreign_root()
    if root is None:
        return []
    groups = [path.name for path in sorted(shipped("conf").iterdir()) if path.is_dir() and (root.parent / path.name).is_dir()]
    also = f", such as its group{'s' * (len(groups) > 1)} {', '.join(groups)}" if groups else ""
    return [ConfigError(
        f"This is the root of another Hydra program, so nothing in ./conf is used{also}. Expected only stackfit's groups there. "
        "If these files are meant for stackfit, rename or remove config.yaml.",
        where="conf/config.yaml", kind="foreign_conf",
    )]  # fmt: skip


def named_files(folder: Path) -> list[tuple[str, Path]]:
    """The name and file of each experiment in a folder and those below it, by name: `cnn/deep` for `cnn/deep.yaml`."""
    named = []
    for path in folder.rglob("*.y*ml"):
        relative = path.relative_to(folder)
        above = relative.parts[:-1]  # a command that was started in ./experiments may have made ./experiments/outputs
        if path.suffix in SUFFIXES and path.is_file() and not any(part[0] in "._" or part == "outputs" for part in above):
            named.append((relative.with_suffix("").as_posix(), path))
    return sorted(named)


def find_root(start: Path) -> Path:
    """The project's folder for a command that was started in `start`: that folder, or the nearest above it with experiments
    of stackfit or a table `[tool.stackfit]`.

    A folder of another user is none, since a project's `pyproject.toml` says which code is trusted; the home folder is none
    for what lies below it, and neither is anything above a repository.
    """
    homes = {os.environ.get("HOME"), "/"}
    for folder in (start, *start.parents):
        if folder == start and any((start / name).exists() for name in ("experiments", "conf", "outputs", "pyproject.toml")):
            return start
        if folder != start and str(folder) not in homes and _is_ours(folder) and _is_project(folder):
            return folder
        if (folder / ".git").exists():
            break
    return start


def _is_ours(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _is_project(folder: Path) -> bool:
    try:
        if (folder / "pyproject.toml").is_file() and b"[tool.stackfit" in (folder / "pyproject.toml").read_bytes():
            return True
        own = named_files(folder / "experiments") if (folder / "experiments").is_dir() else []
        return any(b"\ndefaults:" in b"\n" + path.read_bytes()[:10_000] for _, path in own)
    except OSError:
        return False


def outputs() -> Path:
    """Where run folders go: `./outputs`."""
    return Path.cwd() / "outputs"


def cache() -> Path:
    """Where data are kept between runs: `$STACKFIT_CACHE`, else `stackfit` in the user's cache folder (XDG)."""
    if set_by_user := os.environ.get("STACKFIT_CACHE"):
        return in_home(set_by_user)
    return in_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "stackfit"


def in_home(path: str, variable: str = "STACKFIT_CACHE", what: str = "data") -> Path:
    """A path whose `~` is the user's home folder.

    Args:
        variable: which makes one unnecessary.
        what: is kept there.

    Raises:
        ConfigError: this user has none: HOME is not set, and the user id has no entry.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"This user has no home folder to keep {what} in. Expected one, or another place. Set {variable} to a folder."
        ) from None


def data_kinds() -> tuple[str, ...]:
    """The values of `data.kind`: the names of the modules in `stackfit/data/kinds`."""
    return tuple(sorted(path.stem for path in (PACKAGE / "data" / "kinds").glob("[!_]*.py")))


def project_trust() -> tuple[str, ...]:
    """The modules under `[tool.stackfit] trust` in the project's `pyproject.toml`.

    Raises:
        ConfigError: the file is not TOML, or `trust` is not a list of module names.
    """
    path = Path.cwd() / "pyproject.toml"
    if not path.is_file():
        return ()
    try:
        trust = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("tool", {}).get("stackfit", {}).get("trust", [])
    except (ValueError, RecursionError, AttributeError, OSError) as error:
        raise ConfigError(
            f"This is not a project's TOML: {str(error).partition(chr(10))[0]}. Expected a table [tool.stackfit]. Correct it, then run again.",
            where="pyproject.toml",
        ) from None
    if not isinstance(trust, list) or not all(isinstance(name, str) for name in trust):
        raise ConfigError(
            f"[tool.stackfit] trust is {trust!r}. Expected a list of module names. "
            'Write: trust = ["experiments.my_callbacks"]',
            where="pyproject.toml",
        )
    return tuple(trust)
