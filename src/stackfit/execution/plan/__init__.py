"""The plan of a command: layers, cells, cost, problems. Nothing is trained or written."""
