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
