"""What needs an optional dependency, with the real program that reads it; `make test-extras` installs them."""

from __future__ import annotations

import pytest

import stackfit
from stackfit.execution.progress import Reporter


@pytest.mark.tf
@pytest.mark.extra
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # TensorFlow 2.21's summaries, NumPy 2
def test_tensorboard_reads_the_losses_of_a_run_as_its_history_has_them(lab):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    run = stackfit.run("digits_quickstart", "epochs=3", "callbacks=[tensorboard]", reporter=Reporter(0))
    (events,) = run.folder.rglob("train/events.out.tfevents.*")
    accumulator = EventAccumulator(str(events.parent))
    accumulator.Reload()
    losses = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in accumulator.Tensors("epoch_loss")]
    assert losses == pytest.approx(list(run.history["loss"]), abs=1e-6)


@pytest.mark.tf
@pytest.mark.extra
@pytest.mark.filterwarnings("ignore::Warning")  # of TensorBoard and protobuf
def test_tensorboard_has_a_table_of_the_settings_of_a_sweep_whose_cells_trained_together(lab):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    stackfit.sweep("digits_quickstart", "epochs=1", "callbacks=[tensorboard]", "model.layers.hidden.units=4,8", "optimizer=sgd,adam",
                   reporter=Reporter(0))  # fmt: skip
    found = set()
    for folder in lab.glob("outputs/digits_quickstart/sweep-*/*/tensorboard"):
        accumulator = EventAccumulator(str(folder))
        accumulator.Reload()
        content = accumulator.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        found.add((started["model.layers.hidden.units"].number_value, started["optimizer"].string_value))
        assert (folder / "train").is_dir()  # the curves stand next to it
    assert found == {(units, optimizer) for units in (4.0, 8.0) for optimizer in ("sgd", "adam")}
