"""What a run's predictions of its test items show: classes taken for one another, or how far values are off."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackfit.data import pick_item
from stackfit.data.load import load_dataset
from stackfit.errors import StackfitError
from stackfit.proof.rerun import check_config, check_data
from stackfit.reports import charts
from stackfit.reports.figures import Figure, Grid, Picture, Section, named, rounded
from stackfit.results.answers import read_answers
from stackfit.results.layout import shorten
from stackfit.results.run import Run

if TYPE_CHECKING:
    import numpy as np

MOST_CLASSES = 40  # of a matrix
MOST_ROWS = 100  # of a table of classes
MOST_PICTURES = 24
MOST_ITEMS = 5_000  # in a chart of values
LONGEST = 60  # characters of a class's name
BINS = 30


def of_classes(
    run: Run, task: Mapping[str, Any], data: Mapping[str, Any], scores: np.ndarray, labels: np.ndarray
) -> Iterator[Section]:
    """The confusion matrix, precision and recall of each class, and the mistakes of which the model was most certain."""
    import numpy as np

    answers = read_answers(task, scores)
    if labels.ndim != 1 or answers.predicted.shape != labels.shape:
        yield Section("test", "Test items", [f"The labels are of shape {labels.shape[1:]}, so there is no class of each item."])
        return
    true, said = labels.astype(np.int64), np.asarray(answers.predicted, np.int64)
    count = int(max(true.max(), said.max(), _known(data) - 1)) + 1
    names = class_names(data.get("class_names"), count)
    matrix = np.zeros((count, count), np.int64)
    np.add.at(matrix, (true, said), 1)
    right = int(matrix.trace())
    section = Section("test", "Test items", [f"{right:,} of {len(true):,} test items are right ({right / len(true):.2%})."])
    if count <= MOST_CLASSES:
        section.figures = [_confusion(matrix, names)]
    pairs = [(int(matrix[a, b]), a, b) for a, b in zip(*np.nonzero(matrix), strict=True) if a != b]
    worst = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:10]
    if worst:
        rows = [(names[a], names[b], f"{n:,}", f"{n / matrix[a].sum():.1%}") for n, a, b in worst]
        section.grids.append(Grid(("class", "taken for", "items", "of the class"), rows, "What is mistaken most often", frozenset({2, 3}), wide=False))
    section.grids.append(_each_class(matrix, names))
    yield section
    yield _mistakes(run, answers.shares, true, said, names)


def _known(data: Mapping[str, Any]) -> int:
    count = data.get("num_classes")
    return count if isinstance(count, int) and 0 < count <= 10_000 else 1


def class_names(given: Any, count: int) -> list[str]:
    """A text for each class, no two alike: its name, or its number where it has none or shares it."""
    known = [shorten(" ".join(str(name).split()), LONGEST) for name in given] if isinstance(given, list) else []
    names = [known[number] if number < len(known) else str(number) for number in range(count)]
    return [name if names.count(name) == 1 else f"{number} {name}" for number, name in enumerate(names)]


def _confusion(matrix: np.ndarray, names: Sequence[str]) -> Figure:
    cells = [(a, b) for a in range(len(names)) for b in range(len(names))]
    shares = [float(matrix[a, b] / (matrix[a].sum() or 1)) for a, b in cells]
    columns: dict[str, list[Any]] = {
        "true": [names[a] for a, _ in cells],
        "predicted": [names[b] for _, b in cells],
        "count": [int(matrix[cell]) for cell in cells],
        "share": [rounded(share) for share in shares],
        "text": [f"{matrix[cell]:,}" if matrix[cell] and len(names) <= 20 else "" for cell in cells],
        "bright": [share > 0.5 for share in shares],
    }
    off = matrix.copy()
    off[range(len(names)), range(len(names))] = 0
    a, b = divmod(int(off.argmax()), len(names))
    most = f" Most often mistaken: {names[a]} for {names[b]}, {off[a, b]} times." if off.any() else " Nothing is mistaken."
    return Figure(
        "Confusion matrix",
        f"{len(names)} classes by what their test items are taken for.{most}",
        charts.confusion(named("matrix"), len(names), max(map(len, names))),
        {"matrix": columns},
        "Rows are the true classes. The colour is the share of the row.",
        wide=len(names) > 12,
        kind="confusion",
    )


def _each_class(matrix: np.ndarray, names: Sequence[str]) -> Grid:
    rows = []
    for number, name in enumerate(names[:MOST_ROWS]):
        hit, taken, there = int(matrix[number, number]), int(matrix[:, number].sum()), int(matrix[number].sum())
        precision = hit / taken if taken else None
        recall = hit / there if there else None
        both = 2 * hit / (taken + there) if taken + there else None
        rows.append((name, f"{there:,}", *("" if value is None else f"{value:.4f}" for value in (precision, recall, both))))
    more = f", the first {MOST_ROWS} of {len(names)}" if len(names) > MOST_ROWS else ""
    return Grid(("class", "test items", "precision", "recall", "F1"), rows, f"Precision and recall of each class{more}", frozenset({1, 2, 3, 4}), wide=False)


def _mistakes(run: Run, shares: np.ndarray | None, true: np.ndarray, said: np.ndarray, names: Sequence[str]) -> Section:
    """The wrong answers of which the model was most certain, as pictures where the items are pictures."""
    section = Section("mistakes", "The most confident mistakes")
    wrong = [int(number) for number in (true != said).nonzero()[0]]
    if shares is None or not wrong:
        return section
    sure = {number: float(shares[number, said[number]]) for number in wrong}
    ranked = sorted(wrong, key=lambda number: (-sure[number], number))[:MOST_PICTURES]
    try:
        pictures = _pictures(run, ranked)
    except StackfitError as error:
        section.said = [f"Without pictures, as the data cannot be read: {error}"]
        pictures = {}
    if pictures:
        for number in ranked:
            lines = (names[said[number]], f"is {names[true[number]]}", f"{sure[number]:.1%}, item {number}")
            alt = f"Test item {number}: taken for {names[said[number]]}, is {names[true[number]]}"
            section.pictures.append(Picture(pictures[number], alt, lines))
        return section
    rows = [(f"item {number}", names[said[number]], names[true[number]], f"{sure[number]:.1%}") for number in ranked]
    section.grids = [Grid(("test item", "taken for", "is", "probability"), rows, "The most confident mistakes", frozenset({3}))]
    return section


def _pictures(run: Run, numbers: Sequence[int]) -> dict[int, str]:
    """Test items as `data:` addresses; none if the items are not pictures. StackfitError: the data are not here."""
    shape = run.config["data"].get("input_shape")
    if not isinstance(shape, list) or len(shape) != 3:
        return {}
    config, _ = check_config(run, callbacks=False)
    check_data(run)
    dataset = load_dataset(config["data"], build=False)
    found = {number: pick_item(dataset, number, "test").picture for number in numbers}
    return {number: _address(picture) for number, picture in found.items() if picture is not None}


def _address(picture: np.ndarray) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def of_values(
    run: Run, task: Mapping[str, Any], data: Mapping[str, Any], scores: np.ndarray, labels: np.ndarray
) -> Iterator[Section]:
    """Predicted against true values, and how far they are off."""
    import numpy as np

    predicted = read_answers(task, scores).predicted
    section = Section("test", "Test items")
    if labels.ndim != 1 or predicted.shape != labels.shape:
        section.said = ["The model has several outputs; the metrics above are over all of them."]
        yield section
        return
    true = labels.astype(np.float64)
    errors = predicted - true
    mean, largest = float(np.abs(errors).mean()), int(np.abs(errors).argmax())
    section.said = [f"Mean absolute error {mean:.4g} over {len(true):,} test items; the largest is {errors[largest]:+.4g} (item {largest})."]
    step = -(-len(true) // MOST_ITEMS)
    items = [*range(0, len(true), step)]
    columns = {"item": items, "true": [rounded(float(true[n])) for n in items], "predicted": [rounded(float(predicted[n])) for n in items]}
    counts, edges = np.histogram(errors[np.isfinite(errors)], BINS)
    bins = {"low": [rounded(float(x)) for x in edges[:-1]], "high": [rounded(float(x)) for x in edges[1:]], "count": counts.tolist()}
    section.figures = [
        Figure(
            "Predicted against true",
            f"{len(items)} test items; on the dashed line a prediction is right.",
            charts.agreement(named("items")),
            {"items": columns},
            f"Every {step}th item is drawn." if step > 1 else "On the dashed line a prediction is right.",
        ),
        Figure("Residuals", f"How often predictions are off by how much: {len(true):,} test items.", charts.residuals(named("errors")), {"errors": bins}),
    ]
    yield section
