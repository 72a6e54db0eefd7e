"""Runs the command line as `python -m studiograph`."""

from studiograph.cli import main

if __name__ == "__main__":
    main()
