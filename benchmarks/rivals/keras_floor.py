"""Plain Keras on NumPy arrays where a step is heavy, or an epoch short: `fit` as its guide writes it, evaluate, save.

    python keras_floor.py NETWORK EPOCHS
"""

import json
import sys

import keras
from keras import layers

network, epochs = sys.argv[1], int(sys.argv[2])

(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train = x_train.astype("float32")[..., None] / 255.0
x_test = x_test.astype("float32")[..., None] / 255.0

stacks = {
    "wide": [layers.Flatten(), *(layers.Dense(1024, activation="relu") for _ in range(3))],
    "cnn": [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
    ],
    "epochs": [layers.Flatten(), layers.Dense(64, activation="relu")],
}
settings = {
    "wide": {"batch_size": 512, "shuffle": False},
    "cnn": {"batch_size": 64, "validation_split": 0.2},
    "epochs": {"batch_size": 512, "validation_split": 0.2, "shuffle": False},
}
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((28, 28, 1)), *stacks[network], layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=epochs, verbose=2, **settings[network])
loss, accuracy = model.evaluate(x_test, y_test, batch_size=settings[network]["batch_size"], verbose=2)
model.save("model.keras")
print(json.dumps({"test_accuracy": accuracy}))
