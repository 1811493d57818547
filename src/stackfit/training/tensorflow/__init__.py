"""The TensorFlow engine: everything that imports TensorFlow is in this package."""
