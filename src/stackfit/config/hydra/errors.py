"""Exceptions of Hydra and OmegaConf become ConfigErrors in three parts, with file and line or the override as typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stackfit.config import project, schema
from stackfit.config.origins import ConfigFile, Origins, override_key
from stackfit.errors import ConfigError, StackfitError, did_you_mean

# Below these, any argument of a target may be added.
_OPEN = ("model.", "optimizer.", "callbacks.", "task.loss.", "task.metrics.")


@dataclass
class HydraErrors:
    """A context that translates what is raised in it.

    Args:
        typed: the overrides that are being applied.
        composer: gives the experiment's path and the options of groups.
        config: what the overrides are applied to, if it exists already.
        chain: the files that are being merged.
    """

    typed: tuple[str, ...]
    composer: Any
    config: DictConfig | None = None
    chain: tuple[ConfigFile, ...] = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, RecursionError):
            raise ConfigError(
                "The defaults of this experiment lead back to itself. Expected a chain that ends in `config`. "
                "Correct its `defaults:` list.",
                where=project.shown(self.composer.path),
            ) from None
        # Hydra and OmegaConf also let through what Python says of odd values: int too large, not a string, ….
        if isinstance(error, Exception) and not isinstance(error, StackfitError):
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> ConfigError:
        cause: BaseException = error
        while not getattr(cause, "full_key", None) and (cause.__cause__ or cause.__context__):
            cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
        cause = cause if getattr(cause, "full_key", None) else error
        key = getattr(cause, "full_key", None) or (override_key(self.typed[0]) if len(self.typed) == 1 else None)
        text = str(getattr(cause, "msg", None) or cause).partition("\n")[0].rstrip(".")
        if re.search(r"[Kk]ey '.*' (is )?not in|not in struct", text):
            message = self._unknown_key(key or "")
        elif "already at" in text or "item is already" in text:
            message = f"{key} exists already. Expected + only before a new key. Write it without the +"
        elif "is not Optional" in text:
            message = f"{key} is null. Expected a value. Write one, or leave the line out."
        elif re.search("could not be converted|Cannot convert|is not a valid", text):
            found = re.findall(r"'.*?'", text) or [text]
            words = schema.expected(key or "") or "a value of another type"
            value = found[-1] if text.startswith("Cannot convert") else found[0]
            message = f"{key} is {value}. Expected {words}. Correct the value."
        elif re.search("Cannot (assign|merge)", text):
            message = f"{key} is no mapping here. Expected a mapping of names. Write for example: {key}={{}}, or model=mlp"
        elif "Ambiguous value" in str(error):
            message = (
                "Found several values for one key. Expected one value, or a sweep. "
                "Add -m to sweep over them, or write a list as key=[a,b]"
            )
        else:
            message = f"{text}. Expected a config that Hydra can compose. Correct it, then try: stackfit show"
        where = next((o for o in self.typed if key and override_key(o) == key), None)
        if self.config is not None and len(self.typed) == 1:
            where = self.typed[0]
        where = where or (Origins(list(self.chain), self.typed).locate(key) if key else None)
        return ConfigError(message, key=key, where=where)

    def _unknown_key(self, key: str) -> str:
        parent, _, last = key.rpartition(".")
        node: Any = self.config if self.config is not None else OmegaConf.structured(schema.Experiment)
        node = OmegaConf.select(node, parent) if parent else node
        known = [str(k) for k in node] if isinstance(node, DictConfig) else []
        add = f", or +{key}=… to pass a further argument" if f"{parent}.".startswith(_OPEN) else ""
        return (
            f"There is no key {last!r}{f' in {parent}' if parent else ''}.{did_you_mean(last, known)} "
            f"Expected one of: {', '.join(known) or 'nothing'}. Correct the name{add}."
        )
