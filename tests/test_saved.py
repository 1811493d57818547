"""`saved`: a finished run's model, loaded and evaluated."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import stackfit
from stackfit.errors import RunFolderError
from stackfit.proof.saved import evaluate_run, load_model
from stackfit.results import run_files
from stackfit.results.run import Run


@pytest.fixture
def copied(lab: Path, finished: Path) -> Path:
    """A copy of the finished run, to damage."""
    return Path(shutil.copytree(finished, lab / "outputs" / "run"))


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
    assert any("The data have changed since outputs/run trained" in line for line in said)
