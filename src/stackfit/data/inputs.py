"""New examples for a trained model: rows by the names of their columns, pictures of any size, arrays; scaled as the
training data were. What that takes stands in a run's `scaling.json`, so that the data themselves are not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.config.schema import Data
from stackfit.data import pictures
from stackfit.data.dataset import SILENT, Dataset, Scaling, StreamedDataset
from stackfit.data.rounding import rounded
from stackfit.data.settings import settings_of
from stackfit.data.tables.encoding import Encoding
from stackfit.data.tables.rows import encode_rows, read_rows, rows_of, without_missing
from stackfit.data.tables.table import Table
from stackfit.errors import DataError, StackfitError, counted
from stackfit.files import reading, shown

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1  # of scaling.json
FILE_WHITE = 255.0  # a white pixel in a PNG or JPEG


@dataclass(frozen=True)
class Inputs:
    """What a model takes: examples of `shape`, of a table its columns by `encoding`; of a picture `white` is white."""

    shape: tuple[int, ...]
    scaling: Scaling
    encoding: Encoding | None = None
    white: float = FILE_WHITE
    brightness: dict[str, Any] | None = None  # `pictures.describe` of the training pictures
    settings: Data = field(default_factory=Data)

    @classmethod
    def of(cls, dataset: Dataset | StreamedDataset, data: Mapping[str, Any]) -> Inputs:
        """Those of a data set; `data` is the config's section."""
        shape, scaling = dataset.input_shape, dataset.scaling
        return cls(shape, scaling, dataset.encoding, dataset.white, dataset.brightness, settings_of(data))

    def record(self) -> dict[str, Any]:
        """For `scaling.json`: `input = (x - subtract) / divide` in float32, each a number, or nested lists of `shape`."""
        scaling = self.scaling
        return {
            "format": FORMAT,
            "columns": self.encoding and self.encoding.as_json(),
            "subtract": None if scaling.offset is None else scaling.offset.tolist(),
            "divide": None if scaling.divisor is None else scaling.divisor.tolist(),
            "white": self.white if len(self.shape) == 3 else None,
            "pictures": self.brightness,
        }

    @classmethod
    def read(cls, record: Mapping[str, Any], data: Mapping[str, Any], file: str, kind: type[StackfitError]) -> Inputs:
        """From `record` and the config's `data` section; an error of `kind` that names the file if it does not fit."""
        shape = tuple(data["input_shape"])
        with reading(file, "the scaling of a finished run, as stackfit writes it", kind=kind):
            if record.get("format") != FORMAT:
                raise ValueError(f"its format is {record.get('format')!r}; this stackfit reads {FORMAT}")
            parts = []
            for name in ("subtract", "divide"):
                part = None if record[name] is None else np.array(record[name], np.float32)
                if part is not None and (part.shape not in ((), shape) or not np.isfinite(part).all()):
                    raise ValueError(f"its {name!r} has the shape {part.shape} for inputs of shape {shape}")
                parts.append(part)
            encoding = None if record["columns"] is None else Encoding.from_json(record["columns"])
            if encoding and (len(encoding.features),) != shape:
                raise ValueError(f"its columns make {counted(len(encoding.features), 'feature')} for inputs of shape {shape}")
            brightness = pictures.check_description(record["pictures"])
            white = float(record["white"] or FILE_WHITE)
            return cls(shape, Scaling(*parts), encoding, white, brightness, settings_of(data))

    def frame(self, frame: pd.DataFrame, name: str, say: Callable[[str], None]) -> np.ndarray:
        """The scaled inputs of a DataFrame's rows, its columns in any order; `say` is told which are not used.

        Raises:
            DataError: the model does not take rows, a column is missing, or a cell is not what it was in training.
        """
        encoding = self._encoding()
        return self._rows(encoding, rows_of(frame, encoding, self.settings, name), say)

    def file(self, path: Path, say: Callable[[str], None]) -> tuple[np.ndarray, np.ndarray]:
        """The scaled inputs of a CSV file's rows, and the rows' numbers in the file; see `frame`."""
        encoding = self._encoding()
        table = read_rows(path, encoding, self.settings)
        return self._rows(encoding, table, say), table.rows

    def _encoding(self) -> Encoding:
        if self.encoding is None:
            raise DataError(
                f"This run's inputs are not the columns of a table. Expected arrays of shape {self._any()}. Give such an array."
            )
        return self.encoding

    def _rows(self, encoding: Encoding, table: Table, say: Callable[[str], None]) -> np.ndarray:
        return self.scaling.apply(encode_rows(table, encoding, self.settings, say))

    def arrays(self, x: Any, say: Callable[[str], None] = SILENT.say, name: str = "the array") -> np.ndarray:
        """The scaled inputs of examples as they stand in the data, `(examples, *shape)`; a table's columns in order.

        Args:
            say: told what float32 does not hold.

        Raises:
            DataError: another shape, or not numbers.
        """
        from stackfit.data.kinds.npz import shaped

        columns = self.encoding.columns if self.encoding else ()
        if words := [column.name for column in columns if column.kind != "number"]:
            found = f"This run's inputs are columns of a table, of which {', '.join(words)} are not numbers."
            raise DataError(f"{found} Expected a DataFrame or a CSV file with these columns. Give one.")
        if isinstance(x, np.ma.MaskedArray) and x.dtype.kind in "biuf":
            x = np.ma.filled(x.astype(np.float64), np.nan) if x.mask.any() else x.data
        try:
            x = np.asarray(x)
        except ValueError:  # rows of several lengths
            x = np.empty(0, object)
        if x.ndim and not self.encoding:
            x = shaped(x, list(self.shape))
        if x.dtype.kind not in "biuf" or x.shape[1:] != self.shape or not len(x):
            named = f": {', '.join(column.name for column in columns)}" if columns else ""
            raise DataError(
                f"The examples have the type {x.dtype} and the shape {x.shape}. Expected numbers of shape {self._any()}{named}. "
                "Give one example as a batch of one: x[None]."
            )
        if self.encoding:
            cells = {column.name: without_missing(x[:, number].astype(np.float64), self.settings) for number, column in enumerate(columns)}
            texts = {name: values.astype(str) for name, values in cells.items()}
            table = Table(name, "", cells, np.arange(len(x)), texts=texts.__getitem__)
            return self._rows(self.encoding, table, say)
        if not np.isfinite(x).all():
            place = tuple(int(axis) for axis in np.argwhere(~np.isfinite(x))[0])
            raise DataError(f"The examples hold {x[place]} at {place}. Expected numbers only. Fill or remove it.")
        if x.dtype.kind != "b" and (lost := rounded(x, name, "The answers to such examples are the same")):
            say(lost)
        if self.brightness and x.max() * FILE_WHITE / self.white <= self.brightness["highest"] / FILE_WHITE:
            say(
                f"The values of {name} end at {x.max():g}, those of the training pictures at "
                f"{self.brightness['highest'] * self.white / FILE_WHITE:g}. Expected unscaled values, as in the training data. Give them so."
            )
        return self.scaling.apply(x)

    def npz(self, path: Path, say: Callable[[str], None] = SILENT.say) -> np.ndarray:
        """The scaled inputs of the array `x` in an NPZ file, or of its only array; see `arrays`."""
        cure = "Write one with numpy.savez(path, x=x)."
        with reading(path, "an NPZ file of arrays", cure, DataError), np.load(path, allow_pickle=False) as archive:
            name = archive.files[0] if len(archive.files) == 1 else "x"
            if name not in archive.files:
                raise DataError(f"{path} holds {', '.join(archive.files) or 'nothing'}. Expected an array x. {cure}")
            x = archive[name]
        return self.arrays(x, say, shown(path))

    def picture(self, file: Path, invert: bool = False) -> np.ndarray:
        """A picture of any size as the network sees it, unscaled: uint8 of `shape`.

        Args:
            invert: for dark objects on white paper.

        Raises:
            DataError: the file is not a picture, or the model does not take pictures.
        """
        if len(self.shape) != 3 or self.shape[2] not in (1, 3):
            raise DataError(
                f"This run's examples have the shape {self.shape}. Expected (height, width, 1 or 3) to predict a picture. "
                "Give an NPZ file with such examples, or leave out the files to see its test items."
            )
        if not file.exists():
            raise DataError(f"There is no file {file}. Expected a picture. Correct the path.")
        picture = pictures.read_picture(file, self.shape, self.settings.background)
        return 255 - picture if invert else picture

    def unlike(self, picture: np.ndarray) -> str:
        """Why a `picture` is unlike those of training; empty if it is like them, or nothing is known of them."""
        return pictures.unlike(picture, self.brightness) if self.brightness else ""

    def scaled(self, shown: Sequence[np.ndarray]) -> np.ndarray:
        """The scaled inputs of pictures as `picture` gives them."""
        pixels = np.stack(shown)
        # Digits, for example, go up to 16.
        return self.scaling.apply(pixels if self.white == FILE_WHITE else pixels * (self.white / FILE_WHITE))

    def _any(self) -> str:
        return f"(examples, {', '.join(map(str, self.shape))})"
