"""A finished run as an RO-Crate: a zip that holds the run folder and says in linked data what it is.

The profile is Process Run Crate (https://w3id.org/ro/wfrun/process/0.5): one action, the program that did it, what it took and
what came of it.
"""

from __future__ import annotations

import mimetypes
import shlex
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stackfit.results import run_files
from stackfit.results.run import Run
from stackfit.results.run_files import RunFiles

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
FILES = RunFiles(Path())
WHAT = {
    FILES.config: "The resolved config: enough to run again",
    FILES.status: "State, times, settings and final metrics",
    FILES.environment: "Versions, machine, threads, and the fingerprint of the data",
    FILES.history: "Loss and metrics after each epoch",
    FILES.metrics: "Final metrics, and the digest of the weights",
    FILES.predictions: "Scores and labels of the test split",
    FILES.scaling: "How an example becomes the network's input",
    FILES.layers: "Name, class, output shape and parameters of each layer",
    FILES.model(): "The trained Keras model",
    FILES.manifest: "SHA-256 of the files, when the run finished",
    FILES.certificate: "What training the run again has found",
    FILES.log: "What was printed",
}
KINDS = {".yaml": "application/yaml", ".keras": "application/zip", ".npz": "application/zip", ".h5": "application/x-hdf5"}
TAKEN = (FILES.config,)
MADE = (*map(FILES.model, run_files.FORMS), FILES.metrics, FILES.predictions, FILES.history)


def write_crate(run: Run, path: Path) -> None:
    """Write the zip file.

    Args:
        run: finished. Files that are not the run's own, such as a callback's, go along.
        path: of the zip, which does not exist.

    Raises:
        RunFolderError: its config, status or environment is damaged.
        OSError: it cannot be written.
    """
    from rocrate.model import ContextEntity, SoftwareApplication
    from rocrate.rocrate import ROCrate

    status, environment = run_files.read_status(run.folder), run_files.read_environment(run.folder)
    about = run.config.get("about") or {}
    name = f"{status['experiment']}: {run.folder.name}"
    crate = ROCrate(gen_preview=True)
    crate.name = name
    crate.description = about.get("question") or f"A Keras model trained by stackfit from the experiment {status['experiment']}"
    crate.root_dataset["conformsTo"] = crate.add(
        ContextEntity(crate, PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"})
    )
    if about.get("source"):
        crate.root_dataset["citation"] = str(about["source"])
    entities = {}
    for file in sorted(each for each in run.folder.rglob("*") if each.is_file() and not each.name.startswith(".")):
        inside = file.relative_to(run.folder)
        kind = KINDS.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        told: dict[str, Any] = {"name": file.name, "encodingFormat": kind}
        if inside in WHAT:
            told["description"] = WHAT[inside]
        entities[inside] = crate.add_file(file, inside.as_posix(), properties=told, record_size=True)
    versions = environment.get("versions") or {}
    program = crate.add(
        SoftwareApplication(
            crate,
            "#stackfit",
            {
                "name": "stackfit",
                "softwareVersion": str(versions.get("stackfit", "")),
                "softwareRequirements": [f"{library} {version}" for library, version in versions.items() if library != "stackfit"],
            },
        )
    )
    began = datetime.fromisoformat(status["started"])
    action = crate.add_action(
        program,
        "#run",
        object=[entities[name] for name in TAKEN if name in entities],
        result=[entities[name] for name in MADE if name in entities],
        properties={
            "name": shlex.join(["stackfit", "run", status["experiment"], *status.get("overrides", ())]),
            "startTime": began.isoformat(),
            "endTime": (began + timedelta(seconds=float(status.get("seconds") or 0))).isoformat(),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    crate.root_dataset["mentions"] = action
    crate.root_dataset["variableMeasured"] = [
        crate.add(ContextEntity(crate, f"#{metric}", {"@type": "PropertyValue", "name": metric, "value": value}))
        for metric, value in (status.get("metrics") or {}).items()
        if value is not None
    ]
    crate.write_zip(path)
