"""A user's table: a CSV file whose columns are features, one of them the label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stackfit.config.override_text import override_text
from stackfit.config.schema import Data
from stackfit.data.arrays import Stored
from stackfit.data.dataset import Progress
from stackfit.data.division import divide, target_scale
from stackfit.data.kinds import Kind, Warn
from stackfit.data.labels import find_classes, number_labels
from stackfit.data.own import OWN, path_of
from stackfit.data.settings import wrong
from stackfit.data.tables.columns import Faults, decide_columns, declared_columns
from stackfit.data.tables.encoding import Encoding, fit_numbers, fit_words
from stackfit.data.tables.header import plain, read_names
from stackfit.data.tables.precision import find_lost
from stackfit.data.tables.roles import (
    check_test_columns,
    find_column,
    find_counting,
    group_names,
    label_cells,
    look_alikes,
    order_numbers,
)
from stackfit.data.tables.rows import match_columns
from stackfit.data.tables.source import is_utf8, open_source
from stackfit.data.tables.table import Table, read_table
from stackfit.data.unread import unread
from stackfit.errors import DataError, counted, did_you_mean
from stackfit.files import shown

TABLE = ("missing", "decimal", "thousands", "header", "separator", "encoding")
"""The keys of `data` that say how the file is written."""
_kept: dict[str, Table] = {}  # the last table that was declared: it is about to be loaded


def read(settings: Data, progress: Progress) -> Stored:
    """Features `(rows, columns)`; row numbers in messages are those of the file, header included."""
    table = _table(settings, "path", as_value=settings.num_classes == 0)
    test = _table(settings, "test_path", as_value=settings.num_classes == 0) if settings.test_path else None
    for one in filter(None, (table, test)):
        if one.left_out:
            left_out = ", ".join(map(str, one.left_out[:5])) + (", …" if len(one.left_out) > 5 else "")
            progress.say(
                f"{one.name}: left out {counted(len(one.left_out), 'row')} of nothing but separators: {left_out}."
            )
    trained: Encoding | None = progress.encoding
    if trained is None:
        label, kinds, faults = _features(table, settings)
        encoding = fit_words(table, kinds, settings, faults)
    else:
        match_columns(table, trained, settings, progress.say)
        label, faults, encoding = find_column(table, settings, "label"), Faults(table, settings), trained
        kinds = {column.name: column.kind for column in trained.columns}
    labels = label_cells(table, label, settings, faults, as_value=settings.num_classes == 0)
    faults.raise_all()
    num_classes, class_names = find_classes(settings, labels)
    y = number_labels(labels, num_classes, class_names, _place(table, label), _known(labels, class_names, trained))
    groups = group_names(table, settings)
    order = order_numbers(table, settings)
    division = divide(y, settings, groups, order)
    seen = labels[division.train[: division.cut]]
    if num_classes and (seen == seen[0]).all() and (labels != seen[0]).any():
        key = "group" if groups is not None else "split_by" if order is not None else "validation_split"
        raise wrong(
            key,
            f"Every row of {table.name} that is trained on has the label {str(seen[0])!r}; the others are in other parts.",
            "at least two classes in the training part",
            f"Set another data.{key}",
        )
    coarse: list[str] = []
    if trained is None:
        encoding, coarse = fit_numbers(encoding, table, division.train[: division.cut], settings)
    x_train, x_test = encoding.encode_parts(table, settings, [division.train, division.test], checked=trained is None)
    arrays = {"train_x": x_train, "train_y": y[division.train]}
    rows = {"train": table.rows[division.train]}
    if test is not None:
        check_test_columns(table, test, settings, label, kinds)
        test_faults = Faults(test, settings)
        test_labels = label_cells(test, label, settings, test_faults, like=labels)
        test_faults.raise_all()
        _check_apart(table, test, settings, groups, order)
        arrays["test_x"] = encoding.encode(test, settings)
        arrays["test_y"] = number_labels(test_labels, num_classes, class_names, _place(test, label), labels, "test_path")
        rows["test"] = test.rows
    elif len(division.test):
        arrays |= {"test_x": x_test, "test_y": y[division.test]}
        rows["test"] = table.rows[division.test]
    lost = find_lost(table, test, encoding, coarse, None if num_classes else label)
    unchecked = [] if test is None else _unchecked(settings, test.columns, test.name)
    facts: dict[str, Any] = {"class_names": class_names, "cut": division.cut, "rows": rows, "encoding": encoding}
    facts["warnings"] = [*lost, *unchecked] if trained is None else []
    if any(column.base and column.kind == "number" for column in encoding.columns):
        facts["revisions"] = {"csv_scaling": 2}  # statistics of these columns in float64
    return Stored(arrays, facts)


def _known(labels: np.ndarray, class_names: list[str], trained: Encoding | None) -> np.ndarray | None:
    """The training part's labels, as far as they decide what whole numbers mean; None for training itself."""
    if trained is None:
        return None
    are_numbers = bool(class_names) and all(name.lstrip("-").isdecimal() for name in class_names)
    return np.array(class_names) if are_numbers else labels


def declare(settings: Data, form: str | None, warn: Warn) -> dict[str, Any]:
    """`input_shape`, `num_classes`, `class_names`, and with `data.columns=auto` the columns, from the whole file."""
    as_value = form == "value" or settings.num_classes == 0
    table = _table(settings, "path", as_value, keep=True)
    label, kinds, faults = _features(table, settings)
    encoding = fit_words(table, kinds, settings, faults)
    labels = label_cells(table, label, settings, faults, as_value=as_value)
    faults.raise_all()
    num_classes, class_names = find_classes(settings, labels, form)
    columns = _explicit(table, kinds, settings)
    for each in _idle_columns(table, label, settings):
        warn(each)
    numbers = [name for name, kind in kinds.items() if kind == "number" and name != plain(settings.split_by or "")]
    for name, how in find_counting(table, numbers):
        what = f"Column {name!r} of {table.name} {how}"
        if name == "Unnamed: 0":
            what = f"The first column of {table.name} has no name and {how}"
        drop = override_text("data.columns", {**columns, name: "drop"})
        warn(DataError(
            f"{what}: in a file sorted by class it gives the label away. Expected features only. Type {drop}, "
            f"or write the file with index=False.", key="data.path", kind="row_numbers",
        ))  # fmt: skip
    for first, second in look_alikes(class_names):
        warn(DataError(
            f"The labels {first!r} and {second!r} of {table.name} look alike, and are two classes. Expected one way to "
            "write each. Correct the cells.", key="data.label", kind="look_alike",
        ))  # fmt: skip
    if settings.columns == "auto" and columns:
        taken = ", ".join(f"{name!r} {kind}" for name, kind in columns.items())
        warn(DataError(
            f"data.columns=auto takes {taken}. Expected kinds that you have checked. To set them yourself: "
            f"{override_text('data.columns', columns)}.", key="data.columns", kind="auto_columns",
        ))  # fmt: skip
    declared: dict[str, Any] = {
        "input_shape": [len(encoding.features)],
        "num_classes": num_classes,
        "class_names": class_names,
    }
    if settings.scale_target and num_classes == 0:
        division = divide(labels, settings, group_names(table, settings), order_numbers(table, settings))
        declared["target"] = target_scale(labels, division)
    return declared | ({"columns": columns} if isinstance(settings.columns, str) else {})


def _explicit(table: Table, kinds: dict[str, str], settings: Data) -> dict[str, str]:
    """`data.columns` as a mapping: what was declared, and with `auto` what a column of words was taken for."""
    columns = declared_columns(settings)
    if settings.columns == "auto":
        apart = {plain(name) for name in (settings.label, settings.group, settings.split_by) if name}
        words = [name for name in table.columns if table.is_text(name) and name not in apart]
        columns |= {name: kinds.get(name, "drop") for name in words if kinds.get(name) != "number"}
    return columns


def _idle_columns(table: Table, label: str, settings: Data) -> Iterator[DataError]:
    """What `data.columns` says of the label, and of columns to drop that no file has; an encoding that is not the file's."""
    declared = declared_columns(settings)
    if settings.encoding and not settings.encoding.lower().startswith("utf") and is_utf8(path_of(settings, "path", "a CSV file", folder=False)):
        yield unread(
            f"data.encoding is {settings.encoding!r}, but {table.name} is UTF-8: its letters would become others. Expected its own encoding. "
            "Leave it out.", "encoding", "path",
        )  # fmt: skip
    if label in declared:
        yield unread(
            f"data.columns says {declared[label]!r} of {label!r}, which is the label: what that is, the task says. Expected features "
            "only. Leave it out.", "columns", "label",
        )  # fmt: skip
    absent = [name for name, kind in declared.items() if kind == "drop" and name not in table.columns]
    if settings.test_path and (absent or settings.group or settings.split_by):
        source = open_source(path_of(settings, "test_path", "a CSV file", folder=False), settings, "test_path")
        names = read_names(source, settings, "test_path")
        absent = [name for name in absent if name not in names]
        if not settings.validation_split:
            yield from _unchecked(settings, names, shown(source.path))
    for name in absent:
        near = did_you_mean(name, table.columns)
        yield unread(
            f"data.columns drops {name!r}, which is not a column of {table.name}.{near} Expected a column's name. Correct it, or leave it "
            "out.", "columns", "path",
        )  # fmt: skip


def _unchecked(settings: Data, names: Iterable[str], test: str) -> Iterator[DataError]:
    """What divides the rows and is not a column of the test file: whether they belong there is not known."""
    for key in ("group", "split_by"):
        if (name := getattr(settings, key)) and plain(name) not in names:
            yield unread(
                f"data.{key} is {name!r}, but {test} has no such column: its rows are not held against those of the training file. "
                f"Expected the column in both files. Add it, or leave data.{key} out.", key, "test_path",
            )  # fmt: skip


def _features(table: Table, settings: Data) -> tuple[str, dict[str, str], Faults]:
    """The label's column, the features with their kinds, and what is wrong with them."""
    label = find_column(table, settings, "label")
    apart = [label, *(find_column(table, settings, key) for key in ("group", "split_by") if getattr(settings, key))]
    faults = Faults(table, settings)
    kinds = decide_columns(table, settings, apart, faults) if len(table) else {}
    kinds.pop(label, None)
    if not (kinds or faults.found):
        columns = counted(len(kinds) if len(table) else len(table.columns) - 1, "column")
        found = f"{table.name} has {counted(len(table), 'row')} and {columns} besides the label."
        raise wrong(table.key, found, "at least one of each", "Add them to the file")
    return label, kinds, faults


def _table(settings: Data, key: str, as_value: bool, keep: bool = False) -> Table:
    """The table of `data.path` or `data.test_path`; one that was kept is given away, for memory's sake."""
    path = path_of(settings, key, "a CSV file", folder=False)
    declared = declared_columns(settings)
    texts = {name for name, kind in declared.items() if kind not in ("number", "drop")}
    texts |= {plain(name) for name in (settings.group, settings.split_by) if name and declared.get(plain(name)) != "number"}
    if settings.label and not as_value:
        texts.add(plain(settings.label))
    about = path.stat()
    form = [getattr(settings, key) for key in TABLE]
    name = json.dumps([str(path.resolve()), about.st_mtime_ns, about.st_size, key, *form])
    table = _kept.get(name)
    if table is None or table.forced - texts or any(name in table.columns and not table.is_text(name) for name in texts):
        table = read_table(path, settings, key, texts)
    if keep:
        _kept.clear()
        _kept[name] = table
    else:
        _kept.pop(name, None)
    return table


def _place(table: Table, label: str) -> Any:
    return lambda at: (table.name, f"row {table.rows[at]}, column {label!r}")


def _check_apart(
    table: Table, test: Table, settings: Data, groups: np.ndarray | None, order: np.ndarray | None
) -> None:
    """No group of the test file is in the training file, and no row of it is earlier than one there."""
    if groups is not None and (others := group_names(test, settings)) is not None:
        both = np.isin(_plain_groups(others), _plain_groups(groups))
        if both.any():
            at = int(both.argmax())
            found = f"Group {str(others[at])!r} of row {test.rows[at]} of {test.name} is in {table.name} too."
            raise wrong("group", found, "no group in two parts", "Remove its rows from one of the files")
    if order is not None and (times := order_numbers(test, settings)) is not None and times.min() < order.max():
        at = int(times.argmin())
        found = (
            f"Row {test.rows[at]} of {test.name} is earlier in {settings.split_by!r} than the last row of {table.name}."
        )
        raise wrong("split_by", found, "later rows in the test file", "Move the row, or leave data.split_by out")


def _plain_groups(names: np.ndarray) -> list[str]:
    """`12` for 12.0, as pandas writes whole numbers of a column with gaps."""
    return [re.sub(r"^(-?\d+)\.0+$", r"\1", name) for name in names.tolist()]


KIND = Kind(
    read=read,
    declare=declare,
    files=lambda settings: [Path(settings.path)] if settings.path else [],
    tells=True,
    reads=(*OWN, "label", "group", "split_by", "scale_target", *TABLE, "columns", "impute"),
)
