"""`predictions`: what a run answers to its test items, to pictures, rows and arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stackfit.errors import ConfigError
from stackfit.proof.predictions import predict_files, predict_items
from stackfit.results import run_files
from stackfit.results.run import Run


def picture(path: Path, size=(8, 8), mode="L", colour: int | tuple[int, ...] = 0) -> Path:
    Image.new(mode, size, colour).save(path)
    return path


def test_test_items_come_from_the_stored_predictions_in_order(finished):
    scores, labels = run_files.read_predictions(finished)
    predictions = predict_items(Run(finished))
    assert [p.label for p in predictions] == labels.tolist()
    assert [p.predicted for p in predictions] == scores.argmax(1).tolist()
    assert all(abs(p.probabilities.sum() - 1) < 1e-5 for p in predictions)


@pytest.mark.tf
def test_pictures_are_predicted_in_order_and_their_probabilities_add_up(finished, lab):
    files = [picture(lab / "a.png", (30, 20), colour=255), picture(lab / "b.jpg", colour=0)]
    predictions = predict_files(Run(finished), files)
    assert [p.name for p in predictions] == [str(file) for file in files]
    assert all(p.label is None and abs(p.probabilities.sum() - 1) < 1e-5 for p in predictions)


@pytest.mark.tf
def test_a_test_items_own_picture_is_predicted_as_the_item_was(finished, lab):
    """A digit's values 0 to 16, written as a picture's 0 to 255, must come back at the data's scale."""
    from stackfit.data import load_dataset

    run = Run(finished)
    test = load_dataset(run.config["data"]).test
    files = []
    for number in range(20):
        pixels = np.asarray(np.round(test.x[number][..., 0].astype(float) * 255 / 16), np.uint8)
        files.append(lab / f"{number}.png")
        Image.fromarray(pixels).save(files[-1])
    stored = [prediction.probabilities for prediction in predict_items(run)[:20]]
    again = [prediction.probabilities for prediction in predict_files(run, files)]
    np.testing.assert_allclose(again, stored, atol=0.02)  # a grey level of 255 is 1/16 of a digit's step


def test_one_wrong_picture_among_several_stops_before_the_model_is_loaded(finished, lab):
    (lab / "b.png").write_text("no picture")
    with pytest.raises(ConfigError, match=r"b.png cannot be read"):
        predict_files(Run(finished), [picture(lab / "a.png"), lab / "b.png"])
