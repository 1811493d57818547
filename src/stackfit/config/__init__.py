"""YAML files and overrides become one checked config, which knows where each value was set."""
