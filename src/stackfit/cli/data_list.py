"""`data list`: what data are here."""

from __future__ import annotations

import sys


def command() -> None:
    """With their sizes, shapes and classes, and the folders that they lie in."""
    from stackfit.cli.text import width
    from stackfit.data import list_data
    from stackfit.results.layout import fit

    rows, folders = [], []
    for row in list_data():
        examples = " + ".join(f"{size:,}" for size in row.examples.values() if size) or "-"
        shape = " x ".join(map(str, row.shape)) or "-"
        size = f"{row.bytes / 1e6:.0f} MB" if row.bytes else ""
        rows.append([row.name, row.state, examples, shape, str(row.classes or "-"), size])
        folders += [f"{row.name}: {folder}" for folder in str(row.where or "").split(", ") if folder]
    sys.stdout.writelines(f"{line}\n" for line in [*fit(rows, width()), *([""] if folders else []), *folders])
