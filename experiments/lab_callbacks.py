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


class StopAtSmallestLoss(keras.callbacks.Callback):
    """Stop when a loss has not become smaller for more than `patience` epochs, and restore the best weights."""

    def __init__(self, monitor="val_loss", patience=0):
        super().__init__()
        self.monitor = monitor
        self.patience = patience

    def on_train_begin(self, logs=None):
        self.waited = 0
        self.best = float("inf")

    def on_epoch_end(self, epoch, logs=None):
        loss = logs[self.monitor]
        if loss < self.best:
            self.best = loss
            self.best_epoch = epoch
            self.waited = 0
            self.best_weights = self.model.get_weights()
            return
        self.waited += 1
        if self.waited > self.patience:
            self.model.stop_training = True
            self.model.set_weights(self.best_weights)
            print(f"Stopped after epoch {epoch + 1}; restored the weights of epoch {self.best_epoch + 1}.")


class LearningRateByEpoch(keras.callbacks.Callback):
    """Set the learning rate at the begin of some epochs, counted from 0 as Keras counts them."""

    def __init__(self, learning_rates):
        super().__init__()
        self.learning_rates = {int(epoch): rate for epoch, rate in learning_rates.items()}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch in self.learning_rates:
            self.model.optimizer.learning_rate = self.learning_rates[epoch]
            print(f"learning rate {self.learning_rates[epoch]} from epoch index {epoch}")


class PrintAverages(keras.callbacks.Callback):
    """Print the average loss and accuracy of every epoch."""

    def on_epoch_end(self, epoch, logs=None):
        print(f"The average loss of epoch {epoch + 1} is {logs['loss']:.4f}, the accuracy {logs['accuracy']:.4f}.")
