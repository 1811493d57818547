"""What is wrong with a text that is not YAML: the line of the cause, and what to type there.

A parser names the line where it could not go on, which may be far below the quote or the bracket that was not closed. So
the text is read again here, for what people forget.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stackfit.errors import ConfigError, counted
from stackfit.files import shown

CLOSERS = {"[": "]", "{": "}"}
_ENTRY = re.compile(r"(?P<head>\s*(- +)*)(?P<key>[^\s:#'\"\[{][^:#]*?)\s*:\s+(?P<value>\S.*?)\s*$")
_NO_BLANK = re.compile(r"(^\s*(?:- +)*|[{,]\s*)([A-Za-z_][\w.]*):(?!//)([^\s:,{}\]][^,}]*)")
_EQUALS = re.compile(r"\s*([A-Za-z_][\w.]*)\s*=\s*(\S.*?)\s*$")
_BLOCK = re.compile(r"(^|.*[:-]\s)\s*[|>][+-]?\d?\s*(#.*)?$")
_LONGEST = 60  # characters of a line that is repeated


@dataclass(frozen=True)
class _Opened:
    sign: str
    line: int  # from 0


@dataclass
class _Scan:
    """Quotes and brackets of a text; `faults` are `(line, message)`."""

    brackets: list[_Opened] = field(default_factory=list)  # open at the end
    quote: _Opened | None = None  # open at the end
    folded: list[tuple[_Opened, int]] = field(default_factory=list)  # quotes that end in another line, which is the number
    faults: list[tuple[int, str]] = field(default_factory=list)


def yaml_problem(error: yaml.YAMLError, path: Path, text: str) -> ConfigError:
    """The error of a YAML parser or constructor as an error at the line of its cause."""
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    lines = text.splitlines() or [""]
    stopped = min(mark.line if mark else 0, len(lines) - 1)
    began = context.line if context and "simple key" in str(getattr(error, "context", "")) else stopped
    line, message = _find_cause(lines, min(began, stopped), stopped, str(getattr(error, "problem", "")))
    return ConfigError(message, where=f"{shown(path)}:{line + 1}")


def _find_cause(lines: list[str], began: int, stopped: int, problem: str) -> tuple[int, str]:
    for number, line in enumerate(lines[: stopped + 1]):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return number, "This line starts with a tab. Expected blanks. Write two blanks in place of each tab."
    if "another document" in problem:
        return stopped, "--- starts a second document. Expected one. Remove the line."
    scan = _scan(lines)
    early = [fault for fault in scan.faults if fault[0] <= stopped]
    folded = [opened for opened, end in scan.folded if end in (stopped, stopped - 1)]
    if early:
        return early[0]
    if opened := (folded[0] if folded else scan.quote):
        text = _brief(lines[opened.line].strip() + opened.sign)
        return opened.line, f"The quote {opened.sign} in this line is not closed. Expected one more after the text. Write: {text}"
    for number in dict.fromkeys((began, stopped, _above(lines, stopped))):
        for message in _faults_of(lines, number, problem):
            return number, message
    if scan.brackets:
        opened = scan.brackets[-1]
        closers = "".join(CLOSERS[other.sign] for other in reversed(scan.brackets) if other.line == opened.line)
        text = _brief(lines[opened.line].strip().rstrip(",") + closers)
        return opened.line, f"The {opened.sign} in this line is not closed. Expected {CLOSERS[opened.sign]}. Write: {text}"
    for message in _wrong_indent(lines, stopped):
        return stopped, message
    found = _brief(lines[stopped].strip())
    return stopped, f"This line cannot be read as YAML: {found}  Expected `key: value`. Correct it, or put a text in quotes."


def _faults_of(lines: list[str], number: int, problem: str) -> Iterator[str]:
    """What is wrong with a line by itself."""
    line = lines[number]
    body = line.strip()
    if (match := _EQUALS.match(line)) and ": " not in line:
        yield f"This line has = in place of ':'. Expected `key: value`. Write: {_brief(f'{match[1]}: {match[2]}')}"
    if match := _NO_BLANK.search(line):
        yield no_blank(match[2], match[3].strip())
    entry = _ENTRY.match(line)
    value = entry["value"] if entry else body.removeprefix("- ")
    if "escape" in problem and '"' in value:
        text = body.replace('"', "'")
        yield f"A \\ in double quotes starts a code. Expected single quotes. Write: {_brief(text)}"
    if value[:1] in "@`%*&!|>" and entry:
        yield _needs_quotes(f"A text that begins with {value[0]}", entry["key"], value)
    if entry and value[0] not in "[{'\"" and re.search(r":(\s|$)", value):
        yield _needs_quotes("A text with ':' and a blank", entry["key"], value)
    if match := re.search(r"([\w ]+):\s+([^'\"{\[,}]*\?)\s*[,}\]]", line):
        yield _needs_quotes("A text that ends with ? before a bracket", match[1].strip(), match[2])


def _wrong_indent(lines: list[str], number: int) -> Iterator[str]:
    above = _above(lines, number)
    here, before = _indent(lines[number]), _indent(lines[above])
    entry = _ENTRY.match(lines[above])
    if here > before and entry and above != number and not _BLOCK.match(lines[above]):
        yield (
            f"This line begins after {_blanks(here)}, and {entry['key']!r} above it has a value already. Expected it as far left "
            f"as that line. Begin it after {_blanks(before)}."
        )
    levels: list[int] = []
    for line in reversed(lines[:number]):
        if line.strip() and not line.lstrip().startswith("#") and (not levels or _indent(line) < levels[-1]):
            levels.append(_indent(line))
    if here < before and here not in levels:
        yield (
            f"This line begins after {_blanks(here)}; the lines above it begin after "
            f"{' or '.join(map(str, sorted(levels)))}. Expected one of these. Move it."
        )


def no_blank(key: str, value: str) -> str:
    """What to say of `units:64`."""
    return f"There is no blank after the ':' of {key!r}. Expected `key: value`. Write: {_brief(f'{key}: {value}')}"


def _needs_quotes(what: str, key: str, value: str) -> str:
    sign = "'" if '"' in value else '"'
    return f"{what} needs quotes. Expected them around the whole text. Write: {_brief(f'{key}: {sign}{value}{sign}')}"


def _above(lines: list[str], number: int) -> int:
    """The line before that holds something."""
    return next((n for n in range(number - 1, -1, -1) if lines[n].strip() and lines[n].strip()[0] != "#"), number)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _blanks(count: int) -> str:
    return counted(count, "blank")


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _scan(lines: list[str]) -> _Scan:
    scan, skipped = _Scan(), -1
    for number, line in enumerate(lines):
        if skipped >= 0 and (not line.strip() or _indent(line) > skipped):
            continue  # a block of text
        skipped = -1
        if not scan.quote and not scan.brackets and _BLOCK.match(line):
            skipped = _indent(line)
        _scan_line(number, line, scan)
    return scan


def _scan_line(number: int, line: str, scan: _Scan) -> None:
    starts, closed = True, False  # whether a value may start here; whether a bracket was closed in this line
    at = 0
    while at < len(line):
        sign, following = line[at], line[at + 1 : at + 2]
        at += 1
        if scan.quote:
            if (sign == "\\" and scan.quote.sign == '"') or sign == following == scan.quote.sign == "'":
                at += 1
            elif sign == scan.quote.sign:
                scan.folded += [(scan.quote, number)] if scan.quote.line != number else []
                scan.quote, starts = None, False
        elif sign == "#" and (at == 1 or line[at - 2].isspace()):
            return
        elif sign in "\"'" and starts:
            scan.quote = _Opened(sign, number)
        elif sign in CLOSERS and (starts or scan.brackets):
            scan.brackets.append(_Opened(sign, number))
            starts = True
        elif sign in CLOSERS.values() and (scan.brackets or closed):
            closed, starts = True, False
            _close(number, line, at, scan)
        elif (sign == ":" and not following.strip()) or (sign == "," and scan.brackets):
            starts = True
        elif not (sign.isspace() or (sign == "-" and starts and not following.strip())):
            starts = False


def _close(number: int, line: str, at: int, scan: _Scan) -> None:
    sign = line[at - 1]
    opener = next(key for key, closer in CLOSERS.items() if closer == sign)
    if not scan.brackets:
        text = _brief((line[: at - 1] + line[at:]).strip())
        scan.faults.append((number, f"This line has a {sign} too many. Expected one for each {opener}. Write: {text}"))
    elif scan.brackets[-1].sign != opener:
        opened = scan.brackets.pop()
        right = CLOSERS[opened.sign]
        inserted = bool(scan.brackets) and scan.brackets[-1].sign == opener
        if inserted:
            scan.brackets.pop()
        text = _brief((line[: at - 1] + right + (sign if inserted else "") + line[at:]).strip())
        scan.faults.append((opened.line, f"The {opened.sign} in this line is closed by {sign}. Expected {right}. Write: {text}"))
    else:
        scan.brackets.pop()


def undecodable(error: UnicodeDecodeError, path: Path) -> ConfigError:
    """The error of a file that is not UTF-8, with the line of the first byte that is not."""
    before: bytes = error.object[: error.start]
    return ConfigError(
        f"This file is not in UTF-8: it has the byte {error.object[error.start]:#x} here. Expected UTF-8. Save it again with "
        "this encoding, which your editor offers.",
        where=f"{shown(path)}:{before.count(10) + 1}",
    )


def find_missing_blanks(node: yaml.Node | None) -> Iterable[tuple[int, str]]:
    """`{units:64}` is YAML: a key `units:64` without a value. The line, from 0, and what to say of each such key."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            plain = isinstance(key, yaml.ScalarNode) and not key.style
            empty = isinstance(value, yaml.ScalarNode) and value.value == "" and value.tag.endswith(":null")
            if plain and empty and (match := re.fullmatch(r"([A-Za-z_][\w.]*):(\S+)", key.value)):
                yield key.start_mark.line, no_blank(match[1], match[2])
            yield from find_missing_blanks(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from find_missing_blanks(item)
