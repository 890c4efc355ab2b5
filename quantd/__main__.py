"""`python -m quantd` is `quantd`."""

from quantd.cli import main

if __name__ == "__main__":
    main()
