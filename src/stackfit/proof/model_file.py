"""A saved model held against the one that the run's config gives. Nothing that the file names is imported or built."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stackfit.proof.evidence import Record
from stackfit.proof.loading import put_arrays
from stackfit.results.run_files import FORMS, RunFiles

MOST_BYTES = 50_000_000  # of the description; of a model with a thousand layers it has one million
NUMBER = re.compile(r"_\d+$")  # of an automatic name: `dense_3` is the fourth Dense of its process


def judge_models(was: Record, again: Path, model: Any, same_keras: bool) -> tuple[list[str], list[str]]:
    """The forms in which a run has saved its model, and a sentence for each file that does not hold the run's model.

    Args:
        again: the folder of the rerun, which saved its model in the same forms.
        model: of the rerun. It has the weights of the run's file afterwards, if that is right.
        same_keras: whether the same version of Keras wrote both: another one may describe more of a layer, or less.
    """
    forms, wrong = [], []
    for form in FORMS:
        path = RunFiles(was.folder).model(form)
        if path.exists():
            forms.append(form)
            fault = _fault(path, RunFiles(again).model(form), model, was.metrics["weights_sha256"], same_keras)
            wrong += [f"{path.name} {fault}"] if fault else []
    return forms, wrong


def _fault(path: Path, again: Path, model: Any, digest: str, same_keras: bool) -> str | None:
    """The rest of a sentence that begins with the file; None if it holds this model with weights of this digest."""
    from stackfit.training.weights import weights_digest

    try:
        if not _alike(_describe(path), _describe(again), {}, same_keras):
            return "describes another model than the run's config"
        put_arrays(model, path)
    except Exception as error:  # whatever the readers of a damaged or forged file raise
        return f"cannot be read: {str(error).partition(chr(10))[0].rstrip('.') or type(error).__name__}"
    return None if weights_digest(model) == digest else "holds other weights than the run's"


def _describe(path: Path) -> list[Any]:
    return [json.loads(text) for text in (_read_h5(path) if path.suffix == ".h5" else _read_keras(path))]


def _read_keras(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        if (size := archive.getinfo("config.json").file_size) > MOST_BYTES:
            raise ValueError(f"its config.json has {size:,} bytes")
        yield archive.read("config.json")


def _read_h5(path: Path) -> Iterator[Any]:
    import h5py

    with h5py.File(path, "r") as file:
        yield from (file.attrs[name] for name in ("model_config", "training_config") if name in file.attrs)


def _alike(was: Any, now: Any, names: dict[str, str], same_keras: bool) -> bool:
    """Whether two descriptions are equal but for automatic names, which may have other numbers: each always the same."""
    if isinstance(was, dict) and isinstance(now, dict):
        keys = was.keys() | now.keys() if same_keras else was.keys() & now.keys()
        return all(
            key in was and key in now and _alike(was[key], now[key], names, same_keras)
            for key in sorted(keys - {"shared_object_id"})
        )
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(
            _alike(one, other, names, same_keras) for one, other in zip(was, now, strict=True)
        )
    if isinstance(was, str) and isinstance(now, str) and NUMBER.sub("", was) == NUMBER.sub("", now):
        known = names.setdefault(f"was {was}", now) == now
        return names.setdefault(f"now {now}", was) == was and known
    return type(was) is type(now) and was == now
