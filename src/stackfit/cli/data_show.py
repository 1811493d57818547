"""`data show`: one example of a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import DataName, Overrides, option, word
from stackfit.cli.data_fetch import data_config, progress_bar
from stackfit.errors import ConfigError


def command(
    name: DataName,
    index: Annotated[str, word("Which example, from 0 (the default).")] = "0",
    overrides: Overrides = None,
    split: Annotated[
        str, option("train, validation or test.", offers=lambda: ["train", "validation", "test"])
    ] = "train",
    png: Annotated[Path | None, option("Write the picture to a PNG file.")] = None,
) -> None:
    """Its picture, label and class name, and the range of values before and after scaling."""
    from stackfit.cli.pictures import check_png, show_picture
    from stackfit.data import declare, show_item

    if "=" in index:  # an override in its place: the number may be left out
        index, overrides = "0", [index, *(overrides or ())]
    if not index.isdecimal():
        raise ConfigError(f"{index!r} is not an example's number. Expected 0 or more. Try: stackfit data show {name} 0")
    data = data_config(name, overrides or ())
    with progress_bar() as progress:
        item = show_item({**data, **declare(data)}, int(index), split, progress)
    check_png(png, item.picture is not None)
    named = f" ({item.class_name})" if item.class_name else ""
    row = "" if item.row is None else f", row {item.row} of the file"
    sys.stdout.write(f"{name}, {split} example {index}{row}: label {item.label}{named}\n")
    sys.stdout.write(f"shape {tuple(item.x.shape)}, dtype {item.x.dtype}\n")
    sys.stdout.write("values of the split: {:g} to {:g}, after scaling {:.4g} to {:.4g}\n".format(
        *item.stored_range, *item.scaled_range))  # fmt: skip
    show_picture(item.picture, png)
    if item.features:
        longest = max(map(len, item.features))
        sys.stdout.writelines(f"{feature:<{longest}}  {value:.10g}\n" for feature, value in item.features.items())
    elif item.picture is None:
        sys.stdout.write(f"{item.x.tolist()}\n")
