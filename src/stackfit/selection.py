"""Which rows, and in which order: `--filter` and `--sort`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, did_you_mean
from stackfit.results import cell_value

if TYPE_CHECKING:
    import pandas as pd

# What a query may consist of. Calls, attributes, indexing, lambdas, comprehensions and `**` are not among it.
ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop),
    *(ast.BinOp, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub, ast.Mult, ast.Div),
    *(ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple),
)
EXAMPLE = "units > 64 and test_accuracy > 0.87"


def names_in(query: str) -> set[str]:
    """The columns that a query names; a name with dots stands in backticks.

    Raises:
        ConfigError: it is no query, or it is more than one: it calls, reaches into an object, or assigns.
    """
    quoted: list[str] = []

    def placeholder(match: re.Match[str]) -> str:
        quoted.append(match[1])
        return f"quoted_{len(quoted) - 1}_"

    # pandas splits at every kind of line end and replaces `@`, also where Python's grammar sees none.
    plain = re.sub(r"`([^`]*)`", placeholder, query)
    if "@" in query or "`" in plain or "quoted_" in query or "__" in plain or len(query.splitlines()) != 1:
        raise _no_query(query, "it is empty, or has a line end, '@', '__' or a single backtick")
    try:
        tree = ast.parse(plain.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _no_query(query, "it is not complete") from None
    names = set()
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            what = (
                "a name with a dot stands in `backticks`"
                if isinstance(node, ast.Attribute)
                else "only comparisons"
            )
            raise _no_query(query, f"{type(node).__name__.lower()} is not allowed; {what}")
        if isinstance(node, ast.Name):
            match = re.fullmatch(r"quoted_(\d+)_", node.id)
            names.add(quoted[int(match[1])] if match else node.id)
    return names


def _no_query(query: str, why: str) -> ConfigError:
    return ConfigError(
        f"{query!r} is not a filter: {why}. Expected comparisons of columns, joined by and, or, not. "
        f"Try: --filter '{EXAMPLE}'",
        where="--filter",
    )


def where_true(frame: pd.DataFrame, query: str) -> list[int]:
    """The numbers of the rows for which the query holds; of a blank nothing holds.

    Raises:
        ConfigError: a column there is not, values that cannot be compared, or a result that is not true or
            false.
    """
    from pandas.api.types import is_bool_dtype

    names = names_in(query)
    for name in names:
        check_column(name, frame, "--filter")
    try:
        result = frame[sorted(names)].eval(query, engine="python", parser="pandas")
        if not is_bool_dtype(result.dtype):
            raise TypeError("it gives values and not true or false")
        return [row for row, holds in enumerate(result.tolist()) if holds is True]
    except Exception as error:  # whatever the values' own operators raise
        raise ConfigError(
            f"{query!r} cannot be answered: {error}. Expected comparisons of like with like, such as "
            f"{EXAMPLE}. There are the columns {', '.join(frame)}.",
            where="--filter",
        ) from None


def sorted_rows(columns: Mapping[str, Sequence[Any]], by: str) -> list[int]:
    """The numbers of the rows in the order of a column, `-column` descending; blanks last either way, ties as
    before.

    Raises:
        ConfigError: there is no such column.
    """
    name = by.removeprefix("-")
    check_column(name, columns, "--sort")
    keys = [order(value) for value in columns[name]]
    filled = [row for row, key in enumerate(keys) if key != BLANK]
    blank = [row for row, key in enumerate(keys) if key == BLANK]
    return sorted(filled, key=keys.__getitem__, reverse=name != by) + blank


def check_column(name: str, columns: Iterable[str], option: str) -> None:
    """Raise a ConfigError if there is no such column."""
    columns = list(columns)
    if name not in columns:
        raise ConfigError(
            f"There is no column {name!r}.{did_you_mean(name, columns)} Expected one of: "
            f"{', '.join(columns)}. Write one of these; in a filter, a name with dots stands in `backticks`.",
            where=option,
        )


BLANK: tuple[int, Any] = (2, 0)


def order(value: Any) -> tuple[int, Any]:
    """A key that sorts any values: numbers, then texts with the numbers in them as numbers, then blanks."""
    value = cell_value(value)
    if value is None:
        return BLANK
    if isinstance(value, (int, float)):
        return 0, value
    return 1, [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(value))]
