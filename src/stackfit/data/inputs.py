"""New examples for a trained model: rows by the names of their columns, pictures of any size, arrays; scaled as the
training data were. What that takes stands in a run's `scaling.json`, so that the data themselves are not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stackfit.data import pictures
from stackfit.data.dataset import Dataset, Scaling, StreamedDataset
from stackfit.data.kinds.csv import numbers
from stackfit.errors import DataError, StackfitError
from stackfit.files import reading

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1  # of scaling.json
FILE_WHITE = 255.0  # a white pixel in a PNG or JPEG


@dataclass(frozen=True)
class Inputs:
    """What a model takes: examples of `shape`, of a table those `columns` in order; of a picture `white` is white."""

    shape: tuple[int, ...]
    scaling: Scaling
    columns: tuple[str, ...] = ()
    label: str | None = None
    white: float = FILE_WHITE
    brightness: Mapping[str, Any] | None = None  # `pictures.describe` of the training pictures
    background: str = "white"  # of a picture, where it is transparent

    @classmethod
    def of(cls, dataset: Dataset | StreamedDataset, data: Mapping[str, Any] | None = None) -> Inputs:
        """Those of a data set; `data` is the config's section."""
        data = data or {}
        known = {"label": data.get("label"), "background": data.get("background") or "white"}
        return cls(
            dataset.input_shape, dataset.scaling, dataset.columns, white=dataset.white, brightness=dataset.brightness, **known
        )

    def record(self) -> dict[str, Any]:
        """For `scaling.json`: `input = (float32(x) - subtract) / divide`, each a number, or nested lists of `shape`."""
        scaling = self.scaling
        return {
            "format": FORMAT,
            "columns": list(self.columns) or None,
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
            columns = tuple(map(str, record["columns"] or ()))
            if columns and (len(columns),) != shape:
                raise ValueError(f"it names {len(columns)} columns for inputs of shape {shape}")
            brightness = pictures.check_description(record["pictures"])
            white, background = float(record["white"] or FILE_WHITE), data.get("background") or "white"
            return cls(shape, Scaling(*parts), columns, data.get("label"), white, brightness, background)

    def rows(
        self, table: pd.DataFrame, name: str, say: Callable[[str], None], first_row: int = 0
    ) -> np.ndarray:
        """The scaled inputs of a table's rows, its columns in any order; `say` is told which are not used.

        Raises:
            DataError: the model does not take rows, a column is missing, or a cell is not a number.
        """
        if not self.columns:
            raise DataError(
                f"This run's inputs are not the columns of a table. Expected arrays of shape {self._any()}. Give such an array."
            )
        table = table.set_axis([str(column) for column in table.columns], axis=1)
        if not len(table):
            raise DataError(f"{name} has no rows. Expected at least one. Add it.")
        if unused := [column for column in table.columns if column not in (*self.columns, self.label)]:
            say(f"Not used of {name}: {', '.join(unused)}.")
        return self.scaling.apply(numbers(table, self.columns, name, first_row=first_row))

    def arrays(self, x: Any) -> np.ndarray:
        """The scaled inputs of examples as they stand in the data, `(examples, *shape)`; a table's columns in order.

        Raises:
            DataError: another shape, or not numbers.
        """
        try:
            x = np.asarray(x)
        except ValueError:  # rows of several lengths
            x = np.empty(0, object)
        if x.dtype.kind not in "biuf" or x.shape[1:] != self.shape or not len(x):
            columns = f": {', '.join(self.columns)}" if self.columns else ""
            raise DataError(
                f"The examples have the type {x.dtype} and the shape {x.shape}. Expected numbers of shape {self._any()}{columns}. "
                "Give one example as a batch of one: x[None]."
            )
        if not np.isfinite(x).all():
            place = tuple(int(axis) for axis in np.argwhere(~np.isfinite(x))[0])
            raise DataError(f"The examples hold {x[place]} at {place}. Expected numbers only. Fill or remove it.")
        return self.scaling.apply(x)

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
                "Leave out the files to see its test items."
            )
        if not file.exists():
            raise DataError(f"There is no file {file}. Expected a picture. Correct the path.")
        picture = pictures.read_picture(file, self.shape, self.background)
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
