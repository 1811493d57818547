"""`waiting`: what is going on, the innermost last, and who shows it."""

from __future__ import annotations

import pytest

from stackfit import waiting


def test_what_is_going_on_is_known_inside_and_gone_after_an_error():
    @waiting.doing("outer")
    def work() -> list[str]:
        with waiting.doing("inner"):
            return [*waiting.now]

    assert work() == work() == ["outer", "inner"]
    with pytest.raises(ZeroDivisionError), waiting.doing("dividing"):
        _ = 1 / 0
    assert waiting.now == []


def test_a_screen_that_has_the_terminal_says_so():
    with waiting.elsewhere(), waiting.elsewhere():
        assert waiting.taken == 2
    assert waiting.taken == 0
