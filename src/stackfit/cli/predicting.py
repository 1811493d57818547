"""`predict`: what a model says of pictures, or of items of its test set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stackfit.cli.arguments import RunPath, Trust, option, word
from stackfit.errors import ConfigError, Problems, printable

if TYPE_CHECKING:
    from stackfit.proof.saved import Prediction
    from stackfit.results.run import Run


def command(
    run: RunPath,
    files: Annotated[list[Path] | None, word("Pictures (PNG, JPEG, …) of any size.", metavar="[FILE]...")] = None,
    item: Annotated[list[int] | None, option("A test item's number, from 0; may be repeated.")] = None,
    wrong: Annotated[bool, option("Only test items that the model gets wrong.", "--wrong")] = False,
    count: Annotated[int, option("How many test items.")] = 8,
    invert: Annotated[bool, option("The picture is dark on white; the data bright on black.", "--invert")] = False,
    png: Annotated[Path | None, option("Write the item's picture to a PNG file.")] = None,
    trust: Trust = None,
) -> int:
    """Of your pictures, each as the network sees it; without a file, of some test items, right and wrong ones. Of an --item
    with its picture and all probabilities.
    """
    from stackfit.cli.pictures import render_picture
    from stackfit.execution.progress import takes_colour
    from stackfit.proof import saved
    from stackfit.results.run import Run

    opened = Run(run)
    if files:
        problems = Problems()
        for prediction in saved.predict_pictures(opened, files, invert, trust or (), problems):
            sys.stdout.write(f"{prediction.name}\n{_probabilities(prediction, opened)}")
            sys.stdout.flush()
            if prediction.picture is not None and (prediction.remark or len(files) == 1):
                print(render_picture(prediction.picture, takes_colour(sys.stderr)), file=sys.stderr)
            if prediction.remark:
                print(f"warning: {prediction.name}: {prediction.remark}.", file=sys.stderr)
        for error in problems.errors:
            print(printable(f"error: {error}"), file=sys.stderr)
        return int(bool(problems.errors))
    if item:
        print_items(opened, item, png, trust or ())
    else:
        predictions = saved.predict_items(opened, trust or ())
        for number in _choose(predictions, wrong, count):
            sys.stdout.write(_line(predictions[number], opened) + "\n")
        right = sum(prediction.predicted == prediction.label for prediction in predictions)
        sys.stdout.write(f"{right:,} of {len(predictions):,} test items are right.\n")
    return 0


def print_items(run: Run, items: Sequence[int], png: Path | None = None, trust: Sequence[str] = ()) -> None:
    """Test items, each with all probabilities and its picture.

    Raises:
        ConfigError: there is no such item; RunFolderError, DataError: see `stackfit.proof.saved`.
    """
    from stackfit.cli.pictures import show_picture
    from stackfit.data import show_item
    from stackfit.proof.saved import predict_items

    predictions = predict_items(run, trust)
    for item in items:
        if not 0 <= item < len(predictions):
            raise ConfigError(f"There is no test item {item}. Expected 0 to {len(predictions) - 1}. Try: --item 0")
        sys.stdout.write(_line(predictions[item], run) + "\n" + _probabilities(predictions[item], run))
        show_picture(show_item(run.config["data"], item, "test").picture, png)


def _choose(predictions: Sequence[Prediction], wrong: bool, count: int) -> list[int]:
    """The first items; half of them wrong ones where there are such."""
    bad = [number for number, p in enumerate(predictions) if p.predicted != p.label]
    good = [number for number, p in enumerate(predictions) if p.predicted == p.label]
    return bad[:count] if wrong else sorted(bad[: count // 2] + good[: count - min(len(bad), count // 2)])


def _line(prediction: Prediction, run: Run) -> str:
    share = prediction.probabilities[prediction.predicted]
    said = f"{_class_name(prediction.predicted, run)} ({share:.1%})"
    if prediction.predicted == prediction.label:
        return f"{prediction.name:<12}right  {said}"
    return f"{prediction.name:<12}WRONG  {said}, but it is {_class_name(prediction.label, run)}"


def _probabilities(prediction: Prediction, run: Run) -> str:
    ranked = sorted(enumerate(prediction.probabilities), key=lambda item: -item[1])
    names = [_class_name(number, run) for number, _ in ranked]
    longest = max(map(len, names))
    return "".join(
        f"  {name:<{longest}}  {share:7.2%}  {'█' * round(30 * share)}".rstrip() + "\n"
        for name, (_, share) in zip(names, ranked, strict=True)
    )


def _class_name(number: int | None, run: Run) -> str:
    names = run.config["data"].get("class_names") or []
    if number is not None and number < len(names) and str(number) != names[number]:
        return f"{number} {names[number]}"
    return str(number)
