"""The JAX engine: Keras on its JAX backend. Nothing in this package, and nothing that it calls, imports TensorFlow."""
