"""Kinds of `keras_sweep` for metrics and callbacks: the experiments that use one of their classes.

Data and layers are those of `keras_sweep`, so that its `prove` is the judge here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

KINDS = {"metrics": "keras.metrics", "callbacks": "keras.callbacks"}
TASKS = ("class", "one_hot", "value")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "EarlyStopping": {"monitor": "loss"},
    "ReduceLROnPlateau": {"monitor": "loss"},
    "ModelCheckpoint": {"filepath": "epoch.keras"},
    "CSVLogger": {"filename": "epochs.csv"},
    "OrbaxCheckpoint": {"directory": "orbax"},
    "RecallAtPrecision": {"precision": 0.9},
    "IoU": {"num_classes": 2, "target_class_ids": [0], "sparse_y_pred": False},
    "MeanIoU": {"num_classes": 2, "sparse_y_pred": False},
    "TopKCategoricalAccuracy": {"k": 1},
    "SparseTopKCategoricalAccuracy": {"k": 1},
    "BackupAndRestore": {"backup_dir": "backup"},
    "LearningRateScheduler": {
        "schedule": {
            "_target_": "keras.optimizers.schedules.ExponentialDecay",
            "initial_learning_rate": 0.1,
            "decay_steps": 2,
            "decay_rate": 0.5,
        }
    },
}
COMMON = {"num_classes": 2, "target_class_ids": [0], "normalizer": [1.0],
          **dict.fromkeys(("recall", "precision", "sensitivity", "specificity"), 0.5)}  # fmt: skip
Write = Callable[..., None]  # `keras_sweep.write_experiment`


def write_for(kind: str, name: str, target: type, write: Write) -> Iterator[str]:
    """The names of experiments that use a class, the likeliest first; a metric with labels of each form."""
    from stackfit.model.building import required_arguments

    given = ARGUMENTS.get(name) or {each: COMMON[each] for each in required_arguments(target) if each in COMMON}
    node = {"_target_": f"{KINDS[kind]}.{name}", **given}
    for task in TASKS if kind == "metrics" else TASKS[:1]:
        label = f"{kind}_{name}_{task}"
        write(label, [], task=task)
        file = Path("experiments", f"{label}.yaml")
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if kind == "metrics":
            content["task"]["metrics"] = {"m": node}
        else:
            content["callbacks"] = {"c": node}
            content["data"]["validation_split"] = 0.25
        if name == "SwapEMAWeights":
            content["optimizer"]["use_ema"] = True
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        yield label
