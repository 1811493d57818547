"""The labs' callback exercises, written as a learner would write them."""

import keras


class StopAboveAccuracy(keras.callbacks.Callback):
    """Stop at the end of the epoch in which the training accuracy is above a value."""

    def __init__(self, accuracy):
        super().__init__()
        self.accuracy = accuracy

    def on_epoch_end(self, epoch, logs=None):
        if logs["accuracy"] > self.accuracy:
            print(f"Accuracy is above {self.accuracy:.0%}: stopping after epoch {epoch + 1}.")
            self.model.stop_training = True
