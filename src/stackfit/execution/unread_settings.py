"""Settings of `data` that the chosen data do not use: refused where they were meant, a warning where they are left over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackfit.config import project
from stackfit.config.hydra.composition import Composition
from stackfit.config.origins import Origin, Typed, override_key
from stackfit.data import kinds
from stackfit.errors import ConfigError, Problems

CHOICES = ("data", "data.kind")


def check_unread(composition: Composition, found: Mapping[str, Any], problems: Problems, axes: Mapping[str, str] | None = None) -> None:
    """An error for each setting that would change nothing; a warning if other data were chosen after it was set.

    Args:
        found: as `data.kinds.unread` gives them.
        axes: what a sweep varies. If that is the data, a setting may be meant for another cell.
    """
    places = composition.origins.settings
    kind_file = next((getattr(place, "file", None) for key, place in reversed(places) if key == "data.kind"), None)
    for name, value in found.items():
        key = f"data.{name}"
        place = next((place for other, place in reversed(places) if f"{other}.".startswith(f"{key}.")), None)
        error = ConfigError(_said(name, value, str(composition.config.data.kind)), key=key, kind="name")
        if any(choice in (axes or ()) for choice in CHOICES) or _is_left_over(place, composition, kind_file):
            error.kind = "unread_setting"
            if error.kind not in (composition.config.silence or ()):
                problems.warnings.append(error)
        else:
            problems.add([error])


def _is_left_over(place: Origin | Typed | None, composition: Composition, kind_file: Any) -> bool:
    """Whether a line of a file was written for other data: those of a base, or those before the command line chose others."""
    if not isinstance(place, Origin) or place.file is kind_file:
        return False
    chosen = any(override_key(override) in CHOICES for override in composition.overrides)
    return chosen or place.file.path != composition.path


def _said(name: str, value: Any, kind: str) -> str:
    shown = repr(value) if isinstance(value, (str, int, float)) else "set"
    if name in kinds.kind_of(kind).reads:  # beside another key
        return f"data.{name} is {shown}, but data.test_path is the test part. Expected one of them. Leave one out."
    readers = [other for other in project.data_kinds() if name in kinds.kind_of(other).reads]
    return (
        f"data.{name} is {shown}, but {kind} data do not use it. Expected only what they use. Leave it out, or choose the data that it "
        f"is for: {' or '.join(f'data={reader}' for reader in readers)}."
    )
