"""Settings of `data` that would change nothing: those of other kinds, and those of a division that does not take place."""

from __future__ import annotations

from collections.abc import Iterator

from stackfit.config import project
from stackfit.config.override_text import override_text
from stackfit.config.schema import Data
from stackfit.data.kinds import EVERY, Kind, kind_of
from stackfit.errors import DataError

DEFAULTS = vars(Data())
UNREAD = "unread_setting"
"""The `kind` of these errors: it silences them where they are warnings."""


def find_unread(settings: Data, form: str | None = None) -> Iterator[DataError]:
    """One error for each key with another value than its default that would change nothing.

    Args:
        form: the task's `labels`; None where no task is known.
    """
    kind = kind_of(settings.kind)
    given = {key: value for key, value in vars(settings).items() if value is not None and value != DEFAULTS[key]}
    idle = _find_undivided(settings, kind) if {*given} - {*EVERY} or settings.stratify else {}
    if form not in (None, "value"):
        idle["scale_target"] = ("the task tells classes apart. Expected values to predict. Type task=regression, or leave it out", "task.labels")
    if not settings.missing:
        idle["missing"] = ("the empty cell always counts. Expected words that do, too. Leave it out",)
    for key, value in given.items():
        shown = repr(value) if isinstance(value, (str, int, float)) else "set"
        if key not in (*EVERY, *kind.reads):
            readers = [f"data={other}" for other in project.data_kinds() if key in kind_of(other).reads]
            yield unread(
                f"data.{key} is {shown}, but {settings.kind} data do not use it. Expected only what they use. Leave it out, or choose "
                f"the data that it is for: {' or '.join(readers)}.",
                key,
            )
        elif key in idle:
            why, *others = idle[key]
            yield unread(f"data.{key} is {shown}, but {why}.", key, *others)


def unread(sentences: str, *keys: str) -> DataError:
    """An error about the first of these keys, of `data` unless they name their section; the others leave it unread."""
    among = [key if "." in key else f"data.{key}" for key in keys]
    return DataError(sentences, key=among[0], kind=UNREAD, among=among if len(among) > 1 else ())


def _find_undivided(settings: Data, kind: Kind) -> dict[str, tuple[str, ...]]:
    """The keys that divide nothing: for each why, what was expected and what to type; and the keys that decide it."""
    if not kind.own:
        return {} if settings.validation_split else {"stratify": _NOTHING_VALIDATES}
    found: dict[str, tuple[str, ...]] = {}
    divided = kind.divided(settings)
    if settings.test_path and settings.test_split:
        found["test_split"] = ("data.test_path is the test part. Expected one of them. Leave one out", "test_path")
    if divided:
        said = f"{divided}. Expected data that are not divided yet. Leave it out, or save one part only"
        found |= {key: (said, "path") for key in ("split_seed", "label", *(["test_split"] if settings.test_split else []))}
    if settings.split_by:
        said = "data.split_by orders the rows, and nothing is drawn. Expected one of them. Leave one out"
        found["split_seed"] = (said, "split_by")
    if not settings.validation_split:
        found["stratify"] = _NOTHING_VALIDATES
        if not settings.test_split and not settings.test_path:
            for key, name in (("group", settings.group), ("split_by", settings.split_by)):
                drop = name and override_text("data.columns", {name: "drop"})
                said = f"all rows train. Expected a part to divide. Type data.test_split=0.2, or to leave the column out, {drop}"
                found[key] = (said, "test_split", "validation_split")
    return found


_NOTHING_VALIDATES = (
    "it is about the validation part, and there is none. Expected data.validation_split above 0; a test part that is drawn has "
    "every class in its share without it. Type data.validation_split=0.2, or leave it out",
    "validation_split",
)
