"""`methods`: which hooks a callback's class has, from its source alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stackfit.config.methods import defines

TEST = ("on_test_begin", "on_test_end")
OWN = '''
from keras import callbacks
from keras.callbacks import SwapEMAWeights as Swap


class Plain(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None): ...


class Hooked(Plain):
    def on_test_end(self, logs=None): ...


class Below(Hooked): ...


class Swapped(Swap): ...


class Round(Round): ...
'''


def test_hooks_are_found_in_the_class_and_its_bases_and_an_unknown_source_has_none(write):
    write("own_hooks.py", OWN)
    found = [name for name in ("Plain", "Hooked", "Below", "Swapped", "Round", "Absent") if defines(f"own_hooks.{name}", TEST)]
    assert found == ["Hooked", "Below", "Swapped"]
    assert not defines("no_such_module.Hooked", TEST) and not defines("stackfit.callbacks.StopAt", TEST)
    assert defines("stackfit.callbacks.StopAt", ["on_epoch_end"])
    write("own_hooks.py", "class Hooked(:")
    assert not defines("own_hooks.Hooked", TEST)


@pytest.mark.tf
def test_keras_source_says_what_keras_classes_say(keras):
    base = keras.callbacks.Callback
    for name, kind in vars(keras.callbacks).items():
        if isinstance(kind, type) and issubclass(kind, base):
            overrides = any(getattr(kind, hook) is not getattr(base, hook) for hook in TEST)
            assert defines(f"keras.callbacks.{name}", TEST) == overrides, name


def test_keras_is_not_imported_for_it():
    code = "import sys; from stackfit.config.methods import defines; assert defines('keras.callbacks.SwapEMAWeights', ['on_test_end'])"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'keras' not in sys.modules"], check=True)
