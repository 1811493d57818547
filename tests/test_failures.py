"""`failures`: the place of an exception in a user's callback, and what its logs held."""

from __future__ import annotations

import sys
import types

from stackfit.training.failures import describe_place

SOURCE = '''
class Mine:
    def on_epoch_end(self, epoch, logs=None):
        self.compare(logs.get("acc"))

    def compare(self, value):
        return value > 0.84

    def on_train_end(self, logs=None):
        raise SystemExit(3)
'''


def place_of(call, callbacks):
    try:
        call()
    except BaseException as error:
        return describe_place(error, callbacks)


def test_the_innermost_line_of_the_user_s_module_and_the_names_in_logs():
    module = types.ModuleType("own_mine")
    exec(compile(SOURCE, "own_mine.py", "exec"), vars(module))
    mine = module.Mine()
    logs = {"loss": 1.0, "accuracy": 0.5}
    assert place_of(lambda: mine.on_epoch_end(0, logs), [mine]) == "own_mine.py:7, in compare; logs hold loss, accuracy"
    assert place_of(lambda: mine.on_train_end(), [mine]) == "own_mine.py:10, in on_train_end"
    assert place_of(lambda: mine.on_epoch_end(0, logs), []) is None  # the exception of another's code
    assert "own_mine" not in sys.modules
