"""The scripts that let bash and zsh complete stackfit's words by TAB, and their installation."""

from __future__ import annotations

import os
from pathlib import Path

from stackfit.config import project
from stackfit.errors import ConfigError
from stackfit.files import writing

# Typer answers as it answers fish: a line for each answer, a tab, its help. What does not end in = . or / is finished. bash
# splits words at = and : and replaces only what follows; a single answer would close an open quote.
BASH = """\
_stackfit_completion() {
    local line typed="${COMP_LINE:0:COMP_POINT}" last="${COMP_WORDS[COMP_CWORD]}" quote=""
    local word="${typed##*[[:space:]]}"
    case $last in [\\'\\"]*) quote="${last:0:1}" ;; esac
    [[ $last =~ ^[=:]+$ ]] && last=""
    word="${word#"$quote"}" last="${last#"$quote"}"
    COMPREPLY=()
    while IFS= read -r line; do
        line="${line%%$'\\t'*}"
        [[ $line ]] || continue
        [[ $quote || $line == *[=./] ]] || line+=" "
        COMPREPLY+=("${line:${#word}-${#last}}")
    done < <(
        _STACKFIT_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS="$typed" "$1" 2>/dev/null
    )
    [[ $quote && ${#COMPREPLY[@]} == 1 && $COMPREPLY == *[=./] ]] && COMPREPLY+=("$COMPREPLY...")
}
complete -o nospace -o bashdefault -o default -F _stackfit_completion stackfit
"""
ZSH = """\
#compdef stackfit
_stackfit_completion() {
    local -a found
    found=("${(@f)$(_STACKFIT_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \\
        _TYPER_COMPLETE_ARGS="${words[1,CURRENT]}" "${words[1]}" 2>/dev/null)}")
    found=(${found%%$'\\t'*})
    (( $#found )) || { _files; return }
    compadd -S '' -- ${(M)found:#*[=./]}
    compadd -- ${found:#*[=./]}
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
    home = project.in_home(os.environ.get("XDG_DATA_HOME") or "~/.local/share", "HOME", "files") / "stackfit"
    script, start = home / f"completion.{name}", project.in_home(f"~/.{name}rc", "HOME", "files")
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
