"""A run as a plain Keras script that does not import stackfit."""
