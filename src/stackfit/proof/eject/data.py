"""The part of an ejected script that reads the data, by the libraries' own means or from arrays next to the script."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.data import Dataset, load_dataset
from stackfit.data.division import order_by_shares
from stackfit.data.kinds import kind_of
from stackfit.data.settings import settings_of
from stackfit.errors import ConfigError, DataError
from stackfit.files import shown, write_file, write_text, writing
from stackfit.proof.eject.expressions import render
from stackfit.results import run_files
from stackfit.results.run import Run

_SHARES = (
    *("", "", *inspect.getsource(order_by_shares).splitlines(), "", ""),
    "order = order_by_shares(y_train, cut)",
    "x_train, y_train = x_train[order], y_train[order]",
)


def data_lines(data: Mapping[str, Any], parts: Sequence[str], arrays: Path | None) -> list[str]:
    """Source that leaves `x_train, y_train` and so on for all `parts` (train, val, test) as the model takes them.

    Args:
        arrays: the file of a user's own data, next to the script.

    Raises:
        DataError: the data are streamed.
    """
    settings, kind = settings_of(data), kind_of(data["kind"])
    if kind.script is None:
        assert arrays is not None, "a user's own data come with their arrays"
        lines = [
            "from pathlib import Path",
            "# The arrays of the run's data, unscaled, in the order in which it read them.",
            f"with np.load(Path(__file__).with_name({json.dumps(arrays.name)})) as arrays:",
            *(f'    x_{part}, y_{part} = arrays["x_{part}"], arrays["y_{part}"]' for part in parts),
            "",
        ]
    else:
        lines = [*kind.script(settings).splitlines(), ""]
        if settings.validation_split:
            share = render(float(settings.validation_split))
            lines += [
                "# The last part of the training data is for validation, as in fit(validation_split=...).",
                f"cut = math.floor(len(x_train) * (1 - {share}))",
                *(_SHARES if settings.stratify else ()),
                "x_train, x_val = x_train[:cut], x_train[cut:]",
                "y_train, y_val = y_train[:cut], y_train[cut:]",
            ]
    scaled = {
        "none": 'x.astype("float32")',
        "unit": f'x.astype("float32") / np.float32({kind.white:g})',
        "standardize": '(x.astype("float32") - mean) / deviation',
    }[settings.scale]
    if settings.scale == "standardize":
        lines += [
            "from sklearn.preprocessing import StandardScaler",
            "scaler = StandardScaler()",
            "for start in range(0, len(x_train), 1000):  # in parts, for memory's sake",
            "    part = x_train[start : start + 1000]",
            '    scaler.partial_fit(part.reshape(len(part), -1).astype("float64"))',
            'mean = scaler.mean_.astype("float32").reshape(x_train.shape[1:])',
            'deviation = scaler.scale_.astype("float32").reshape(x_train.shape[1:])',
        ]
    lines += [f"x_{part} = {scaled.replace('x.', f'x_{part}.', 1)}" for part in parts]
    return lines


def own_arrays(run: Run, data: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a user's own data by their names in a script; {} for data that a name fetches.

    Raises:
        DataError: they are gone, or are not those that the run was trained on.
    """
    if not kind_of(data["kind"]).own:
        return {}
    dataset = load_dataset(data)
    assert isinstance(dataset, Dataset), "only sets of tensorflow-datasets are streamed"
    recorded = run_files.read_environment(run.folder).get("data_fingerprint")
    if recorded not in (None, dataset.fingerprint):
        raise DataError(
            f"{data['path']} has changed since this run: the script would end with other weights. Expected data with the "
            f"fingerprint {str(recorded)[:12]}…. Restore them, or run the experiment again and eject that run.",
            key="data.path",
        )
    splits = {"train": dataset.train, "val": dataset.validation, "test": dataset.test}
    return {
        f"{axis}_{part}": getattr(split, axis) for part, split in splits.items() if split is not None for axis in "xy"
    }


def check_out(out: Path | None, run: Run, own: bool) -> None:
    """Whether a script can go to `out` (None: it is only printed) with, next to it, the arrays of `own` data.

    Raises:
        ConfigError: they need a file, or it is not a name for one, or is taken: nothing is overwritten.
    """
    if out is None and own:
        raise ConfigError(
            "This run's data are your own, which a script alone cannot fetch. Expected a file for the script, so that the "
            f"arrays can be written next to it. Type: stackfit eject {shown(run.folder)} --out train.py",
            key="data.path",
        )
    if out is None:
        return
    if out.suffix != ".py":
        raise ConfigError(f"{out} is not a script's name. Expected one that ends in .py. Type: --out train.py")
    for path in (out, arrays_of(out)) if own else (out,):
        if path.exists() and (not path.is_file() or path.stat().st_size):  # `eject RUN > train.py` has left an empty one
            raise ConfigError(f"{shown(path)} exists already. Expected a new name. Remove it, or type another --out.")


def arrays_of(out: Path) -> Path:
    """The file of a script's arrays: `train.npz` next to `train.py`."""
    return out.with_suffix(".npz")


def write_script(out: Path, text: str, arrays: Mapping[str, Any]) -> None:
    """Write the script, after the arrays that it reads.

    Raises:
        ConfigError: a file cannot be written.
    """
    with writing(out, "a file in a folder that exists", "Type another path.", ConfigError):
        if arrays:
            write_file(arrays_of(out), lambda temporary: np.savez(temporary, **arrays))
        write_text(out, text)


def adapt_lines(model: Any) -> list[str]:
    """Lines that adapt the layers which take numbers from the data, from the inputs on."""
    from stackfit.model.adapting import find_adapting, front_of

    lines = []
    for layer in find_adapting(model):
        lines.append(f"layer = model.get_layer({layer.name!r})")
        if front_of(model, layer) is None:
            lines.append("layer.adapt(x_train)")
        else:
            lines.append("front = keras.Model(inputs, layer.input)")
            lines.append("layer.adapt(front.predict(x_train, batch_size=BATCH_SIZE, verbose=0))")
    return ["", *lines] if lines else []
