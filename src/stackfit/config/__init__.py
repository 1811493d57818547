"""YAML files and overrides become one checked config, each value with its place."""
