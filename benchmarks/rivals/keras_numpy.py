"""Plain Keras on NumPy arrays, as the codelab does it; several widths or seeds make it the usual for-loop.

    python keras_numpy.py EPOCHS UNITS,UNITS,… SEEDS

keras.datasets reads its files from $KERAS_HOME, where `python -m benchmarks` has put them: no network.
"""

import json
import statistics
import sys
import time

import keras

epochs, widths, seeds = int(sys.argv[1]), [int(units) for units in sys.argv[2].split(",")], int(sys.argv[3])

(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train = x_train.astype("float32") / 255.0
x_test = x_test.astype("float32") / 255.0

times, accuracies = [], []
clock = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: times.append(time.perf_counter()),
    on_epoch_end=lambda epoch, logs: times.append(time.perf_counter() - times.pop()),
)
for units in widths:
    for seed in range(seeds):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        model = keras.Sequential()
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(units, activation="relu"))
        model.add(keras.layers.Dense(10, activation="softmax"))
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=epochs, verbose=2, callbacks=[clock])
        loss, accuracy = model.evaluate(x_test, y_test, verbose=2)
        model.save(f"units_{units}_seed_{seed}.keras")
        accuracies.append(accuracy)
figures = {"test_accuracy": statistics.mean(accuracies), "epoch": statistics.median(times[1:] or times)}
print(json.dumps(figures))
