"""The layout of printed results."""

import sys

from rich.console import Console
from rich.table import Table

_WIDE = 200
_NAMES = frozenset({"every", "metrics", "why", "state", "since", "reason", "last trade"})


def screen() -> Console:
    """Return the console on which results are printed. It is as wide as the terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def table(*columns: str) -> Table:
    """Return a table without lines. The first column and names are aligned left, numbers right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 or column in _NAMES else "right", no_wrap=True)
    return made
