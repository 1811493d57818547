"""Run folders written and read; tables and tests over them."""
