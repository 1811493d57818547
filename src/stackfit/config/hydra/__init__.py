"""All that we need of Hydra: composition, overrides, its view of the files, its errors, axes."""
