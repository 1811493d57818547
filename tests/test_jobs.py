"""`jobs`: what a cell on its way to a finished run says."""

from __future__ import annotations

from typing import Any

from stackfit.execution.jobs import Job
from stackfit.execution.progress import Reporter


def test_what_callbacks_of_a_cohort_print_in_parts_is_one_line_each_after_its_label(capsys):
    cell: Any = None
    reporter = Reporter(1)
    first, second = (Job(cell, f"units={units}", reporter, alone=False) for units in (3, 4))
    for job, text in ((first, "a"), (second, "x"), (first, "b\nc"), (second, "y\n")):
        job.printed(text)
    assert capsys.readouterr().err == "units=3  ab\nunits=4  xy\n"
    reporter.end()
    assert capsys.readouterr().err == "units=3  c\n"
    reporter.end()
    assert capsys.readouterr().err == ""


def test_a_run_alone_prints_its_callbacks_lines_as_they_are(capsys):
    cell: Any = None
    job = Job(cell, "digits", Reporter(1))
    job.printed("one\n\ntwo\n")
    assert capsys.readouterr().err == "one\n\ntwo\n"
