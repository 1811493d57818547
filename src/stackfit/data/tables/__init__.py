"""A user's table: read into named, typed columns, and encoded as the float32 features that a model takes."""
