"""The errors a user can cause or meet.  Each text has three parts: what was found, what was expected, what to type.

An error raised deep inside names the config key; the edge of the program adds file and line.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


class StackfitError(Exception):
    """Base of every error that is printed without a traceback. `exit_code` is the program's."""

    exit_code = 2


class ConfigError(StackfitError):
    """A config, an override or an experiment name is wrong: nothing was trained, no folder was left.

    Args:
        message: three sentences: found, expected, what to type next.
        key: dotted config key the error is about, such as `model.layers.hidden.units`.
        where: `file:line` or the override as typed; the edge fills it in from the key if it is None.
        kind: `shape` or `labels` when an experiment's `expect: {error: …}` can name it.
    """

    def __init__(self, message: str, *, key: str | None = None, where: str | None = None, kind: str | None = None):
        super().__init__(message)
        self.message, self.key, self.where, self.kind = message, key, where, kind

    def __str__(self) -> str:
        place = "  ".join(part for part in (self.where, self.key) if part)
        return f"{place}\n  {self.message}" if place else self.message


class ConfigErrors(ConfigError):
    """Several config errors found at once; `errors` holds them in the order in which they were found."""

    def __init__(self, errors: list[ConfigError]):
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


@dataclass
class Problems:
    """All that is wrong with a config: `errors` forbid training, `warnings` do not.

    A warning, and an error that a user may overrule, has its name in `kind`; `silence: [NAME]` in the config leaves it out.
    """

    errors: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the ConfigError that is raised inside, and go on behind the block."""
        try:
            yield
        except ConfigErrors as several:
            self.errors += several.errors
        except ConfigError as error:
            self.errors.append(error)

    def covers(self, key: str) -> bool:
        """Whether an error at `key` or above it is known: what follows from it is not worth saying."""
        return any(e.key and f"{key}.".startswith(f"{e.key}.") for e in self.errors)

    def raise_errors(self) -> None:
        """Raise one error as itself, several together; nothing where there is none.

        Raises:
            ConfigError: see above.
        """
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else ConfigErrors(self.errors)


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
