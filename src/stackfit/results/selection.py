"""Which rows of a table, and in which order: `--filter` and `--sort`."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from stackfit.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

# What a query may consist of: no calls, attributes, indexing, lambdas, comprehensions or `**`.
ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop),
    *(ast.BinOp, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub, ast.Mult, ast.Div),
    *(ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple),
)
MOST_NAMES = 8  # columns that an error lists
EXAMPLE = "units > 64 and test_accuracy > 0.87"


def names_in(query: str) -> set[str]:
    """The columns that a query names; ConfigError if it does more, such as calling or assigning."""
    quoted = re.findall(r"`([^`]*)`", query)
    try:
        nodes = [*ast.walk(ast.parse(re.sub(r"`[^`]*`", " 0 ", query).strip(), mode="eval"))]
        foreign = [_described(node) for node in nodes if not isinstance(node, ALLOWED)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        nodes, foreign = [], ["something that cannot be read"]
    # pandas splits at every kind of line end and replaces `@`, also where Python's grammar sees none.
    if "@" in query or len(query.splitlines()) > 1:
        foreign.append("a line end or '@'")
    if foreign and re.search(r"[^=!<>]=[^=]", query):
        foreign = ["a single =, which assigns; == compares"]
    if foreign:
        raise ConfigError(
            f"{query!r} is not a filter: it contains {foreign[0]}. Expected comparisons of columns, joined by "
            f"and, or, not; put a name with dots in `backticks`. Try: --filter '{EXAMPLE}'",
            where="--filter",
        )
    return {*quoted, *(node.id for node in nodes if isinstance(node, ast.Name))}


def _described(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return "a name with dots"
    if isinstance(node, ast.expr):
        return f"'{ast.unparse(node)}'"
    return "an operator other than + - * /"


def no_match(query: str) -> str:
    """What to say where a query picks nothing."""
    return f"No run matches --filter {query!r}. Expected one that some run passes. Try without it, to see the values."


def rows_where(frame: pd.DataFrame, query: str) -> pd.DataFrame:
    """The rows for which the query is true; for a blank it never is. ConfigError if it cannot be answered."""
    for name in names_in(query):
        check_column(name, frame, "--filter")
    try:
        return frame[_never_of_blanks(frame, query)]
    except Exception as error:  # whatever the values' own operators raise; their sentences are about pandas
        raise ConfigError(
            f"{query!r} cannot be answered: {error if isinstance(error, _NotAnswered) else _kinds(frame, query)}. Expected comparisons of like with like, such as "
            f"{EXAMPLE}. All columns with their values: stackfit table --csv -",
            where="--filter",
        ) from None


class _NotAnswered(Exception):
    """A query's fault in our words."""


def _kinds(frame: pd.DataFrame, query: str) -> str:
    """What meets in a query that cannot be answered: `loss holds numbers, and 'a' is a text`."""
    held = []
    for name in sorted(names_in(query)):
        values = [*frame[name].dropna()]
        numbers = sum(isinstance(value, (int, float)) for value in values)
        kinds = {0: "texts", len(values): "numbers"}.get(numbers, "numbers and texts")
        held.append(f"{name} holds {'lists' if any(isinstance(value, list) for value in values) else kinds}")
    tree = ast.parse(re.sub(r"`[^`]*`", "x", query).strip(), mode="eval")
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    given = [f"{value!r} is a {'text' if isinstance(value, str) else 'number'}" for value in constants if isinstance(value, (str, int, float))]
    parts = [*held, *given]
    return ", and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _never_of_blanks(frame: pd.DataFrame, query: str) -> pd.Series:
    """Where the query is true. A comparison with a blank is neither true nor false, whatever the column's type and under `not`."""
    places = {name: f"column_{number}" for number, name in enumerate(sorted(names_in(query)))}
    text = re.sub(r"`([^`]*)`", lambda quoted: f" {places[quoted[1]]} ", query)
    tree = ast.parse(text.strip(), mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = places.get(node.id, node.id)
    return _holds(tree, frame[[*places]].set_axis([*places.values()], axis=1), False)


def _holds(node: ast.AST, frame: pd.DataFrame, blank: bool) -> pd.Series:
    """A boolean for each row; `blank` for a comparison with a blank."""
    if isinstance(node, ast.BoolOp):
        parts = [_holds(part, frame, blank) for part in node.values]
        return reduce(and_ if isinstance(node.op, ast.And) else or_, parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        return ~_holds(node.operand, frame, not blank)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        both = and_ if isinstance(node.op, ast.BitAnd) else or_
        return both(_holds(node.left, frame, blank), _holds(node.right, frame, blank))
    names = sorted({part.id for part in ast.walk(node) if isinstance(part, ast.Name)})
    holds = frame.eval(ast.unparse(node), engine="python")
    if not names or holds.dtype.kind != "b":
        raise _NotAnswered("it gives values and not true or false")
    return holds.where(frame[names].notna().all(axis=1), blank).astype(bool)


def sort_rows(frame: pd.DataFrame, name: str, descending: bool = False) -> pd.DataFrame:
    """The rows in the order of a column; blanks last either way, ties as before."""
    check_column(name, frame, "--sort")
    return frame.sort_values(
        name, ascending=not descending, kind="stable", key=lambda cells: cells.map(order, na_action="ignore")
    )


def check_column(name: str, columns: Iterable[str], option: str) -> None:
    """Raise a ConfigError if there is no such column."""
    columns = list(columns)
    if name not in columns:
        alike = [column for column in columns if column.endswith(f".{name}")][:MOST_NAMES]
        near = columns
        if len(columns) > MOST_NAMES:
            near = difflib.get_close_matches(name, columns, n=MOST_NAMES, cutoff=0.4) or columns[:MOST_NAMES]
        meant = f" Several end like it: {', '.join(alike)}." if alike else did_you_mean(name, columns)
        among = f"one of {len(columns)} columns, such as" if len(columns) > MOST_NAMES else "one of:"
        raise ConfigError(
            f"There is no column {name!r}.{meant} Expected {among} {', '.join(near)}. "
            "Try: stackfit table --csv -, which shows all with their values.",
            where=option,
        )


MOST_DIGITS = 4_000  # Python reads numbers of up to 4,300


def order(value: Any) -> tuple[int, Any]:
    """A key that sorts any values: numbers, then texts with the numbers in them as numbers, then blanks."""
    if isinstance(value, (int, float)) and value == value:
        return 0, value
    if isinstance(value, (str, list)):
        parts = re.split(r"(\d+)", str(value).removesuffix("]"))  # [64] comes before [64,64]
        return 1, [int(part) if part.isdecimal() and len(part) < MOST_DIGITS else part for part in parts]
    return 2, 0
