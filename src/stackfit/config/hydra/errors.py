"""Errors of Hydra and OmegaConf become a ConfigError with file and line, or the override as typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stackfit.config.origins import ConfigFile, Origins, override_key
from stackfit.errors import ConfigError, StackfitError
from stackfit.files import shown


@contextmanager
def translated(experiment: Path, typed: Sequence[str], chain: Sequence[ConfigFile] = ()) -> Iterator[None]:
    """Turn an exception that is raised inside the block into a ConfigError.

    Args:
        experiment: its file.
        typed: the overrides that are being applied.
        chain: the files that are being merged.

    Raises:
        ConfigError: see above; a StackfitError passes unchanged.
    """
    try:
        yield
    except RecursionError:
        raise ConfigError(
            "The defaults of this experiment lead back to itself. Expected a chain that ends in `config`. "
            "Correct its `defaults:` list.",
            where=shown(experiment),
        ) from None
    except StackfitError:
        raise
    except Exception as error:  # Hydra and OmegaConf also pass on Python's exceptions for odd values
        raise _translate(error, typed, chain) from error


def _translate(error: Exception, typed: Sequence[str], chain: Sequence[ConfigFile]) -> ConfigError:
    cause: BaseException = error
    while not getattr(cause, "full_key", None) and (cause.__cause__ or cause.__context__):
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    cause = cause if getattr(cause, "full_key", None) else error
    key = getattr(cause, "full_key", None) or (override_key(typed[0]) if len(typed) == 1 else None)
    text = str(getattr(cause, "msg", None) or cause).partition("\n")[0].rstrip(".")
    where = next((override for override in typed if key and override_key(override) == key), None)
    where = where or (Origins(list(chain), tuple(typed)).locate(key) if key else None)
    message = "This does not compose. Expected a config that Hydra can merge. To see where it stops, add --debug."
    if "not in struct" in text and key:  # only of Hydra's own section: the rest is merged without types
        parent, _, name = key.rpartition(".")
        message = f"There is no key {name!r} in {parent}. Expected a key that is there. Correct the name."
    elif key == "hydra.mode":
        message = f"{key} is not a mode of Hydra. Expected RUN or MULTIRUN. Write: {key}=RUN"
    return ConfigError(message, key=key, where=where)
