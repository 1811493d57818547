"""stackfit and its rivals side by side, as whole commands in fresh processes: `python -m benchmarks`."""
