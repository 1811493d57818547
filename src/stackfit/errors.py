"""The errors that a user can see. Each text has three parts: what was found, what was expected, what to type.

An error raised deep inside names the config key; its caller adds file and line.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


class StackfitError(Exception):
    """Base of every error that is printed without a traceback, with the program's exit code."""

    exit_code = 2

    def reword(self, words: Callable[[str], str]) -> None:
        """Put the message into other words."""
        self.args = tuple(words(part) if isinstance(part, str) else part for part in self.args)

    def _render_traceback_(self) -> list[str]:
        """IPython shows these lines for an error that reaches the user: the message, as on the command line."""
        if (package := sys.modules.get("stackfit")) and package.debug:
            return traceback.format_exception(self)
        return [f"{type(self).__name__}: {printable(str(self))}"]


class ConfigError(StackfitError):
    """A config, an override or an experiment name is wrong: nothing was trained, no folder was left.

    Args:
        message: three sentences: found, expected, what to type next.
        key: dotted config key the error is about, such as `model.layers.hidden.units`.
        where: `file:line` or the override as typed; if None, it is filled in later, from the key.
        kind: `shape` or `labels` if an experiment's `expect: {error: …}` can name it, `name` if a key, target or argument
            does not exist or has another type; for a warning, the name that silences it.
        among: keys that cause the error together; it is reported at the one that was set last. The first is the default.
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

    def reword(self, words: Callable[[str], str]) -> None:
        super().reword(words)
        self.message, self.where = words(self.message), self.where and words(self.where)

    def __str__(self) -> str:
        place = "  ".join(part for part in (self.where, self.key) if part)
        return f"{place}\n  {self.message}" if place else self.message

    def as_warning(self) -> str:
        """The text as a warning that can be silenced by its name."""
        return f"warning: {self}\n  To hide this: 'silence=[{self.kind}]'"


class ConfigErrors(ConfigError):
    """Several config errors; `errors` holds them in the order in which they were found."""

    def __init__(self, errors: list[ConfigError]):
        super().__init__("\n".join(map(str, errors)), kind=next((error.kind for error in errors if error.kind), None))
        self.errors = errors

    def reword(self, words: Callable[[str], str]) -> None:
        for error in self.errors:
            error.reword(words)
        super().reword(words)


@dataclass
class Problems:
    """The problems of a config: `errors` prevent training, `warnings` do not.

    `kind` is a warning's name; `silence: [NAME]` in the config hides it. A problem that follows from a known one is left
    out: `unknown` holds keys whose value could not be read.
    """

    errors: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the ConfigError that is raised inside, and continue after the block."""
        try:
            yield
        except ConfigErrors as several:
            self.add(several.errors)
        except ConfigError as error:
            self.add([error])

    def add(self, errors: Iterable[ConfigError]) -> None:
        """Keep errors, each once, except those about a key that is covered."""
        for error in errors:
            known = any(error is other for other in self.errors)
            if not known and not (error.key and self.covers(error.key)):
                self.errors.append(error)

    def covers(self, *keys: str) -> bool:
        """Whether there is a known problem at one of the keys, or above it."""
        known = {error.key for error in self.errors} | self.unknown
        return any(f"{key}.".startswith(f"{bad}.") for key in keys for bad in known if bad)

    def touches(self, key: str) -> bool:
        """Whether there is a known problem at `key`, above it or below it."""
        known = {error.key for error in self.errors} | self.unknown
        return self.covers(key) or any(bad.startswith(f"{key}.") for bad in known if bad)

    def place(self, origins: Any) -> None:
        """Give every error and warning its place, from `Origins`."""
        for error in (*self.errors, *self.warnings):
            origins.add_place(error)

    def wrong_names(self) -> list[ConfigError]:
        """The errors that can be found without a model, and that keep a whole sweep from starting instead of failing single
        cells: a key, target or argument that does not exist or is not trusted."""
        return [error for error in self.errors if error.kind == "name" or isinstance(error, TrustError)]

    def include(self, others: Problems) -> None:
        """Add the problems of another cell, each error and warning once."""
        for mine, theirs in ((self.errors, others.errors), (self.warnings, others.warnings)):
            known = {(error.where, error.key, error.message) for error in mine}
            mine += [error for error in theirs if (error.where, error.key, error.message) not in known]

    def as_error(self) -> ConfigError:
        """The only error itself, or several as one."""
        return self.errors[0] if len(self.errors) == 1 else ConfigErrors(self.errors)

    def raise_errors(self) -> None:
        """Raise the errors, if there are any.

        Raises:
            ConfigError: see above.
        """
        if self.errors:
            raise self.as_error()


@contextlib.contextmanager
def raising() -> Iterator[Problems]:
    """Collect the problems of a block and raise them at its end: `with raising() as problems: build(…, problems)`.

    Raises:
        ConfigError: all that was collected; an error that ended the block comes last.
    """
    problems = Problems()
    with problems.collect():
        yield problems
    problems.raise_errors()


class DataError(ConfigError):
    """Data are missing, damaged, or not what the config declares."""


class AbsentError(DataError):
    """Data are not on this machine yet, and may not be fetched now."""


class TrustError(ConfigError):
    """A `_target_` is outside its role, or in a module that the user has not trusted."""


class RunFolderError(StackfitError):
    """A path is not a run folder, or a file in it cannot be read or written."""


class TakenError(RunFolderError):
    """Another process has taken a run's folder, because this one was silent for too long."""


class VanishedError(RunFolderError):
    """Something has removed the folder of the runs that a command trains."""

    exit_code = 1


class LaunchError(StackfitError):
    """A launcher could not start its workers."""


class TrainingError(StackfitError):
    """A run failed while it trained (a NaN loss, a callback that raised); its folder says why."""

    exit_code = 1


def made_by_newer(file: str, names: Iterable[str], what: str = "key") -> str:
    """What to say of a file with keys or other words that this version does not know."""
    unknown = [*names]
    what = what if len(unknown) == 1 else f"{what}s"
    return (
        f"{file} was made by a newer stackfit: this one does not know the {what} {', '.join(unknown)}. Expected a file of this "
        "version or an earlier one. Update stackfit."
    )


# What moves the cursor, colours, names the window, or turns the direction of writing; and halves of characters.
_CONTROL = re.compile("[\0-\x08\x0b\r-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def said(error: BaseException) -> str:
    """The text of an error of Keras's or a user's, in one line and without colours."""
    return " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(error)).split())


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def lacks_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, of the machine or a device, as Python, TensorFlow or XLA say it; what an error came of counts too."""
    return any(_kinds(each) & {"MemoryError", "ResourceExhaustedError"} or "RESOURCE_EXHAUSTED" in str(each) for each in causes(error))


def lacks_form(error: BaseException | None) -> str | None:
    """Why a user's code cannot be compiled by JAX, with its place; None for any other error."""
    for each in causes(error):
        if isinstance(each, ImportError) and each.name == "tensorflow":
            why = "it imports TensorFlow"
        elif _kinds(each) & {"ConcretizationTypeError", "TracerArrayConversionError", "TracerIntegerConversionError"}:
            why = "it asks for the values of a tensor, which are not known while a step is compiled"
        else:
            continue
        libraries = ("site-packages", "<frozen", os.path.dirname(__file__))
        frames = traceback.extract_tb(each.__traceback__)
        own = [frame for frame in frames if not any(part in frame.filename for part in libraries)]
        place = f" ({os.path.basename(own[-1].filename)}:{own[-1].lineno})" if own else ""
        return f"has no form for JAX: {why}{place}. Expected operations of keras.ops. Write it with these, or write: engine=tensorflow"
    return None


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def printable(text: str) -> str:
    """`text` with `\\u001b` and the like escaped: a file's text must not control the terminal. Line ends and tabs stay.

    The escapes mean the same in JSON, in Python and between a YAML text's double quotes.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most similar to `name`, or None if none is close (a difflib ratio of at least 0.6); `lr` stands for
    learning_rate, `batch` for batch_size, and `random_seed` for seed.
    """
    lower = {choice.lower(): choice for choice in choices}
    if name.lower() in lower:
        return lower[name.lower()]
    for choice, text in lower.items():
        short = ("".join(word[:1] for word in choice.split("_")), choice.partition("_")[0])
        if ("_" in choice and name.lower() in short) or ("_" in name and name.lower().rpartition("_")[2] == choice):
            return text
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else None


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2,000 pictures`, `3 classes`, `4 epochs`."""
    plural = f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("och") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`Did you mean 'x'?` with a leading space, or the empty string."""
    near = nearest(name, choices)
    return f" Did you mean {near!r}?" if near else ""
