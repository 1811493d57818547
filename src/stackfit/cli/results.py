"""`table`, `compare`, `evaluate`, `predict`: what runs say."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stackfit.errors import ConfigError, printable
from stackfit.files import shown, writing


def width() -> int | None:
    """Columns of the terminal, or None for a pipe or a file, where nothing is folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def complain(problems: list[str]) -> None:
    """Name on stderr what could not be read."""
    for problem in problems:
        print(printable(f"warning: {problem}"), file=sys.stderr)


def print_table(paths: list[Path] | None, *, csv: Path | None, format: str, pivot: str | None, **options: Any) -> None:
    """The table on stdout, or in a CSV file.

    Raises:
        RunFolderError: no runs there; ConfigError: an option names no column, or the file cannot be written.
    """
    from stackfit.results import formats, tables

    axes = [part.strip() for part in pivot.split(",")] if pivot else None
    frame, problems = tables.read_table(paths or (), pivot=axes, **options)
    complain(problems)
    if csv is None:
        sys.stdout.write(formats.render(frame, format, width() if format == "text" else None))
        return
    text = formats.render(frame, "csv")
    if str(csv) == "-":
        sys.stdout.write(text)
        return
    with writing(csv, "a file's name", "Try: --csv runs.csv", ConfigError):
        csv.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{shown(csv)}\n")


def print_comparison(paths: list[Path] | None, *, metric: str | None, filter: str | None, format: str) -> None:
    """Tables, tests and their sentences on stdout.

    Raises:
        RunFolderError, ConfigError: see `stackfit.results.comparison.compare`.
    """
    from stackfit.results.comparison import compare

    comparison = compare(paths or (), metric=metric, filter=filter)
    complain(comparison.problems)
    sys.stdout.write(comparison.render(format, width()))


def print_evaluation(run: Path, format: str, trust: Sequence[str] = ()) -> None:
    """One row a split, and the gap between training and test.

    Raises:
        RunFolderError: no run folder, or no model in it; ConfigError: its config is not trusted.
    """
    import pandas as pd

    from stackfit.proof.saved import evaluate_run
    from stackfit.results import formats
    from stackfit.results.run import Run

    splits = evaluate_run(Run(run), lambda line: print(line, file=sys.stderr), trust)
    rows = [{"split": split, **logs} for split, logs in splits.items()]
    if "train" in splits and "test" in splits:
        gap = {name: splits["test"][name] - value for name, value in splits["train"].items()}
        rows.append({"split": "test - train", **gap})
    sys.stdout.write(formats.render(pd.DataFrame(rows), format, width() if format == "text" else None))


def print_predictions(
    run: Path,
    files: list[Path],
    *,
    items: list[int],
    wrong: bool,
    count: int,
    invert: bool,
    png: Path | None,
    trust: Sequence[str] = (),
) -> None:
    """Predictions of pictures, of chosen test items with all probabilities, or of some right and wrong test items.

    Raises:
        RunFolderError, DataError: see `stackfit.proof.saved`.
    """
    from stackfit.proof import saved
    from stackfit.results.run import Run

    one = Run(run)
    if files:
        for prediction in saved.predict_pictures(one, files, invert, trust):
            sys.stdout.write(f"{prediction.name}\n{_probabilities(prediction, one)}")
        return
    predictions = saved.predict_items(one, trust)
    for item in items:
        if not 0 <= item < len(predictions):
            raise ConfigError(f"There is no test item {item}. Expected 0 to {len(predictions) - 1}. Try: --item 0")
        prediction = predictions[item]
        sys.stdout.write(_line(prediction, one) + "\n" + _probabilities(prediction, one))
        _show(one, item, png)
    if not items:
        chosen = _choose(predictions, wrong, count)
        for number in chosen:
            sys.stdout.write(_line(predictions[number], one) + "\n")
        right = sum(p.predicted == p.label for p in predictions)
        sys.stdout.write(f"{right:,} of {len(predictions):,} test items are right.\n")


def _choose(predictions: list[Any], wrong: bool, count: int) -> list[int]:
    """The first items; half of them wrong ones where there are such."""
    bad = [number for number, p in enumerate(predictions) if p.predicted != p.label]
    good = [number for number, p in enumerate(predictions) if p.predicted == p.label]
    return bad[:count] if wrong else sorted(bad[: count // 2] + good[: count - min(len(bad), count // 2)])


def _line(prediction: Any, run: Any) -> str:
    share = prediction.probabilities[prediction.predicted]
    said = f"{_name(prediction.predicted, run)} ({share:.1%})"
    if prediction.predicted == prediction.label:
        return f"{prediction.name:<12}right  {said}"
    return f"{prediction.name:<12}WRONG  {said}, but it is {_name(prediction.label, run)}"


def _probabilities(prediction: Any, run: Any) -> str:
    ranked = sorted(enumerate(prediction.probabilities), key=lambda one: -one[1])
    names = [_name(number, run) for number, _ in ranked]
    longest = max(map(len, names))
    return "".join(
        f"  {name:<{longest}}  {share:7.2%}  {'█' * round(30 * share)}".rstrip() + "\n"
        for name, (_, share) in zip(names, ranked, strict=True)
    )


def _name(number: int, run: Any) -> str:
    names = run.config["data"].get("class_names") or []
    return f"{number} {names[number]}" if number < len(names) and str(number) != names[number] else str(number)


def _show(run: Any, item: int, png: Path | None) -> None:
    from stackfit.cli.data import show_picture
    from stackfit.data import show_item

    show_picture(show_item(run.config["data"], item, "test").picture, png)
