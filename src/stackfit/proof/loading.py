"""The arrays of a saved model, put into the model that the run's config describes.

The file may be somebody else's. So nothing of it is obeyed: its description is not read, and Keras reads only a file that
was written here for the built model, into which the arrays of the same place, shape and type have been copied.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stackfit.errors import RunFolderError
from stackfit.execution.finishing import save_model
from stackfit.files import shown

ARRAYS = "model.weights.h5"  # in a `.keras` file
SPARE_BYTES = 1_000_000  # HDF5's own, which depend on its version


class _Unlike(ValueError):
    """The file holds a model, but another one."""


def load_weights(model: Any, path: Path) -> None:
    """Give `model` the weights, and the optimizer's state, of `model.keras` (or the weights of `model.h5`).

    Raises:
        RunFolderError: the file is damaged, or its arrays are not those of this model.
    """
    try:
        put_arrays(model, path)
    except _Unlike as error:
        raise RunFolderError(
            f"{shown(path)} is not the model that {shown(path.with_name('config.yaml'))} describes: {error}. Expected the "
            "arrays of its layers. Copy both files from the run again, or run the experiment again."
        ) from error
    except Exception as error:  # whatever the readers of a damaged or forged file raise
        raise RunFolderError(
            f"{shown(path)} cannot be loaded: {str(error).partition(chr(10))[0] or type(error).__name__}. Expected a model "
            "as stackfit saves it. Run the experiment again."
        ) from error


def put_arrays(model: Any, path: Path) -> None:
    """`load_weights`, with whatever the readers of a damaged or forged file raise."""
    with tempfile.TemporaryDirectory(prefix="stackfit-load-") as private:
        packed = path.suffix == ".keras"
        own = Path(private) / (ARRAYS if packed else path.name)
        save_model(model, own)
        most = 2 * own.stat().st_size + SPARE_BYTES
        _copy_arrays(_unpacked(path, most) if packed else _small(path, most), own, packed)
        model.load_weights(own)


def _unpacked(path: Path, most: int) -> io.BytesIO:
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(ARRAYS)
        _check_size(member.file_size, most)
        return io.BytesIO(archive.read(member))


def _small(path: Path, most: int) -> Path:
    _check_size(path.stat().st_size, most)
    return path


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise _Unlike(f"its arrays take {size:,} bytes, those of the config's layers less than {most:,}")


def _copy_arrays(source: Any, own: Path, packed: bool) -> None:
    import h5py

    with h5py.File(source, "r") as theirs, h5py.File(own, "r+") as ours:
        for place, mine, other in _by_place(ours, theirs) if packed else _in_order(ours, theirs):
            if not isinstance(other, h5py.Dataset):
                raise _Unlike(f"{place} is not an array")
            if (other.shape, other.dtype) != (mine.shape, mine.dtype):
                found, expected = (f"{array.dtype} {array.shape}" for array in (other, mine))
                raise _Unlike(f"{place} is {found}, but the config's is {expected}")
            if other.external or other.is_virtual or other.chunks:  # other files, or packed: Keras writes neither
                raise _Unlike(f"{place} is not stored as Keras stores it")
            mine[()] = other[()]


def _by_place(ours: Any, theirs: Any, layer: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The arrays in groups with the same names: how `.weights.h5` files are built."""
    import h5py

    if "vars" in ours:
        layer = f"layer {ours['vars'].attrs.get('name', '')!r}"
    if extra := theirs.keys() - ours.keys():
        raise _Unlike(f"it also holds {theirs.name.rstrip('/')}/{min(extra)}")
    for name, mine in ours.items():
        other = _inside(theirs, name, layer)
        if isinstance(mine, h5py.Dataset):
            yield f"{layer or mine.parent.name}, array {name}", mine, other
        elif isinstance(other, h5py.Group):
            yield from _by_place(mine, other, layer)
        else:
            raise _Unlike(f"{mine.name} is not a group")


def _in_order(ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    """The arrays of each layer in order: in `.h5` files, names depend on what else the process has built."""
    pairs = []
    for file in (ours, theirs):
        group = _inside(file, "model_weights", "the file")
        layers = [(name, _inside(group, name, name)) for name in _names(group, "layer_names")]
        pairs.append([(name, _inside(layer, w, name)) for name, layer in layers for w in _names(layer, "weight_names")])
    if len(pairs[0]) != len(pairs[1]):
        raise _Unlike(f"it holds {len(pairs[1])} arrays, the config's layers have {len(pairs[0])}")
    for number, ((name, mine), (_, other)) in enumerate(zip(*pairs, strict=True)):
        yield f"layer {name!r}, array {number} of the file", mine, other


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names, which Keras divides where there are many."""
    parts = [attribute] if attribute in group.attrs else []
    if not parts:
        parts = [*itertools.takewhile(group.attrs.__contains__, (f"{attribute}{n}" for n in itertools.count()))]
    names = [name for part in parts for name in group.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _inside(group: Any, path: str, layer: str) -> Any:
    """What stands at `path`, reached without a link that may lead out of the file."""
    import h5py

    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or name not in group:
            raise _Unlike(f"{layer or 'it'} has no {name!r}")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _Unlike(f"{layer or 'it'}: {name!r} is a link")
        group = group[name]
    return group
