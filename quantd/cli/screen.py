"""How results are laid out for a reader."""

import sys

from rich.console import Console
from rich.table import Table

_WIDE = 200
_NAMES = frozenset({"every", "metrics", "why", "state", "since", "reason", "last trade"})


def screen() -> Console:
    """Where results are printed: as wide as a terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def table(*columns: str) -> Table:
    """Without lines; the first column and names to the left, numbers to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 or column in _NAMES else "right", no_wrap=True)
    return made
