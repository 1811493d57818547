"""The scripts that let bash and zsh complete stackfit's words by TAB, and their installation."""

from __future__ import annotations

import os
from pathlib import Path

from stackfit.errors import ConfigError
from stackfit.files import writing

# A line at a time, so that no answer is taken for a pattern; COMP_WORDBREAKS splits words at = and :.
BASH = """\
_stackfit_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
        IFS=$'\\n'; COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _STACKFIT_COMPLETE=complete_bash "$1" 2>/dev/null
    )
}
complete -o nospace -o bashdefault -o default -F _stackfit_completion stackfit
"""
ZSH = """\
#compdef stackfit
_stackfit_completion() {
    local -a found whole
    found=("${(@f)$(COMP_WORDS="${(pj:\\n:)words}" COMP_CWORD=$((CURRENT - 1)) _STACKFIT_COMPLETE=complete_zsh \\
        "${words[1]}" 2>/dev/null)}")
    found=(${found:#})
    (( $#found )) || { _files; return }
    whole=(${(M)found:#* })
    compadd -S '' -- ${found:#* }
    compadd -- ${whole% }
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _stackfit_completion stackfit
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH}


def shell() -> str:
    """bash or zsh, by $SHELL.

    Raises:
        ConfigError: it is another.
    """
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SCRIPTS:
        raise ConfigError(
            f"The shell is {name!r}. Expected bash or zsh. Type: SHELL=bash stackfit --install-completion"
        )
    return name


def install() -> list[str]:
    """Write the script for the user's shell and let its start-up file load it; returns what to print."""
    name = shell()
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "stackfit"
    script, start = home / f"completion.{name}", Path.home() / f".{name}rc"
    line = f"source '{script}'"
    advice = ("a home of yours", "Try: stackfit --show-completion", ConfigError)
    with writing(script, *advice):
        home.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPTS[name], encoding="utf-8")
    with writing(start, *advice):
        text = start.read_text(encoding="utf-8") if start.is_file() else ""
        if line not in text:
            start.write_text(f"{text.rstrip()}\n{line}  # completion of stackfit\n".lstrip(), encoding="utf-8")
    return [str(script), f"{start} loads it. Start a new shell, or type: {line}"]
