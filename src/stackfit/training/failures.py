"""What an exception of a user's callback leaves out: the place in the user's file, and what `logs` held there."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stackfit.files import shown


def describe_place(error: BaseException, callbacks: Sequence[Any]) -> str | None:
    """`my_callbacks.py:12, in on_epoch_end; logs hold loss, accuracy`; None where no code of the user's was on the way."""
    own = {type(callback).__module__ for callback in callbacks}
    own = {module for module in own if module.split(".")[0] not in ("keras", "stackfit")}
    place = None
    logs: Mapping[str, Any] = {}
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") in own:
            place = f"{shown(Path(frame.f_code.co_filename))}:{line}, in {frame.f_code.co_name}"
            held = frame.f_locals.get("logs")
            logs = held if isinstance(held, Mapping) else logs
    names = sorted(map(str, logs), key=lambda name: (name.startswith("val_"), not name.endswith("loss"), name))
    return f"{place}; logs hold {', '.join(names)}" if place and names else place
