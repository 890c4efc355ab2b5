"""From a file to its events: find out the format, then read line by line, past the bad ones."""

import logging
import re
from collections.abc import Iterator
from itertools import islice

import quantd
from quantd_plugins.feeds.readers.dumps import HEADER, ROW, dump_parser
from quantd_plugins.feeds.readers.frames import parse_capture
from quantd_plugins.feeds.readers.ndjson import parse_ndjson
from quantd_plugins.feeds.readers.ohlc import COLUMNS, OhlcParser, columns_of
from quantd_plugins.feeds.readers.row import BAD_LINE, Parse, Row
from quantd_plugins.feeds.readers.source import Source

HEAD = 1001
"""Lines looked at to find out the format: a header and 1,000 rows."""
FORMATS = (
    "captured Binance frames (`<receive time in ns> <json>`), NDJSON (`symbol`, `ts`, `price`, `size`), "
    "data.binance.vision aggTrades CSV, or OHLC CSV (`ts,open,high,low,close,volume`)"
)

log = logging.getLogger(__name__)
_capture = re.compile(rb"\d+ \s*\{")


def read(source: Source, *, alone: bool = True) -> Iterator[Row]:
    """The rows of a file in its order. Raises QuantdError for one of an unknown format or without any row; of a capture in many files
    (not `alone`), one may be without any."""
    parse = parser_for(source.path, alone=alone)
    used = False
    bad, first_bad = 0, 0
    for number, line in enumerate(source.lines(), 1):
        try:
            row = parse(line)
        except BAD_LINE:
            bad, first_bad = bad + 1, first_bad or number
            continue
        if row is not None:
            used = True
            yield row
    if source.damage:
        log.warning("%s is damaged and was read as far as it goes: %s", source.path, source.damage)
    if bad:
        log.warning("%s: skipped %d bad lines, the first at %s:%d", source.path, bad, source.path, first_bad)
    if not used and not alone and parse is parse_capture:
        log.warning("%s holds no trade", source.path)
    elif not used:
        raise quantd.QuantdError(f"replay: {source.path} holds no trade and no bar: give {FORMATS}")


def parser_for(path: str, *, alone: bool = True) -> Parse:
    """By the first line that belongs to a known format. A file without any line, as a recorder that was killed may leave among others, is
    a capture."""
    source = Source(path)
    try:
        head = list(islice(source.lines(), HEAD))
    finally:
        source.close()
    if not head and not alone:
        return parse_capture
    for index, line in enumerate(head):
        if parse := _parser(path, line, head[index:]):
            return parse
    raise quantd.QuantdError(f"replay: {path} is of no known format: give {FORMATS}")


def _parser(path: str, line: bytes, rest: list[bytes]) -> Parse | None:
    if _capture.match(line):
        return parse_capture
    if line.lstrip().startswith(b"{"):
        return parse_ndjson
    if line.startswith(HEADER) or ROW.match(line):
        return dump_parser(path)
    if set(columns_of(line)) >= COLUMNS:
        return OhlcParser(path, rest)
    return None
