"""`eject`: a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from stackfit.cli.arguments import DataPath, RunPaths, Trust, chosen_runs, option
from stackfit.cli.text import write_whole
from stackfit.errors import ConfigError


def command(
    runs: RunPaths,
    out: Annotated[
        Path | None, option("Write it here, your own data next to it; of several runs, a folder.", metavar="FILE")
    ] = None,
    data_path: DataPath = None,
    trust: Trust = None,
) -> int:
    """Its weights are bit-equal to the run's. Without --out it is printed, for data sets that a name fetches.

    stackfit eject outputs/gsp631_base/2026-01-31_12-00-00 --out train.py

    Of several runs, each is written to a folder of its own, OUT/EXPERIMENT/RUN/train.py. Exit code 1 when one of them
    could not be. A cosine without a warm-up, such as optimizer=adam_cosine, cannot
    be: TensorFlow rounds it in another way in Keras's fit.
    """
    from stackfit.cli.each import for_each
    from stackfit.files import shown, writing
    from stackfit.proof.eject.script import eject
    from stackfit.results.run import Run

    if len(runs) > 1 and out is None:
        raise ConfigError("Several runs were named. Expected a folder for their scripts. Add for example: --out scripts")

    def write(path: Path) -> None:
        (path,) = chosen_runs([path])
        run, file = Run(path, data_path), out
        if out and len(runs) > 1:
            folder = path.resolve()
            file = out / folder.parent.name / folder.name / "train.py"
            with writing(file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
        try:
            text = eject(run, trust or (), file)
        finally:
            if file != out and file and not any(file.parent.iterdir()):
                file.parent.rmdir()
        write_whole(f"{file}\n" if file else text)

    return for_each(runs, write, shown)
