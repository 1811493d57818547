"""`predict`: what a model says of pictures, of a table's rows, or of items of its test set."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stackfit.cli.arguments import DataPath, Format, RunPath, Trust, option, word
from stackfit.cli.idle import Idle
from stackfit.cli.text import complain, width, write_csv, write_whole
from stackfit.errors import ConfigError

if TYPE_CHECKING:
    from stackfit.proof.predictions import Prediction
    from stackfit.results.run import Run


IDLE = (
    *(Idle(name, beside="files") for name in ("item", "wrong", "count", "png")),
    *(Idle(name, beside="item") for name in ("wrong", "count")),
    *(Idle(name, beside="csv") for name in ("format", "count", "png")),
    Idle("png", without="item"),
    Idle("invert", without="files"),
)


def command(
    run: RunPath,
    files: Annotated[
        list[Path] | None, word("Pictures of any size, CSV files with rows, or NPZ files with x.", metavar="FILE")
    ] = None,
    item: Annotated[list[int] | None, option("A test item's number, from 0; may be repeated.")] = None,
    wrong: Annotated[bool, option("Only test items that are wrong; of values, those furthest off.", "--wrong")] = False,
    count: Annotated[int | None, option("How many test items; 8 if it is not given.")] = None,
    invert: Annotated[bool, option("The picture is dark on white; the data bright on black.", "--invert")] = False,
    png: Annotated[Path | None, option("Write the item's picture to a PNG file.")] = None,
    format: Format = "text",
    csv: Annotated[Path | None, option("Write the answers to a CSV file; - for stdout.", metavar="FILE")] = None,
    data_path: DataPath = None,
    trust: Trust = None,
) -> int:
    """Of your files, a single picture as the network sees it; without a file, of some test items, right and wrong ones. Of
    an --item with its picture and all probabilities. A table's rows are in a CSV file with the columns of the training data.
    Formats other than text have all test items, or those of --item or --wrong. Exit code 1 when one of several files cannot
    be read.
    """
    from stackfit.proof.predictions import as_frame, predict_items
    from stackfit.results import formats
    from stackfit.results.run import Run

    if format != "text" and (count is not None or png):
        name = "--count" if count is not None else "--png"
        raise ConfigError(f"{name} does nothing beside --format {format}, which has all items. Expected one of them. Leave out {name}.")
    if count is not None and count < 1:
        raise ConfigError(f"--count is {count}. Expected at least 1. Write for example: --count 8")
    if png and len(item or ()) > 1:
        raise ConfigError("--png is one file, and there are several items. Expected one --item. Write a command for each.")
    opened, code = Run(run, data_path), 0
    format = "csv" if csv else format
    if item and not files and format == "text":
        print_items(opened, item, png, trust or ())
        return 0
    if files:
        predictions, code = _of_files(opened, files, invert, trust or (), format)
    else:
        predictions = predict_items(opened, trust or ())
        if item:
            predictions = [_pick(predictions, number) for number in item]
        elif wrong and format != "text":
            predictions = [predictions[number] for number in _choose(predictions, True, len(predictions))]
    if csv and predictions:
        write_csv(formats.render(as_frame(opened, predictions), "csv"), csv)
    elif format != "text" and predictions:
        write_whole(formats.render(as_frame(opened, predictions), format, width()))
    elif files:
        _print_answers(predictions, opened, len(files))
    else:
        chosen = _choose(predictions, wrong, count or 8)
        for number in chosen:
            sys.stdout.write(_line(predictions[number], opened) + "\n")
        most = sum(prediction.error is None and prediction.predicted != prediction.label for prediction in predictions)
        if wrong and len(chosen) < most:
            sys.stdout.write(f"{len(chosen):,} of {most:,} wrong items are listed. For all: --count {most}\n")
        sys.stdout.write(_summary(predictions, opened) + "\n")
    return code


def _of_files(
    run: Run, files: Sequence[Path], invert: bool, trust: Sequence[str], format: str
) -> tuple[list[Prediction], int]:
    """What the model says of the files that can be read, and the command's code."""
    from stackfit.cli.each import for_each
    from stackfit.files import shown
    from stackfit.proof.predictions import open_inputs, predict_examples, read_examples

    inputs, read = open_inputs(run, trust), []

    def add(file: Path) -> None:
        read.append(read_examples(inputs, file, invert, len(files) > 1, lambda line: complain([line])))

    code = for_each(files, add, shown, sys.stdout if format == "text" else sys.stderr)
    return predict_examples(run, read, trust) if read else [], code


def _print_answers(predictions: Sequence[Prediction], run: Run, files: int) -> None:
    """Each file's answer, and how a picture looks to the network if it is the only one, or unlike the training pictures."""
    from stackfit.cli.pictures import render_picture
    from stackfit.execution.progress import takes_colour

    for prediction in predictions:
        sys.stdout.write(_line(prediction, run) + "\n")
        if prediction.picture is None:
            continue
        sys.stdout.write(_shares(prediction, run))
        sys.stdout.flush()
        if prediction.remark or files == 1:
            print(render_picture(prediction.picture, takes_colour(sys.stderr)), file=sys.stderr)
        if prediction.remark:
            complain([f"{prediction.name}: {prediction.remark}."])


def print_items(run: Run, items: Sequence[int], png: Path | None = None, trust: Sequence[str] = ()) -> None:
    """Test items, each with all probabilities and its picture.

    Raises:
        ConfigError: there is no such item; RunFolderError, DataError: see `stackfit.proof`.
    """
    from stackfit.cli.pictures import check_png, show_picture
    from stackfit.data import pick_item
    from stackfit.proof.predictions import predict_items
    from stackfit.proof.rerun import load_data

    is_picture = len(run.config["data"]["input_shape"]) == 3
    check_png(png, is_picture)
    predictions, dataset = predict_items(run, trust), None
    for item in items:
        prediction = _pick(predictions, item)
        sys.stdout.write(_line(prediction, run) + "\n" + _shares(prediction, run))
        if is_picture:
            dataset = dataset or load_data(run, lambda line: complain([line]))
            show_picture(pick_item(dataset, item, "test").picture, png)


def _pick(predictions: Sequence[Prediction], item: int) -> Prediction:
    if not 0 <= item < len(predictions):
        raise ConfigError(f"There is no test item {item}. Expected 0 to {len(predictions) - 1}. Try: --item 0")
    return predictions[item]


def _choose(predictions: Sequence[Prediction], wrong: bool, count: int) -> list[int]:
    """The first items, half of them wrong ones where there are such; of values just the first, or those furthest off."""
    numbers = range(len(predictions))
    if any(prediction.error is not None for prediction in predictions):
        furthest = sorted(numbers, key=lambda number: -abs(predictions[number].error or 0))
        return furthest[:count] if wrong else [*numbers[:count]]
    bad = [number for number in numbers if predictions[number].predicted != predictions[number].label]
    good = [number for number in numbers if predictions[number].predicted == predictions[number].label]
    return bad[:count] if wrong else sorted(bad[: count // 2] + good[: count - min(len(bad), count // 2)])


def _line(prediction: Prediction, run: Run) -> str:
    from stackfit.proof.predictions import is_value

    known = prediction.label is not None
    if is_value(run):
        said = ", ".join(f"{value:.6g}" for value in _outputs(prediction))
        truth = f"  true {prediction.label:<10.6g}" if known else ""
        error = "" if prediction.error is None else f"  error {prediction.error:+.4g}"
        return f"{prediction.name:<12}{said:<10}{truth}{error}".rstrip()
    said = _class(prediction.predicted, run)
    if prediction.probabilities is not None:
        said += f" ({prediction.probabilities[prediction.predicted]:.1%})"
    if not known:
        return f"{prediction.name:<12}{said}" if len(prediction.name) < 12 else f"{prediction.name}  {said}"
    if prediction.predicted == prediction.label:
        return f"{prediction.name:<12}right  {said}"
    return f"{prediction.name:<12}WRONG  {said}, but it is {_class(prediction.label, run)}"


def _outputs(prediction: Prediction) -> Sequence[float]:
    return prediction.predicted if hasattr(prediction.predicted, "__len__") else [prediction.predicted]


def _summary(predictions: Sequence[Prediction], run: Run) -> str:
    from stackfit.proof.predictions import is_value

    if not is_value(run):
        right = sum(prediction.predicted == prediction.label for prediction in predictions)
        return f"{right:,} of {len(predictions):,} test items are right."
    errors = [abs(prediction.error) for prediction in predictions if prediction.error is not None]
    if not errors:
        return f"{len(predictions):,} test items; with several outputs there is no error of one."
    largest = max(range(len(errors)), key=errors.__getitem__)
    return (
        f"{len(predictions):,} test items: mean absolute error {sum(errors) / len(errors):.4g}, largest {errors[largest]:.4g} "
        f"(item {largest})."
    )


def _shares(prediction: Prediction, run: Run) -> str:
    """Every class with its probability, the highest first; nothing where there are none."""
    if prediction.probabilities is None:
        return ""
    ranked = sorted(enumerate(prediction.probabilities), key=lambda item: -item[1])
    names = [_class(number, run) for number, _ in ranked]
    longest = max(map(len, names))
    return "".join(
        f"  {name:<{longest}}  {share:7.2%}  {'█' * round(30 * share)}".rstrip() + "\n"
        for name, (_, share) in zip(names, ranked, strict=True)
    )


def _class(number: int, run: Run) -> str:
    from stackfit.proof.predictions import class_name

    name = class_name(run, number)
    return name if name == str(number) else f"{number} {name}"
