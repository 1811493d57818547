"""`layout`: texts that fit a line without a broken word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackfit.results.layout import fit, fold, limits, shorten

words = st.lists(st.text("abcdefgh-./=", min_size=1, max_size=20), min_size=1, max_size=8).map(" ".join)


def test_a_folder_is_shortened_in_its_middle_where_it_repeats_others():
    assert shorten("model.layers.hidden.units=[64]-0178c29c", 21) == "model.laye…]-0178c29c"
    assert shorten("short", 5) == "short"


@given(words, st.integers(5, 60))
def test_a_fold_breaks_no_word(text, width):
    lines = fold(text, width).split("\n")
    assert all(len(line) <= width for line in lines)
    whole = {word for word in text.split() if len(word) <= width}
    assert whole <= {word for line in lines for word in line.split()}


def test_the_widest_texts_give_way_and_numbers_do_not():
    assert limits([10, 40, 20], [False, True, True], 54) == [10, 20, 20]
    assert limits([10, 40, 20], [False, True, True], 10) == [10, 12, 12]  # no narrower than that


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=4), st.integers(30, 200))
def test_rows_fit_every_line(rows, width):
    assert all(len(line) <= width for line in fit(rows, width))


def test_without_room_for_columns_a_row_is_a_block():
    assert list(fit([("digits", "part of a package", "1,437 + 360", "8 x 8 x 1")], 30)) == [
        "digits",
        "  part of a package, 1,437 +",
        "  360, 8 x 8 x 1",
    ]
