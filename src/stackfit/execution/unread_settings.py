"""Settings of `data` that would change nothing: refused where they were meant, a warning where they are left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stackfit.config.hydra.composition import Composition
from stackfit.config.origins import Origin, Typed, override_key
from stackfit.errors import ConfigError, Problems

KIND = "data.kind"


def check_unread(
    composition: Composition, found: Iterable[ConfigError], problems: Problems, axes: Mapping[str, str] | None = None
) -> None:
    """An error for each setting that would change nothing; a warning if what leaves it unread was chosen after it was set.

    Args:
        found: as `data.unread.find_unread` gives them.
        axes: what a sweep varies. If that is the data, or what leaves the setting unread, it may be meant for another cell.
    """
    places = composition.origins.settings
    kind_file = next((getattr(place, "file", None) for key, place in reversed(places) if key == KIND), None)
    for error in found:
        place = next((place for key, place in reversed(places) if f"{key}.".startswith(f"{error.key}.")), None)
        deciding = (KIND, *error.among[1:])
        is_varied = _decides(axes or (), deciding)
        if is_varied or _is_left_over(place, composition, kind_file, deciding):
            if error.kind not in (composition.config.silence or ()):
                problems.warnings.append(error)
        else:
            error.kind = "name"
            problems.add([error])


def _is_left_over(place: Origin | Typed | None, composition: Composition, kind_file: Any, deciding: Iterable[str]) -> bool:
    """Whether a line of a file was written for other data: those of a base, or those before the command line chose others."""
    if not isinstance(place, Origin) or place.file is kind_file:
        return False
    return _decides(map(override_key, composition.overrides), deciding) or place.file.path != composition.path


def _decides(given: Iterable[str], keys: Iterable[str]) -> bool:
    """Whether one of the keys, or the section that it is in, was given."""
    return any(f"{key}.".startswith(f"{each}.") for each in given for key in keys)
