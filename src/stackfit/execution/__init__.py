"""Cells become finished folders: a single run or a sweep."""
