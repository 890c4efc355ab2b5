"""Tables of bars, a row a bar: CSV of any delimiter, or a JSON array of arrays."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

import quantd
from quantd_plugins.feeds.readers.columns import EXAMPLE, KLINE, NEEDED, Columns, columns, lacking
from quantd_plugins.feeds.readers.dialect import DELIMITERS, decimal, split, widest
from quantd_plugins.feeds.readers.names import symbol_of
from quantd_plugins.feeds.readers.source import BOM, Source

HEADLESS = re.compile(rb"\d+(,[\d.eE+-]+){11}\s*$")
"""A row of klines."""
_decode = msgspec.json.Decoder(list[float | str]).decode
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
"""Characters that occur in no text, and those that a terminal interprets."""
MOST_NAMES = 20
"""Number of columns that an error names."""
LARGEST_JSON = 1 << 29
"""Largest size of an array in bytes, since an array is read as a whole."""


class Table(NamedTuple):
    """The way to read a table."""

    columns: Columns
    lines: Callable[[Source], Iterator[tuple[int, bytes]]]
    """Yields the rows below the header, with their numbers."""
    cells: Callable[[bytes], Sequence[Any]]
    number: Callable[[Any], float]


def table_of(path: str, line: bytes, at: int, rest: Sequence[bytes]) -> Table | None:
    """Return the table that begins at the line of index `at`, given the lines after it; None if there is none."""
    if re.match(rb"\s*\[\s*(\[|\]|$)", line):
        return _json(path, b"".join([line, *rest]))
    if HEADLESS.match(line):
        return _csv(path, ",", columns(KLINE, ""), at, b"", [line, *rest])
    for delimiter in DELIMITERS:
        found = columns(split(line, delimiter), symbol_of(path))
        if not lacking(found):
            return _csv(path, delimiter, found, at + 1, line, rest)
    return None


def refusal(head: Sequence[bytes]) -> str | None:
    """Return the error for a table without the needed columns; None if the lines look like no table."""
    if head and head[0].lstrip().startswith(b"["):
        return "it is a JSON array, and not of arrays: give one object a line, as `jq -c '.[]'` writes them"
    if binary := next(filter(_CONTROL.search, head), b""):
        return f"it is no text: a line begins with the bytes {binary[:16].hex(' ')}"
    names = next((cells for cells in map(widest, head) if len(cells) > 2), None)
    if names is None:
        return None
    if all(re.fullmatch(r"[\d.,:+-]+", name) for name in names):
        return f"no line names its columns: put `{EXAMPLE}`, as they stand, above its rows"
    wanted = [f"`{name}`" if name != "ts" else "a time" for name in lacking(columns(names, ""))]
    found = ", ".join(f"`{repr(name[:40])[1:-1]}`" for name in names[:MOST_NAMES])
    return f"its columns are {found}; it lacks {', '.join(wanted)}: a header of bars is `{EXAMPLE}`"


def _csv(path: str, delimiter: str, found: Columns, skip: int, header: bytes, rest: Sequence[bytes]) -> Table:
    def lines(source: Source) -> Iterator[tuple[int, bytes]]:
        for number, line in enumerate(source.lines(), 1):
            if line[:3] == BOM:
                line = line.removeprefix(BOM)
            if number > skip and line != header and not line.isspace():
                yield number, line

    def cells(line: bytes) -> list[str]:
        return split(line, delimiter)

    numbers = [found[name] for name in NEEDED[1:]]
    rows = ((skip + count, cells(line)) for count, line in enumerate(rest, 1))
    return Table(found, lines, cells, decimal(path, ((number, [row[at] for at in numbers if at < len(row)]) for number, row in rows)))


def _json(path: str, head: bytes) -> Table | None:
    """Return rows of six cells (as freqtrade stores them) or of twelve (as the exchange answers)."""
    if re.fullmatch(rb"\s*\[\s*\]\s*", head):
        raise quantd.QuantdError(f"replay: {path} is an empty JSON array and holds no rows: fetch it again, or leave it out")
    row = re.match(rb"\s*\[\s*\[([^\]]*)\]", head)
    names = {6: NEEDED, 12: KLINE}.get(row[1].count(b",") + 1) if row else None
    if names is None:
        raise quantd.QuantdError(
            f"replay: {path} is a JSON array, and not of rows like [ts, open, high, low, close, volume], which are read"
        )
    return Table(columns(names, ""), _elements, _decode, float)


def _elements(source: Source) -> Iterator[tuple[int, bytes]]:
    pieces, size = [], 0
    for piece in source.lines():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_JSON:
            raise quantd.QuantdError(f"replay: {source.path} is an array of more than {LARGEST_JSON >> 20} MiB: give it as CSV")
    try:
        rows = msgspec.json.decode(b"".join(pieces), type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise quantd.QuantdError(f"replay: {source.path} is no JSON: {error}; fetch it again") from error
    return ((number, bytes(row)) for number, row in enumerate(rows, 1))
