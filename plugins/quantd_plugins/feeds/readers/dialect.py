"""The dialect of a text table: its delimiter and the format of its numbers."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence

import quantd

DELIMITERS = (",", ";", "\t", "|")
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")


def split(line: bytes, delimiter: str) -> list[str]:
    """Return the cells of a line."""
    text = line.decode(errors="replace").rstrip("\r\n")
    try:
        cells = next(csv.reader([text], delimiter=delimiter)) if '"' in text else text.split(delimiter)
    except csv.Error:  # a carriage return inside the line: this is no table
        cells = [text]
    return [cell.strip(' "') for cell in cells] if '"' in text or " " in text else cells


def widest(line: bytes) -> list[str]:
    """Return the cells, split by the delimiter that yields most of them."""
    return max((split(line, delimiter) for delimiter in DELIMITERS), key=len)


def decimal(path: str, rows: Iterable[tuple[int, Sequence[str]]]) -> Callable[[str], float]:
    """Return a parser for the numbers in these cells (of each row, its line number and its numeric cells); decimal commas are
    recognized. Raises QuantdError if the meaning of a comma is ambiguous.
    """
    point = comma = ""
    for number, cells in rows:
        for cell in cells:
            if "." in cell:
                point = cell
            if "," in cell and (not comma or _THOUSANDS.fullmatch(comma)):
                comma = cell
            if point and comma:
                raise _unclear(f"{path}:{number}", comma, point)
    if not comma:
        return float
    if _THOUSANDS.fullmatch(comma):
        raise _unclear(path, comma)
    return _of_comma


def _of_comma(cell: str) -> float:
    return float(cell.replace(",", "."))


def _unclear(where: str, *cells: str) -> quantd.QuantdError:
    seen = " beside ".join(map(repr, dict.fromkeys(cells)))
    return quantd.QuantdError(f"replay: {where}: {seen}: it is not clear what the comma means: write numbers like 1234.56")
