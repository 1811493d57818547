"""A config's layers become one compiled Keras model, or all that is wrong with it."""
