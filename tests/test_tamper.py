"""Every file of a finished, verified run: changed in one byte, replaced, deleted, copied from another run. All are named."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import stackfit
from stackfit.execution.progress import Reporter
from stackfit.proof import verify
from stackfit.proof.rerun import read_cell
from stackfit.results.run import Run
from stackfit.results.run_files import FORMS, NAMES, RunFiles

QUIET = Reporter(0)
FILES = sorted({*NAMES} - {"checkpoint.npz"})


@pytest.fixture(scope="module")
def judged(finished, tmp_path_factory, keras) -> Iterator[tuple[Path, Path]]:
    """Two verified runs; a rerun of the first answers every `stackfit verify`."""
    top = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        one = Path(shutil.copytree(finished, top / "one"))  # its files have other times than the manifest says
        words = ("epochs=1", "model.layers.hidden.units=8", "save=[keras,h5]", "seed=1")
        other = stackfit.run("digits_quickstart", *words, reporter=QUIET).folder
        (top / "rerun").mkdir()
        rerun = verify.execute(read_cell(Run(one)), FORMS, top / "rerun", QUIET)
        for run in (one, other):
            stackfit_verify(run)
        patch.setattr(verify, "execute", lambda *_: rerun)
        yield one, other


def stackfit_verify(folder: Path) -> None:
    from stackfit.results.run_folder import RunFolder

    RunFolder(folder).write_certificate(verify.verify(Run(folder), QUIET))


def variants(data: bytes, other: bytes | None, places: int) -> Iterator[tuple[str, bytes | None]]:
    """What becomes of a file, by a word for it; None deletes it."""
    for place in range(places):
        at = place * (len(data) - 1) // max(1, places - 1)
        yield f"byte {at}", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    yield from (("emptied", b""), ("replaced", b"garbage\n"), ("longer", data + b"\n"), ("deleted", None))
    if other is not None and other != data:
        yield "of another run", other


def tamper(judged: tuple[Path, Path], cli, lab: Path, name: str, places: int) -> None:
    one, other = judged
    folder = Path(shutil.copytree(one, lab / "outputs" / "run"))
    shutil.copytree(one, lab / "outputs" / "untouched")
    file, certificate = folder / name, RunFiles(folder).certificate
    data = file.read_bytes()
    assert cli("table", "outputs", "--strict").code == 0
    for what, changed in variants(data, (other / name).read_bytes(), places):
        file.unlink() if changed is None else file.write_bytes(changed)
        gone = changed is None and file == certificate  # a run that nobody has verified
        code, out, err = cli("table", "outputs", "--strict")
        told = name in err or (file == certificate and "its verdict is about other bytes" in err)
        assert gone or (code == 1 and told and "outputs/run" in err and "untouched: " not in err), (what, err)
        code, out, err = cli("verify", "outputs/run", "-q")
        if file == certificate:  # verify writes it again
            assert code == 0 and (name in err or gone or what == "of another run"), what
        else:
            assert code != 0 and name in out + err, (what, out, err)
        file.write_bytes(data)
        shutil.copy(one / certificate.name, certificate)
    assert cli("verify", "outputs/run", "-q").out.startswith("bit-equal"), "it is whole again"


@pytest.mark.tf
@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_named_by_verify_and_by_a_strict_table(judged, cli, lab, name):
    tamper(judged, cli, lab, name, places=3)


@pytest.mark.tf
@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_is_named_by_verify_and_by_a_strict_table(judged, cli, lab, name):
    tamper(judged, cli, lab, name, places=40)
