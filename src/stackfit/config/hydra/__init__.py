"""Everything that we use of Hydra: composition, overrides, its view of the files, its errors, axes."""
