"""`python -m stackfit`."""

from stackfit.cli import entry

if __name__ == "__main__":
    entry()
