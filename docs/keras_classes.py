"""Write docs/keras.md: what stackfit does with every class of Keras.

    python docs/keras_classes.py                    the page, from docs/keras.csv
    python docs/keras_classes.py --prove [KIND…]    first prove the classes that keras.csv does not have: each is built, trained in a
                                            cohort of two, saved, loaded, verified and ejected (tests/keras_sweep.py)

About four seconds a class on a quiet core. Remove the lines of keras.csv that are to be proved again.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROVED = ROOT / "docs" / "keras.csv"
PAGE = ROOT / "docs" / "keras.md"
sys.path.insert(0, str(ROOT / "tests"))

from keras_sweep import KINDS, Row, classes, judge, write_data  # noqa: E402 - tests are not a package

HEAD = """\
# Keras in stackfit

Every public class of Keras {version} that a config can name, written by `python docs/keras_classes.py`. *bit-equal*: built, trained in
a cohort of two and alone with the same weights, saved, loaded with the same predictions, verified, and ejected as a Keras
script that ends with these weights. *refused*: an error before training, with the sentence that is shown. Names that Keras
has twice (`Convolution1D`) stand here once.
"""


def read_rows() -> dict[tuple[str, str], Row]:
    """The verdicts so far, by kind and name."""
    if not PROVED.is_file():
        return {}
    with PROVED.open(newline="", encoding="utf-8") as file:
        return {(row[0], row[1]): Row(*row) for row in csv.reader(file)}


def prove(kinds: list[str]) -> None:
    """Add the verdicts that are missing to keras.csv, one after another."""
    from stackfit.training.tensorflow import runtime

    runtime.start()
    os.chdir(tempfile.mkdtemp(prefix="keras-"))
    write_data()
    for kind in kinds:
        for name, target in classes(kind).items():
            if (kind, name) not in read_rows():
                row = judge(kind, name, target)
                print(*row[:3], row.reason, sep="  ", flush=True)
                with PROVED.open("a", newline="", encoding="utf-8") as file:
                    csv.writer(file, lineterminator="\n").writerow(row)


def page() -> str:
    """The page: a table for each kind."""
    rows, parts = read_rows(), [HEAD.format(version=importlib.metadata.version("keras"))]
    for kind, module in KINDS.items():
        lines = [f"## {kind.capitalize()} (`{module}`)", "", "| class | verdict | |", "|---|---|---|"]
        for name in classes(kind):
            row = rows.get((kind, name), Row(kind, name, "not proved yet"))
            reason = row.reason.replace("|", "\\|").replace("\n", " ").strip()
            lines.append(f"| `{name}` | {row.verdict} | {reason} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prove", nargs="*", metavar="KIND")
    kinds = parser.parse_args().prove
    if kinds is not None:
        prove(kinds or [*KINDS])
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
