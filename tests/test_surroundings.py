"""What surrounds a command: no home, no temporary folder, other encodings and terminals, no network."""

from __future__ import annotations

import contextlib
import os
import pty
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from made_runs import make_run

from stackfit.config import project
from stackfit.data.kinds.tfds import tfds_folder
from stackfit.errors import ConfigError, StackfitError
from stackfit.results import signing

NO_TMP = "import tempfile\ntempfile._candidate_tempdir_list = lambda: ['/proc/none']\n"


def program(*words: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, after some code."""
    code = f"{before}\nimport sys\nsys.argv = ['stackfit', *{list(words)!r}]\nfrom stackfit.cli import entry\nentry()\n"
    variables = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, env=variables, timeout=300)


def on_a_terminal(*words: str, **environment: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "stackfit", *words]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **environment})
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(ours, 65536):
            seen += part
    process.wait()
    os.close(ours)
    return seen.decode()


@pytest.fixture
def homeless(monkeypatch):
    """A user id without a name, and no HOME."""

    def nobody(*_):
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for variable in ("HOME", "STACKFIT_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TFDS_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)


def test_without_a_home_only_a_cache_is_missed(lab, homeless, cli, monkeypatch):
    assert cli("show", "digits_quickstart").code == 0
    assert "can be fetched" in next(line for line in cli("data", "list").out.splitlines() if line.startswith("mnist"))
    with pytest.raises(ConfigError, match=r"has no home folder .* Set STACKFIT_CACHE to a folder"):
        project.cache()
    answer = cli("data", "fetch", "mnist")
    assert (answer.code, answer.err.count("\n")) == (2, 1) and "Set STACKFIT_CACHE to a folder." in answer.err
    assert not Path("~").exists()
    for variable, folder in (("STACKFIT_CACHE", project.cache), ("TFDS_DATA_DIR", tfds_folder), ("XDG_CONFIG_HOME", signing.key_path)):
        for value in ("", "~/kept"):
            monkeypatch.setenv(variable, value)
            with pytest.raises(StackfitError, match=f"has no home folder to keep (data|a key) in.* Set {variable} to a folder"):
                folder()
    monkeypatch.setenv("STACKFIT_CACHE", str(lab / "cache"))
    assert project.cache() == lab / "cache"


@pytest.mark.tf
def test_without_a_home_a_run_leaves_no_folder_of_that_name(lab):
    before = "import os, pwd\ndef nobody(*_): raise KeyError\npwd.getpwuid = nobody\nfor name in ('HOME', 'XDG_CONFIG_HOME'): os.environ.pop(name, None)\n"
    done = program("run", "xor_needs_a_hidden_layer", "hydra.mode=RUN", "epochs=1", before=before, TMPDIR=str(lab))
    assert done.returncode == 0, done.stderr.decode()  # its manifest is not signed: there is no place for a key
    done = program("table", "--strict", before=before)
    assert done.returncode == 0 and b"changed" not in done.stdout, done.stderr.decode()
    assert not Path("~").exists()


@pytest.mark.tf
def test_without_a_temporary_folder_light_commands_work_and_others_name_the_variable(lab):
    for words in (("list", "cb_"), ("show", "digits_quickstart")):
        assert program(*words, before=NO_TMP).returncode == 0
    done = program("run", "digits_quickstart", before=NO_TMP, TMPDIR="/proc/none")
    assert done.returncode == 2 and not Path("outputs").exists()
    assert done.stderr.decode().splitlines() == [
        "error: No usable temporary directory found in ['/proc/none']. Expected folders with room and permission for temporary "
        "files and results.",
        "  Free space, or set TMPDIR to such a folder (now /proc/none).",
    ]


@pytest.mark.parametrize("encoding, rule", [("ascii", b"---"), ("latin-1", b"---"), ("cp1252", b"---"), ("utf-8", "───".encode())])
def test_an_encoding_without_our_signs_gets_others(lab, encoding, rule):
    make_run(lab / "outputs" / "base" / "run")
    done = program("table", PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and rule in done.stdout


@pytest.mark.parametrize("variable", ["NO_COLOR=1", "TERM=dumb"])
def test_a_terminal_without_colour_gets_no_escape_codes(lab, monkeypatch, variable):
    monkeypatch.delenv("NO_COLOR", raising=False)
    name, _, value = variable.partition("=")
    for environment, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", name: value}, False)):
        shown = on_a_terminal("data", "show", "digits", **environment)
        assert ("\x1b" in shown) == coloured and "label 0" in shown
