"""The lab (GSP631) as one script: TFDS, scale, batch, fit, evaluate, save.

    python lab_script.py EPOCHS

Beside the lab it times its epochs, and prints one line an epoch in place of the bar, which is cheaper.
"""

import json
import statistics
import sys
import time

import tensorflow as tf
import tensorflow_datasets as tfds

splits = ["train", "test"]
(ds_train, ds_test), info = tfds.load("fashion_mnist", split=splits, with_info=True, as_supervised=True)
ds_train = ds_train.map(lambda image, label: (tf.cast(image, tf.float32) / 255.0, label)).batch(32)
ds_test = ds_test.map(lambda image, label: (tf.cast(image, tf.float32) / 255.0, label)).batch(32)

model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Flatten())
model.add(tf.keras.layers.Dense(64, activation=tf.nn.relu))
model.add(tf.keras.layers.Dense(10, activation=tf.nn.softmax))
model.compile(
    optimizer=tf.keras.optimizers.Adam(),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(),
    metrics=[tf.keras.metrics.SparseCategoricalAccuracy()],
)
times = []
clock = tf.keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: times.append(time.perf_counter()),
    on_epoch_end=lambda epoch, logs: times.append(time.perf_counter() - times.pop()),
)
model.fit(ds_train, epochs=int(sys.argv[1]), verbose=2, callbacks=[clock])
loss, accuracy = model.evaluate(ds_test, verbose=2)
model.save("saved_model.keras")
figures = {"test_accuracy": accuracy, "epoch": statistics.median(times[1:])}
print(json.dumps(figures))
