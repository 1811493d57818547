"""Time from the end of the imports to the first training step of gsp631_base, data cached.

A callback sees the step. To be importable by name, as a trusted module must be, this file is copied into the
working folder and run there.
"""

import json
import time

import keras
import tensorflow as tf  # noqa: F401


class Clock(keras.callbacks.Callback):
    """Notes when the first batch begins, then stops the training."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            Clock.first_step = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


if __name__ == "__main__":
    import first_step

    import stackfit.api
    import stackfit.execution.runner
    import stackfit.training.loop

    imported = time.perf_counter()
    clock = "+callbacks.clock._target_=first_step.Clock"
    stackfit.api.run("gsp631_base", "epochs=1", clock, trust=["first_step"])
    print(json.dumps({"first_step": first_step.Clock.first_step - imported}))
