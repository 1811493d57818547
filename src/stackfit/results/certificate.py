"""What is known of a run's numbers: the verdict of `stackfit verify`, and whether it is about the files that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackfit.files import shown
from stackfit.results.manifest import Entries, changed_files, read_manifest, unlike
from stackfit.results.run_files import RunFiles, read_metrics_if_any, state_of
from stackfit.results.sealing import Sealed, read_sealed

VERDICTS = ("bit-equal", "within tolerance", "changed", "diverged")
FORMAT = 2  # the first one has no signature and names no files
UNKNOWN = "no manifest"  # of a run made before there were any


@dataclass(frozen=True)
class Standing:
    """What a table says of a run's numbers. `text` is empty if nothing speaks against them and nobody judged them."""

    text: str = ""
    problem: str = ""  # a sentence: why they are not to be trusted
    changed: tuple[str, ...] = ()  # files that are not those with which the run finished

    @classmethod
    def of(cls, folder: Path, status: Mapping[str, Any], whole: bool = False) -> Standing:
        """How the run with this status stands.

        Args:
            whole: read every file; else only those whose size or time has changed.

        Raises:
            RunFolderError: a newer stackfit wrote its manifest.
        """
        run, state = RunFiles(folder), state_of(status)
        if state == "running":  # its owner is at work, perhaps between the manifest and the status
            return cls()
        entries = read_manifest(run)
        changed = changed_files(run, entries, bool(status.get("manifest")), whole)
        if not changed and whole and state == "finished" and copies_that_differ(run, status):
            changed = [run.status.name]
        certificate = read_sealed(run.certificate)
        if certificate is not None and not _is_certificate(certificate):
            changed, certificate = [*changed, run.certificate.name], None
        text, problem = _verdict(run, certificate, status, None if changed else entries, whole) if certificate else ("", "")
        if changed:
            text = "; ".join([f"changed: {_few(changed)}", *([text] if text == "diverged" else [])])
            problem = f"changed since it was written: {', '.join(changed)}"
        return cls(text, problem and f"{shown(folder)}: {problem}. Try: stackfit verify {shown(folder)}", tuple(changed))


def is_made_here(folder: Path) -> bool:
    """Whether this user signed the manifest of the run, and its files are still those."""
    run = RunFiles(folder)
    manifest = read_sealed(run.manifest)
    return manifest is not None and manifest.is_ours and not unlike(run, manifest.record.get("files"), whole=True)


def _is_certificate(sealed: Sealed) -> bool:
    """Whether it is as `stackfit verify` wrote it; the first format had no seal."""
    return sealed.record.get("verdict") in VERDICTS and (sealed.intact or sealed.record.get("format", 1) == 1)


def _verdict(
    run: RunFiles, sealed: Sealed, status: Mapping[str, Any], present: Entries | None, whole: bool
) -> tuple[str, str]:
    """What a certificate says, and what speaks against the run. `present`: its files, if they are known."""
    record = sealed.record
    if not sealed.intact and record.get("started") != status.get("started"):
        return "", ""  # of the first format, about another run
    known = present is not None and _digests(record.get("files")) == _digests(present)
    if sealed.intact and not known and (others := unlike(run, record.get("files"), whole)):
        return f"stale: {_few(others)}", f"its verdict is about other bytes: {_few(others)}"
    if not sealed.is_ours:
        who = [str(record[key])[:most] for key, most in (("host", 40), ("verified", 10)) if record.get(key)]
        return f"judged elsewhere ({', '.join(who)})", ""
    verdict = str(record["verdict"])
    return verdict, "it diverged when it was verified" if verdict == "diverged" else ""


def _digests(entries: Any) -> dict[str, Any]:
    entries = entries if isinstance(entries, dict) else {}
    return {name: entry.get("sha256") for name, entry in entries.items() if isinstance(entry, dict)}


def copies_that_differ(run: RunFiles, status: Mapping[str, Any]) -> list[str]:
    """The final metrics that have another value in `status.json` than in `metrics.json`."""
    metrics, copy = read_metrics_if_any(run.path), status.get("metrics")
    copy = copy if isinstance(copy, dict) else {}
    return [name for name in copy if name not in metrics or metrics[name] != copy[name]] if metrics else []


def _few(names: Sequence[str]) -> str:
    """The first name, and how many more."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 2 else " and ".join(names)
