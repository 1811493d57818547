"""The engine that trains: chosen here and nowhere else."""

from __future__ import annotations

from stackfit.training.engine import Engine
from stackfit.training.tensorflow.engine import TensorFlow

ENGINE: Engine = TensorFlow()
