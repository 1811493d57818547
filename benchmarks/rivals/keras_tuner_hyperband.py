"""Keras Tuner's Hyperband over the 48 settings of `kt_units_lr_search`, as its own guide writes it.

    python keras_tuner_hyperband.py EPOCHS SEED

The guide's model, its tuner and its search; the seed is ours, so that rounds differ. What the guide does after the search, a
second and a third training of the best setting, is left out. Its score of a trial is the best epoch's.
"""

import json
import sys

import keras
import keras_tuner as kt

epochs, seed = int(sys.argv[1]), int(sys.argv[2])

(img_train, label_train), _ = keras.datasets.fashion_mnist.load_data()
img_train = img_train.astype("float32") / 255.0


def model_builder(hp):
    model = keras.Sequential()
    model.add(keras.layers.Flatten(input_shape=(28, 28)))
    hp_units = hp.Int("units", min_value=32, max_value=512, step=32)
    model.add(keras.layers.Dense(units=hp_units, activation="relu"))
    model.add(keras.layers.Dense(10))
    hp_learning_rate = hp.Choice("learning_rate", values=[1e-2, 1e-3, 1e-4])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=hp_learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


tuner = kt.Hyperband(
    model_builder, objective="val_accuracy", max_epochs=epochs, factor=3, seed=seed, directory=".", project_name="intro_to_kt"
)
stop_early = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
tuner.search(img_train, label_train, epochs=50, validation_split=0.2, callbacks=[stop_early], verbose=0)
best, trials = tuner.oracle.get_best_trials(1)[0], tuner.oracle.trials.values()
found = {name: best.hyperparameters.get(name) for name in ("units", "learning_rate")}
print(json.dumps({"peak_val_accuracy": best.score, "trials": len(trials),
                  "epochs": sum(trial.best_step + 1 for trial in trials), **found}))  # fmt: skip
