"""Texts of Hydra, OmegaConf, ANTLR, PyYAML, Typer and pydantic that no user of stackfit may read."""

from __future__ import annotations

LIBRARY_WORDS = (
    *("LexerNoViableAlt", "no viable alternative", "token recognition", "extraneous input", "mismatched input", "missing EQUAL", "<EOF>"),
    *("mapping values are not", "while parsing", "while scanning", "could not find expected", "did not find expected", "expected <"),
    *("ConfigKeyError", "ConfigAttributeError", "full_key", "object_type", "Could not override", "Multiple values for", "not in struct"),
    *("Interpolation key", "See https", "codec can't", "No such option", "No such command", "Missing argument", "valid integer", "Invalid value"),
    *("Traceback", "stackfit itself failed", "OmegaConf", "antlr"),
)


def assert_ours(text: str) -> None:
    """Three sentences of ours: what was expected stands there, and nothing of a library."""
    assert not [words for words in LIBRARY_WORDS if words in text], text
    assert "Expected" in text, text
