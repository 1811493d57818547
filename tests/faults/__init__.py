"""Faults, really injected into real `stackfit` processes: `make faults` runs them all and writes docs/reliability.md.

`tests/test_faults.py` runs a few of each; the full counts are `slow`.
"""

from faults import callbacks, clusters, damage, disk, owners, stops, surroundings, workers  # noqa: F401  (each module enters its faults in the list)
from faults.fault import FAULTS

__all__ = ["FAULTS"]
