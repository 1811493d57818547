"""From a finished folder back to its numbers: check, verify, evaluate, eject."""
