"""tensorflow-datasets in a process of its own, so that ours stays light.

TFDS starts TensorFlow's runtime (after which threads can no longer be set), prints to both streams, keeps memory, and
waits minutes for a missing network. A child process with its output in a log has none of these effects on us.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from stackfit import places
from stackfit.data.progress import Progress
from stackfit.errors import DataError


def tfds_folder() -> Path:
    """The data folder of TFDS: `$TFDS_DATA_DIR`, else its default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def run_tfds(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Let a child process prepare, describe and decode a data set; `tfds_worker.work` defines request and answer.

    Raises:
        DataError: TFDS does not know the data set, cannot have it, or failed.
    """
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",  # decoding needs none, and the parent may want it whole
        "PYTHONPATH": os.pathsep.join([str(places.PACKAGE.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }
    command = [sys.executable, "-m", "stackfit.data.tfds_worker", json.dumps(request)]
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
        assert process.stdout is not None
        try:
            answer = _listen(process.stdout, progress)
            process.wait()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        if answer is None:
            log.seek(0)
            answer = {"error": f"its process ended with code {process.returncode}: {log.read()[-500:].strip()}"}
    if "error" in answer:
        raise DataError(_sentences(request["name"], answer), key=answer.get("key"))
    return answer


def _listen(lines: Any, progress: Progress) -> dict[str, Any] | None:
    """Pass the child's steps on; its answer, or None if it died without one."""
    for line in lines:
        message = json.loads(line)
        if "step" not in message:
            return message
        progress.step(*message["step"])
    return None


def _sentences(name: str, answer: dict[str, Any]) -> str:
    if "key" in answer:
        return answer["error"]
    return (
        f"tensorflow-datasets could not bring {name!r}: {answer['error']}. "
        f"Expected it to be prepared in {tfds_folder()}. Type: stackfit data fetch {name}  to try again."
    )
