"""`python -m stackfit`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:  # Python put the current folder there: its files must not stand in for libraries
        del sys.path[0]
    from stackfit.cli import entry

    entry()
