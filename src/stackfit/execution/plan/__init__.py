"""What a command would do: layers, cells, cost, problems. Trains and writes nothing."""
