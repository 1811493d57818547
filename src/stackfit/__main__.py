"""`python -m stackfit`."""

from stackfit.cli import main

if __name__ == "__main__":
    main()
