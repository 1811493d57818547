"""`interrupts`: a wish to stop waits for a step's end while models are built and trained."""

from __future__ import annotations

import pytest

from stackfit import interrupts


@pytest.fixture(autouse=True)
def nothing_asked():
    interrupts.forget()
    yield
    interrupts.forget()


def test_outside_it_may_be_raised_at_once_and_is_not_raised_again():
    assert interrupts.ask()
    interrupts.check()


def test_inside_it_waits_for_the_next_check_and_is_raised_once():
    with interrupts.deferred():
        assert not interrupts.ask()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.check()


def test_a_step_raises_at_its_end():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.step():
        interrupts.ask()
        done.append(True)
    assert done


def test_an_error_inside_is_not_hidden_and_the_request_stays():
    with pytest.raises(ValueError, match="mine"), interrupts.step():
        interrupts.ask()
        raise ValueError("mine")
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
