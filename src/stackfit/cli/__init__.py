"""The command line: every command is a thin edge over plain functions.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 a run or a claim failed, 2 the command or a
config is wrong, 130 interrupted.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from stackfit.cli.interruption import RESUMES, TEXT, Interruption, interruptible
from stackfit.cli.status import status_line
from stackfit.cli.text import help_width, say
from stackfit.config.project import find_root
from stackfit.errors import ConfigErrors, StackfitError
from stackfit.terminal import Folding

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
# Our signs where an encoding has none of them.
PLAIN = {"─": "-", "━": "=", "█": "#", "…": "...", "±": "+-", "→": "->", **dict(zip("▁▂▃▄▅▆▇", "_.-~=+*", strict=True))}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; or answer the shell that asks what may stand at the cursor."""
    if os.environ.get("_STACKFIT_COMPLETE"):
        with contextlib.suppress(Exception):  # not while somebody presses TAB; the command itself will report it
            _answer()
        sys.exit(0)
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):  # a terminal or pipe may have an encoding without our signs
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError):  # of a stream that has been duplicated, Python may ask where it stands
                stream.reconfigure(errors="plain")
    typed = list(sys.argv[1:] if arguments is None else arguments)
    text = RESUMES if typed[:1] in (["run"], ["check"]) and "--fresh" not in typed else TEXT
    with status_line(sys.stderr) as status:
        out, err = Folding(sys.stdout, status, escapes=True), Folding(sys.stderr, status, escapes=False)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), interruptible(text) as interruption:
            code = _run(typed, interruption)
    sys.exit(code)


def _plain(error: Any) -> tuple[str, int]:
    """A codec's error handler: what the encoding cannot show."""
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def _run(typed: list[str], interruption: Interruption) -> int:
    debug = "--debug" in typed
    try:
        return _dispatch([word for word in typed if word != "--debug"], _enter_project())
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit:
        raise
    except BaseException as error:  # a user's code may raise anything
        if not interruption.asked:  # else C code may have turned the KeyboardInterrupt into this (seen: ImportError)
            if debug:
                raise
            return _show(error)
    interruption.end()
    print(interruption.text, file=sys.stderr)
    return 130


def _enter_project() -> Path | None:
    """Change into the project's folder; where the command was typed, if elsewhere."""
    try:
        start = Path.cwd()
    except OSError:  # it has been removed
        return None
    root = find_root(start)
    if root == start:
        return None
    say(f"project: {root}")
    os.chdir(root)
    return start


def entry() -> NoReturn:
    """The program: `main`, then an exit at once. Tearing TensorFlow down takes a second."""
    code: Any = 1
    try:
        main()
    except SystemExit as done:
        code = done.code
    except KeyboardInterrupt:  # before or after `main` handles signals
        code = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late for a Ctrl-C
    with contextlib.suppress(OSError):  # a reader that has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _answer() -> None:
    """Let Typer answer a TAB: it finds the question in the variables that the scripts of `shells` set."""
    from typer.completion import completion_init

    from stackfit.cli.app import app

    os.chdir(find_root(Path.cwd()))
    os.environ["_TYPER_COMPLETE_ARGS"] = os.environ.get("_TYPER_COMPLETE_ARGS", "").replace(" --debug ", " ")
    completion_init()
    app([], prog_name="stackfit")


def _dispatch(typed: list[str], start: Path | None) -> int:
    import typer

    from stackfit.cli.app import app

    try:
        # Without standalone mode a command's exit code is returned, and our errors come through.
        code = app(typed, standalone_mode=False, prog_name="stackfit", terminal_width=help_width(), obj=start) or 0
        if code == 130:  # Typer has turned Ctrl-C into a number
            raise KeyboardInterrupt
        return code
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort as stopped:
        raise KeyboardInterrupt from stopped
    except Exception as error:
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # the help
            return error.exit_code
        from stackfit.cli.usage import usage_problem

        raise usage_problem(error, typed) from None


def _show(error: BaseException) -> int:
    if isinstance(error, OSError) and (error.errno in NO_ROOM or "temporary directory" in str(error)):
        where = f"{error.filename}: " if error.filename and error.errno in NO_ROOM else ""
        say(
            f"error: {where}{error.strerror or error}. Expected folders with room and permission for temporary files and results.\n"
            f"  Free space, or set TMPDIR to such a folder (now {os.environ.get('TMPDIR') or 'not set'})."
        )
        return 2
    if not isinstance(error, StackfitError):
        say(
            f"error: stackfit itself failed: {type(error).__name__}: {error}\n"
            "  Expected this not to happen. Add --debug for the traceback, and please report it."
        )
        return 1
    errors: list[Any] = error.errors if isinstance(error, ConfigErrors) else [error]
    for problem in errors:
        say(f"error: {problem}")
    if len(errors) > 1:
        print(f"{len(errors)} errors; nothing was trained.", file=sys.stderr)
    return error.exit_code
