"""The errors a user can cause or meet.  Each text has three parts: what was found, what was expected, what to type.

An error raised deep inside names the config key; the edge of the program adds file and line.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


class StackfitError(Exception):
    """Base of every error that is printed without a traceback. `exit_code` is the program's."""

    exit_code = 2


class ConfigError(StackfitError):
    """A config, an override or an experiment name is wrong: nothing was trained, no folder was left.

    Args:
        message: three sentences: found, expected, what to type next.
        key: dotted config key the error is about, such as `model.layers.hidden.units`.
        where: `file:line` or the override as typed; the edge fills it in from the key if it is None.
        kind: `shape` or `labels` when an experiment's `expect: {error: …}` can name it, `name` when a target or argument
            has another name or type; else the name to silence it by.
        among: keys that together make the error; what was set last of them is to blame. The first is the default.
    """

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        where: str | None = None,
        kind: str | None = None,
        among: Sequence[str] = (),
    ):
        super().__init__(message)
        self.message, self.key, self.where, self.kind = message, key or (among[0] if among else None), where, kind
        self.among = among

    def __str__(self) -> str:
        place = "  ".join(part for part in (self.where, self.key) if part)
        return f"{place}\n  {self.message}" if place else self.message

    def as_warning(self) -> str:
        """The text as a warning that can be silenced by its name."""
        return f"warning: {self}\n  To hide this: 'silence=[{self.kind}]'"


class ConfigErrors(ConfigError):
    """Several config errors found at once; `errors` holds them in the order in which they were found."""

    def __init__(self, errors: list[ConfigError]):
        super().__init__("\n".join(map(str, errors)), kind=next((one.kind for one in errors if one.kind), None))
        self.errors = errors


@dataclass
class Problems:
    """All that is wrong with a config: `errors` forbid training, `warnings` do not.

    A warning has its name in `kind`; `silence: [NAME]` in the config leaves it out. What follows from something that is
    known already is left out too: `unknown` are keys whose value could not be read.
    """

    errors: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the ConfigError that is raised inside, and go on behind the block."""
        try:
            yield
        except ConfigErrors as several:
            self.add(several.errors)
        except ConfigError as error:
            self.add([error])

    def add(self, errors: Iterable[ConfigError]) -> None:
        """Keep errors, each once, but none about a key that is covered."""
        for error in errors:
            known = any(error is other for other in self.errors)
            if not known and not (error.key and self.covers(error.key)):
                self.errors.append(error)

    def covers(self, *keys: str) -> bool:
        """Whether something is known to be wrong at one of the keys, or above it."""
        known = {error.key for error in self.errors} | self.unknown
        return any(f"{key}.".startswith(f"{one}.") for key in keys for one in known if one)

    def touches(self, key: str) -> bool:
        """Whether something is known to be wrong at `key`, above it or below it."""
        known = {error.key for error in self.errors} | self.unknown
        return self.covers(key) or any(one.startswith(f"{key}.") for one in known if one)

    def place(self, origins: Any) -> None:
        """Give every error and warning its place, from `Origins`."""
        for error in (*self.errors, *self.warnings):
            origins.add_place(error)

    def wrong_names(self) -> list[ConfigError]:
        """What no model is needed for to know that it is wrong, and what keeps a whole sweep from starting, not only the cells
        that have it: a key, target or argument that does not exist, or that is not trusted."""
        return [error for error in self.errors if error.kind == "name" or isinstance(error, TrustError)]

    def include(self, others: Problems) -> None:
        """Take over what another cell has, each error and warning once."""
        for mine, theirs in ((self.errors, others.errors), (self.warnings, others.warnings)):
            known = {(one.where, one.key, one.message) for one in mine}
            mine += [one for one in theirs if (one.where, one.key, one.message) not in known]

    def as_error(self) -> ConfigError:
        """One error as itself, several together."""
        return self.errors[0] if len(self.errors) == 1 else ConfigErrors(self.errors)

    def raise_errors(self) -> None:
        """Raise what is wrong; nothing where nothing is.

        Raises:
            ConfigError: see above.
        """
        if self.errors:
            raise self.as_error()


@contextlib.contextmanager
def raising() -> Iterator[Problems]:
    """Collect what is wrong inside the block, and raise it at its end: `with raising() as problems: build(…, problems)`.

    Raises:
        ConfigError: what was collected; an error that ended the block is the last of them.
    """
    problems = Problems()
    with problems.collect():
        yield problems
    problems.raise_errors()


class DataError(ConfigError):
    """Data are missing, damaged, or not what the config declares."""


class AbsentError(DataError):
    """Data are not on this machine yet, and were only to be looked for."""


class TrustError(ConfigError):
    """A `_target_` is outside its role, or in a module that the user has not trusted."""


class RunFolderError(StackfitError):
    """A path is not a run folder, or a file in it cannot be read or written."""


class TrainingError(StackfitError):
    """A run failed while it trained (a NaN loss, a callback that raised); its folder says why."""

    exit_code = 1


def printable(text: str) -> str:
    """`text` with `\\x1b` and the like spelt out: what a file says must not draw on the terminal. Line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like `name`, or None when none is close (difflib ratio of at least 0.6)."""
    lower = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else None


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`Did you mean 'x'?` with a leading space, or the empty string."""
    near = nearest(name, choices)
    return f" Did you mean {near!r}?" if near else ""
