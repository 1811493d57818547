"""stackfit: declarative Keras experiments.

Importing it is cheap; TensorFlow is loaded when something is trained, evaluated or loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackfit.api import Run as Run
    from stackfit.api import load_model as load_model
    from stackfit.api import run as run
    from stackfit.api import sweep as sweep
    from stackfit.api import table as table

__version__ = "0.1.0"
__all__ = ["Run", "load_model", "run", "sweep", "table"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from stackfit import api

        return getattr(api, name)
    raise AttributeError(f"module 'stackfit' has no attribute {name!r}")
