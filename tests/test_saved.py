"""`saved`: a finished run's model, evaluated and asked about pictures of any size."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stackfit
from stackfit.errors import ConfigError, DataError, RunFolderError, TrustError
from stackfit.proof.saved import evaluate_run, load_model, predict_items, predict_pictures, read_picture
from stackfit.results import run_files
from stackfit.results.run import Run

SHAPE = (8, 8, 1)


@pytest.fixture
def copied(lab: Path, finished: Path) -> Path:
    """A copy of the finished run, to damage."""
    return Path(shutil.copytree(finished, lab / "outputs" / "run"))


def picture(path: Path, size=(8, 8), mode="L", colour: int | tuple[int, ...] = 0) -> Path:
    Image.new(mode, size, colour).save(path)
    return path


# ---- pictures


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 500), (640, 480)])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_of_any_size_becomes_that_of_the_data(lab, size, suffix):
    array = read_picture(picture(lab / f"a.{suffix}", size, colour=200), SHAPE)
    assert (array.shape, array.dtype) == (SHAPE, np.uint8)
    assert abs(int(array.mean()) - 200) <= 1


@pytest.mark.parametrize(
    "mode, colour, grey",
    [("RGB", (255, 255, 255), 255), ("RGBA", (0, 0, 0, 255), 0), ("P", 0, 0), ("1", 1, 255), ("I;16", 65535, 255),
     ("LA", (255, 255), 255), ("RGBA", (255, 255, 255, 0), 255)],
)  # fmt: skip
def test_every_kind_of_picture_becomes_grey(lab, mode, colour, grey):
    array = read_picture(picture(lab / "a.png", mode=mode, colour=colour), SHAPE)
    assert array.min() == array.max() == grey


def test_a_grey_picture_becomes_rgb_where_the_data_are(lab):
    array = read_picture(picture(lab / "a.png", colour=7), (4, 6, 3))
    assert array.shape == (4, 6, 3) and (array == 7).all()


def test_invert_turns_dark_on_white_into_bright_on_black(lab):
    assert (read_picture(picture(lab / "a.png", colour=255), SHAPE, invert=True) == 0).all()


def test_a_turned_photograph_is_set_upright(lab):
    photograph = Image.new("L", (8, 8), 0)
    photograph.paste(255, (0, 0, 8, 4))  # bright above
    turned = photograph.getexif()
    turned[0x0112] = 3  # upside down
    photograph.save(lab / "a.png", exif=turned)
    array = read_picture(lab / "a.png", SHAPE)
    assert array[0].max() == 0 and array[-1].min() == 255


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_a_file_that_is_not_a_picture_is_named(lab, content):
    (lab / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a.png cannot be read: .* Expected a picture: a whole PNG or JPEG file"):
        read_picture(lab / "a.png", SHAPE)


def test_a_truncated_picture_is_named(lab):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(lab / "a.png")
    (lab / "a.png").write_bytes((lab / "a.png").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"a.png cannot be read"):
        read_picture(lab / "a.png", SHAPE)


def test_a_missing_file_or_a_folder_is_named(lab):
    with pytest.raises(DataError, match=r"There is no file none.png. Expected a picture. Correct the path."):
        read_picture(Path("none.png"), SHAPE)
    with pytest.raises(DataError, match=r"cannot be read: .*Expected a picture: a whole PNG or JPEG"):
        read_picture(lab, SHAPE)


def test_a_picture_that_claims_to_be_enormous_is_refused(lab):
    whole = bytearray(picture(lab / "a.png").read_bytes())
    whole[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the header
    import zlib

    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4, "big")
    (lab / "a.png").write_bytes(whole)
    with pytest.raises(DataError, match=r"cannot be read"):
        read_picture(lab / "a.png", SHAPE)


@pytest.mark.parametrize("shape", [(2,), (8, 8), (8, 8, 2), ()])
def test_data_that_are_not_pictures_say_so(lab, shape):
    with pytest.raises(
        DataError, match=r"Expected \(height, width, 1 or 3\) to predict a picture. Leave out the files"
    ):
        read_picture(picture(lab / "a.png"), shape)


# ---- the model


@pytest.mark.tf
def test_the_loaded_model_gives_the_stored_predictions_to_the_bit(finished, keras):
    run = Run(finished)
    model = load_model(run)
    scores, labels = run_files.read_predictions(finished)
    assert model.count_params() == run.metrics["parameters"] == (64 * 8 + 8) + (8 * 10 + 10)
    assert np.mean(scores.argmax(1) == labels) == pytest.approx(run.metrics["test_accuracy"], abs=1e-6)
    from stackfit.data import load_dataset

    dataset = load_dataset(run.config["data"])
    again = model.predict(dataset.scaling.apply(dataset.test.x), batch_size=32, verbose=0)
    np.testing.assert_allclose(again, scores, rtol=1e-5, atol=1e-6)


@pytest.mark.tf
def test_both_file_forms_hold_the_same_weights(copied, keras):
    first = load_model(Run(copied)).get_weights()
    (copied / "model.keras").unlink()
    second = load_model(Run(copied)).get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.tf
def test_the_api_loads_by_run_or_by_path(finished):
    assert stackfit.load_model(str(finished)).count_params() == stackfit.load_model(Run(finished)).count_params()


def test_a_run_without_a_model_says_how_to_get_one(copied):
    for form in ("keras", "h5"):
        (copied / f"model.{form}").unlink()
    with pytest.raises(RunFolderError) as error:
        load_model(Run(copied))
    assert "outputs/run holds no model; its state is 'finished' and it saves ['keras', 'h5']." in str(error.value)
    assert "Expected model.keras. Run the experiment again with 'save=[keras]'." in str(error.value)


@pytest.mark.tf
@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 half a zip"])
def test_a_damaged_model_is_named(copied, content, keras):
    (copied / "model.keras").write_bytes(content)
    with pytest.raises(RunFolderError, match=r"outputs/run/model.keras cannot be loaded: .*Expected a model as"):
        load_model(Run(copied))


@pytest.mark.tf
def test_a_truncated_model_is_named(copied, keras):
    whole = (copied / "model.keras").read_bytes()
    (copied / "model.h5").unlink()
    (copied / "model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunFolderError, match=r"model.keras cannot be loaded"):
        load_model(Run(copied))


@pytest.mark.tf
def test_a_model_that_carries_code_is_not_loaded(copied, keras):
    inputs = keras.Input((2,))
    evil = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    evil.save(copied / "model.keras")
    with pytest.raises(TrustError, match=r"model.keras\n  This model names keras.layers.Lambda, which is refused"):
        load_model(Run(copied))


def test_a_folder_that_is_not_a_run_says_so(lab):
    with pytest.raises(RunFolderError, match=r"is not a run folder"):
        Run(lab)


# ---- evaluating and predicting


@pytest.mark.tf
def test_evaluating_again_gives_the_runs_own_test_metrics(finished):
    splits = evaluate_run(Run(finished))
    metrics = Run(finished).metrics
    assert set(splits) == {"train", "test"}
    for name in ("loss", "accuracy"):
        assert splits["test"][name] == pytest.approx(metrics[f"test_{name}"], rel=1e-5)


@pytest.mark.tf
def test_changed_data_are_said(copied):
    environment = copied / "environment.json"
    environment.write_text(environment.read_text().replace('"data_fingerprint": "', '"data_fingerprint": "other'))
    said = []
    evaluate_run(Run(copied), said.append)
    assert any("The data have changed since this run trained" in line for line in said)


def test_test_items_come_from_the_stored_predictions_in_order(finished):
    scores, labels = run_files.read_predictions(finished)
    predictions = predict_items(Run(finished))
    assert [p.label for p in predictions] == labels.tolist()
    assert [p.predicted for p in predictions] == scores.argmax(1).tolist()
    assert all(abs(p.probabilities.sum() - 1) < 1e-5 for p in predictions)


@pytest.mark.tf
def test_pictures_are_predicted_in_order_and_their_probabilities_add_up(finished, lab):
    files = [picture(lab / "a.png", (30, 20), colour=255), picture(lab / "b.jpg", colour=0)]
    predictions = predict_pictures(Run(finished), files)
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
    again = [prediction.probabilities for prediction in predict_pictures(run, files)]
    np.testing.assert_allclose(again, stored, atol=0.02)  # a grey level of 255 is 1/16 of a digit's step


def test_one_wrong_picture_among_several_stops_before_the_model_is_loaded(finished, lab):
    (lab / "b.png").write_text("no picture")
    with pytest.raises(ConfigError, match=r"b.png cannot be read"):
        predict_pictures(Run(finished), [picture(lab / "a.png"), lab / "b.png"])


@pytest.mark.parametrize(
    "scores, logits, expected",
    [
        ([0.25, 0.75], False, [0.25, 0.75]),
        ([0.75], False, [0.25, 0.75]),
        ([0.0], True, [0.5, 0.5]),
        ([-1000.0], True, [1.0, 0.0]),
        ([0.0, np.log(3.0)], True, [0.25, 0.75]),
        ([1000.0, 1000.0], True, [0.5, 0.5]),
    ],
)
def test_logits_and_single_outputs_become_probabilities(scores, logits, expected):
    from types import SimpleNamespace

    from stackfit.proof.saved import _prediction

    run = SimpleNamespace(config={"task": {"loss": {"_target_": "x", "from_logits": logits}}})
    prediction = _prediction("item", np.array(scores), run)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-12)
