"""tensorflow-datasets in a process of its own, so that ours stays light.

TFDS starts TensorFlow's runtime (after which threads can no longer be set), prints to both streams, keeps
memory, and waits minutes for a missing network. A child process, its output in a log, has none of these
effects on us.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stackfit import places
from stackfit.data.progress import Progress
from stackfit.errors import DataError


def tfds_folder() -> Path:
    """The data folder of TFDS: `$TFDS_DATA_DIR`, else its default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def run_tfds(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Let a child process prepare, describe and decode a data set; see `tfds_worker.work` for the request.

    Raises:
        DataError: TFDS does not know the data set, cannot have it, or failed.
    """
    paths = [str(places.PACKAGE.parent), os.environ.get("PYTHONPATH")]
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",  # decoding needs none, and training may want it whole
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }
    command = [sys.executable, "-m", "stackfit.data.tfds_worker", json.dumps(request)]
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
        try:
            with process.stdout:  # type: ignore[union-attr]
                answer = _listen(process.stdout or (), progress)
        finally:
            process.kill()  # it has answered, or we were interrupted
            process.wait()
        log.seek(0)
        answer = answer or {"error": f"its process died: {log.read()[-500:].strip()}", "key": None}
    if "error" not in answer:
        return answer
    if answer["key"]:
        raise DataError(answer["error"], key=answer["key"])
    raise DataError(
        f"tensorflow-datasets could not bring {request['name']!r}: {answer['error']}. Expected it to be "
        f"prepared in {tfds_folder()}. If that folder cannot be written, set TFDS_DATA_DIR to one that can."
    )


def _listen(lines: Iterable[str], progress: Progress) -> dict[str, Any] | None:
    """Pass the child's steps on; its answer, or None if it died without one."""
    for message in map(json.loads, lines):
        if "step" not in message:
            return message
        progress.step(*message["step"])
    return None
