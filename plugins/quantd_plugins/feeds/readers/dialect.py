"""How a table in text is written: what stands between its cells, and what its numbers look like."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence

import quantd

DELIMITERS = (",", ";", "\t", "|")
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")


def split(line: bytes, delimiter: str) -> list[str]:
    """The cells of a line."""
    text = line.decode(errors="replace").rstrip("\r\n")
    try:
        cells = next(csv.reader([text], delimiter=delimiter)) if '"' in text else text.split(delimiter)
    except csv.Error:  # a carriage return amid the line: no table's
        cells = [text]
    return [cell.strip(' "') for cell in cells] if '"' in text or " " in text else cells


def widest(line: bytes) -> list[str]:
    """The cells, between whichever delimiter makes most of them."""
    return max((split(line, delimiter) for delimiter in DELIMITERS), key=len)


def decimal(path: str, rows: Iterable[tuple[int, Sequence[str]]]) -> Callable[[str], float]:
    """What reads the numbers of such cells (of each row its line's number, and those that are numbers), also with decimal commas. Raises
    QuantdError where it cannot be told what a comma means."""
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
